"""Movie reviews as `tf.data`: SST-2 and IMDB through TensorFlow Datasets, tokenized once, in batches of like length."""

import functools
import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from course_hw5.data.dataset import Dataset, check_arguments, shuffled_indices, split_indices
from course_hw5.data.tfds import read_splits
from course_hw5.errors import is_whole, require
from course_hw5.text.encoding import MAXLEN, AnyTokenizer, text_of
from course_hw5.text.tokenizer import bert_tokenizer

BUCKETS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


def load_reviews(
    source: str,
    batch_size: int = 32,
    max_length: int = MAXLEN,
    validation_split: float = 0.02,
    seed: int = 0,
    tokenizer: AnyTokenizer = None,
    epoch_fraction: float = 1.0,
    teacher: Callable | None = None,
    num_pseudo_labels: int | None = None,
) -> Dataset:
    """Loads labelled movie reviews as token ids. Short texts do not pay for long ones: a batch holds texts of like length.

    Args:
        source: "sst2" (Socher et al. 2013, 67,349 phrases; GLUE's validation split of 872 sentences is the test split, since
            GLUE keeps the labels of its own), "sst2_sentences" (its 6,886 whole sentences alone, split in the same way) or
            "imdb" (Maas et al. 2011, 25,000 + 25,000 reviews).
        batch_size: texts per batch, 1 or more.
        max_length: tokens per text, 8 or more. A longer text keeps its first quarter and the rest from its end, where
            reviews conclude (Sun et al. 2019, https://arxiv.org/abs/1905.05583).
        validation_split: share of the training texts kept for validation, in (0, 1); of SST-2 a share of the whole
            sentences, no phrase of which is then trained on, but where a sentence that is trained on has it too.
        seed: integer; decides the split and, through TensorFlow's global generator, the order of each epoch.
        tokenizer: a `BertTokenizer` of `course_hw5.text.tokenizer`, or of keras-nlp; the published uncased one by default.
        epoch_fraction: share of the training batches, drawn anew, that make an epoch, in (0, 1]: long passes are then validated
            and backed up more often.
        teacher: function of a data set of `(token_ids, labels)` batches to probabilities of "positive" `(texts, 1)`, as
            `predict` of a `bert_classifier`. Sentences of IMDB's training reviews are trained on besides, with its probability
            for a label (Hinton et al. 2015, https://arxiv.org/abs/1503.02531). Not for "imdb", whose held-out reviews they are.
        num_pseudo_labels: how many sentences the teacher labels, drawn at random; None for all that have fewer than
            `max_length` tokens, which are those that were not cut.

    Returns:
        `Dataset` of batches `(token_ids, labels)`: int32 `(batch, tokens)`, padded with 0 to the length of their bucket, and
        int64 `(batch,)`, 1 for positive; with a teacher the labels of `train` are float32 probabilities. `train` drops the
        incomplete last batch of each bucket; `validation` and `test` go from short to long.

    Raises:
        ValueError: if an argument is not one of those above.
        OSError: if the data are neither on disk nor to be had by download.
    """
    require("source", source, lambda source: source in SOURCES, f"one of {', '.join(SOURCES)}")
    check_arguments(batch_size, validation_split, seed)
    require("max_length", max_length, lambda length: is_whole(length, BUCKETS[0]), f"a whole number, {BUCKETS[0]} or more")
    require("epoch_fraction", epoch_fraction, lambda fraction: 0 < fraction <= 1, "in (0, 1]")
    expected = 'None for "imdb", whose held-out reviews it would label'
    require("teacher", teacher, lambda teacher: not (teacher and source == "imdb"), expected)
    is_count = lambda number: number is None or (teacher and is_whole(number, 1))  # noqa: E731
    require("num_pseudo_labels", num_pseudo_labels, is_count, "a whole number, 1 or more, with a `teacher`, else None")
    (texts, labels), (test_texts, test_labels), note, split = SOURCES[source]()
    kept, held_out = split(texts, validation_split, seed)
    tokenizer = tokenizer or bert_tokenizer()
    ids, test_ids = (_tokenize(part, tokenizer, max_length) for part in (texts, test_texts))

    buckets = [bucket for bucket in BUCKETS if bucket < max_length] + [max_length]
    train_ids, train_labels = tf.gather(ids, kept), labels[kept]
    if teacher:
        sentences = _sentences(tokenizer, max_length, num_pseudo_labels, seed)
        answers = teacher(_by_length(sentences, np.zeros(sentences.nrows(), "int64"), buckets, batch_size=128))
        train_ids = tf.concat([train_ids, sentences], axis=0)
        train_labels = np.concatenate([np.float32(train_labels), np.float32(answers[:, 0])])
        note += f"; and {len(answers):,} sentences of IMDB's training reviews, labelled by a teacher"
    tf.random.get_global_generator().reset_from_seed(seed)
    train = _shuffled(train_ids, train_labels, buckets, batch_size, epoch_fraction)
    validation = _by_length(tf.gather(ids, held_out), labels[held_out], buckets, batch_size)
    test = _by_length(test_ids, test_labels, buckets, batch_size)
    return Dataset(train, validation, test, ["negative", "positive"], note, batch_size, lambda row: text_of(row, tokenizer))


