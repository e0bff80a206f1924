"""Text to token ids and back, by BERT's own conventions. Loads no TensorFlow."""

import collections
import functools
import os
import pathlib
import re
import unicodedata
from typing import NamedTuple

import numpy as np

from course_hw5 import hub
from course_hw5.word_pieces import BertTokenizer

MAXLEN = 128
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SPACES = re.compile("[\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


@functools.cache
def uncased_vocabulary():
    """The 30,522 word pieces of the published uncased BERTs, as MiniLM brings them.

    Raises:
        OSError: if they are neither installed nor to be downloaded.
    """
    return read_vocabulary(hub.minilm_folder(["vocab.txt"]) / "vocab.txt")


def read_vocabulary(path):
    """Reads `vocab.txt`: one word piece per line, as a tuple.

    Raises:
        ValueError: if a special token of BERT is missing, [PAD] is not the first, or a word piece stands twice.
    """
    return checked_vocabulary(path, read_lines(path))


def read_lines(path):
    """The lines of a UTF-8 file, without what ends them, as a list."""
    try:
        text = pathlib.Path(os.path.expanduser(path)).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8. Received: {error}") from error
    return text.removesuffix("\n").split("\n")  # `splitlines` also splits at U+2028, a word piece of some


def checked_vocabulary(source, pieces):
    """The word pieces, any sequence, as a tuple; the `source` of them is named by errors.

    Raises:
        ValueError: if a special token of BERT is missing, [PAD] is not the first, or a word piece stands twice.
    """
    vocabulary = tuple(pieces)
    missing = [token for token in SPECIAL_TOKENS if token not in vocabulary]
    if missing:
        raise ValueError(f"{source} must hold BERT's special tokens. Received: no {', '.join(missing)}")
    piece, times = collections.Counter(vocabulary).most_common(1)[0]
    if vocabulary[0] != "[PAD]" or times > 1:
        found = f"{piece!r} {times} times" if times > 1 else f"{vocabulary[0]!r} first"
        raise ValueError(f"{source} must hold [PAD] first, and each word piece once. Received: {found}")
    return vocabulary


def bert_tokenizer(vocabulary=None, lowercase=True):
    """Makes a `BertTokenizer`, which gives BERT's own word pieces; see `course_hw5.word_pieces`.

    Args:
        vocabulary: sequence of word pieces; None for the published uncased one.
        lowercase: whether the vocabulary is uncased.
    """
    return _bert_tokenizer(tuple(uncased_vocabulary() if vocabulary is None else vocabulary), lowercase)


_bert_tokenizer = functools.lru_cache(maxsize=8)(BertTokenizer)


def is_blank(text):
    """Whether a text holds nothing that BERT reads: only spaces, control characters and accents."""
    return all(unicodedata.category(character)[0] in "CMZ" or character == "\ufffd" for character in text)


class Encoding(NamedTuple):
    """A text, or a pair of texts, as a model reads it.

    `ids`: int64 array `(tokens,)`. `framing`: indices of the [CLS] and [SEP] that were put around the texts; those that were
    typed are not among them. `other_start`: index of the first token of the second text, or None.
    """

    ids: np.ndarray
    framing: list[int]
    other_start: int | None


def encode_sentence(text, max_length=MAXLEN, other=None, tokenizer=None, special_tokens=False):
    """Encodes a text, or a pair of texts, as BERT reads it.

    Args:
        text: string; gives [CLS], its word pieces, [SEP]. What does not fit is cut; [SEP] stays.
        max_length: length of the result, 3 or more.
        other: second string, or None; its word pieces and a second [SEP] follow, after MPNet's two [SEP]. Of a pair that does
            not fit, the longer text is cut first.
        tokenizer: a `BertTokenizer` of `course_hw5.word_pieces`, or of keras-nlp; the published uncased one by default.
        special_tokens: whether special tokens that are typed, such as "[MASK]" or "[SEP]", are read as such, as `transformers`
            does; else they are text. A model that is called with the array starts the second segment after the first [SEP],
            even a typed one; `explain(..., special_tokens=True)` does not, as `transformers`.

    Returns:
        int64 array `(max_length,)`, filled up with 0, the id of [PAD].

    Raises:
        TypeError: if `text` or `other` is not a string.
        ValueError: if `max_length` leaves no room for a word piece, or `special_tokens` is asked of keras-nlp's tokenizer.

    Example:
        >>> encode_sentence("A fine film.", 8).tolist()
        [101, 1037, 2986, 2143, 1012, 102, 0, 0]
        >>> encode_sentence("A [MASK] film.", 8, special_tokens=True).tolist()
        [101, 1037, 103, 2143, 1012, 102, 0, 0]
    """
    ids = token_ids(text, max_length, other, tokenizer, special_tokens)
    return np.pad(ids, (0, max_length - len(ids)))


def token_ids(text, max_length=MAXLEN, other=None, tokenizer=None, special_tokens=False):
    """As `encode_sentence`, without the zeros: int64 array `(tokens,)`."""
    return encode(text, max_length, other, tokenizer, special_tokens).ids


def encode(text, max_length=MAXLEN, other=None, tokenizer=None, special_tokens=False):
    """As `encode_sentence`, without the zeros, and with what is known of the tokens: an `Encoding`."""
    for name, value in (("text", text), ("other", other)):
        if not isinstance(value, str) and not (name == "other" and value is None):
            raise TypeError(f"`{name}` must be a string. Received: {value!r} of type {type(value).__name__}")
    tokenizer = tokenizer or bert_tokenizer()
    between = getattr(tokenizer, "separators", 1)  # keras-nlp's tokenizer reads pairs as BERT does
    fewest = 3 if other is None else 4 + between
    if not isinstance(max_length, (int, np.integer)) or max_length < fewest:
        raise ValueError(f"`max_length` must be a whole number, {fewest} or more. Received: {max_length!r}")
    if special_tokens and not isinstance(tokenizer, BertTokenizer):
        raise ValueError(f"`special_tokens` must be False for the tokenizer of another package. Received: {tokenizer!r}")
    options = {"special_tokens": True} if special_tokens else {}
    first = _word_pieces(text, tokenizer, max_length, options)
    start, end = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
    if other is None:
        first = first[: max_length - 2]
        return Encoding(np.array([*start, *first, *end], "int64"), [0, len(first) + 1], None)
    second = _word_pieces(other, tokenizer, max_length, options)
    while len(first) + len(second) > max_length - 2 - between:
        (first if len(first) > len(second) else second).pop()
    ids = np.array([*start, *first, *end * between, *second, *end], "int64")
    other_start = 1 + len(first) + between
    return Encoding(ids, [0, *range(len(first) + 1, other_start), len(ids) - 1], other_start)


def _word_pieces(text, tokenizer, max_length, options):
    # A word piece takes one character at least, but spaces take none: cut generously, so that a book costs no more than a page.
    most, start, at = 100 * max_length, text, 0
    if len(text) > most:
        start = ""
        while len(start) < most and at < len(text):
            start, at = SPACES.sub(" ", start + text[at : at + most]), at + most
    start = start[:most].encode("utf-8", "replace").decode()  # half of a pair of code units is no text
    return [int(id_) for id_ in tokenizer(start, **options)]


def tokens_of(ids, tokenizer=None):
    """The word pieces of `ids`, an integer array `(tokens,)`, as a list of strings."""
    tokenizer = tokenizer or bert_tokenizer()
    return [tokenizer.id_to_token(int(id_)) for id_ in ids]


def text_of(ids, tokenizer=None):
    """The text of `ids`, an integer array `(tokens,)`, without special tokens; capitals are lost, and spaces guessed."""
    tokens = [token for token in tokens_of(ids, tokenizer) if token not in SPECIAL_TOKENS or token == "[UNK]"]
    text = " ".join(tokens).replace(" ##", "")
    text = re.sub(r" ' (?=(d|ll|m|re|s|t|ve)\b)", "'", text)
    return re.sub(r" (?=n't\b|[.,;:!?%)\]])", "", text)  # the treebank's "ca n't" too
