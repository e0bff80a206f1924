"""A run folder as the checks read it; whatever is missing in it is empty."""

import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np
import pandas as pd

from course_hw5.reports import run_folder
from course_hw5.reports.checks.bands import Interval, band_of

TRAINING_FILE = "training.json"  # what is recorded as a training begins
SCORES = ("accuracy", "mean_iou", "masked_accuracy", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")
RECORDED = f"{TRAINING_FILE} is missing or does not hold it"
# What a check can need, and why it is lacking.
NEEDS = {
    "history": "history.csv holds no epoch",
    "scores": "history.csv holds no accuracy or mean IoU of training and validation",
    "accuracy": "history.csv holds no accuracy of training and validation",
    "lead": "no band fits, and labels are mixed or not recorded, or there are fewer than three epochs",
    "loss": "history.csv holds no loss",
    "losses": "history.csv holds no loss of training and validation",
    "learning rate": "history.csv holds no learning_rate",
    "settings": "config.json is missing",
    "classes": "neither config.json nor confusion_matrix.csv holds the classes",
    "matrix": "confusion_matrix.csv is missing or counts nothing",
    "test": "metrics.json is missing or does not hold accuracy",
    "card": "data.json is missing, which only data of your own have",
    "labels": RECORDED,
    "second pass": RECORDED,
    "inputs": RECORDED,
    "first layer": RECORDED,
    "overlap": RECORDED,
    "parameters": RECORDED,
    "band": "no band fits",
    "model": "model.keras was not read",
    "outputs": "model.keras was not run",
}


@dataclasses.dataclass(frozen=True)
class ModelFacts:
    """What `examined_model` found of a trained model on a few examples.

    Attributes:
        broken: paths of weights that hold NaN or infinity.
        difference: the largest difference between the outputs for two examples; None where the model was not run.
        uniform: float `(layers, heads)`, total variation distance of the attention from uniform; empty without attention.
        change: float `(layers, heads)`, distance of the attention from its mean over all examples.
        not_run: why the model was not run; "" where it was.
    """

    broken: list[str]
    difference: float | None = None
    uniform: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0)))
    change: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0)))
    not_run: str = ""


