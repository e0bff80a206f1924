"""What every data set is, what its loader checks, and how its examples are split and shuffled.

Loads no TensorFlow until something is shuffled.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Collection, Sized
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from course_hw5.errors import is_whole, require
from course_hw5.files import AnyPath, local_path

if TYPE_CHECKING:
    import tensorflow as tf

    from course_hw5.data.card import DataCard

IN_TRAINING = "; in training "  # begins the part of a note that says nothing of the test data
IGNORE_INDEX = 255  # label of pixels for which no class is right


class Share(NamedTuple):
    """What one of several workers reads: its number, how many there are, and on how many devices each of them trains."""

    worker: int = 0
    workers: int = 1
    devices: int = 1

    def of(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """This worker's indices of each batch of indices, a batch for each of its devices; all workers' are the whole batch.

        All workers get as many batches: of a small last one, some may be empty.
        """
        import tensorflow as tf

        if self.workers == 1:
            return batches
        first, parts = self.worker * self.devices, self.workers * self.devices
        devices = tf.data.Dataset.range(first, first + self.devices)
        shares = batches.flat_map(lambda batch: devices.map(lambda device: batch[device::parts]))
        return shares.apply(tf.data.experimental.assert_cardinality(batches.cardinality() * self.devices))


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set to train, validate and test on.

    Attributes:
        train: batches `(inputs, labels)`, shuffled and augmented anew in every epoch, without the incomplete last one.
        validation: batches in a fixed order; or None.
        test: batches in a fixed order; of scenes one image and its segmentation mask at a time, at their own size.
        class_names: one name per class.
        note: a sentence about the data, for `config.json` and pages. What follows `IN_TRAINING` does not concern the test data.
        batch_size: examples in a batch of `train`.
        describe: function from one input to the text that stands for it, where inputs are no images; or None.
        samples: a few texts of `validation` as they were written, a tuple of one string or of a pair for each; () for images.
        card: what is in it, of a source of one's own; or None.
        class_pixels: pixels of each class in the segmentation masks of `train`; () where there are no masks.
        train_share: function from a `Share` to what one of several workers reads of `train`; None where each reads all.
        validation_share: the same of `validation`.
    """

    train: tf.data.Dataset
    validation: tf.data.Dataset
    test: tf.data.Dataset
    class_names: list[str]
    note: str
    batch_size: int
    describe: Callable | None = None
    samples: tuple[tuple[str, ...], ...] = ()
    card: DataCard | None = None
    class_pixels: tuple[int, ...] = ()
    train_share: Callable[[Share], tf.data.Dataset] | None = None
    validation_share: Callable[[Share], tf.data.Dataset] | None = None

    @classmethod
    def of_shares(cls, train: Callable, validation: Callable, test: Callable, **facts: Any) -> Dataset:
        """A data set from functions from a `Share` to the batches of each split; `facts` are the other attributes."""
        whole = (share(Share()) for share in (train, validation, test))
        return cls(*whole, **facts | {"train_share": train, "validation_share": validation})


def require_source(
    source: AnyPath, names: Collection[str], own: str, suffixes: Collection[str], folders: bool = False
) -> pathlib.Path | None:
    """The path of a source that is a file or a folder of a user; None of one that is known by name, or of TFDS.

    Args:
        source: what a loader was given.
        names: of the data sets that it knows.
        own: description of the others, for the error.
        suffixes: of files.
        folders: whether a folder is taken, too.

    Raises:
        ValueError: if it is none of these; a file or folder that is not there is none.
    """
    expected = ", ".join([*names, own])
    require("source", source, lambda source: isinstance(source, (str, os.PathLike)) and str(source), expected)
    if str(source) in names or str(source).startswith("tfds:"):
        return None
    path = local_path(source)
    is_taken = (folders and path.is_dir()) or (path.is_file() and path.suffix.lower() in suffixes)
    require("source", str(source), lambda _: is_taken, expected)
    return path


def check_arguments(batch_size: int, validation_split: float, seed: int, may_be_zero: bool = False) -> None:
    """Raises ValueError unless the arguments that all loaders share are valid; `may_be_zero` is said of `validation_split`."""
    require("batch_size", batch_size, lambda size: is_whole(size, 1), "a whole number, 1 or more")
    expected = "between 0 and 1, or 0 for no validation" if may_be_zero else "between 0 and 1"
    is_share = lambda share: 0 < share < 1 or (may_be_zero and share == 0)  # noqa: E731
    require("validation_split", validation_split, is_share, expected)
    require("seed", seed, is_whole, "a whole number, 0 or more")


def split_indices(examples: Sized, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of examples, shuffled: integer arrays of those to train on, and of a share that is held out."""
    order, held_out = np.random.default_rng(seed).permutation(len(examples)), max(1, round(len(examples) * share))
    return order[held_out:], order[:held_out]


def shuffled_indices(count: int) -> tf.data.Dataset:
    """A `tf.data.Dataset` of the numbers below `count`, in an order that TensorFlow's global generator draws for each epoch.

    Shuffling indices moves 4 bytes an example, however large that is.
    """
    import tensorflow as tf

    def epoch(_):
        seed = tf.cast(tf.random.get_global_generator().make_seeds(1)[:, 0], tf.int32)
        return tf.data.Dataset.from_tensor_slices(tf.random.experimental.stateless_shuffle(tf.range(count), seed))

    return tf.data.Dataset.range(1).flat_map(epoch).apply(tf.data.experimental.assert_cardinality(count))
