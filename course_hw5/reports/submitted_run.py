"""A run folder as it was handed in: read with nothing believed or executed, and its files compared with each other."""

import dataclasses
import math
import pathlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from course_hw5.errors import printable
from course_hw5.reports import run_folder

if TYPE_CHECKING:
    from course_hw5.reports import evaluation

FILES = ("config.json", "history.csv", "metrics.json", "confusion_matrix.csv", "model.keras")
VERDICTS = FOLLOWS, DIFFERS, NOT_CHECKED = "follows", "differs", "not checked"
PROBABILITY = 0.01  # difference of probabilities, rounding included
DERIVED = 1e-9  # what arithmetic on the same counts may differ by


class Verdict(NamedTuple):
    """What was found of one part of a run folder.

    Attributes:
        part: a file, or a part of one.
        verdict: "follows", "differs" or "not checked".
        detail: how it was checked, and what was expected and received where it differs.
    """

    part: str
    verdict: str
    detail: str

    def __str__(self):
        return printable(f"{self.verdict:<11}  {self.part}: {self.detail}")


@dataclasses.dataclass(frozen=True)
class SubmittedRun:
    """What a finished run folder says.

    Attributes:
        path: of the folder.
        config: the object in `config.json`.
        history: `history.csv`, a row per epoch.
        metrics: the object in `metrics.json`.
        matrix: `confusion_matrix.csv`, a row per true class.
        backups: dict of numbers of epochs to the files of their backups, in order.
    """

    path: pathlib.Path
    config: dict
    history: pd.DataFrame
    metrics: dict
    matrix: pd.DataFrame
    backups: dict[int, pathlib.Path]

    @property
    def is_segmenter(self) -> bool:
        return (self.path / "class_scores.csv").exists()

    def replayable(self, knows_start: bool) -> list[int]:
        """The epochs that can be trained again: those whose backup follows another, or, as it may be known, the start."""
        return [epoch for epoch in self.backups if epoch - 1 in self.backups or (epoch == 1 and knows_start)]


def read_run(run_dir: run_folder.AnyPath) -> SubmittedRun:
    """Reads what can be checked of a run folder. Loads no TensorFlow.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged.
    """
    path = run_folder.local_path(run_dir)
    if run_folder.is_pretraining(path):
        raise ValueError(f"The run must be of a classifier or a segmenter to be verified. Received: {path}, of pre-training")
    scores = "class_scores.csv" if (path / "class_scores.csv").exists() else "classification_report.json"
    run_folder.require_files(path, (*FILES, scores))
    parts: dict = {(name,): dict for name in ("settings", "arguments", "data", "model")}
    parts |= {("data", "class_names"): list, ("model", "precision"): str, ("model", "parameters"): int}
    config = run_folder.read_json(path / "config.json", parts)
    matrix, table = run_folder.read_matrix(path), path / "confusion_matrix.csv"
    if not matrix.to_numpy().any():
        raise ValueError(f"{table} must count examples. Received: zeros alone")
    if scores == "classification_report.json" and matrix.to_numpy().sum() > 1e8:
        raise ValueError(f"{table} must count 100 million examples or fewer. Received: {matrix.to_numpy().sum():,}")
    history = run_folder.read_history(path, ("epoch", "seconds")).apply(pd.to_numeric, errors="coerce")
    is_right = np.isfinite(history["epoch"]) & np.isfinite(history["seconds"]) & (history["seconds"] > 0)
    if not is_right.all():
        found = history.loc[~is_right, ["epoch", "seconds"]].iloc[0].to_dict()
        raise ValueError(f"{path / 'history.csv'} must number its epochs, with seconds above 0. Received: {found}")
    backups = {
        int(found[1]): file
        for file in sorted(path.glob("backup/*"))
        if (found := re.fullmatch(r"epoch-(\d{4})\.npz", file.name))
    }
    return SubmittedRun(path, config, history, run_folder.read_json(path / "metrics.json"), matrix, backups)


