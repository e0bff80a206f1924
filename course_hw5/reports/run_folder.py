"""The run folder: opened for a new or a resumed run; each file written whole or not at all."""

import contextlib
import importlib.metadata
import json
import pathlib
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from course_hw5.files import AnyPath, atomic_write, local_path, write_text
from course_hw5.reports import fonts

# drawn against the epoch, each in a file of its name
CURVES = ("accuracy", "mean_iou", "pixel_accuracy", "masked_accuracy", "loss")
MOST = 1e12  # examples or pixels of a confusion matrix
ADVICE = "add --resume to go on or --overwrite to start anew"


@contextlib.contextmanager
def going_on(what: str, said: set[str]) -> Iterator[None]:
    """Turns an error of the block into one warning, for what is not worth ending a training.

    Args:
        what: the file or whatever else is lost, for the warning.
        said: set that remembers what was warned of, so that each loss is said once.
    """
    try:
        yield
    except Exception as error:
        if what not in said:
            warnings.warn(f"{what} was not written. {reason(error)}", stacklevel=4)
        said.add(what)


def reason(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), 'no message')}"


def lacks_safe_mode() -> str:
    """What is needed to load models of others; "" where it is there: safe mode had gaps (CVE-2025-8747, CVE-2025-9906)."""
    found = importlib.metadata.version("keras")
    is_new = tuple(map(int, found.split(".")[:2])) >= (3, 11)
    return "" if is_new else f"Keras 3.11 or later: before, a model could run code in safe mode. Received: {found}"


def write_json(path: AnyPath, value: object) -> None:
    """Writes `value` as indented JSON to `path` atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_figure(path: AnyPath, figure: Figure) -> None:
    """Saves a matplotlib figure to `path` atomically; the suffix decides the format."""
    with atomic_write(path) as partial, fonts.no_glyph_warnings():
        figure.savefig(partial, dpi=144)


def require_files(run_dir: pathlib.Path, names: Iterable[str]) -> None:
    """Raises FileNotFoundError unless a run folder holds all of these files."""
    if missing := [name for name in names if not (run_dir / name).is_file()]:
        raise FileNotFoundError(f"{run_dir} must hold a finished run. Received: no {', '.join(missing)}")


def read_json(path: AnyPath, required: dict | None = None) -> dict[str, Any]:
    """Reads an object from a JSON file.

    Args:
        path: the file.
        required: what must be there: the names that lead to a value, from outside to inside, to its type, `(int, float)` for
            any number.

    Raises:
        ValueError: if the file is damaged or lacks one of the names.
        OSError: if it cannot be read.
    """
    try:
        value = json.loads(local_path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} must hold JSON. Received: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} must hold a JSON object. Received: {type(value).__name__}")
    for names, kind in (required or {}).items():
        found: Any = value
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, kind) or isinstance(found, bool):
            received = "nothing" if found is None else repr(found)[:60]
            expected = getattr(kind, "__name__", "number")
            raise ValueError(f"{path} must hold {'.'.join(names)} as {expected}. Received: {received}")
    return value


def is_pretraining(run_dir: AnyPath) -> bool:
    """Whether a run is one of pre-training, by its `metrics.json`; it has neither classes nor a confusion matrix."""
    path = local_path(run_dir) / "metrics.json"
    return path.exists() and "masked_accuracy" in read_json(path)


def read_list(path: pathlib.Path) -> list[dict]:
    """Reads a list from a JSON file; an empty one where there is no file.

    Raises:
        ValueError: if the file is damaged.
        OSError: if it cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    except ValueError as error:
        raise ValueError(f"{path} must hold JSON. Received: {error}") from error
    if not isinstance(found, list):
        raise ValueError(f"{path} must hold a JSON list. Received: {type(found).__name__}")
    return found


