"""What is in a data set: examples per class and split, sizes, what cannot be read, what is there twice."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import sys
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

SHOWN = 20  # names of duplicates and of broken files
SAMPLES = 4  # examples of a class
SAMPLED_CLASSES = 12
PAIRS = (("train", "test"), ("train", "validation"), ("validation", "test"))  # the second of them suffers from duplicates
SIDE = 8  # of the thumbnails by which images are compared
BITS, ALIKE = 3, 6.0  # near duplicates differ in so many bits of the hash at most, and so much from pixel to pixel
BANDS = 4  # parts of a hash: of two that differ in 3 bits at most, one is the same
BAND = np.uint64(64 - 64 // BANDS)  # bits below the first part
NEAREST = 256  # hashes on either side, in order, with which one is compared; so time grows with the number of images


class Marks(NamedTuple):
    """By what examples of a split are compared.

    `exact`: uint64 `(examples,)`, equal where examples are. `near`: uint64 `(examples,)`, of texts equal where they differ in
    case, spaces and punctuation alone; of images the signs of differences between neighbours (dHash). `labels`: integers
    `(examples,)`, the class, of scenes a hash of the mask. `thumbnails`: uint8 `(examples, SIDE, SIDE, 3)`; None of texts.
    """

    exact: np.ndarray
    near: np.ndarray
    labels: np.ndarray
    thumbnails: np.ndarray | None = None

    def take(self, indices: np.ndarray) -> Marks:
        """Those of these examples."""
        thumbnails = None if self.thumbnails is None else self.thumbnails[indices]
        return Marks(self.exact[indices], self.near[indices], self.labels[indices], thumbnails)


class Duplicates(NamedTuple):
    """Examples of the split `second` that `first` has, too; where both are one split, examples that repeat an earlier one.

    `exact`: how many the same. `near`: how many nearly. `contradicting`: how many of those that are equal have another class,
    or mask. `pairs`: of indices; the first pairs, contradicting ones before others.
    """

    first: str
    second: str
    exact: int
    near: int
    contradicting: int
    pairs: list[tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class DataCard:
    """What is in a data set.

    Attributes:
        name: of the source.
        unit: "images", "texts" or "scenes".
        class_names: one name per class.
        counts: dict of splits to how many examples, of scenes how many pixels, each class has.
        examples: dict of splits to how many examples they have.
        sizes: dict of what is measured ("width", "height", "tokens") to its smallest, middle and largest value.
        duplicates: of each pair of splits that has any.
        repeats: of each split that has an example twice; `first` and `second` are that split.
        name_of: function from a split and an index to what an example is called.
        broken: errors of examples that were left out, which name them.
        samples: function to a dict of class names to a few training examples, images or texts; of scenes the key is "", and the
            examples are pairs of an image and its mask of classes.
    """

    name: str
    unit: str
    class_names: list[str]
    counts: dict[str, list[int]]
    examples: dict[str, int]
    sizes: dict[str, tuple[int, int, int]]
    duplicates: list[Duplicates]
    repeats: list[Duplicates]
    name_of: Callable[[str, int], str]
    broken: list[str]
    samples: Callable[[], dict[str, list[Any]]]


def hash_of(array: np.ndarray) -> int:
    """A hash of 64 bits of the values and shape of an array."""
    return int.from_bytes(hashlib.blake2b(array.tobytes() + str(array.shape).encode(), digest_size=8).digest())


def image_marks(original: np.ndarray, image: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Of one image: a hash of its pixels, one that images alike share, and its thumbnail."""
    pixels = Image.fromarray(image)
    grey = np.asarray(pixels.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX), "int16")
    near = int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes())
    return hash_of(original), near, np.asarray(pixels.resize((SIDE, SIDE), Image.Resampling.BOX))


def image_mark_arrays(labels: np.ndarray) -> Marks:
    """Marks of images with these labels, to be filled."""
    count = len(labels)
    return Marks(np.zeros(count, "uint64"), np.zeros(count, "uint64"), labels, np.zeros((count, SIDE, SIDE, 3), "uint8"))


