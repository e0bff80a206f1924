"""The tokenizer of BERT and of models that read as it does, by Hugging Face's `tokenizers`, and vocabularies of word pieces.

Loads no TensorFlow.
"""

import collections
import functools
import itertools
import json
import os
import re
from collections.abc import Iterable, Sequence

import tokenizers

from course_hw5 import hub
from course_hw5.files import local_path

BERT_NAMES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
SPECIAL_TOKENS = (*BERT_NAMES.values(),)
WORDS = re.compile(r"[^ !-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]")  # BERT reads each by itself, and most stand in many texts
SPACE_MARKS = {"Metaspace": "\u2581", "ByteLevel": "\u0120"}  # what begins a word, where no prefix marks the rest of it


class BertTokenizer:
    """Text to token ids as BERT's own tokenizer gives them.

    Args:
        vocabulary: sequence of word pieces, [PAD] first; None where there is a `definition`.
        lowercase: whether they are without capitals and accents.
        definition: string, the content of a `tokenizer.json`, in place of both; id 0 is the padding.
        names: dict of what `definition` calls the special tokens "pad", "unk", "cls", "sep" and "mask"; by default as BERT. All
            are shown by BERT's names.
        separators: how many [SEP] stand between the texts of a pair.
        segments: whether the second text of a pair is a segment of its own.

    Raises:
        ValueError: if `definition` is none that `tokenizers` reads, or a special token is missing.
    """

    def __init__(self, vocabulary=None, lowercase=True, definition: str | None = None, names=None, separators=1, segments=True):
        self.lowercase, self.definition, self.separators, self.segments = lowercase, definition, separators, segments
        self.names = BERT_NAMES | (names or {})
        if definition is None:
            self._tokenizer = word_piece_tokenizer(() if vocabulary is None else vocabulary, lowercase)
            self._tokenizer.add_special_tokens([*SPECIAL_TOKENS])
        else:
            self._tokenizer = of_definition("`definition`", definition)
        ids = {role: id_ for role, name in self.names.items() if (id_ := self._tokenizer.token_to_id(name)) is not None}
        if missing := [name for role, name in self.names.items() if role not in ids]:
            raise ValueError(f"A tokenizer must hold its special tokens. Received: no {', '.join(missing)}")
        self.cls_token_id, self.sep_token_id, self.mask_token_id = ids["cls"], ids["sep"], ids["mask"]
        self.pad_token_id, self.unk_token_id = ids["pad"], ids["unk"]
        self._size = max(self.token_ids().values()) + 1  # once, since reading the vocabulary takes long
        self._shown = {id_: BERT_NAMES[role] for role, id_ in ids.items()}
        parts = json.loads(definition or "{}")
        self.prefix = parts.get("model", {}).get("continuing_subword_prefix") or ("" if parts else "##")
        steps = json.dumps([parts.get("pre_tokenizer"), parts.get("normalizer")])
        self._space = next((mark for name, mark in SPACE_MARKS.items() if name in steps), "")

    def __call__(self, texts, special_tokens=False):
        """Token ids of a string, as a list, or of a sequence of strings, as a list of lists.

        Args:
            texts: string or strings.
            special_tokens: whether a special token that is typed, such as "[MASK]", is that token, and not text.
        """
        self._tokenizer.encode_special_tokens = not special_tokens  # its name for reading them as text
        if isinstance(texts, str):
            return self._tokenizer.encode(texts, add_special_tokens=False).ids
        if self.definition is not None or special_tokens:
            return [encoding.ids for encoding in self._tokenizer.encode_batch_fast([*texts], add_special_tokens=False)]
        ids = functools.cache(lambda word: self._tokenizer.encode(word, add_special_tokens=False).ids)
        return [[*itertools.chain.from_iterable(map(ids, WORDS.findall(text)))] for text in texts]

    def id_to_token(self, id_: int) -> str:
        """The token of an id; special tokens by BERT's names."""
        token = self._shown.get(id_) or self._tokenizer.id_to_token(id_)
        if token is None:
            raise ValueError(f"`id_` must be one of the vocabulary. Received: {id_}")
        return token

    def token_to_id(self, token: str) -> int | None:
        """The id of a token, None where there is none; special tokens by BERT's names."""
        return {name: id_ for id_, name in self._shown.items()}.get(token, self._tokenizer.token_to_id(token))

    def get_vocabulary(self) -> list[str | None]:
        """The tokens by id, special ones by BERT's names; None where no token has the id."""
        tokens = {id_: self._shown.get(id_, token) for token, id_ in self.token_ids().items()}
        return [tokens.get(id_) for id_ in range(self.vocabulary_size())]

    def vocabulary_size(self) -> int:
        """The number of embeddings that ids need."""
        return self._size

    def token_ids(self) -> dict[str, int]:
        """Dict of all tokens to their ids, by their own names."""
        return self._tokenizer.get_vocab(with_added_tokens=True)

    def is_continuation(self, token: str) -> bool:
        """Whether a token goes on with the word that the token before it began."""
        return token.startswith(self.prefix) if self.prefix else bool(self._space) and not token.startswith(self._space)

    def without_marks(self, token: str) -> str:
        """The text of a token: without the prefix or the space that it is marked with."""
        return token.removeprefix(self.prefix) if self.prefix else token.removeprefix(self._space) or token

    def get_config(self) -> dict:
        """The arguments that make the same tokenizer."""
        if self.definition is None:
            return {"vocabulary": self.get_vocabulary(), "lowercase": self.lowercase}
        return {name: getattr(self, name) for name in ("definition", "names", "separators", "segments")}

    def __eq__(self, other):
        return self is other or (isinstance(other, BertTokenizer) and self.get_config() == other.get_config())

    def __hash__(self):
        return hash((self.vocabulary_size(), self.separators))


