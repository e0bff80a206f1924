"""Any data set that `fit` takes, read as batches of inputs and labels; others are refused in one line."""

import hashlib
import itertools
import operator
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from course_hw5.errors import is_whole, require

MOST = 100_000  # batches of a `tf.data.Dataset` that does not know how many it has, where `steps` does not say
LabelledData: TypeAlias = "Iterable[Any] | keras.utils.PyDataset"  # batches, or a tuple of arrays
PAIR = "(inputs, labels) or (inputs, labels, sample_weights)"


def batches(dataset: LabelledData, steps: int | None = None) -> Iterator[tuple[Any, Any]]:
    """Checks what is known of a data set before it is read, and returns an iterator of its batches `(inputs, labels)`.

    Of a `tf.data.Dataset` of unknown length, such as `from_generator` makes, 100,000 batches are read at most: a warning
    says so.

    Args:
        dataset: `tf.data.Dataset`, `keras.utils.PyDataset` or another object whose every iteration yields the same batches; or
            a tuple of two arrays, or three with sample weights. Inputs can be dicts or tuples of arrays, and pandas tables.
        steps: how many batches are read, or None for all.

    Raises:
        ValueError: if the data are not batches of inputs and labels, or have no end and `steps` is None.
    """
    expected = "a whole number, 1 or more, or None for all batches"
    require("steps", steps, lambda steps: steps is None or is_whole(steps, 1), expected)
    read: Any = dataset
    is_endless = is_unknown = False
    if isinstance(dataset, tf.data.Dataset):
        is_endless = int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY
        is_unknown = int(dataset.cardinality()) == tf.data.UNKNOWN_CARDINALITY
        _, labels = _pair(dataset.element_spec)
        if isinstance(labels, tf.TensorSpec) and labels.shape.rank == 0:
            raise ValueError("`dataset` must yield batches: add .batch(64). Received: single examples")
    elif isinstance(dataset, keras.utils.PyDataset):
        is_endless = dataset.num_batches is None
        read = map(dataset.__getitem__, itertools.count() if is_endless else range(dataset.num_batches))
    elif isinstance(dataset, (tuple, list)):
        inputs, labels = _arrays(dataset)
        for part in keras.tree.flatten(inputs):
            if part.shape[0] != len(labels):
                raise ValueError(f"`dataset` must have one label per input. Received: {part.shape[0]} and {len(labels)}")
        parts = (slice(start, start + 256) for start in range(0, len(labels), 256))
        read = ((keras.tree.map_structure(operator.itemgetter(part), inputs), labels[part]) for part in parts)
    elif hasattr(dataset, "__next__") or not hasattr(dataset, "__iter__") or isinstance(dataset, (str, dict)):
        # A generator would be used up by the first look.
        expected = f"a tf.data.Dataset, a PyDataset, a tuple {PAIR} of arrays, or yield the same batches each time it is read"
        raise ValueError(f"`dataset` must be {expected}. Received: {type(dataset).__name__}")
    if is_endless and steps is None:
        advice = "leave out .repeat(), or say by `steps` how many batches to read"
        raise ValueError(f"`dataset` must come to an end: {advice}. Received: an endless data set")
    return _read(read, steps, MOST if is_unknown and steps is None else None)


def _read(dataset, steps, most):
    for number, batch in enumerate(itertools.islice(dataset, steps)):
        if number == most:
            warnings.warn(f"`dataset` is of unknown length: {most:,} batches were read; `steps` can say more.", stacklevel=2)
            return
        yield _pair(batch)


def checksum(dataset: LabelledData, steps: int) -> str:
    """SHA-256 of the first batches of a data set that keeps their order: shapes, types and bytes."""
    digest = hashlib.sha256()
    for batch in itertools.islice(batches(dataset, steps), steps):
        for part in map(np.asarray, keras.tree.flatten(batch)):
            digest.update(f"{part.shape} {part.dtype}".encode() + part.tobytes())
    return digest.hexdigest()


def class_numbers(labels: npt.ArrayLike, classes: int) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """The class of each label.

    Args:
        labels: numbers `(examples,)` or `(examples, 1)`: classes, or of two classes the probability of the second. Or
            `(examples, classes)`: one-hot, probabilities, or several labels as ones and zeros.
        classes: number of classes.

    Returns:
        int array `(examples,)`, -1 where a label is no class; the labels as bool `(examples, classes)`, None if they are
        numbers of classes; and whether a row does not sum to 1, so that an example can have several labels.

    Raises:
        ValueError: if labels are text or have another shape.
    """
    labels = _numbers(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 1:
        whole = np.round(labels)
        is_class = (whole == labels) | ((classes == 2) & (labels >= 0) & (labels <= 1))
        return np.where(is_class & (whole >= 0) & (whole < classes), np.nan_to_num(whole), -1).astype(int), None, False
    if labels.ndim != 2 or labels.shape[1] != classes:
        raise ValueError(f"Labels must have shape (batch,) or (batch, {classes}). Received: {labels.shape}")
    are_shares = ((labels >= 0) & (labels <= 1)).all(axis=1)
    has_several = bool((are_shares & (np.abs(labels.sum(axis=1) - 1) > 1e-2)).any())
    return np.where(are_shares, labels.argmax(axis=1), -1), labels > 0.5, has_several


def _pair(batch):
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        found = f"{len(batch)} parts" if isinstance(batch, (tuple, list)) else type(batch).__name__
        raise ValueError(f"`dataset` must hold {PAIR}. Received: {found}")
    return batch[:2]


def _arrays(dataset):
    inputs, labels = _pair(dataset)
    if isinstance(inputs, list) and not any(hasattr(part, "shape") for part in keras.tree.flatten(inputs)):
        inputs = np.asarray(inputs)  # a list of texts or numbers
    return keras.tree.map_structure(lambda part: part if tf.is_tensor(part) else np.asarray(part), inputs), _numbers(labels)


def _numbers(labels) -> np.ndarray:
    """Labels as an array of numbers."""
    if isinstance(labels, (dict, tuple)):
        raise ValueError(f"Labels must be one array, of one output. Received: a {type(labels).__name__} of {len(labels)}")
    labels = np.asarray(labels)
    if labels.dtype.kind in "OSUT":
        example = labels.ravel()[0] if labels.size else ""
        example = example.decode("utf-8", "replace") if isinstance(example, bytes) else example
        if not isinstance(example, (int, float, np.number)):
            raise ValueError(f"Labels must be the numbers of the classes, or one-hot. Received: {example!r:.60}")
    if labels.ndim == 0:
        raise ValueError("`dataset` must yield batches: labels of shape (batch,) or (batch, classes). Received: one label")
    return labels.astype("float64")
