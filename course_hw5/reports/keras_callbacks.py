"""Callbacks for any `model.fit`: the figures of a run, redrawn while it runs.

A mistake in their arguments is a ValueError before training. Nothing else ends it: what cannot be drawn or written is one
warning, and training goes on.
"""

import os
import re
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from course_hw5.errors import is_whole, require
from course_hw5.reports import classification_metrics, plots, predictions, run_folder
from course_hw5.reports.classification import evaluate_classifier, write_image
from course_hw5.reports.labelled_batches import LabelledData


def main_metrics(logs: dict | None, model: keras.Model) -> dict:
    """Logs; where a model has several outputs, the metrics of the one named "predictions" without that prefix."""
    logs, names = logs or {}, getattr(model, "output_names", None) or ()
    if len(names) < 2 or "predictions" not in names:
        return dict(logs)
    shorter = {name: re.sub("^(val_)?predictions_", r"\1", name) for name in logs}
    return {short: logs[name] for name, short in shorter.items() if name == short or short not in ("loss", "val_loss")}


class HistoryPlots(keras.callbacks.Callback):
    """Appends `history.csv` and redraws `accuracy.png` (of segmenters: `mean_iou.png`, `pixel_accuracy.png`) and
    `loss.png`.

    A metric that is an array, such as `F1Score(average=None)`, has a column per class: `f1_score_0`, `f1_score_1`, ...
    A run that goes on at a later epoch (`initial_epoch`, or a backup) keeps the rows before it; a run that starts at the
    first epoch starts the file anew.

    Args:
        run_dir: folder for the files; created when missing.
        writer: a `tf.summary` writer that gets the same figures as images, or None.

    Raises:
        ValueError: before the first epoch, if a run goes on and the `history.csv` in `run_dir` is damaged.
        OSError: before training, if the folder cannot be made.
    """

    def __init__(self, run_dir: str | os.PathLike, writer: tf.summary.SummaryWriter | None = None):
        super().__init__()
        self.run_dir = run_folder.local_path(run_dir)
        self.writer = writer
        self._started = time.perf_counter()
        self._history = None
        self._said = set()

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self._history = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self._history is None:
            self._history = self._earlier(epoch)
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        row: dict[str, float] = {"epoch": epoch + 1}
        for name, value in main_metrics(logs, self.model).items():
            with run_folder.going_on(f"{name} in {self.run_dir / 'history.csv'}", self._said):
                row |= _columns(name, value)
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        history = self._history = pd.concat([self._history, pd.DataFrame([row])], ignore_index=True)
        with run_folder.going_on(str(self.run_dir / "history.csv"), self._said):
            run_folder.write_text(self.run_dir / "history.csv", history.to_csv(index=False))
        for metric in run_folder.CURVES:
            if metric in history:
                with run_folder.going_on(str(self.run_dir / f"{metric}.png"), self._said):
                    figure = plots.history_plot(history, metric)
                    run_folder.write_figure(self.run_dir / f"{metric}.png", figure)
                    write_image(self.writer, metric, figure, epoch)

    def _earlier(self, epoch):
        if epoch == 0 or not (self.run_dir / "history.csv").exists():
            return pd.DataFrame()
        history = run_folder.read_history(self.run_dir, ("epoch",))
        return history[history["epoch"] <= epoch]


def _columns(name, value):
    value = np.asarray(value, "float64")
    if value.size == 1:
        return {name: value.item()}
    return {"_".join(map(str, (name, *index))): number for index, number in np.ndenumerate(value)}


class ClassificationReport(keras.callbacks.Callback):
    """Writes the report, the confusion matrix and the metrics of a classifier from one prediction pass.

    Files in `run_dir`: `classification_report.txt` and `.json`, `confusion_matrix.png` and `.csv`, `metrics.json`, and,
    for images and described inputs, `misclassified.json` with the most confident misclassified ones of each cell. Where
    examples have several labels (predicted: each above 0.5), there are neither matrix nor misclassified examples, and in place
    of "accuracy" `metrics.json` has "exact_match", the share of examples all of whose labels are right.
    Examples whose label is no class,
    or whose outputs are NaN, are left out; a warning and "examples_left_out" in `metrics.json` say so.

    Before training, the first batch is read and predicted, so that data which do not fit are refused then.

    Args:
        dataset: `tf.data.Dataset`, `keras.utils.PyDataset` or another object that yields the same batches `(inputs, labels)`
            or `(inputs, labels, sample_weights)` each time it is read, or a tuple of such arrays or pandas tables. Inputs can
            be dicts or tuples of arrays. Labels are integers `(batch,)` or `(batch, 1)`, or `(batch, classes)`: one-hot, or
            ones and zeros for several labels. Sample weights are not used.
        class_names: one name per class, or a dict of them by class number. Classes of one name get their numbers.
        run_dir: folder for the files; created when missing.
        every: also report after each `every` epochs; 0 for the end of training only.
        writer: a `tf.summary` writer that gets the matrix as an image and the report as text, or None.
        from_logits: as in `classification_metrics.class_probabilities`; None asks the loss of the model first.
        describe: function from one input to the text that stands for it in `misclassified.json`, where inputs are no images.
        steps: how many batches to read, for a repeated data set; None for all. Of a `tf.data.Dataset` of unknown length,
            100,000 are read at most.

    Raises:
        ValueError: before training, if the arguments, the model and the first batch do not fit together, or the data set has
            no end.
        OSError: before training, if the folder cannot be made.
    """

    def __init__(
        self,
        dataset: LabelledData,
        class_names: Sequence[str] | dict[int, str],
        run_dir: str | os.PathLike,
        every: int = 0,
        writer: tf.summary.SummaryWriter | None = None,
        from_logits: bool | None = None,
        describe: Callable | None = None,
        steps: int | None = None,
    ):
        super().__init__()
        require("every", every, is_whole, "a whole number, 0 or more")
        self.dataset = dataset
        self.class_names = classification_metrics.distinct_names(class_names)
        self.run_dir = run_folder.local_path(run_dir)
        self.every = every
        self.writer = writer
        self.from_logits = from_logits
        self.describe = describe
        self.steps = steps
        self.result: classification_metrics.ClassificationResult | None = None
        self._reported = None  # the number of epochs that the last report was of
        self._epochs = 0
        self._said = set()

    def on_train_begin(self, logs: dict | None = None) -> None:
        predictions.check_data(self.model, self.class_names, self.dataset, self.steps)
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self._epochs, self._reported = 0, None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._epochs = epoch + 1
        if self.every and self._epochs % self.every == 0:
            self._write_or_warn()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._reported != self._epochs:
            self._write_or_warn()

    def _write_or_warn(self):
        self._reported = self._epochs
        with run_folder.going_on(f"The report in {self.run_dir}", self._said):
            self.write(self._epochs)

    def write(self, epoch: int = 0) -> classification_metrics.ClassificationResult:
        """Predicts the data set once and writes all files.

        Args:
            epoch: the step for the writer.

        Returns:
            `ClassificationResult`.

        Raises:
            ValueError: if the data do not fit the model. What cannot be drawn is warned of.
            OSError: if a text file cannot be written.
        """
        options = self.steps, self.from_logits, self.describe
        evaluation = evaluate_classifier(self.model, self.dataset, self.class_names, *options)
        self.result = evaluation.result
        evaluation.write(self.run_dir, self.writer, epoch, said=self._said)
        return evaluation.result
