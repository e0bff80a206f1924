"""Texts as `tf.data`: SST-2, IMDB and others of TFDS, and tables of users, tokenized once, in batches of like length."""

import functools
import math
import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from course_hw5.data import tables
from course_hw5.data.contrast import contrast_sentences
from course_hw5.data.dataset import IN_TRAINING, Dataset, check_arguments, require_source, split_indices
from course_hw5.data.examples import divided
from course_hw5.data.text_sources import read_texts, text_card
from course_hw5.data.tfds import read_splits
from course_hw5.data.token_ids import BUCKETS, Collector, by_length, shuffled, tokenize
from course_hw5.errors import is_whole, require
from course_hw5.files import AnyPath
from course_hw5.text.encoding import MAXLEN, AnyTokenizer, text_of
from course_hw5.text.tokenizer import bert_tokenizer

SAMPLES = 3  # texts that are shown as training goes
OWN = "tfds:NAME, or a table of texts and labels (.csv, .tsv, .jsonl)"


def load_reviews(
    source: AnyPath,
    batch_size: int = 32,
    max_length: int = MAXLEN,
    validation_split: float = 0.02,
    seed: int = 0,
    tokenizer: AnyTokenizer = None,
    epoch_fraction: float = 1.0,
    teacher: Callable | None = None,
    num_pseudo_labels: int | None = None,
    text_column: str | None = None,
    other_column: str | None = None,
    label_column: str | None = None,
    memory_gb: float = 1.0,
    teacher_tokenizer: AnyTokenizer = None,
) -> Dataset:
    """Loads labelled texts as token ids. Short texts do not pay for long ones: a batch holds texts of like length.

    Args:
        source: one of

            - "sst2" (Socher et al. 2013, 67,349 phrases; GLUE's validation split of 872 sentences is the test split, since
              GLUE keeps the labels of its own), "sst2_sentences" (its 6,886 whole sentences alone, split in the same way) or
              "imdb" (Maas et al. 2011, 25,000 + 25,000 reviews);
            - "contrast", sentences of negation, contrast, concession and irony made from templates, whose splits are the same
              for every seed and `validation_split`; "sst2_contrast" and "sst2_sentences_contrast" train and validate on both,
              and test on SST-2;
            - "tfds:NAME", any text classification of TensorFlow Datasets, such as "tfds:ag_news_subset";
            - a table, `.csv`, `.tsv` or `.jsonl`, with a column of texts, a column of labels, words or numbers, and, if you
              want, a column "split"; or a folder with such tables called train, validation and test, of which train is needed.
        batch_size: texts per batch, 1 or more.
        max_length: tokens per text, 8 or more. A longer text keeps its first quarter and the rest from its end, where
            reviews conclude (Sun et al. 2019, https://arxiv.org/abs/1905.05583).
        validation_split: share of the training texts kept for validation, in (0, 1); of SST-2 a share of the whole
            sentences, no phrase of which is then trained on, but where a sentence that is trained on has it too. Of a
            source of your own it counts where there is no such split; a test set that is missing is a fifth of the texts, the
            same for every seed.
        seed: integer; decides the split and, through TensorFlow's global generator, the order of each epoch.
        tokenizer: a `BertTokenizer` of `course_hw5.text.tokenizer`, or of keras-nlp; the published uncased one by default.
        epoch_fraction: share of the training batches, drawn anew, that make an epoch, in (0, 1]: long passes are then validated
            and backed up more often.
        teacher: function of a data set of `(token_ids, labels)` batches to probabilities of "positive" `(texts, 1)`, as
            `predict` of a `bert_classifier`. Sentences of IMDB's training reviews are trained on besides, with its probability
            for a label (Hinton et al. 2015, https://arxiv.org/abs/1503.02531). Not for "imdb", whose held-out reviews they are.
        num_pseudo_labels: how many sentences the teacher labels, drawn at random; None for all that have fewer than
            `max_length` tokens by both tokenizers, which are those that were not cut.
        text_column, label_column: of a table; or features of a data set of TFDS. By default "text", "sentence" or "review", and
            "label" or "class"; of TFDS what it is supervised by.
        other_column: of a second text, read as a pair with the first, whose longer text is cut at its end; None for none.
        memory_gb: size in memory, in GB, above which the token ids of a source of your own go to a temporary file, from which
            batches are read. They are the same.
        teacher_tokenizer: by which the teacher reads; None for `tokenizer`.

    Returns:
        `Dataset` of batches `(token_ids, labels)`: int32 `(batch, tokens)`, padded with 0 to the length of their bucket, and
        int64 `(batch,)`, of reviews 1 for positive; with a teacher the labels of `train` are float32 probabilities. `train`
        drops the incomplete last batch of each bucket; `validation` and `test` go from short to long.

    Raises:
        ValueError: if an argument is not one of those above.
        OSError: if the data are neither on disk nor to be had by download.
    """
    path = require_source(source, SOURCES, OWN, tables.SUFFIXES, folders=True)
    is_named = path is None and str(source) in SOURCES
    check_arguments(batch_size, validation_split, seed)
    require("max_length", max_length, lambda length: is_whole(length, BUCKETS[0]), f"a whole number, {BUCKETS[0]} or more")
    require("epoch_fraction", epoch_fraction, lambda fraction: 0 < fraction <= 1, "in (0, 1]")
    expected = 'None for "imdb", whose held-out reviews it would label, and for data of your own'
    require("teacher", teacher, lambda teacher: not teacher or (is_named and source != "imdb"), expected)
    is_count = lambda number: number is None or (teacher and is_whole(number, 1))  # noqa: E731
    require("num_pseudo_labels", num_pseudo_labels, is_count, "a whole number, 1 or more, with a `teacher`, else None")
    require("teacher_tokenizer", teacher_tokenizer, lambda given: teacher or given is None, "None without a `teacher`")
    require("memory_gb", memory_gb, lambda size: size >= 0, "a number, 0 or more")
    tokenizer = tokenizer or bert_tokenizer()
    if is_named:
        parts, class_names, note = _named(str(source), tokenizer, max_length, validation_split, seed)
        samples, card = (), None
    else:
        columns = {"text": text_column, "other": other_column, "label": label_column}
        read = read_texts(path or str(source), columns, tokenizer, max_length, memory_gb)
        parts, class_names, note, samples, card = _own(read, validation_split, seed, tokenizer)
    (train_ids, train_labels), *held_out = parts

    buckets = [bucket for bucket in BUCKETS if bucket < max_length] + [max_length]
    if teacher:
        as_read, sentences = _sentences((teacher_tokenizer or tokenizer, tokenizer), max_length, num_pseudo_labels, seed)
        answers = teacher(by_length(as_read, np.zeros(len(as_read), "int64"), buckets, batch_size=128))
        train_ids = train_ids.joined(sentences)
        train_labels = np.concatenate([np.float32(train_labels), np.float32(answers[:, 0])])
        note += f"{IN_TRAINING}also {len(answers):,} sentences of IMDB's training reviews, labelled by a teacher"
    tf.random.get_global_generator().reset_from_seed(seed)
    train_share = shuffled(train_ids, train_labels, buckets, batch_size, epoch_fraction)
    in_order = (functools.partial(by_length, ids, labels, buckets, batch_size) for ids, labels in held_out)
    facts = {"class_names": class_names, "note": note, "batch_size": batch_size, "samples": samples, "card": card}
    return Dataset.of_shares(train_share, *in_order, **facts, describe=lambda row: text_of(row, tokenizer))


