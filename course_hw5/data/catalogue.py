"""Data sets of TensorFlow Datasets, whole in memory, or one clear error where they cannot be had."""

import socket
import urllib.request


def read_splits(name, splits, host, instead, encoded=(), optional=()):
    """Reads whole splits; downloads the data set first where `TFDS_DATA_DIR` does not hold it.

    Args:
        name: of the data set in TFDS, with its configuration: "glue/sst2".
        splits: names of splits.
        host: where TFDS downloads it from; offline, nothing is tried.
        instead: what the error advises, besides `TFDS_DATA_DIR`.
        encoded: names of features that stay as they are stored: pictures as the bytes of their files.
        optional: those of `splits` that a copy of the data set may lack.

    Returns:
        The `tfds.core.DatasetBuilder`, and per split a dict of NumPy arrays; None for an optional split that is not there.

    Raises:
        OSError: if the data are neither on disk nor to be had by download.
    """
    import tensorflow_datasets as tfds  # here, since its import takes a second

    try:
        builder = tfds.builder(name)
        if not builder.is_prepared() and not urllib.request.getproxies():
            socket.getaddrinfo(host, 443)  # offline: fail now, not after the minutes that TFDS tries
        builder.download_and_prepare()
        decoders = {feature: tfds.decode.SkipDecoding() for feature in encoded} or None

        def read(split):
            return tfds.as_numpy(builder.as_dataset(split, batch_size=-1, decoders=decoders))

        return builder, [None if split in optional and split not in builder.info.splits else read(split) for split in splits]
    except Exception as error:  # TFDS raises whatever its download or its reader raises
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise OSError(
            f"{name} is neither on disk nor to be downloaded. Set TFDS_DATA_DIR to a folder that holds it{instead}. ({reason})"
        ) from error
