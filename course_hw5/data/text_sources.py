"""Texts of users as token ids: a table, a folder of tables, any text classification of TensorFlow Datasets."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from course_hw5.data import folders, records, tables
from course_hw5.data.card import SAMPLED_CLASSES, SAMPLES, DataCard, Marks, find_duplicates, middle, text_marks
from course_hw5.data.examples import SPLITS, Examples, Files, Splits, divided, require_classes, sorted_classes
from course_hw5.data.image_sources import LABEL_COLUMNS
from course_hw5.data.token_ids import Collector, TokenIds, tokenize
from course_hw5.text.encoding import text_of

TEXT_COLUMNS = ("text", "sentence", "review")
SAMPLED = 1000  # texts at the beginning of the source that are kept as they are, to be shown


class Block(NamedTuple):
    """Some texts of a source: the split, the text, the second one or None, and the label of each, strings."""

    splits: np.ndarray
    texts: list[str]
    others: list[str] | None
    labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class ReadTexts:
    """A source whose texts were each read once.

    Attributes:
        splits: `Splits`, whose examples are positions in `ids`.
        ids: token ids of all texts.
        first: the first texts, or pairs of them, as they were.
        marks: by what they are compared.
    """

    splits: Splits
    ids: TokenIds
    first: list[tuple[str, ...]]
    marks: Marks


def read_texts(source: str | pathlib.Path, columns: dict[str, str | None], tokenizer: Any, max_length: int, memory_gb: float):
    """Reads and tokenizes each text of a source once.

    Args:
        source: "tfds:NAME", or the path of a table or of a folder with the tables train, validation and test.
        columns: names of the columns, or features, "text", "other" and "label"; None for the usual ones, or no second text.
        tokenizer, max_length: as for `load_reviews`.
        memory_gb: size above which token ids go to a temporary file.

    Returns:
        `ReadTexts`.

    Raises:
        ValueError: if the source is none of these, a column or a cell is missing, or a class is missing or alone.
        OSError: if it cannot be read or downloaded.
    """
    name, class_names, blocks = _blocks(source, columns)
    ids, first, found = Collector(memory_gb), [], {}
    splits, labels, marks = [np.zeros(0, "int8")], [np.zeros(0, "int64")], []
    for block in blocks:
        ids.add(tokenize(block.texts, tokenizer, max_length, block.others))
        texts = [block.texts] if block.others is None else [block.texts, block.others]
        first += [*zip(*(part[: max(0, SAMPLED - len(first))] for part in texts))]
        codes, names = pd.factorize(block.labels)
        labels.append(np.array([found.setdefault(label, len(found)) for label in names], "int64")[codes])
        marks.append(text_marks(block.texts if block.others is None else [*map("\n".join, zip(*texts))], labels[-1]))
        splits.append(np.array([SPLITS.index(split) for split in block.splits], "int8"))
    all_ids, all_marks = ids.finish(), Marks(*(np.concatenate(part) for part in zip(*(mark[:3] for mark in marks))))
    made = _splits(name, class_names, [*found], np.concatenate(splits), np.concatenate(labels), all_ids)
    return ReadTexts(made, all_ids, first, all_marks)


def unlabelled_texts(
    source: str | pathlib.Path, columns: dict[str, str | None], validation_split: float, seed: int
) -> dict[str, list[str]]:
    """The texts of a source, by split. Labels are not needed; where each has one, the splits are those of `load_reviews`.

    Args:
        source: as for `read_texts`.
        columns: names of the columns, or features, "text" and "label"; None for the usual ones.
        validation_split: share of the training texts, in (0, 1), where the source has no validation set.
        seed: decides the validation set.

    Returns:
        Dict of "train", "validation" and "test" to strings.

    Raises:
        ValueError: if the source is none of these, or a column or a cell is missing.
        OSError: if it cannot be read or downloaded.
    """
    name, _, blocks = _blocks(source, columns | {"other": None}, needs_labels=False)
    read = [*blocks]
    texts = Files([text for block in read for text in block.texts])
    splits, labels = (np.concatenate([getattr(block, part) for block in read]) for part in ("splits", "labels"))
    codes, places = pd.factorize(labels)[0], {split: np.flatnonzero(splits == split) for split in SPLITS}
    parts = {split: Examples(texts, where, codes[where]) for split, where in places.items() if len(where)}
    found = divided(Splits(parts, [], name), validation_split, seed)
    return {split: [part.read(index) for index in range(len(part))] for split, part in found.items()}


def text_card(read: ReadTexts, parts: dict[str, Examples], tokenizer: Any) -> DataCard:
    """What is in a source of a user whose texts were read."""
    names, train = read.splits.class_names, parts["train"]

    def text(position):
        return " / ".join(read.first[position]) if position < len(read.first) else text_of(read.ids.read(position), tokenizer)

    def name_of(split, index):
        position = int(parts[split].positions[index])
        return f"{position + 1}: {text(position)[:80]} ({names[parts[split].labels[index]]})"

    def samples():
        shown = range(min(SAMPLED_CLASSES, len(names)))
        first = {number: train.positions[train.labels == number][:SAMPLES] for number in shown}
        return {names[number]: [text(int(position)) for position in positions] for number, positions in first.items()}

    return DataCard(
        name=read.splits.name,
        unit="texts",
        class_names=names,
        counts={split: np.bincount(part.labels, minlength=len(names)).tolist() for split, part in parts.items()},
        examples={split: len(part) for split, part in parts.items()},
        sizes={"tokens": middle(read.ids.lengths)},
        **find_duplicates({split: read.marks.take(part.positions) for split, part in parts.items()}),
        name_of=name_of,
        broken=[],
        samples=samples,
    )


def _splits(name, class_names, found, splits, labels, ids):
    """The splits and classes of labels that are numbers in `found`, names of classes."""
    trained = {found[code] for code in np.unique(labels[splits == 0])}
    class_names = class_names or sorted_classes(name, {*found}, trained)
    require_classes(name, trained)
    order = np.array([class_names.index(label) for label in found], "int64")
    positions = {split: np.flatnonzero(splits == number) for number, split in enumerate(SPLITS)}
    parts = {split: Examples(ids, where, order[labels[where]]) for split, where in positions.items() if len(where)}
    return Splits(parts, class_names, name)


def _blocks(source, columns, needs_labels=True):
    """The name of a source, its classes, or None where only its labels say which there are, and its texts."""
    if isinstance(source, str):
        return _tfds(source.removeprefix("tfds:"), columns)
    return source.resolve().name, None, _tables(source, columns, needs_labels)


def _tables(source, columns, needs_labels) -> Iterator[Block]:
    if source.is_file():
        return _table(source, columns, None, needs_labels)
    found = {path.name: path for path in sorted(source.iterdir()) if not folders.is_left_over(path.name)}
    named = folders.of_splits(source, {name: path for name, path in found.items() if path.suffix.lower() in tables.SUFFIXES})
    if "train" not in named:
        raise ValueError(f"{source} must hold a table train, such as train.csv. Received: {', '.join(found) or 'nothing'}")
    return (block for split, path in named.items() for block in _table(path, columns, split, needs_labels))


def _table(path, columns, split, needs_labels):
    text = tables.chosen_column(path, "--text-column", columns["text"], TEXT_COLUMNS)
    usual = LABEL_COLUMNS if needs_labels else (*LABEL_COLUMNS, text.lower())
    label = tables.chosen_column(path, "--label-column", columns["label"], usual)
    other = columns["other"] and tables.chosen_column(path, "--other-column", columns["other"], ())
    split_column = tables.split_column(path) if split is None else None
    for block in tables.rows(path, [text, other] if other else [text], label, split_column, needs_labels):
        splits = tables.row_splits(path, block[split_column]) if split_column else np.full(len(block), split or "train")
        others = block[other].tolist() if other else None
        labels = np.full(len(block), "") if label == text else block[label].str.strip().to_numpy()
        yield Block(np.asarray(splits), block[text].tolist(), others, labels)


def _tfds(name, columns):
    builder = records.open_builder(name)
    import tensorflow_datasets as tfds

    text = records.feature(name, builder, columns["text"], tfds.features.Text, "--text-column", 0)
    label = records.feature(name, builder, columns["label"], tfds.features.ClassLabel, "--label-column", 1)
    other = columns["other"] and records.feature(name, builder, columns["other"], tfds.features.Text, "--other-column", 0)
    class_names = np.array(records.label_names(name, builder, label), object)
    decoders = tfds.decode.PartialDecoding(dict.fromkeys(filter(None, (text, other, label)), True))
    options = {"read_config": tfds.ReadConfig(interleave_cycle_length=1), "decoders": decoders}

    def blocks():
        for split, stored in records.stored_splits(name, builder).items():
            for batch in tfds.as_numpy(builder.as_dataset(stored, **options).batch(records.BLOCK)):
                known = batch[label] >= 0  # a test set whose labels are kept secret has -1
                if known.any():
                    texts, others = (
                        [part.decode("utf-8", "replace") for part in batch[key][known]] if key else None
                        for key in (text, other)
                    )
                    yield Block(np.full(known.sum(), split), texts, others, class_names[batch[label][known]])

    return f"tfds:{name}", class_names.tolist(), blocks()
