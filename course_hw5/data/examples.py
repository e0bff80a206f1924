"""Labelled examples of a source of one's own, before any of them is decoded: where each is, its class, its split."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

SPLITS = ("train", "validation", "test")
TEST_SHARE = 0.2  # of a source that has no test set of its own, drawn alike whatever the seed is
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


class Source(Protocol):
    """Where examples are: each can be read at any time, by its position."""

    def name(self, position: int) -> str:
        """What an error calls the example."""

    def read(self, position: int) -> Any:
        """The example as it is stored: a path, the bytes of a file, a text."""


class Files:
    """Examples that are files; paths are strings."""

    def __init__(self, paths: Sequence[str]):
        self.paths = paths

    def name(self, position: int) -> str:
        return self.paths[position]

    read = name


@dataclasses.dataclass(frozen=True)
class Examples:
    """The examples of a split.

    Attributes:
        source: where they are.
        positions: int array `(examples,)`, of each in the source.
        labels: int64 array `(examples,)`, the class of each; with a teacher, float32 `(examples, classes)`.
    """

    source: Source
    positions: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.positions)

    def take(self, indices: np.ndarray) -> Examples:
        """Those of these indices."""
        return dataclasses.replace(self, positions=self.positions[indices], labels=self.labels[indices])

    def name(self, index: int) -> str:
        return self.source.name(int(self.positions[index]))

    def read(self, index: int) -> Any:
        return self.source.read(int(self.positions[index]))


@dataclasses.dataclass(frozen=True)
class Splits:
    """What a source holds.

    Attributes:
        parts: dict of the names of `SPLITS` that it has to `Examples`; "train" is always there.
        class_names: one name per class.
        name: of the source, for notes and errors.
    """

    parts: dict[str, Examples]
    class_names: list[str]
    name: str


def made_splits(name: str, sources: dict[str, Source], labels: dict[str, Sequence[str]]) -> Splits:
    """Numbers the classes by the labels of the training examples.

    Args:
        name: of the whole source.
        sources: dict of splits to what holds their examples, "train" among them.
        labels: dict of the same splits to the label of each example, a string.

    Raises:
        ValueError: if there are fewer than two classes, some labels are numbers and others words, or a split
            has a class that training lacks.
    """
    class_names = sorted_classes(name, {label for part in labels.values() for label in part}, {*labels["train"]})
    numbers = {label: number for number, label in enumerate(class_names)}
    parts = {}
    for split, source in sources.items():
        classes = np.array([numbers[label] for label in labels[split]], "int64")
        parts[split] = Examples(source, np.arange(len(classes)), classes)
    return Splits(parts, class_names, name)


def sorted_classes(name: str, labels: set[str], trained: set[str]) -> list[str]:
    """The classes in order, numbers by their values; raises ValueError as `made_splits`.

    Args:
        name: of the source.
        labels: all that occur.
        trained: those that occur in training.
    """
    numbers = {label for label in labels if NUMBER.fullmatch(label)}
    if numbers and numbers != labels:
        both = f"{min(numbers)!r} and {min(labels - numbers)!r}"
        raise ValueError(f"{name} must have labels that are all numbers or all words. Received: {both}")
    if missing := labels - trained:
        raise ValueError(f"{name} must train on each class that it tests. Received: {min(missing)!r}, which training lacks")
    require_classes(name, trained)
    return sorted(labels, key=(lambda label: (float(label), label)) if numbers else None)


def require_classes(name: str, class_names: Any) -> None:
    """Raises ValueError unless there are two classes or more."""
    if len(class_names) < 2:
        found = f"one alone, {min(class_names)!r}" if class_names else "none"
        raise ValueError(f"{name} must have two classes or more. Received: {found}")


def divided(splits: Splits, validation_split: float, seed: int) -> dict[str, Examples]:
    """All three splits: those that the source lacks are drawn from its training examples, a share of each class.

    Args:
        splits: what the source holds.
        validation_split: share of the training examples, in (0, 1).
        seed: decides the validation set; a test set that is drawn is the same for every seed.

    Raises:
        ValueError: if there are too few examples.
    """
    parts = dict(splits.parts)
    for split, share, drawn_by in (("test", TEST_SHARE, 0), ("validation", validation_split, seed)):
        if split not in parts:
            kept, held_out = split_classes(parts["train"].labels, share, drawn_by)
            parts[split], parts["train"] = parts["train"].take(held_out), parts["train"].take(kept)
    if not all(len(parts[split]) for split in SPLITS):
        found = sum(map(len, splits.parts.values()))
        raise ValueError(f"{splits.name} must hold enough examples for training, validation and test. Received: {found}")
    return {split: parts[split] for split in SPLITS}


def split_classes(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of examples, shuffled: those that stay, and a share of each class; of a class of one example it stays."""
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels, minlength=1)
    places = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    held = np.where(counts > 1, np.clip(np.round(counts * share), 1, counts - 1), 0)
    is_held = np.zeros(len(labels), bool)
    is_held[by_class[places < np.repeat(held, counts)]] = True
    return order[~is_held[order]], order[is_held[order]]
