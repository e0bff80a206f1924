"""Texts without labels, some of whose words are hidden: data of masked language modelling."""

import collections
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from course_hw5.data import reviews, tables, text_sources
from course_hw5.data.dataset import Dataset, check_arguments, require_source, shuffled_indices
from course_hw5.data.examples import SPLITS
from course_hw5.errors import is_whole, require
from course_hw5.files import AnyPath
from course_hw5.text.encoding import MAXLEN, text_of
from course_hw5.text.tokenizer import SPECIAL_TOKENS, BertTokenizer

SHARE = 0.15  # of the tokens that are predicted
REPLACED, RANDOM = 0.8, 0.1  # of those: hidden behind [MASK], and another token in their place; the rest stay
SHORTEST = 8  # tokens of a run
SAMPLES, SAMPLE_WORDS = 6, range(8, 26)  # test sentences that are shown


def read_unlabelled(
    source: AnyPath,
    validation_split: float = 0.02,
    seed: int = 0,
    text_column: str | None = None,
    label_column: str | None = None,
) -> dict[str, list[str]]:
    """Reads texts to pre-train on, and splits them as `load_reviews` does. Labels are not used otherwise.

    Args:
        source: "imdb", or a source of your own as for `load_reviews`; a table needs no labels.
        validation_split, seed, text_column, label_column: as for `load_reviews`.

    Returns:
        Dict of "train", "validation" and "test" to strings.

    Raises:
        ValueError: if an argument is not one of those above.
        OSError: if the data are neither on disk nor to be had by download.
    """
    path = require_source(
        source, ("imdb",), "tfds:NAME, or a table of texts (.csv, .tsv, .jsonl)", tables.SUFFIXES, folders=True
    )
    check_arguments(1, validation_split, seed)
    if path is not None or source != "imdb":
        columns = {"text": text_column, "label": label_column}
        return text_sources.unlabelled_texts(path or str(source), columns, validation_split, seed)
    (texts, _), (test, _), _, split = reviews.SOURCES["imdb"]()
    train, validation = (texts[part] for part in split(texts, validation_split, seed))
    parts = {"train": train, "validation": validation, "test": test}
    return {name: [*map(tf.compat.as_text, part)] for name, part in parts.items()}