def _named(name, tokenizer, max_length, validation_split, seed):
    """Token ids and labels of each split of the data sets known by name, class names, and a note."""
    (texts, labels), (test_texts, test_labels), note, split = SOURCES[name]()
    kept, held_out = split(texts, validation_split, seed)
    ids, test_ids = (_in_memory(part, tokenizer, max_length) for part in (texts, test_texts))
    parts = [(ids.take(part), labels[part]) for part in (kept, held_out)]
    return [*parts, (test_ids, test_labels)], ["negative", "positive"], note


def _own(read, validation_split, seed, tokenizer):
    """As `_named`, of a source of a user, the first texts of the validation set, of different classes, and a card."""
    found = divided(read.splits, validation_split, seed)
    parts = [(read.ids.take(part.positions), part.labels) for part in found.values()]
    counts = " + ".join(f"{len(part):,}" for part in found.values())
    shown = [
        (place, label)
        for place, label in zip(found["validation"].positions, found["validation"].labels)
        if place < len(read.first)
    ]
    by_class = {label: place for place, label in sorted(shown, reverse=True)}
    places = [*dict.fromkeys([*map(by_class.get, sorted(by_class)), *sorted(place for place, _ in shown)])][:SAMPLES]
    samples = tuple(read.first[place] for place in places) or tuple(read.first[:SAMPLES])
    note = f"{read.splits.name}, {counts} texts to train, validate and test on"
    return parts, read.splits.class_names, note, samples, text_card(read, found, tokenizer)


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