def read_matrix(run_dir: AnyPath) -> pd.DataFrame:
    """Reads `confusion_matrix.csv` of a run folder.

    Returns:
        `pandas.DataFrame` of integers, 0 or more, a row per true and a column per predicted class, with the names of classes.

    Raises:
        ValueError: if the file is damaged, or holds something else.
        OSError: if it cannot be read.
    """
    path = local_path(run_dir) / "confusion_matrix.csv"
    try:
        matrix = pd.read_csv(path, index_col="true", dtype={"true": str}, keep_default_na=False, na_values=[""])
        is_square = matrix.shape[0] == matrix.shape[1] > 0
        is_counted = is_square and (matrix.dtypes == "int64").all() and (matrix >= 0).all(axis=None)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path} must hold a confusion matrix. Received: {reason(error)}") from error
    if not is_counted or matrix.to_numpy("float64").sum() >= MOST:
        received = "another number" if is_square else f"{matrix.shape[0]} rows and {matrix.shape[1]} columns"
        counts = "must hold counts from 0 to 1e12, as many rows as columns"
        raise ValueError(f"{path} {counts}. Received: {received}")
    return matrix


def read_history(run_dir: AnyPath, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Reads `history.csv` of a run folder with the very floats that were written.

    Returns:
        `pandas.DataFrame` with one row per epoch.

    Raises:
        ValueError: if the file is damaged, has no row, or lacks one of `columns` as numbers.
        OSError: if it cannot be read.
    """
    path = local_path(run_dir) / "history.csv"
    try:
        history = pd.read_csv(path, float_precision="round_trip")
    except ValueError as error:
        raise ValueError(f"{path} must hold a table. Received: {error}") from error
    numbers = history.select_dtypes("number").dropna(axis=1, how="all")
    if missing := [name for name in columns if name not in numbers]:
        raise ValueError(f"{path} must hold a row per epoch with numbers for {', '.join(columns)}. Received: no {missing[0]}")
    return history


def ensure_empty(run_dir: AnyPath, may_hold_files: bool = False, advice: str = ADVICE) -> bool:
    """Whether a run folder holds files.

    Raises:
        FileExistsError: if it does and must not, or is a file.
    """
    run_dir = local_path(run_dir)
    if run_dir.exists() and not run_dir.is_dir():
        raise FileExistsError(f"The run folder must be a folder. Received: the file {run_dir}")
    found = run_dir.is_dir() and any(run_dir.iterdir())
    if found and not may_hold_files:
        raise FileExistsError(f"The run folder {run_dir} holds files: {advice}")
    return found


def open_run(run_dir: pathlib.Path, config: dict[str, Any], resume: bool = False, overwrite: bool = False) -> None:
    """Makes a run folder with `config.json`, or checks that a run with the same config can go on in it.

    Raises:
        FileExistsError: if the folder holds files and neither `resume` nor `overwrite` is set.
        ValueError: if a run to be resumed was started with another config, or the folder holds no run.
        OSError: if the folder cannot be written.
    """
    if ensure_empty(run_dir, resume or overwrite):
        if not (run_dir / "config.json").exists():
            verb = "resumed" if resume else "overwritten"
            raise ValueError(f"The run folder {run_dir} must hold config.json to be {verb}. Received: no such file")
        if resume:
            check_same_settings(run_dir, {part: config[part] for part in ("settings", "arguments", "model")}, all_of_them=True)
            return
        shutil.rmtree(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_json(run_dir / "config.json", config)


def check_same_settings(run_dir: pathlib.Path, config: dict[str, Any], all_of_them: bool = False) -> None:
    """Raises ValueError where a run was started with other settings than those of `config`, or, on demand, has more."""
    started = read_json(run_dir / "config.json")
    for part, settings in config.items():
        for name in settings.keys() | (started[part].keys() if all_of_them else ()):
            before, now = started[part].get(name), settings.get(name)
            if before != now:
                raise ValueError(f"The run in {run_dir} was started with {name} = {before}. Received: {now}")
