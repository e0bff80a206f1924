"""Vocabularies of word pieces: the published uncased one, and those of files."""

import collections
import functools
import os
import pathlib
from collections.abc import Iterable

from course_hw5 import hub

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@functools.cache
def uncased_vocabulary() -> tuple[str, ...]:
    """The 30,522 word pieces of the published uncased BERTs, as MiniLM brings them.

    Raises:
        OSError: if they are neither installed nor to be downloaded.
    """
    return read_vocabulary(hub.minilm_folder(["vocab.txt"]) / "vocab.txt")


def read_vocabulary(path: str | os.PathLike) -> tuple[str, ...]:
    """Reads `vocab.txt`: one word piece per line, as a tuple.

    Raises:
        ValueError: if a special token of BERT is missing, [PAD] is not the first, or a word piece stands twice.
    """
    return checked_vocabulary(path, read_lines(path))


def read_lines(path: str | os.PathLike) -> list[str]:
    """The lines of a UTF-8 file, without what ends them, as a list."""
    try:
        text = pathlib.Path(os.path.expanduser(path)).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8. Received: {error}") from error
    return text.removesuffix("\n").split("\n")  # `splitlines` also splits at U+2028, a word piece of some


def checked_vocabulary(source: object, pieces: Iterable[str]) -> tuple[str, ...]:
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
