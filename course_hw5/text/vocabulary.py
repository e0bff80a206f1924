"""A vocabulary of word pieces, learnt from texts. Loads no TensorFlow."""

import collections
from collections.abc import Iterable
from typing import Any

import tokenizers

from course_hw5.errors import is_whole, require
from course_hw5.text.tokenizer import SPECIAL_TOKENS, BertTokenizer, bert_tokenizer, word_piece_tokenizer

ALPHABET = 1000  # different characters, the most frequent ones; words with others become [UNK]
FEWEST = 2  # times that two pieces must stand side by side to become one


def learn_vocabulary(texts: Iterable[str], vocabulary_size: int = 8000) -> BertTokenizer:
    """Learns lowercase word pieces from texts: the pair of pieces that is most frequent becomes a piece, again and again.

    Sennrich et al. 2016, https://arxiv.org/abs/1508.07909, with BERT's words and marks, by the package `tokenizers`.

    Args:
        texts: strings.
        vocabulary_size: number of tokens, special tokens included; fewer where the texts have fewer pairs.

    Returns:
        `BertTokenizer`, the same for the same texts in any order: [PAD] is 0, the other special tokens follow, then the
        characters, each alone and inside of a word, then the pieces in the order in which they were found.

    Raises:
        ValueError: if `vocabulary_size` leaves no room for the characters, or the texts have none.

    Example:
        >>> tokenizer = learn_vocabulary(["A fine film.", "fine films"], vocabulary_size=40)
        >>> [tokenizer.id_to_token(id_) for id_ in tokenizer("Fine film")]
        ['fine', 'film']
    """
    require("texts", type(texts).__name__, lambda kind: kind != "str", "several strings, such as a list")
    texts, normalizer = list(texts), word_piece_tokenizer(SPECIAL_TOKENS).normalizer
    counts: collections.Counter = collections.Counter()
    for text in texts:
        counts.update(normalizer.normalize_str(text))
    del counts[" "]
    letters = sorted(sorted(counts, key=lambda letter: (-counts[letter], letter))[:ALPHABET])
    require("texts", letters, bool, "strings with characters")
    # those in the list of special tokens have fixed ids, which decide between pairs that are equally frequent
    start = [*SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters)]
    expected = f"a whole number, {len(start)} or more, for the characters of these texts"
    require("vocabulary_size", vocabulary_size, lambda size: is_whole(size, len(start)), expected)
    options: dict[str, Any] = {
        "vocab_size": vocabulary_size,
        "min_frequency": FEWEST,
        "show_progress": False,
        "special_tokens": start,
    }
    options |= {"initial_alphabet": letters, "limit_alphabet": len(letters), "continuing_subword_prefix": "##"}
    trained = word_piece_tokenizer(SPECIAL_TOKENS)
    trained.train_from_iterator(texts, tokenizers.trainers.WordPieceTrainer(**options))
    ids = trained.get_vocab()
    return bert_tokenizer(sorted(ids, key=ids.__getitem__))
