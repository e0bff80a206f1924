"""Any data set of TensorFlow Datasets as examples that can be read in any order: records of its files, by their place."""

import difflib
import os
import socket
import struct
import urllib.request
from typing import Any

import numpy as np

from course_hw5.data.examples import SPLITS, Examples, Splits, require_classes
from course_hw5.errors import first_line

HOST = "storage.googleapis.com"  # where TFDS asks for data sets that it has prepared; others come from their authors
LENGTH = struct.Struct("<Q")
BLOCK = 4096
USUAL = ("image", "text", "sentence"), ("label",)  # names of inputs and labels where a data set does not say them


class Records:
    """Records of TFRecord files: 8 bytes of length, 4 of a checksum, the record, 4 of a checksum.

    TensorFlow reads such files only from front to back. Places are found once, by jumping from length to length.

    Args:
        where: name of data set and split, for errors.
        paths: of the files, in order.
        decode: function from the bytes of a record to what `read` gives.
    """

    def __init__(self, where: str, paths: list[str], decode: Any):
        self.where, self.paths, self.decode = where, paths, decode
        places = [place for number, path in enumerate(paths) for place in _places(number, path)]
        self.places = np.array(places, "int64").reshape(-1, 3)  # file, first byte, number of bytes

    def name(self, position: int) -> str:
        return f"{self.where}, example {position}"

    def read(self, position: int) -> Any:
        file, start, size = self.places[position]
        with open(self.paths[file], "rb") as stream:
            stream.seek(start)
            return self.decode(stream.read(size))


def _places(number, path):
    end = os.path.getsize(path)
    with open(path, "rb") as stream:
        start = 0
        while start < end:
            stream.seek(start)
            head = stream.read(LENGTH.size)
            size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else end
            yield number, start + 12, size
            start += 16 + size
    if start > end:
        raise ValueError(f"{path} must be a whole TFRecord file. Received: one that ends in a record")


def open_builder(name: str) -> Any:
    """The `tfds.core.DatasetBuilder` of a data set, downloaded where `TFDS_DATA_DIR` does not hold it.

    Raises:
        ValueError: if there is none of that name; says which names are like it.
        OSError: if it is neither on disk nor to be had by download.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds  # here, since its import takes a second

    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError as error:
        known = [*dict.fromkeys(tfds.list_builders(with_community_datasets=False))]
        near = difflib.get_close_matches(name.split("/")[0], known, n=3, cutoff=0.5)
        expected = f"such as {', '.join(near)}" if near else f"one of {len(known)}, as tensorflow.org/datasets lists them"
        raise ValueError(f"tfds:NAME must be a data set of TensorFlow Datasets, {expected}. Received: {name!r}") from error
    except Exception as error:  # of a configuration, version or host that is not there: of many classes
        raise ValueError(
            f"tfds:{name} must name a configuration and version that are there. Received: {first_line(error)}"
        ) from error
    try:
        if not builder.is_prepared() and not urllib.request.getproxies():
            socket.getaddrinfo(HOST, 443)  # offline: fail now, not after the minutes that TFDS tries
        builder.download_and_prepare()
    except (OSError, AssertionError, tf.errors.OpError, tfds.download.DownloadError) as error:
        advice = "Set TFDS_DATA_DIR to a folder that holds it, or connect to the network."
        raise OSError(f"tfds:{name} is neither on disk nor to be downloaded. {advice} ({first_line(error)})") from error
    return builder


def feature(name: str, builder: Any, given: str | None, kind: type, option: str, place: int) -> str:
    """The feature of a data set that `given` names, or else the one that it is supervised by, or one of that kind by name.

    Args:
        name: of the data set.
        builder: its builder.
        given: name of the feature, or None.
        kind: class of `tfds.features` that it must be.
        option: of the command line that names it, for the error.
        place: 0 for inputs, 1 for labels, among the supervised keys.

    Raises:
        ValueError: if there is no such feature; says which there are.
    """
    features = dict(sorted(builder.info.features.items()))  # a stored set has them in no order
    usual = builder.info.supervised_keys or ()
    wanted = [given] if given is not None else [*usual[place : place + 1], *USUAL[place], *features]
    found = next((key for key in wanted if isinstance(key, str) and isinstance(features.get(key), kind)), None)
    if found is None:
        expected = f"a feature of the kind {kind.__name__}" + ("" if given is None else f" called {given}")
        raise ValueError(f"tfds:{name} must have {expected}; {option} chooses it. Received: {', '.join(features)}")
    return found


def labelled_records(name: str, builder: Any, label: str, decode: Any) -> Splits:
    """The examples of a data set and their classes; nothing but labels is read.

    "validation" is the test set where there is no split "test".

    Args:
        name: of the data set.
        builder: its builder.
        label: name of the feature that holds the class.
        decode: function from the bytes of a record to the example.

    Raises:
        ValueError: if its files are no TFRecords, or it has one class only.
        OSError: if it has no split "train".
    """
    import tensorflow_datasets as tfds

    class_names = label_names(name, builder, label)
    options = {
        "read_config": tfds.ReadConfig(interleave_cycle_length=1),
        "decoders": tfds.decode.PartialDecoding({label: True}),
    }
    parts = {}
    for split, stored in stored_splits(name, builder).items():
        records = split_records(name, builder, stored, decode)
        batches = builder.as_dataset(stored, **options).batch(BLOCK)
        labels = np.concatenate([batch[label] for batch in tfds.as_numpy(batches)]).astype("int64")
        known = np.flatnonzero(labels >= 0)  # a test set whose labels are kept secret has -1
        parts[split] = Examples(records, known, labels[known])
    return Splits({split: part for split, part in parts.items() if len(part)}, class_names, f"tfds:{name}")


def label_names(name: str, builder: Any, label: str) -> list[str]:
    """The classes of a feature; raises ValueError if there is one only."""
    feature = builder.info.features[label]
    class_names = [*feature.names] if feature.names else [str(number) for number in range(feature.num_classes)]
    require_classes(f"tfds:{name}", class_names)
    return class_names


def stored_splits(name: str, builder: Any) -> dict[str, str]:
    """The names of `SPLITS` that a data set has, and what it calls each: "validation" is the test set where there is no "test".

    Raises:
        OSError: if it has no split "train".
    """
    found = {split: split for split in SPLITS if split in builder.info.splits}
    if "train" not in found:
        raise OSError(f"tfds:{name} must have a split train. Received: {', '.join(builder.info.splits)}")
    return {"train": "train", "test": "validation"} if "validation" in found and "test" not in found else found


def split_records(name: str, builder: Any, split: str, decode: Any) -> Records:
    """The records of a split.

    Raises:
        ValueError: if its files are no TFRecords, or cut off.
    """
    kind = getattr(builder.info.file_format, "value", "tfrecord")
    if kind != "tfrecord":
        raise ValueError(f"tfds:{name} must be stored as TFRecord files. Received: {kind}")
    return Records(f"tfds:{name}, {split}", [str(path) for path in builder.info.splits[split].filepaths], decode)
