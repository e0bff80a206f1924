"""Short film reviews made from `contrast.toml`: negation, contrast, concession and irony, with labels that are certain.

A template gives pairs of a positive and a negative sentence, which differ only in what decides the label (Kaushik et al. 2020,
https://arxiv.org/abs/1909.12434; Gardner et al. 2020, https://arxiv.org/abs/2004.02709). A template belongs to one split, and
each split has every family of them (Ribeiro et al. 2020, https://arxiv.org/abs/2005.04118).
"""

import functools
import importlib.resources
import random
import re
import tomllib
from typing import Any, NamedTuple

PAIRS = {"test": 3, "validation": 4, "train": 10}  # of a template, where its slots give as many
TRIES = 20  # draws for each of them
VERBS = {"s": ("are", "were"), "": ("is", "was")}


class ContrastSentence(NamedTuple):
    """A sentence in SST-2's spelling: lowercase, with spaces around punctuation.

    Attributes:
        text: the sentence.
        label: 1 for positive, 0 for negative.
        family: what decides the label, such as "double negation".
        template: which sentence it is made from; both sentences of a pair have the same.
    """

    text: str
    label: int
    family: str
    template: str


def contrast_sentences(seed: int = 0) -> dict[str, list[ContrastSentence]]:
    """Makes the sentences of all splits; none is in two of them, whatever its punctuation.

    Half of the pairs end in a period, and half of those with "n't" spell it as people do ("doesn't"), the others as SST-2 does
    ("does n't").

    Args:
        seed: decides which words fill a template.

    Returns:
        Dict of "train", "validation" and "test" to lists in which a negative sentence follows its positive partner.
    """
    source, seen, found = _source(), set(), {}
    for split, count in PAIRS.items():
        found[split] = [
            sentence
            for family, templates in source["families"].items()
            for template in templates[split]
            for pair in _pairs(template, count, seed, seen)
            for sentence in (ContrastSentence(text, label, family, template) for text, label in zip(pair, (1, 0)))
        ]
    return {split: found[split] for split in ("train", "validation", "test")}


@functools.cache
def _source() -> dict[str, Any]:
    text = (importlib.resources.files(__package__) / "contrast.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _pairs(template, count, seed, seen):
    """Pairs of a template's sentences that are not in `seen`, to which they are added."""
    chance, found = random.Random(f"{seed} {template}"), []
    for _ in range(TRIES * count):
        slots = _Slots(chance)
        pair = [slots.filled(template, label) for label in (1, 0)]
        has_period, is_joined = (chance.random() < 0.5 for _ in range(2))
        if not seen.intersection(pair):
            seen.update(pair)
            found.append([_finished(text, has_period, is_joined) for text in pair])
        if len(found) == count:
            break
    return found


def _finished(text, has_period, is_joined):
    text = text.replace(" n't", "n't") if is_joined else text
    return f"{text} ." if has_period and text[-1] != "?" else text


class _Slots:
    """Fills the slots of a template; a slot that both sentences of a pair have is filled alike."""

    def __init__(self, chance: random.Random):
        self.chance, self.words = chance, {}

    def filled(self, template: str, label: int) -> str:
        """The sentence of a label."""
        text = re.sub(r"\{(.*?)\|(.*?)\}", lambda found: found[2 - label], template)
        while text != (text := re.sub(r"\b[A-Z]{2,}2?\b", lambda found: self._word(found[0]), text)):
            pass  # until none is left: what fills a slot may have slots of its own
        return re.sub(r"\ba (?=[aeiou])", "an ", text)

    def _word(self, name):
        if name not in self.words:
            base = name.removesuffix("2")
            options = self._options(base, name[len(base) :])
            if name != base and len(options) > 1:  # FINE2 is another one than FINE
                options = [word for word in options if word != self.words.get(base)]
            self.words[name] = options[int(self.chance.random() * len(options))]  # the same in each version of Python
        return self.words[name]

    def _options(self, base, number):
        source = _source()
        if base == "TOPIC":
            return [*source["topics"]]
        if base == "TENSE":
            return ["0", "1"]
        if base == "IS":
            return [VERBS["s" * self._word(f"PART{number}").endswith("s")][int(self._word("TENSE"))]]
        if base in ("PART", "GOOD", "BAD"):
            topic = source["topics"][self._word(f"TOPIC{number}")]
            return topic["nouns" if base == "PART" else base.lower()]
        return source["words"][base]
