"""Callbacks for any `model.fit`: the figures of a run, redrawn while it runs.

A mistake in their arguments is a ValueError before training. Nothing else ends it: what cannot be drawn or written is one
warning, and training goes on.
"""

import re
import time
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd

from course_hw5.errors import is_whole, require
from course_hw5.reports import classification, classification_metrics, labelled_batches, plots, run_folder
from course_hw5.reports.evaluation import Writer, write_drawn


def main_metrics(logs: dict | None, model: keras.Model) -> dict:
    """Logs; where a model has several outputs, the metrics of the one named "predictions" without that prefix."""
    logs, names = logs or {}, getattr(model, "output_names", None) or ()
    if len(names) < 2 or "predictions" not in names:
        return dict(logs)
    shorter = {name: re.sub("^(val_)?predictions_", r"\1", name) for name in logs}
    return {short: logs[name] for name, short in shorter.items() if name == short or short not in ("loss", "val_loss")}


class RunCallback(keras.callbacks.Callback):
    """A callback that writes into a run folder. What it warns of is said once.

    Args:
        run_dir: folder for the files; created when missing.
        writer: a `tf.summary` writer that gets the same figures as images, or None.
    """

    def __init__(self, run_dir: run_folder.AnyPath, writer: Writer = None):
        super().__init__()
        self.run_dir, self.writer = run_folder.local_path(run_dir), writer
        self._said = set()

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.run_dir.mkdir(parents=True, exist_ok=True)


class HistoryPlots(RunCallback):
    """Appends `history.csv` and redraws `accuracy.png` (of segmenters: `mean_iou.png`, `pixel_accuracy.png`) and
    `loss.png`.

    A metric that is an array, such as `F1Score(average=None)`, has a column per class: `f1_score_0`, `f1_score_1`, ...
    The column `learning_rate` holds the rate at the end of each epoch.
    A run that goes on at a later epoch (`initial_epoch`, or a backup) keeps the rows before it; a run that starts at the
    first epoch starts the file anew.

    Args:
        run_dir: folder for the files; created when missing.
        writer: a `tf.summary` writer that gets the same figures as images, or None.

    Raises:
        ValueError: before the first epoch, if a run goes on and the `history.csv` in `run_dir` is damaged.
        OSError: before training, if the folder cannot be made.
    """

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin()
        self._history: pd.DataFrame | None = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self._history is None:
            self._history = pd.DataFrame()
            if epoch and (self.run_dir / "history.csv").exists():
                self._history = run_folder.read_history(self.run_dir, ("epoch",)).query("epoch <= @epoch")
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        row: dict[str, float] = {"epoch": epoch + 1}
        path = self.run_dir / "history.csv"
        for name, value in main_metrics(logs, self.model).items():
            with run_folder.going_on(f"{name} in {path}", self._said):
                values = np.asarray(value, "float64")
                values = values.ravel()[0] if values.size == 1 else values
                row |= {"_".join(map(str, (name, *index))): number for index, number in np.ndenumerate(values)}
        with run_folder.going_on(f"learning_rate in {path}", self._said):
            if (optimizer := getattr(self.model, "optimizer", None)) is not None:
                row["learning_rate"] = float(optimizer.learning_rate)
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        history = self._history = pd.concat([self._history, pd.DataFrame([row])], ignore_index=True)
        with run_folder.going_on(str(path), self._said):
            run_folder.write_text(path, history.to_csv(index=False))
        for metric in (metric for metric in run_folder.CURVES if metric in history):
            write_drawn(path.with_name(f"{metric}.png"), self.writer, epoch, self._said, plots.history_plot, history, metric)


class ClassificationReport(RunCallback):
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
        dataset: labelled_batches.LabelledData,
        class_names: classification_metrics.ClassNames,
        run_dir: run_folder.AnyPath,
        every: int = 0,
        writer: Writer = None,
        from_logits: bool | None = None,
        describe: Callable | None = None,
        steps: int | None = None,
    ):
        super().__init__(run_dir, writer)
        require("every", every, is_whole, "a whole number, 0 or more")
        self.dataset, self.class_names = dataset, classification_metrics.distinct_names(class_names)
        self.every, self.steps, self.from_logits, self.describe = every, steps, from_logits, describe
        self.result: classification_metrics.ClassificationResult | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        classification.check_data(self.model, self.class_names, self.dataset, self.steps)
        super().on_train_begin()
        self._epochs, self._reported = 0, None  # how many were trained, and how many when the last report was written

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
        found = classification.evaluate_classifier(self.model, self.dataset, self.class_names, *options)
        self.result = found.result
        found.write(self.run_dir, self.writer, epoch, said=self._said)
        return found.result
