"""Text to token ids and back, by BERT's own conventions. Loads no TensorFlow."""

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Int64

from course_hw5.errors import is_whole, require
from course_hw5.text.tokenizer import SPECIAL_TOKENS, BertTokenizer, bert_tokenizer

if TYPE_CHECKING:
    import keras_nlp

AnyTokenizer: TypeAlias = "BertTokenizer | keras_nlp.tokenizers.BertTokenizer | None"  # None: the published uncased one
MAXLEN = 128
SPACES = re.compile("[\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


def is_blank(text: str) -> bool:
    """Whether a text holds nothing that BERT reads: only spaces, control characters and accents."""
    return all(unicodedata.category(character)[0] in "CMZ" or character == "\ufffd" for character in text)


class Encoding(NamedTuple):
    """A text, or a pair of texts, as a model reads it.

    `ids`: int64 array `(tokens,)`. `framing`: indices of the [CLS] and [SEP] that were put around the texts; those that were
    typed are not among them. `other_start`: index of the first token of the second text, or None.
    """

    ids: Int64[np.ndarray, " tokens"]
    framing: list[int]
    other_start: int | None


def encode_sentence(
    text: str, max_length: int = MAXLEN, other: str | None = None, tokenizer: AnyTokenizer = None, special_tokens: bool = False
) -> Int64[np.ndarray, " max_length"]:
    """Encodes a text, or a pair of texts, as BERT reads it.

    Args:
        text: string; gives [CLS], its word pieces, [SEP]. What does not fit is cut; [SEP] stays.
        max_length: length of the result, 3 or more.
        other: second string, or None; its word pieces and a second [SEP] follow, after MPNet's two [SEP]. Of a pair that does
            not fit, the longer text is cut first.
        tokenizer: a `BertTokenizer` of `course_hw5.text.tokenizer`, or of keras-nlp; the published uncased one by default.
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
    ids = encode(text, max_length, other, tokenizer, special_tokens).ids
    return np.pad(ids, (0, max_length - len(ids)))


def encode(text, max_length=MAXLEN, other=None, tokenizer: AnyTokenizer = None, special_tokens: bool = False) -> Encoding:
    """As `encode_sentence`, without the zeros, and with what is known of the tokens: an `Encoding`."""
    for name, value in (("text", text), ("other", other)):
        if not isinstance(value, str) and not (name == "other" and value is None):
            raise TypeError(f"`{name}` must be a string. Received: {value!r} of type {type(value).__name__}")
    tokenizer = tokenizer or bert_tokenizer()
    between = getattr(tokenizer, "separators", 1)  # keras-nlp's tokenizer reads pairs as BERT does
    fewest = 3 if other is None else 4 + between
    require("max_length", max_length, lambda length: is_whole(length, fewest), f"a whole number, {fewest} or more")
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


def tokens_of(ids: Iterable[int], tokenizer: AnyTokenizer = None) -> list[str]:
    """The word pieces of `ids`, an integer array `(tokens,)`, as a list of strings."""
    tokenizer = tokenizer or bert_tokenizer()
    return [tokenizer.id_to_token(int(id_)) for id_ in ids]


def text_of(ids: Iterable[int], tokenizer: AnyTokenizer = None) -> str:
    """The text of `ids`, an integer array `(tokens,)`, without special tokens; capitals are lost, and spaces guessed."""
    tokens = [token for token in tokens_of(ids, tokenizer) if token not in SPECIAL_TOKENS or token == "[UNK]"]
    text = " ".join(tokens).replace(" ##", "")
    text = re.sub(r" ' (?=(d|ll|m|re|s|t|ve)\b)", "'", text)
    return re.sub(r" (?=n't\b|[.,;:!?%)\]])", "", text)  # the treebank's "ca n't" too