def _split_sentences(texts, share, seed, with_phrases=True):
    texts = np.array([" ".join(tf.compat.as_text(text).split()) for text in texts])
    parts, sentences = set(), []
    for index in np.argsort([-len(text) for text in texts], kind="stable"):
        if texts[index] not in parts:  # of a longer text
            sentences.append(index)
            parts |= _parts(texts[index])
    kept, held_out = (np.array(sentences)[part] for part in split_indices(sentences, share, seed))
    if with_phrases:
        parts = set().union(*map(_parts, texts[kept]))
        kept = np.array([index for index, text in enumerate(texts) if text in parts])
    return kept, held_out


def _parts(text):
    """Every run of words."""
    words = text.split()
    return {" ".join(words[start : end + 1]) for start in range(len(words)) for end in range(start, len(words))}


def _sentences(tokenizer, max_length, count, seed):
    """Token ids of sentences of IMDB that are whole, from short to long: as the teacher reads them."""
    ids = _tokenize(_imdb_sentences(), tokenizer, max_length)
    lengths = ids.row_lengths().numpy()
    whole = np.random.default_rng(seed).permutation(np.flatnonzero(lengths < max_length))  # of `max_length` are cut ones, too
    return tf.gather(ids, whole[:count][np.argsort(lengths[whole[:count]], kind="stable")])


def _tokenize(texts, tokenizer, max_length):
    """Texts to a ragged tensor of token ids with [CLS] and [SEP], none longer than `max_length`."""
    head = max_length // 4
    tail = max_length - 2 - head
    rows = tokenizer([tf.compat.as_text(text) for text in texts])
    rows = rows.to_list() if isinstance(rows, tf.RaggedTensor) else rows  # keras-nlp's tokenizer gives one
    rows = [row if len(row) <= head + tail else [*row[:head], *row[-tail:]] for row in rows]
    rows = [np.array([tokenizer.cls_token_id, *row, tokenizer.sep_token_id], "int32") for row in rows]
    return tf.RaggedTensor.from_row_lengths(np.concatenate(rows), [*map(len, rows)])


def _shuffled(ids, labels, buckets, batch_size, epoch_fraction):
    labels, count = tf.constant(labels), len(labels)
    data = shuffled_indices(count).map(lambda index: (ids[index], labels[index]))
    boundaries, sizes = [bucket + 1 for bucket in buckets], [batch_size] * (len(buckets) + 1)
    options = {"pad_to_bucket_boundary": True, "drop_remainder": True}
    data = data.bucket_by_sequence_length(lambda row, _: tf.size(row), boundaries, sizes, **options)
    batches = int((np.bincount(np.searchsorted(buckets, ids.row_lengths().numpy())) // batch_size).sum())
    if not batches:
        raise ValueError(f"`batch_size` must leave one full batch of {count} texts of like length. Received: {batch_size}")
    batches = max(1, round(batches * epoch_fraction))
    return data.take(batches).apply(tf.data.experimental.assert_cardinality(batches)).prefetch(tf.data.AUTOTUNE)


def _by_length(ids, labels, buckets, batch_size):
    order = np.argsort(ids.row_lengths().numpy(), kind="stable")
    data = tf.data.Dataset.from_tensor_slices((tf.gather(ids, order), labels[order])).ragged_batch(batch_size)
    boundaries = tf.constant(buckets)

    def pad(rows, labels):
        rows = rows.to_tensor()
        missing = tf.reduce_min(boundaries[boundaries >= tf.shape(rows)[1]]) - tf.shape(rows)[1]
        return tf.pad(rows, [[0, 0], [0, missing]]), labels

    return data.map(pad).prefetch(tf.data.AUTOTUNE)


def _sst2(with_phrases=True):
    train, test = _read("glue/sst2", ("train", "validation"), "sentence", "dl.fbaipublicfiles.com")
    note = "SST-2; the test split is GLUE's validation split, since GLUE keeps the labels of its own"
    return train, test, note, functools.partial(_split_sentences, with_phrases=with_phrases)


def _imdb():
    train, test = _read("imdb_reviews", ("train", "test"), "text", "ai.stanford.edu")
    return train, test, f"IMDB, {len(train[1]):,} and {len(test[1]):,} reviews", split_indices


def _imdb_sentences():
    """The sentences of IMDB's training reviews, in SST-2's spelling of "n't"."""
    (reviews, _), _ = _read("imdb_reviews", ("train", "test"), "text", "ai.stanford.edu")
    parts = [part for review in reviews for part in re.split(r"(?<=[.!?])\s+|<br\s*/?>", tf.compat.as_text(review))]
    return np.array([re.sub(r"(\w)n't\b", r"\1 n't", part) for part in parts if len(part.split()) >= 3], object)


def _read(name, splits, text, host):
    return [(part[text], part["label"]) for part in read_splits(name, splits, host, instead="")[1]]


SOURCES: dict[str, Callable] = {"sst2": _sst2, "sst2_sentences": functools.partial(_sst2, with_phrases=False), "imdb": _imdb}
