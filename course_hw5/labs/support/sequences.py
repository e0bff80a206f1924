"""Sequences that labs learn from: reversal, numbers in words, who chases whom. Id 0 is padding, id 1 starts what is written."""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Integer

Batch = Integer[np.ndarray, "examples steps"]

PAD, START = "", "[start]"

LETTERS = (PAD, START, *"abcdefghij")


def reversal(lengths: Sequence[int] | np.ndarray, longest: int, random: np.random.Generator) -> tuple[Batch, Batch, Batch]:
    """Random letters, and the same from the last to the first.

    Args:
        lengths: integer array `(examples,)`, letters of each.
        longest: integer; all are padded to it.
        random: `numpy.random.Generator`.

    Returns:
        Three int32 arrays `(examples, longest)`: what the encoder reads, what the decoder reads (the answer a step late, after
        `START`: teacher forcing), and the answer.

    Example:
        >>> source, written, answer = reversal([3], 4, np.random.default_rng(0))
        >>> source, written, answer
        (array([[10,  8,  7,  0]], dtype=int32), array([[1, 7, 8, 0]], dtype=int32), array([[ 7,  8, 10,  0]], dtype=int32))
    """
    lengths, steps = np.asarray(lengths)[:, None], np.arange(longest)
    source = random.integers(2, len(LETTERS), (len(lengths), longest)) * (steps < lengths)
    answer = np.take_along_axis(source, np.maximum(lengths - 1 - steps, 0), 1) * (steps < lengths)
    return source.astype("int32"), _a_step_late(answer), answer.astype("int32")


ENGLISH = (
    *("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
ENGLISH_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
GERMAN = (
    *("", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf", "dreizehn"),
    *("vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"),
)
GERMAN_TENS = ("", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")
ENGLISH_WORDS = (PAD, *ENGLISH[1:], *ENGLISH_TENS[2:], "hundred", "thousand")
GERMAN_WORDS = (PAD, START, "[end]", *GERMAN[1:], "eins", *GERMAN_TENS[2:], "hundert", "tausend", "und")
LONGEST_ENGLISH, LONGEST_GERMAN = 9, 12  # words of a number below a million; the German ones with their end
TRANSLATION_SIZES = (LONGEST_ENGLISH, LONGEST_GERMAN), (len(ENGLISH_WORDS), len(GERMAN_WORDS))


def english(number: int) -> list[str]:
    """The words of a number from 1 to 999,999.

    Example:
        >>> " ".join(english(347021))
        'three hundred forty seven thousand twenty one'
    """
    return _words(number, _english, "hundred", "thousand")


def german(number: int) -> list[str]:
    """The same number in German, a word for each part: units stand before tens.

    Example:
        >>> " ".join(german(347021))
        'drei hundert sieben und vierzig tausend ein und zwanzig'
    """
    words = _words(number, _german, "hundert", "tausend")
    return [*words[:-1], "eins"] if words[-1] == "ein" else words


def _words(number, small, hundred, thousand):
    """The words of a number, given those of numbers below 100."""
    thousands, hundreds, rest = number // 1000, number % 1000 // 100, number % 100
    words = [*_words(thousands, small, hundred, thousand), thousand] if thousands else []
    words += [*small(hundreds), hundred] if hundreds else []
    return [word for word in words + small(rest) if word]


def _english(number):
    return [ENGLISH[number]] if number < 20 else [ENGLISH_TENS[number // 10], ENGLISH[number % 10]]


def _german(number):
    units = GERMAN[number % 10]
    return [GERMAN[number]] if number < 20 else [units, "und" if units else "", GERMAN_TENS[number // 10]]


def translation(numbers: Iterable[int]) -> tuple[Batch, Batch, Batch]:
    """Numbers in English words, to be translated into German ones.

    Returns:
        Three int32 arrays as those of `reversal`: `(examples, 9)`, `(examples, 12)` and `(examples, 12)`; answers have an end.
    """
    answer = ids([[*german(number), "[end]"] for number in numbers], GERMAN_WORDS, LONGEST_GERMAN)
    return ids([english(number) for number in numbers], ENGLISH_WORDS, LONGEST_ENGLISH), _a_step_late(answer), answer


ANIMALS = ("dog", "cat", "fox", "hen", "pig", "owl", "cow", "rat")
PAIRS = tuple(f"{first} and {second}" for first, second in itertools.combinations(ANIMALS, 2))
ADJECTIVES, ADVERBS = ("big", "old", "red", "shy"), ("today", "again", "quietly", "gladly")
CHASE_WORDS = (PAD, START, "the", "chases", *ANIMALS, *ADJECTIVES, *ADVERBS)
ANSWERS = (PAD, *PAIRS, *ANIMALS)
LONGEST_CHASE = 9


def chases(count: int, random: np.random.Generator) -> tuple[Batch, Batch]:
    """Sentences such as "today the old dog chases the cat", and two questions on each.

    An animal is as often the first as the second, whatever the other words are: who is in a sentence can be told from its
    words in any order; who chases cannot, and even a perfect guess without order is right every second time.

    Returns:
        Int32 array of sentences `(count, 9)`, and of answers `(count, 2)`, ids of `ANSWERS`: who is in it, and who chases.
    """
    sentences, answers = [], []
    for _ in range(count):
        chaser, chased = (ANIMALS[i] for i in random.choice(len(ANIMALS), 2, replace=False))
        extras = (ADVERBS, ADJECTIVES, ADJECTIVES, ADVERBS)
        before, first, second, after = ([random.choice(words)] * random.integers(2) for words in extras)
        sentences.append([*before, "the", *first, chaser, "chases", "the", *second, chased, *after])
        answers.append([" and ".join(sorted((chaser, chased), key=ANIMALS.index)), chaser])
    return ids(sentences, CHASE_WORDS, LONGEST_CHASE), ids(answers, ANSWERS, 2)


def ids(sentences: Iterable[Sequence[str]], words: Sequence[str], longest: int) -> Batch:
    """Lists of words to an int32 array `(sentences, longest)` of their indices in `words`, padded."""
    index = {word: i for i, word in enumerate(words)}
    padded = ([*sentence, *[PAD] * (longest - len(sentence))] for sentence in sentences)
    return np.array([[index[word] for word in sentence] for sentence in padded], "int32")


def words_of(sentence: Iterable[int], words: Sequence[str]) -> list[str]:
    """Ids to words, without padding."""
    return [words[i] for i in sentence if i]


def _a_step_late(answer):
    late = np.concatenate([np.full_like(answer[:, :1], LETTERS.index(START)), answer[:, :-1]], axis=1)
    return (late * (answer > 0)).astype("int32")
