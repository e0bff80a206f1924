"""Tables of users, a block of rows at a time: CSV, TSV and JSON lines in UTF-8. Loads no TensorFlow."""

import itertools
import json
import pathlib
import re
import warnings
from collections.abc import Iterator, Sequence

import pandas as pd

from course_hw5.data import folders
from course_hw5.errors import first_line

SUFFIXES = (".csv", ".tsv", ".jsonl")
ROWS = 50_000  # in a block
NO_LABEL = ("nan", "NaN")  # what other programs write of a label that is missing


def column_names(path: pathlib.Path) -> list[str]:
    """The columns of a table, without spaces around them: of JSON lines the keys of the first row.

    Raises:
        ValueError: if the file is empty, no table, or not in UTF-8.
    """
    return [*next(_blocks(path, None, 1)).columns]


def chosen_column(path: pathlib.Path, option: str, given: str | None, usual: Sequence[str]) -> str:
    """The column of that name, or else the first of the `usual` ones that is there, in capital letters or not.

    Raises:
        ValueError: if there is none; says which there are, and `option`, which chooses one.
    """
    names = column_names(path)
    found = given if given in names else None
    if given is None:
        found = next((name for wanted in usual for name in names if name.lower() == wanted), None)
    if found is None:
        expected = f"the column {given}" if given is not None else f"a column {' or '.join(usual)}, or one that {option} names"
        raise ValueError(f"{path} must have {expected}. Received: {', '.join(map(str, names))}")
    return found


def rows(
    path: pathlib.Path, inputs: Sequence[str], label: str, split: str | None, needs_labels: bool = True
) -> Iterator[pd.DataFrame]:
    """Blocks of the rows of a table, of some of its columns, as strings.

    Args:
        path: of the table.
        inputs: columns of texts or paths.
        label: the column of labels.
        split: that which says of each row to which split it belongs, or None.
        needs_labels: whether a row without a label is refused; else its label is "".

    Raises:
        ValueError: if the file is not in UTF-8, a row has another number of columns, or a cell is missing; says which.
    """
    first = 1
    for block in _blocks(path, [*dict.fromkeys((*inputs, label, split) if split else (*inputs, label))], ROWS):
        empty = block.isna() | block.apply(lambda column: column.str.strip() == "")
        empty[label] |= block[label].str.strip().isin(NO_LABEL)
        if not needs_labels and label not in inputs:
            block.loc[empty[label], label] = ""
            empty[label] = False
        if empty.any(axis=None):
            row = int(empty.any(axis=1).to_numpy().argmax())
            column = block.columns[empty.iloc[row].to_numpy().argmax()]
            raise ValueError(f"{path} must have a value in each cell. Received: none in row {first + row}, column {column}")
        first += len(block)
        yield block


def row_splits(path: pathlib.Path, column: pd.Series) -> pd.Series:
    """The split of each row, from what the column "split" says.

    Raises:
        ValueError: if it says something else.
    """
    names = column.str.strip().str.lower().map(folders.SPLIT_NAMES)
    if names.isna().any():
        raise ValueError(
            f"{path} must say train, validation or test in the column split. Received: {column[names.isna()].iloc[0]!r}"
        )
    return names


def split_column(path: pathlib.Path) -> str | None:
    """The column that says of each row to which split it belongs, or None."""
    return next((name for name in column_names(path) if name.lower() == "split"), None)


def read_lines(path: pathlib.Path) -> list[str]:
    """The lines of a text file in UTF-8 that are not empty.

    Raises:
        ValueError: if it is not in UTF-8.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a text in UTF-8. Received: other bytes after {error.start:,}") from error


def _blocks(path, columns, count):
    try:
        yield from _objects(path, columns, count) if path.suffix.lower() == ".jsonl" else _lines(path, columns, count)
    except UnicodeDecodeError as error:
        found = f"the byte {error.object[error.start : error.start + 1].hex()} after {error.start:,} others"
        raise ValueError(f"{path} must be a text in UTF-8. Received: {found}") from error
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path} must be a table with names of columns. Received: an empty file") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{path} must have as many columns in each row. Received: {first_line(error)}") from error


def _lines(path, columns, count):
    with open(path, encoding="utf-8-sig") as file:
        head = re.sub(r'"[^"]*"', "", file.readline())
    separator = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=head.count)
    options = {"sep": separator, "dtype": str, "keep_default_na": False, "encoding": "utf-8-sig", "index_col": False}
    options |= {"skipinitialspace": True, "usecols": columns and (lambda name: name.strip() in columns)}
    with (
        warnings.catch_warnings(action="error", category=pd.errors.ParserWarning),  # of a first row that is too long
        pd.read_csv(path, chunksize=count, **options) as blocks,
    ):
        for block in blocks:
            if block.empty:
                raise ValueError(f"{path} must have rows below the names of its columns. Received: none")
            yield block.rename(columns=str.strip)


def _objects(path, columns, count):
    with open(path, encoding="utf-8-sig") as file:
        numbered = ((number, line) for number, line in enumerate(file, 1) if line.strip())
        if not (block := [*itertools.islice(numbered, count)]):
            raise ValueError(f"{path} must have an object in each line. Received: an empty file")
        while block:
            yield pd.DataFrame([_row(path, number, line, columns) for number, line in block], columns=columns, dtype=object)
            block = [*itertools.islice(numbered, count)]


def _row(path, number, line, columns):
    """Cells of a line as strings; None for those that are missing."""
    try:
        row = json.loads(line)
        cells = {name: row.get(name) for name in (row if columns is None else columns)}
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} must have a JSON object in each line. Received: {line.strip()!r:.60}, line {number}"
        ) from error
    return {name: _text(cell) for name, cell in cells.items()}


def _text(cell):
    if isinstance(cell, str):
        return cell.encode("utf-8", "replace").decode()  # JSON may hold half a character
    return None if cell is None or cell != cell else json.dumps(cell, ensure_ascii=False)
