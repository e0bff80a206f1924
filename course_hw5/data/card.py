"""What is in a data set: examples per class and split, sizes, what cannot be read, what stands in two splits."""

from __future__ import annotations

import dataclasses
import hashlib
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


class Marks(NamedTuple):
    """By what examples of a split are compared.

    `exact`: uint64 `(examples,)`, equal where examples are. `near`: uint64 `(examples,)`, of texts equal where they differ in
    case, spaces and punctuation alone; of images the signs of differences between neighbours (dHash). `thumbnails`: uint8
    `(examples, SIDE, SIDE, 3)`; None of texts.
    """

    exact: np.ndarray
    near: np.ndarray
    thumbnails: np.ndarray | None = None

    def take(self, indices: np.ndarray) -> Marks:
        """Those of these examples."""
        thumbnails = None if self.thumbnails is None else self.thumbnails[indices]
        return Marks(self.exact[indices], self.near[indices], thumbnails)


class Duplicates(NamedTuple):
    """Examples of the split `second` that `first` has, too: how many the same, how many nearly, and pairs of indices."""

    first: str
    second: str
    exact: int
    near: int
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
        name_of: function from a split and an index to what an example is called.
        broken: errors of examples that were left out, which name them.
        samples: function to a dict of class names to a few training examples, images or texts; of scenes the key is "".
    """

    name: str
    unit: str
    class_names: list[str]
    counts: dict[str, list[int]]
    examples: dict[str, int]
    sizes: dict[str, tuple[int, int, int]]
    duplicates: list[Duplicates]
    name_of: Callable[[str, int], str]
    broken: list[str]
    samples: Callable[[], dict[str, list[Any]]]


def image_marks(original: np.ndarray, image: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Of one image: a hash of its pixels, one that images alike share, and its thumbnail."""
    content = original.tobytes() + str(original.shape).encode()
    exact = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest())
    pixels = Image.fromarray(image)
    grey = np.asarray(pixels.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX), "int16")
    near = int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes())
    return exact, near, np.asarray(pixels.resize((SIDE, SIDE), Image.Resampling.BOX))


def image_mark_arrays(count: int) -> Marks:
    """Marks of so many images, to be filled."""
    return Marks(np.zeros(count, "uint64"), np.zeros(count, "uint64"), np.zeros((count, SIDE, SIDE, 3), "uint8"))


def text_marks(texts: Sequence[str]) -> Marks:
    """Marks of texts, or of pairs joined into one."""
    plain = pd.Series(texts, dtype=object)
    near = plain.str.casefold().str.replace(r"[\W_]+", " ", regex=True).str.strip()
    return Marks(*(pd.util.hash_array(part.to_numpy(object), categorize=False) for part in (plain, near)))


def middle(values: np.ndarray) -> tuple[int, int, int]:
    """Smallest, middle and largest of numbers."""
    return int(values.min()), int(np.median(values)), int(values.max())


def find_duplicates(marks: dict[str, Marks]) -> list[Duplicates]:
    """The examples that stand in two splits, the same or nearly."""
    found = (_between(first, second, marks[first], marks[second]) for first, second in PAIRS)
    return [duplicates for duplicates in found if duplicates.exact or duplicates.near]


def _between(first, second, marks, others):
    partner = _equal(marks.exact, others.exact)
    exact = int((partner >= 0).sum())
    rest = np.flatnonzero(partner < 0)
    are_texts = marks.thumbnails is None
    partner[rest] = _equal(marks.near, others.near[rest]) if are_texts else _alike(marks, others.take(rest))
    pairs = [(int(partner[index]), int(index)) for index in np.flatnonzero(partner >= 0)[:SHOWN]]
    return Duplicates(first, second, exact, int((partner >= 0).sum()) - exact, pairs)


def _equal(values, others):
    """The index in `values` of each of `others`; -1 where there is none."""
    if not len(values):
        return np.full(len(others), -1)
    order = np.argsort(values, kind="stable")
    places = np.minimum(np.searchsorted(values, others, sorter=order), len(values) - 1)
    return np.where(values[order[places]] == others, order[places], -1)


def _alike(marks, others):
    """The index of an image that is nearly each of the others; -1 where there is none.

    Only images are compared that share a part of the hash, so that time grows with their number and not with its square.
    """
    partner = np.full(len(others.near), -1)
    _, unique = np.unique(
        np.concatenate([marks.near[:, None], _as_numbers(marks.thumbnails)], axis=1), axis=0, return_index=True
    )
    for band in range(BANDS):
        keys, wanted = (_band(near, band) for near in (marks.near[unique], others.near))
        order = np.argsort(keys, kind="stable")
        starts, ends = (np.searchsorted(keys, wanted, side, sorter=order) for side in ("left", "right"))
        for index in np.flatnonzero((ends > starts) & (partner < 0)):
            candidates = unique[order[starts[index] : ends[index]]]
            candidates = candidates[np.bitwise_count(marks.near[candidates] ^ others.near[index]) <= BITS]
            if len(candidates):
                differences = np.abs(marks.thumbnails[candidates].astype("int16") - others.thumbnails[index]).mean(
                    axis=(1, 2, 3)
                )
                if differences.min() <= ALIKE:
                    partner[index] = candidates[differences.argmin()]
    return partner


def _as_numbers(thumbnails):
    return np.ascontiguousarray(thumbnails).reshape(len(thumbnails), 3 * SIDE**2).view("uint64")


def _band(near, band):
    return (near >> np.uint64(16 * band)) & np.uint64(0xFFFF)