@functools.cache
def _separators():
    """A table for `str.translate`: punctuation and spaces become spaces; not emoji, nor marks that are a part of letters."""
    codes = range(sys.maxunicode + 1)
    return {code: " " for code in codes if unicodedata.category(chr(code))[0] in "PZ" or chr(code).isspace()}


def text_marks(texts: Sequence[str], labels: np.ndarray) -> Marks:
    """Marks of texts, or of pairs joined into one."""
    separators = _separators()
    near = [" ".join(text.casefold().translate(separators).split()) or text for text in texts]
    exact, alike = (pd.util.hash_array(np.array(part, object), categorize=False) for part in (texts, near))
    return Marks(exact, alike, labels)


def alike_names(names: Sequence[str]) -> list[list[str]]:
    """Names that differ in case and spaces alone, together."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
    return [alike for alike in found.values() if len(alike) > 1]


def middle(values: np.ndarray) -> tuple[int, int, int]:
    """Smallest, middle and largest of numbers."""
    return int(values.min()), int(np.median(values)), int(values.max())


def find_duplicates(marks: dict[str, Marks]) -> dict[str, list[Duplicates]]:
    """The `duplicates` and `repeats` of a card, the same or nearly."""
    pairs = {"duplicates": PAIRS, "repeats": tuple((split, split) for split in marks)}
    found = {name: [_between(*one, *map(marks.__getitem__, one)) for one in each] for name, each in pairs.items()}
    return {name: [one for one in each if one.exact or one.near] for name, each in found.items()}


def _between(first, second, marks, others):
    count = len(others.exact)
    before = np.arange(count) if first == second else np.full(count, len(marks.exact))  # within one split: earlier ones
    partner = _equal(marks.exact, others.exact, before)
    is_equal = partner >= 0
    rest = np.flatnonzero(~is_equal)
    if marks.thumbnails is None:
        partner[rest] = _equal(marks.near, others.near[rest], before[rest])
        is_equal = partner >= 0  # texts whose words are equal should have one class; images nearly the same may differ in it
    else:
        partner[rest] = _alike(marks, others.take(rest), before[rest])
    doubled = np.flatnonzero(partner >= 0)
    contradicts = is_equal[doubled] & (marks.labels[partner[doubled]] != others.labels[doubled])
    shown = doubled[np.argsort(~contradicts, kind="stable")][:SHOWN]
    pairs = [(int(partner[index]), int(index)) for index in shown]
    exact = count - len(rest)
    return Duplicates(first, second, exact, len(doubled) - exact, int(contradicts.sum()), pairs)


def _equal(values, others, before):
    """The first index in `values`, below `before`, of each of `others`; -1 where there is none."""
    if not len(values):
        return np.full(len(others), -1)
    order = np.argsort(values, kind="stable")
    found = order[np.minimum(np.searchsorted(values, others, sorter=order), len(values) - 1)]
    return np.where((values[found] == others) & (found < before), found, -1)


def _alike(marks, others, before):
    """The index of an image, below `before`, that is nearly each of the others; -1 where there is none."""
    partner = np.full(len(others.near), -1)
    for band in range(BANDS):
        hashes, wanted = (_from_band(near, band) for near in (marks.near, others.near))
        order = np.argsort(hashes, kind="stable")
        places = np.searchsorted(hashes, wanted, sorter=order)
        starts, ends = (np.searchsorted(hashes >> BAND, wanted >> BAND, side, sorter=order) for side in ("left", "right"))
        starts, ends = np.maximum(starts, places - NEAREST), np.minimum(ends, places + NEAREST)
        for index in np.flatnonzero((ends > starts) & (partner < 0)):
            candidates = order[starts[index] : ends[index]]
            is_near = np.bitwise_count(marks.near[candidates] ^ others.near[index]) <= BITS
            candidates = candidates[is_near & (candidates < before[index])]
            if len(candidates):
                apart = np.abs(marks.thumbnails[candidates].astype("int16") - others.thumbnails[index]).mean(axis=(1, 2, 3))
                if apart.min() <= ALIKE:
                    partner[index] = candidates[apart.argmin()]
    return partner


def _from_band(near, band):
    """Hashes that begin with this band."""
    turn = np.uint64(64 // BANDS * band)
    return near if not band else (near << turn) | (near >> (np.uint64(64) - turn))