def _sentences(tokenizers, max_length, count, seed):
    """Token ids, by each tokenizer, of sentences of IMDB that are whole, from short to long by the first: the teacher's."""
    texts = _imdb_sentences()
    by_tokenizer = {tokenizer: _in_memory(texts, tokenizer, max_length) for tokenizer in tokenizers}
    # of `max_length` are cut ones, too
    fits = np.all([ids.lengths < max_length for ids in by_tokenizer.values()], axis=0)
    chosen = np.random.default_rng(seed).permutation(np.flatnonzero(fits))[:count]
    order = np.argsort(by_tokenizer[tokenizers[0]].lengths[chosen], kind="stable")
    return [by_tokenizer[tokenizer].take(chosen[order]) for tokenizer in tokenizers]


def _in_memory(texts, tokenizer, max_length):
    collected = Collector(math.inf)
    collected.add(tokenize(texts, tokenizer, max_length))
    return collected.finish()


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


def _contrast():
    """The sentences of contrast, with a split of their own that no seed changes."""
    parts = contrast_sentences().values()
    train, validation, test = (
        (np.array([one.text for one in part], object), np.array([one.label for one in part])) for part in parts
    )
    split = [*np.split(np.arange(len(train[1]) + len(validation[1])), [len(train[1])])]
    counts = " + ".join(f"{len(part):,}" for part in parts)
    note = f"Contrast: {counts} sentences from templates, to train, validate and test on"
    return [*map(np.concatenate, zip(train, validation))], test, note, lambda *_: split


def _with_contrast(name):
    """A data set by name that is trained and validated on the sentences of contrast, too."""
    (texts, labels), test, note, split = SOURCES[name]()
    (more_texts, more_labels), _, _, more_split = _contrast()

    def split_both(_, share, seed):
        both = zip(split(texts, share, seed), more_split())
        return [np.concatenate([own, len(texts) + more]) for own, more in both]

    note += f"{IN_TRAINING}and validation also {len(more_texts):,} sentences of contrast from templates"
    return (np.concatenate([texts, more_texts]), np.concatenate([labels, more_labels])), test, note, split_both


def _read(name, splits, text, host):
    return [(part[text], part["label"]) for part in read_splits(name, splits, host, instead="")[1]]


SOURCES: dict[str, Callable] = {
    "sst2": _sst2,
    "sst2_sentences": functools.partial(_sst2, with_phrases=False),
    "imdb": _imdb,
    "contrast": _contrast,
    "sst2_contrast": functools.partial(_with_contrast, "sst2"),
    "sst2_sentences_contrast": functools.partial(_with_contrast, "sst2_sentences"),
}