def check_files(run: SubmittedRun, epochs: int, examples: int) -> Iterator[Verdict]:
    """Compares the files of a run folder with each other.

    Args:
        run: of `read_run`.
        epochs: that were to be trained.
        examples: that an epoch reads.
    """
    numbers, seconds = run.history["epoch"].tolist(), run.history["seconds"]
    if len(numbers) == epochs and numbers == [*range(1, epochs + 1)]:
        yield Verdict("history.csv, rows", FOLLOWS, f"{epochs} rows, one for each epoch in order")
    else:
        yield Verdict("history.csv, rows", DIFFERS, f"must be {epochs} rows, epochs 1 to {epochs}. Received: {numbers!s:.80}")
    times = {"training_seconds": round(float(seconds.sum()), 1)}
    times["training_examples_per_second"] = round(examples / float(seconds.median()), 1)
    yield difference("metrics.json, times", times, run.metrics, "of history.csv's seconds")
    expected = _derived(run)
    yield difference("metrics.json, scores", expected.pop("metrics.json"), run.metrics, "of confusion_matrix.csv")
    for name, content in expected.items():
        if not (run.path / name).is_file():
            yield Verdict(name, NOT_CHECKED, "it is not there")
        elif isinstance(content, str):
            is_equal = (run.path / name).read_text(encoding="utf-8", errors="replace") == content
            detail = "of confusion_matrix.csv" if is_equal else "must be what confusion_matrix.csv gives"
            yield Verdict(name, FOLLOWS if is_equal else DIFFERS, detail)
        else:
            yield difference(name, content, _read(run.path / name), "of confusion_matrix.csv")


def check_accuracies(run: SubmittedRun, counts: dict[str, int]) -> Iterator[Verdict]:
    """Whether each accuracy in `history.csv` is a whole number of examples, divided by how many there are.

    Args:
        run: of `read_run`.
        counts: dict of columns to numbers of examples.
    """
    for name, count in counts.items():
        share = run.history.get(name, pd.Series(dtype="float64")).to_numpy("float64")
        is_count = (share >= 0) & (share <= 1) & (np.abs(share * count - np.round(share * count)) < 1e-6 * count)
        wrong = [f"{value} in row {row + 1}" for row, value in enumerate(share) if not is_count[row]]
        detail = f"each a whole number of {count:,} examples" + (f". Received: {', '.join(wrong[:3])}" if wrong else "")
        yield Verdict(f"history.csv, {name}", DIFFERS if wrong else FOLLOWS, detail)


def check_evaluation(run: SubmittedRun, found: "evaluation.Evaluation", share: float, least: int = 0) -> Iterator[Verdict]:
    """Compares the files of a run folder with what its model predicts.

    Args:
        run: of `read_run`.
        found: evaluation of its model.
        share: of the predictions that may differ, by rounding.
        least: how many may differ, however few there are.
    """
    yield difference("metrics.json, examples", {"examples": found.metrics["examples"]}, run.metrics, "of the test data")
    if [*run.matrix.index] != found.class_names or [*run.matrix.columns] != found.class_names:
        names = f"must have the classes {', '.join(found.class_names)}. Received: {', '.join(run.matrix.index)}"
        yield Verdict("confusion_matrix.csv", DIFFERS, names)
        return
    given, expected = run.matrix.to_numpy(), np.asarray(found.matrix)
    moved, allowed = int(np.abs(given - expected).sum() + 1) // 2, max(least, math.floor(share * expected.sum()))
    detail = f"{moved:,} of {expected.sum():,} predictions are not those of model.keras; {allowed:,} may be others"
    if (given.sum(1) != expected.sum(1)).any():
        detail += ", but true classes are counted otherwise, too"
        moved = allowed + 1
    yield Verdict("confusion_matrix.csv", FOLLOWS if moved <= allowed else DIFFERS, detail)
    if (run.path / "misclassified.json").is_file() and hasattr(found, "misclassified"):
        yield _check_misclassified(run.path / "misclassified.json", found.misclassified, allowed)


