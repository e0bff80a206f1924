"""What every data set is: three `tf.data` sets and what a reader must know about them. Loads no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

IGNORE_INDEX = 255  # label of pixels for which no class is right


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set to train, validate and test on.

    Attributes:
        train: batches `(inputs, labels)`, shuffled and augmented anew in every epoch, without the incomplete last one.
        validation: batches in a fixed order.
        test: batches in a fixed order; of scenes one image and its segmentation mask at a time, at their own size.
        class_names: one name per class.
        note: a sentence about the data, for `config.json` and pages.
        batch_size: examples in a batch of `train`.
        describe: function from one input to the text that stands for it, where inputs are no images; or None.
    """

    train: tf.data.Dataset
    validation: tf.data.Dataset
    test: tf.data.Dataset
    class_names: list[str]
    note: str
    batch_size: int
    describe: Callable | None = None