@dataclasses.dataclass(frozen=True)
class RecordedRun:
    """What the files of a run folder hold.

    Attributes:
        folder: its path.
        config: `config.json`.
        history: `history.csv`, a row per epoch.
        metrics: `metrics.json`.
        training: `training.json`.
        card: `data.json`.
        matrix: `confusion_matrix.csv`, integers `(classes, classes)`, truth in rows; `(0, 0)` without the file.
        band: `Band`, what runs of the same kind reach; or None.
        model: `ModelFacts` of `model.keras`; or None.
    """

    folder: pathlib.Path
    config: dict[str, Any]
    history: pd.DataFrame
    metrics: dict[str, Any]
    training: dict[str, Any]
    card: dict[str, Any]
    matrix: np.ndarray
    band: Any = None  # a check that needs a band, or the model, is called only where there is one
    model: Any = None

    @property
    def settings(self) -> dict[str, Any]:
        """The `TrainingConfig`, {} where it is not recorded."""
        return self.config.get("settings") or {}

    @property
    def score(self) -> str:
        """Name of the score that is watched: "accuracy", "mean_iou"; "" where there is none."""
        return next((name for name in SCORES if {name, f"val_{name}"} <= {*self.history}), "")

    @property
    def class_names(self) -> list[str]:
        """One name per class; numbers where names are not recorded."""
        return (self.config.get("data") or {}).get("class_names") or [str(number) for number in range(len(self.matrix))]

    @property
    def class_shares(self) -> np.ndarray:
        """Share of the test data that each class has, or equal shares; empty where the classes are not known."""
        if self.matrix.sum():
            return self.matrix.sum(1) / self.matrix.sum()
        count = len(self.class_names)
        return np.full(count, 1 / max(1, count))

    @property
    def guess(self) -> float:
        """Accuracy of always giving the most frequent class; 1 where the classes are not known."""
        return float(self.class_shares.max(initial=0.0)) or 1.0

    @property
    def compared_epoch(self) -> int:
        """The last epoch that the run and its band have."""
        return min(len(self.history), self.band.epochs)

    def compared(self, name: str, before: int = 0) -> float:
        """A column of the history in that epoch, or that many epochs before it."""
        return float(self.history[name].iloc[self.compared_epoch - 1 - before])

    def usual_if_low(self, name: str) -> Interval | None:
        """What is usual of a score that is below the band; else None."""
        usual = self.band.interval(name, self.compared_epoch)
        return usual if usual and not self.compared(name) >= usual.low else None

    def usual(self, name: str) -> Interval | None:
        """What is usual of a metric after the last epoch; None where no band fits or has it."""
        return self.band and self.band.interval(name, len(self.history))

    def last(self, name: str, before: int = 0) -> float:
        """A column of the history in the last epoch, or that many epochs before it."""
        return float(self.history[name].iloc[-1 - before])

    @functools.cached_property
    def present(self) -> set[str]:
        """Which of `NEEDS` the run has."""
        columns = {*self.history} if len(self.history) else set()
        first_layer, inputs = (self.training.get(name) or {} for name in ("first_layer", "inputs"))
        found = {
            "history": columns,
            "scores": columns and self.score,
            "accuracy": columns and self.score not in ("", "mean_iou", "masked_accuracy"),
            "lead": columns and self.score and (self.usual("lead") or self._can_compare),
            "loss": "loss" in columns,
            "losses": {"loss", "val_loss"} <= columns,
            "learning rate": "learning_rate" in columns and self.history["learning_rate"].notna().all(),
            "settings": self.settings,
            "classes": len(self.class_shares),
            "matrix": self.matrix.sum(),
            "test": "accuracy" in self.metrics,
            "card": self.card,
            "labels": self.training.get("labels"),
            "second pass": self.training.get("labels_of_second_pass"),
            "inputs": inputs.get("channel_means"),
            "first layer": first_layer,
            "overlap": self.training.get("overlap"),
            "parameters": self.training.get("parameters"),
            "band": columns and self.band and self.score,
            "model": self.model,
            "outputs": self.model and not self.model.not_run,
        }
        return {name for name, is_there in found.items() if is_there}

    @property
    def _can_compare(self):
        """Whether validation can be compared with training without a band; mixed labels lower the training score."""
        return self.training.get("labels_are_mixed") is False and len(self.history) >= 3

    def lack(self, need: str) -> str:
        """Why the run has not one of `NEEDS`."""
        return self.model.not_run if need == "outputs" and self.model else NEEDS[need]


def read_run(run_dir: run_folder.AnyPath) -> RecordedRun:
    """Reads a run folder.

    Raises:
        FileNotFoundError: if it is no folder of a training.
        ValueError: if one of its files is damaged.
        OSError: if one cannot be read.
    """
    folder = run_folder.local_path(run_dir)
    files = {name: folder / f"{name}.json" for name in ("config", "metrics", "training", "data")}
    found = {name: run_folder.read_json(path) if path.exists() else {} for name, path in files.items()}
    history = pd.DataFrame()
    if (folder / "history.csv").exists():
        history = run_folder.read_history(folder)
        if wrong := _wrong_in(history):
            raise ValueError(f"{folder}/history.csv must hold a row of numbers for each epoch. Received: {wrong}")
    elif not found["training"]:
        raise FileNotFoundError(f"RUN must be the folder of a training. Received: {folder}, without history.csv")
    for name in ("accuracy", "examples", "examples_left_out"):
        value = found["metrics"].get(name, 0)
        if not isinstance(value, (int, float)) or not 0 <= value < run_folder.MOST:
            raise ValueError(f"{files['metrics']} must hold {name} as a number from 0 on. Received: {value!r:.60}")
    matrix = run_folder.read_matrix(folder).to_numpy() if (folder / "confusion_matrix.csv").exists() else np.zeros((0, 0))
    run = RecordedRun(folder, found["config"], history, found["metrics"], found["training"], found["data"], matrix)
    return dataclasses.replace(run, band=band_of(run.config))


def _wrong_in(history):
    if text := [name for name in history if not pd.api.types.is_numeric_dtype(history[name])]:
        return f"text in {text[0]}"
    if "epoch" not in history:
        return "no column epoch"
    if not len(history):
        return "no row"
    return "" if np.isfinite(history["epoch"]).all() else "an epoch that is NaN or infinite"
