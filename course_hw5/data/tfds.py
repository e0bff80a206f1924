"""Data sets of TensorFlow Datasets, whole in memory, or one clear error where they cannot be had."""

import socket
import urllib.request
from collections.abc import Sequence
from typing import Any

from course_hw5.errors import first_line


def read_splits(
    name: str, splits: Sequence[str], host: str, instead: str = "", encoded: Sequence[str] = (), optional: Sequence[str] = ()
) -> tuple[Any, list]:
    """Reads whole splits; downloads the data set first where `TFDS_DATA_DIR` does not hold it.

    Args:
        name: of the data set in TFDS, with its configuration: "glue/sst2".
        splits: names of splits.
        host: where TFDS downloads it from; offline, nothing is tried.
        instead: what the error advises, besides `TFDS_DATA_DIR`.
        encoded: names of features that stay as they are stored: images as the bytes of their files.
        optional: those of `splits` that a copy of the data set may lack.

    Returns:
        The `tfds.core.DatasetBuilder`, and per split a dict of NumPy arrays; None for an optional split that is not there.

    Raises:
        OSError: if the data are neither on disk nor to be had by download, are damaged, or lack a split.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds  # here, since its import takes a second
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    unavailable = OSError, tf.errors.OpError, tfds.core.DatasetNotFoundError, tfds.download.DownloadError
    try:
        builder = tfds.builder(name)
        if not builder.is_prepared() and not urllib.request.getproxies():
            socket.getaddrinfo(host, 443)  # offline: fail now, not after the minutes that TFDS tries
        builder.download_and_prepare()
    except (*unavailable, NonMatchingChecksumError) as error:
        advice = f"Set TFDS_DATA_DIR to a folder that holds it{instead}. ({first_line(error)})"
        raise OSError(f"{name} is neither on disk nor to be downloaded. {advice}") from error
    found = [split for split in splits if split in builder.info.splits]
    if missing := {*splits} - {*found} - {*optional}:
        raise OSError(f"{name} must have the splits {', '.join(splits)}. Received: {builder.data_dir} without {min(missing)}")
    decoders = {feature: tfds.decode.SkipDecoding() for feature in encoded} or None
    try:
        parts = {split: tfds.as_numpy(builder.as_dataset(split, batch_size=-1, decoders=decoders)) for split in found}
    except (OSError, tf.errors.OpError) as error:
        raise OSError(f"{name} cannot be read from {builder.data_dir}: {first_line(error)}") from error
    return builder, [parts.get(split) for split in splits]
