"""The tokenizer of BERT and of models that read as it does, by Hugging Face's `tokenizers`; it loads no TensorFlow."""

import functools
import itertools
import json
import re
from collections.abc import Sequence

import tokenizers

from course_hw5.text.vocabulary import uncased_vocabulary

BERT_NAMES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
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

    def __init__(
        self,
        vocabulary: Sequence[str] | None = None,
        lowercase: bool = True,
        definition: str | None = None,
        names: dict[str, str] | None = None,
        separators: int = 1,
        segments: bool = True,
    ):
        self.lowercase, self.definition, self.separators, self.segments = lowercase, definition, separators, segments
        self.names = {**BERT_NAMES, **(names or {})}
        if definition is None:
            self._tokenizer = word_piece_tokenizer(
                {piece: id_ for id_, piece in enumerate(() if vocabulary is None else vocabulary)}, lowercase
            )
            self._tokenizer.add_special_tokens([*BERT_NAMES.values()])
        else:
            self._tokenizer = read_definition("`definition`", definition)
        found = {role: self._tokenizer.token_to_id(name) for role, name in self.names.items()}
        ids = {role: id_ for role, id_ in found.items() if id_ is not None}
        if missing := [name for role, name in self.names.items() if role not in ids]:
            raise ValueError(f"A tokenizer must hold its special tokens. Received: no {', '.join(missing)}")
        self.cls_token_id, self.sep_token_id, self.mask_token_id = ids["cls"], ids["sep"], ids["mask"]
        self.pad_token_id, self.unk_token_id = ids["pad"], ids["unk"]
        self._shown = {id_: BERT_NAMES[role] for role, id_ in ids.items()}
        parts = {} if definition is None else json.loads(definition)
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
        shown = {name: id_ for id_, name in self._shown.items()}
        return shown.get(token, self._tokenizer.token_to_id(token))

    def get_vocabulary(self) -> list[str | None]:
        """The tokens by id, special ones by BERT's names; None where no token has the id."""
        tokens: list[str | None] = [None] * self.vocabulary_size()
        for token, id_ in self.token_ids().items():
            tokens[id_] = self._shown.get(id_, token)
        return tokens

    def vocabulary_size(self) -> int:
        """The number of embeddings that ids need."""
        return max(self.token_ids().values()) + 1

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
        if self.definition is None:
            return {"vocabulary": self.get_vocabulary(), "lowercase": self.lowercase}
        framing = {"separators": self.separators, "segments": self.segments}
        return {"definition": self.definition, "names": self.names} | framing

    @classmethod
    def from_config(cls, config: dict) -> "BertTokenizer":
        return cls(**config)

    def __eq__(self, other):
        return self is other or (isinstance(other, BertTokenizer) and self.get_config() == other.get_config())

    def __hash__(self):
        return hash((self.vocabulary_size(), self.separators))


def word_piece_tokenizer(ids: dict[str, int], lowercase: bool = True, **options) -> tokenizers.Tokenizer:
    """The `tokenizers.Tokenizer` that BERT's is.

    Args:
        ids: dict of word pieces to ids.
        lowercase: whether capitals become small, and, unless `strip_accents` says otherwise, accents are left out.
        **options: of `BertNormalizer`.
    """
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase, **options)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return tokenizer


def read_definition(source: object, definition: str) -> tokenizers.Tokenizer:
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