def _check_misclassified(path, found, allowed):
    """The examples that are shown, with their probabilities; of those as probable as the last others may be shown."""
    wrong, shown, expected = 0, 0, {cell: {number: row for _, number, _, row in rows} for cell, rows in found.items()}
    try:
        given = {(cell["true"], cell["predicted"]): cell["examples"] for cell in run_folder.read_list(path)}
        for cell, examples in given.items():
            for example in examples:
                row = expected.get(cell, {}).get(example["number"], [math.inf])
                is_equal = len(row) == len(example["probabilities"])
                wrong += not (is_equal and np.allclose(row, example["probabilities"], rtol=0, atol=PROBABILITY))
                shown += 1
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Verdict(path.name, DIFFERS, f"must hold cells with examples. Received: {run_folder.reason(error)}")
    missing = len({*expected} - {*given})
    detail = f"{wrong} of {shown} examples, and {missing} cells that are missing, are not those of model.keras"
    return Verdict(path.name, FOLLOWS if wrong + missing <= 2 * allowed else DIFFERS, detail)


def difference(part: str, expected: dict, received: dict, source: str) -> Verdict:
    """Whether each number of `expected` is in `received`; objects may lie in objects."""
    given = _flat(received)
    for name, value in _flat(expected).items():
        found = given.get(name)
        is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
        if not is_number or not (found == value or abs(found - value) <= DERIVED or (np.isnan(value) and np.isnan(found))):
            return Verdict(part, DIFFERS, f"{'.'.join(name)} must be {value}, {source}. Received: {found!r:.60}")
    return Verdict(part, FOLLOWS, source)


def not_checked(run: SubmittedRun, checked: dict[int, set[str]]) -> Iterator[Verdict]:
    """What is left of a run folder.

    Args:
        run: of `read_run`.
        checked: columns of `history.csv` that were checked, by epoch.
    """
    names, epochs = {*run.history.columns} - {"epoch", "seconds"}, {}
    for epoch in run.history["epoch"]:
        epochs.setdefault(", ".join(sorted(names - checked.get(epoch, set()))), []).append(str(epoch))
    for rest, numbers in epochs.items():
        if rest:
            reason = "there is no backup from which it could be computed, or it was not asked for"
            yield Verdict(f"history.csv, epoch {', '.join(numbers)}, {rest}", NOT_CHECKED, reason)
    part = "times of predictions, figures, pages, tensorboard"
    yield Verdict(part, NOT_CHECKED, "`course-hw5 page RUN` writes the page again")


def _flat(value, names=()):
    if isinstance(value, dict):
        return {key: one for name, part in value.items() for key, one in _flat(part, (*names, str(name))).items()}
    return {names: value}


def _read(path):
    if path.suffix == ".json":
        return run_folder.read_json(path)
    table = pd.read_csv(path, dtype={"class": str}, keep_default_na=False, na_values=[""], float_precision="round_trip")
    return {name: dict(enumerate(table[name])) for name in table if name != "class"}


def _derived(run):
    """What the confusion matrix alone gives: the content of files by name."""
    counts = run.matrix.to_numpy()
    if run.is_segmenter:
        from course_hw5.segmentation import metrics

        scores = metrics.class_scores(counts) | {"share": counts.sum(1) / counts.sum()}
        table = {name: dict(enumerate(map(float, values))) for name, values in scores.items()}
        return {"metrics.json": metrics.pixel_scores(counts), "class_scores.csv": table}
    from course_hw5.reports import classification_metrics

    true, predicted = (np.repeat(numbers.ravel(), counts.ravel()) for numbers in np.indices(counts.shape))
    result = classification_metrics.classification_result(true, predicted, [*run.matrix.index])
    files = {"classification_report.json": result.report, "classification_report.txt": result.text}
    return {"metrics.json": result.metrics} | files