def word_piece_tokenizer(pieces: Iterable[str], lowercase: bool = True, **options) -> tokenizers.Tokenizer:
    """The `tokenizers.Tokenizer` that BERT's is.

    Args:
        pieces: word pieces in the order of their ids.
        lowercase: whether capitals become small, and, unless `strip_accents` says otherwise, accents are left out.
        **options: of `BertNormalizer`.
    """
    ids = {piece: id_ for id_, piece in enumerate(pieces)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase, **options)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return tokenizer


def of_definition(source: object, definition: str) -> tokenizers.Tokenizer:
    """The `tokenizers.Tokenizer` of a `tokenizer.json`'s content; a ValueError names the `source`."""
    try:
        return tokenizers.Tokenizer.from_str(definition)
    except Exception as error:  # `tokenizers` raises no narrower one
        raise ValueError(f"{source} must hold a tokenizer that `tokenizers` reads. Received: {error}") from error


def bert_tokenizer(vocabulary: Sequence[str] | None = None, lowercase: bool = True) -> BertTokenizer:
    """Makes a `BertTokenizer`, which gives BERT's own word pieces.

    Args:
        vocabulary: sequence of word pieces; None for the published uncased one.
        lowercase: whether the vocabulary is uncased.
    """
    return _bert_tokenizer(tuple(uncased_vocabulary() if vocabulary is None else vocabulary), lowercase)


_bert_tokenizer = functools.lru_cache(maxsize=8)(BertTokenizer)


@functools.cache
def uncased_vocabulary() -> tuple[str, ...]:
    """The 30,522 word pieces of the published uncased BERTs, as MiniLM brings them.

    Raises:
        OSError: if they are neither installed nor to be downloaded.
    """
    path = hub.minilm_folder(["vocab.txt"]) / "vocab.txt"
    return checked_vocabulary(path, read_lines(path))


def read_lines(path: str | os.PathLike) -> list[str]:
    """The lines of a UTF-8 file, such as `vocab.txt`, without what ends them, as a list."""
    try:
        text = local_path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8. Received: {error}") from error
    return text.removesuffix("\n").split("\n")  # `splitlines` also splits at U+2028, a word piece of some


def checked_vocabulary(source: object, pieces: Iterable[str]) -> tuple[str, ...]:
    """The word pieces, any sequence, as a tuple; the `source` of them is named by errors.

    Raises:
        ValueError: if a special token of BERT is missing, [PAD] is not the first, or a word piece stands twice.
    """
    vocabulary = tuple(pieces)
    if missing := [token for token in SPECIAL_TOKENS if token not in vocabulary]:
        raise ValueError(f"{source} must hold BERT's special tokens. Received: no {', '.join(missing)}")
    piece, times = collections.Counter(vocabulary).most_common(1)[0]
    if vocabulary[0] != "[PAD]" or times > 1:
        found = f"{piece!r} {times} times" if times > 1 else f"{vocabulary[0]!r} first"
        raise ValueError(f"{source} must hold [PAD] first, and each word piece once. Received: {found}")
    return vocabulary
