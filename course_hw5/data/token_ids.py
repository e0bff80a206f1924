"""Token ids of many texts, in memory or in a temporary file, and their batches of like length."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from course_hw5.data.dataset import Share, shuffled_indices

ALONE = Share()
BUCKETS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclasses.dataclass(frozen=True)
class TokenIds:
    """Texts as token ids, [CLS] and [SEP] included.

    Attributes:
        values: int32 `(tokens,)`, of all texts one after another; an array, or a file that is read when needed.
        starts: int64 `(texts,)`, where each begins.
        lengths: int32 `(texts,)`.
    """

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def __len__(self):
        return len(self.starts)

    def take(self, indices: np.ndarray) -> TokenIds:
        """The texts of these indices."""
        return dataclasses.replace(self, starts=self.starts[indices], lengths=self.lengths[indices])

    def name(self, position: int) -> str:
        """What an error calls a text."""
        return f"text {position + 1}"

    def read(self, position: int) -> np.ndarray:
        """The token ids of a text."""
        return self.values[self.starts[position] : self.starts[position] + self.lengths[position]]

    def joined(self, other: TokenIds) -> TokenIds:
        """These texts, then those of another, all in memory."""
        starts = np.concatenate([self.starts, other.starts + len(self.values)])
        return TokenIds(np.concatenate([self.values, other.values]), starts, np.concatenate([self.lengths, other.lengths]))

    def padded(self, indices: np.ndarray, width: int) -> np.ndarray:
        """Texts as int32 `(texts, width)`, filled up with 0."""
        places = np.arange(width)
        is_token = places < self.lengths[indices][:, None]
        read = self.values[np.where(is_token, self.starts[indices][:, None] + places, 0)]
        return np.where(is_token, read, 0).astype("int32")

    def batch(self, indices: tf.Tensor, buckets: Sequence[int]) -> tf.Tensor:
        """As `padded`, for `tf.data`; the width is the bucket of the longest."""

        def read(indices):
            longest = self.lengths[indices].max(initial=0)  # a share may be empty
            return self.padded(indices, buckets[np.searchsorted(buckets, longest)])

        return tf.ensure_shape(tf.numpy_function(read, [indices], tf.int32, stateful=False), (None, None))


class Collector:
    """Takes the texts of a data set block by block; above a size they go to a temporary file, which the system deletes.

    Args:
        memory_gb: the size, in GB.
    """

    def __init__(self, memory_gb: float):
        self.most, self.size = memory_gb * 1e9, 0
        self.file: Any = None
        self.blocks: list[np.ndarray] = []
        self.lengths: list[np.ndarray] = [np.zeros(0, "int32")]

    def add(self, rows: Sequence[np.ndarray]) -> None:
        """Takes texts, an int32 array each."""
        self.lengths.append(np.array([*map(len, rows)], "int32"))
        self.blocks.append(np.concatenate(rows))
        self.size += self.blocks[-1].nbytes
        if self.size > self.most:
            self._write()

    def _write(self):
        self.file = self.file or tempfile.TemporaryFile(prefix="course-hw5-")  # noqa: SIM115 it lives as long as its memory map
        for block in self.blocks:
            block.tofile(self.file)
        self.blocks.clear()

    def finish(self) -> TokenIds:
        """All texts that were added."""
        lengths = np.concatenate(self.lengths)
        starts = np.concatenate([[0], np.cumsum(lengths, dtype="int64")[:-1]]) if len(lengths) else np.zeros(0, "int64")
        if self.file is None:
            values = np.concatenate([np.zeros(0, "int32"), *self.blocks])
        else:
            self._write()
            self.file.flush()
            values = np.memmap(self.file, "int32", mode="r")
        return TokenIds(values, starts, lengths)


def tokenize(texts: Sequence[Any], tokenizer: Any, max_length: int, others: Sequence[Any] | None = None) -> list[np.ndarray]:
    """Texts, or pairs of them, to arrays of token ids with [CLS] and [SEP], none longer than `max_length`.

    A text that is too long keeps its first quarter and the rest from its end. Of a pair the longer text is cut at its end.
    """
    start, end = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
    if others is None:
        head = max_length // 4
        tail = max_length - 2 - head
        cut = (row if len(row) <= head + tail else [*row[:head], *row[-tail:]] for row in _word_pieces(texts, tokenizer))
        return [np.array([*start, *row, *end], "int32") for row in cut]
    between = end * getattr(tokenizer, "separators", 1)
    rows, room = [], max_length - 2 - len(between)
    for first, second in zip(_word_pieces(texts, tokenizer), _word_pieces(others, tokenizer)):
        shares = _shares(len(first), len(second), room)
        rows.append(np.array([*start, *first[: shares[0]], *between, *second[: shares[1]], *end], "int32"))
    return rows


def _word_pieces(texts, tokenizer):
    rows = tokenizer([tf.compat.as_text(text) for text in texts])
    return rows.to_list() if isinstance(rows, tf.RaggedTensor) else rows  # keras-nlp's tokenizer gives one


def _shares(first, second, room):
    """How many word pieces of each text of a pair stay: one after another is taken from the longer, or from the second."""
    if first + second <= room:
        return first, second
    second_share = min(second, max(room - first, room // 2))
    return room - second_share, second_share


def shuffled(
    ids: TokenIds, labels: np.ndarray, buckets: Sequence[int], batch_size: int, epoch_fraction: float
) -> Callable[[Share], tf.data.Dataset]:
    """A function to the batches of texts of like length that one of several workers reads.

    Batches are whole, in an order that TensorFlow's global generator draws for each epoch. Buckets without enough texts for a
    batch are joined with others, so that each text has its turn.

    Raises:
        ValueError: if there are not enough texts for a batch.
    """
    lengths, count, fetch = tf.constant(ids.lengths), len(ids), _fetch(ids, labels, buckets)
    if count < batch_size:
        raise ValueError(f"`batch_size` must be at most the number of training texts, {count}. Received: {batch_size}")
    joined = _joined(buckets, np.bincount(np.searchsorted(buckets, ids.lengths), minlength=len(buckets)), batch_size)
    boundaries, sizes = [bucket + 1 for bucket in joined], [batch_size] * (len(joined) + 1)
    batches = int((np.bincount(np.searchsorted(joined, ids.lengths)) // batch_size).sum())
    batches = max(1, round(batches * epoch_fraction))

    def train_share(share):
        indices = shuffled_indices(count)
        data = indices.bucket_by_sequence_length(lambda index: lengths[index], boundaries, sizes, drop_remainder=True)
        data = data.take(batches).apply(tf.data.experimental.assert_cardinality(batches))
        return share.of(data).map(fetch).prefetch(tf.data.AUTOTUNE)

    return train_share


def _joined(buckets, counts, batch_size):
    """The buckets, but that one with fewer texts than a batch is a part of the next, or the last ones of the one before."""
    kept, waiting = [], 0
    for bucket, count in zip(buckets, counts):
        waiting += count
        if waiting >= batch_size:
            kept.append(bucket)
            waiting = 0
    return [*kept[:-1], buckets[-1]]


def by_length(
    ids: TokenIds, labels: np.ndarray, buckets: Sequence[int], batch_size: int, share: Share = ALONE
) -> tf.data.Dataset:
    """Batches from short to long, or the share of one of several workers."""
    order = np.argsort(ids.lengths, kind="stable")
    data = share.of(tf.data.Dataset.from_tensor_slices(order).batch(batch_size))
    return data.map(_fetch(ids, labels, buckets)).prefetch(tf.data.AUTOTUNE)


def _fetch(ids, labels, buckets) -> Callable:
    labels = tf.constant(labels)
    return lambda batch: (ids.batch(batch, buckets), tf.gather(labels, batch))