class TokenMasks:
    """Chooses and hides tokens as BERT's pre-training does (Devlin et al. 2019, section 3.1), whole words at a time.

    Of each run of tokens 15 % are chosen, all pieces of a word together, but that the last word may be cut. 80 % of them become
    [MASK], 10 % any other token, and 10 % stay. Special tokens are never chosen, nor put in place of others.

    Args:
        tokenizer: a `BertTokenizer`.
        max_length: tokens of the longest run.
    """

    def __init__(self, tokenizer: BertTokenizer, max_length: int):
        vocabulary = tokenizer.get_vocabulary()
        is_special = np.array([token is None or token in SPECIAL_TOKENS for token in vocabulary])
        begins = np.array([token is None or not tokenizer.is_continuation(token) for token in vocabulary])
        self.is_special, self.begins = tf.constant(is_special), tf.constant(begins)
        self.ordinary, self.mask_id = tf.constant(np.flatnonzero(~is_special), tf.int32), tokenizer.mask_token_id
        self.most = max(1, round(SHARE * max_length))

    def __call__(self, ids: tf.Tensor, seed: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Hides tokens of some runs.

        Args:
            ids: int32 `(runs, tokens)`, filled up with 0.
            seed: two int32 numbers; the same ones hide the same tokens.

        Returns:
            Dict of int32 `token_ids` `(runs, tokens)`, what the model reads, and `masked_positions` `(runs, most)`; and int32
            `(runs, most)`, what stood there. A run with fewer chosen tokens is filled up with position 0 and token 0, [PAD].
        """
        shape, is_special = tf.shape(ids), tf.gather(self.is_special, ids)
        seeds = [tf.random.experimental.stateless_fold_in(seed, number) for number in range(3)]
        words = tf.cumsum(tf.cast(tf.gather(self.begins, ids) | is_special, tf.int32), axis=1) - 1
        ranks = tf.gather(tf.random.stateless_uniform(shape, seeds[0]), tf.maximum(words, 0), batch_dims=1)
        order = tf.argsort(tf.where(is_special, 2.0, ranks), axis=1, stable=True)[:, : self.most]
        ordinary = tf.reduce_sum(tf.cast(~is_special, tf.float32), axis=1)
        count = tf.minimum(tf.cast(tf.maximum(tf.round(SHARE * ordinary), 1), tf.int32), tf.cast(ordinary, tf.int32))
        is_chosen = tf.range(tf.shape(order)[1]) < count[:, None]
        positions = tf.where(is_chosen, order, 0)
        tokens = tf.where(is_chosen, tf.gather(ids, positions, batch_dims=1), 0)

        draw = tf.random.stateless_uniform(tf.shape(tokens), seeds[1])
        any_token = tf.random.stateless_uniform(tf.shape(tokens), seeds[2], 0, tf.size(self.ordinary), tf.int32)
        changed = tf.where(draw < REPLACED + RANDOM, tf.gather(self.ordinary, any_token), tokens)
        changed = tf.where(draw < REPLACED, self.mask_id, changed)
        places = tf.stack([tf.broadcast_to(tf.range(shape[0])[:, None], tf.shape(positions)), positions], axis=2)
        read = tf.tensor_scatter_nd_update(ids, places[is_chosen], changed[is_chosen])
        padding = [[0, 0], [0, self.most - tf.shape(order)[1]]]
        positions, tokens = (tf.ensure_shape(tf.pad(part, padding), (None, self.most)) for part in (positions, tokens))
        return {"masked_positions": positions, "token_ids": tf.ensure_shape(read, ids.shape)}, tokens


def cut_into_runs(texts: Sequence[str], tokenizer: BertTokenizer, max_length: int) -> np.ndarray:
    """Token ids of texts in runs of one length.

    A text that is longer than a run is cut into several. What remains of one, or a short text, shares a run with what remains
    of others, a [SEP] after each, as far as there is room.

    Args:
        texts: strings.
        tokenizer: a `BertTokenizer`.
        max_length: tokens of a run, with [CLS] and [SEP].

    Returns:
        int32 array `(runs, max_length)`, filled up with 0.
    """
    runs = [np.array(run, "int32") for run in _runs(tokenizer([*texts]), tokenizer, max_length)]
    return np.array([np.pad(run, (0, max_length - len(run))) for run in runs], "int32").reshape(-1, max_length)


def _runs(rows, tokenizer, max_length) -> Iterator[list[int]]:
    start, end, room = [tokenizer.cls_token_id], [tokenizer.sep_token_id], max_length - 2
    parts = [row[place : place + room] for row in rows for place in range(0, len(row), room)]
    rests = collections.deque(sorted((part for part in parts if len(part) < room), key=len))
    yield from ([*start, *part, *end] for part in parts if len(part) == room)
    while rests:  # the longest one, with the shortest ones
        run = [*start, *rests.pop(), *end]
        while rests and len(run) + len(rests[0]) < max_length:
            run += [*rests.popleft(), *end]
        if len(run) >= SHORTEST:
            yield run


def load_masked_texts(
    texts: dict[str, Sequence[str]],
    tokenizer: BertTokenizer,
    batch_size: int = 128,
    max_length: int = MAXLEN,
    seed: int = 0,
    name: str = "texts",
) -> Dataset:
    """Makes data of masked language modelling of texts, as `read_unlabelled` gives them.

    Args:
        texts: dict of "train", "validation" and "test" to strings.
        tokenizer: a `BertTokenizer`, such as `learn_vocabulary` makes.
        batch_size: runs in a batch.
        max_length: tokens of a run, 8 or more.
        seed: decides, through TensorFlow's global generator, the order and the masks of each epoch.
        name: of the texts, for the note.

    Returns:
        `Dataset` of batches as of `TokenMasks`. Those of `train` are whole, and masked anew in each epoch; masks of validation
        and test are always the same for one batch size and one worker. There are no classes; `samples` are sentences of `test`.

    Raises:
        ValueError: if an argument is not one of those above, a split has no run, or there are too few for a training batch.
    """
    check_arguments(batch_size, 0.5, seed)
    require("max_length", max_length, lambda length: is_whole(length, SHORTEST), f"a whole number, {SHORTEST} or more")
    found = sorted(texts) if isinstance(texts, dict) else type(texts).__name__
    require("texts", found, lambda names: names == sorted(SPLITS), "a dict of train, validation and test")
    runs = {split: cut_into_runs(part, tokenizer, max_length) for split, part in texts.items()}
    is_whole_split = lambda counts: all(counts.values())  # noqa: E731
    expected = f"texts of {SHORTEST} tokens or more for training, validation and test"
    require("texts", {split: len(part) for split, part in runs.items()}, is_whole_split, expected)
    train, masks = runs["train"], TokenMasks(tokenizer, max_length)
    expected = f"a whole number up to the number of training runs, {len(train)}"
    require("batch_size", batch_size, lambda size: size <= len(train), expected)
    tf.random.get_global_generator().reset_from_seed(seed)

    def fetch(rows):
        return lambda batch: tf.ensure_shape(tf.numpy_function(rows.take, [batch, 0], tf.int32, False), (None, max_length))

    def drawn(ids):  # one call at a time: random numbers are drawn in a fixed order
        return masks(ids, tf.cast(tf.random.get_global_generator().make_seeds(1)[:, 0], tf.int32))

    def train_share(share):
        batches = share.of(shuffled_indices(len(train)).batch(batch_size, drop_remainder=True))
        return batches.map(fetch(train)).map(drawn).prefetch(tf.data.AUTOTUNE)

    def in_order(split) -> Callable:
        def batches(share):
            read = share.of(tf.data.Dataset.range(len(runs[split])).batch(batch_size)).map(fetch(runs[split]))
            fixed = read.enumerate().map(lambda number, ids: masks(ids, tf.stack([tf.cast(number, tf.int32), 0])))
            return fixed.prefetch(2)

        return batches

    counts = " + ".join(f"{len(part):,}" for part in runs.values())
    note = f"{name}, {counts} runs of {max_length} tokens to train, validate and test on; {100 * SHARE:.0f} % are predicted"
    facts = {"class_names": [], "note": note, "batch_size": batch_size, "samples": _sentences(texts["test"])}
    describe = lambda inputs: text_of(inputs["token_ids"], tokenizer)  # noqa: E731
    return Dataset.of_shares(train_share, in_order("validation"), in_order("test"), **facts, describe=describe)


def _sentences(texts):
    """The first sentences of a few texts, neither short nor long."""
    firsts = (text.replace("<br />", " ").partition(". ")[0] for text in texts)
    fitting = [(f"{first}.",) for first in firsts if len(first.split()) in SAMPLE_WORDS][:SAMPLES]
    whole = (text for text in texts if text.strip())
    return tuple(fitting or [(" ".join(text.split()[: SAMPLE_WORDS.stop]),) for text in itertools.islice(whole, SAMPLES)])
