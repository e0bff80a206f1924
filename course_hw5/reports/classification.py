"""The classification report: predictions on a data set, scored once, and the one writer of its files."""

import dataclasses
import os
import time
import warnings
from collections.abc import Callable, Sequence

import keras
import pandas as pd
import tensorflow as tf

from course_hw5.reports import classification_metrics, labelled_batches, plots, predictions, run_folder


@dataclasses.dataclass(frozen=True)
class ClassificationEvaluation:
    """What `evaluate_classifier` found; `write` puts it into a run folder.

    Attributes:
        result: `ClassificationResult`: scores, report and matrix.
        class_names: one name per class.
        misclassified: dict of (true, predicted) to the most confident misclassified examples, as in `Predictions`.
        left_out: dict of reasons to counts of the examples that could not be compared.
        seconds: what the predictions took.
        describe: function from one input to the text that stands for it, or None.
    """

    result: classification_metrics.ClassificationResult
    class_names: list[str]
    misclassified: dict
    left_out: dict[str, int]
    seconds: float
    describe: Callable | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """Scores, the number of examples, seconds: what `metrics.json` holds."""
        left_out = {"examples_left_out": sum(self.left_out.values())} if self.left_out else {}
        timing = {
            "prediction_seconds": round(self.seconds, 3),
            "prediction_examples_per_second": round(self.result.metrics["examples"] / self.seconds, 1),
        }
        return self.result.metrics | left_out | timing

    def write(
        self,
        run_dir: str | os.PathLike,
        writer: tf.summary.SummaryWriter | None = None,
        epoch: int = 0,
        more: dict | None = None,
        said: set | None = None,
    ) -> dict:
        """Writes report, matrix, `metrics.json` and `misclassified.json`.

        Args:
            run_dir: folder for the files; created when missing.
            writer: a `tf.summary` writer that gets the matrix as an image and the report as text, or None.
            epoch: the step for the writer.
            more: further metrics for `metrics.json`.
            said: set that remembers what was warned of, so that each warning comes once.

        Returns:
            The dict of `metrics.json`.

        Raises:
            OSError: if a text file cannot be written. What cannot be drawn is warned of.
        """
        run_dir, said = run_folder.local_path(run_dir), set() if said is None else said
        run_dir.mkdir(parents=True, exist_ok=True)
        self._warn_of_left_out(said)
        values = self.metrics | (more or {})
        run_folder.write_text(run_dir / "classification_report.txt", self.result.text)
        run_folder.write_json(run_dir / "classification_report.json", self.result.report)
        run_folder.write_json(run_dir / "metrics.json", values)
        self._write_matrix(run_dir, writer, epoch, said)
        with run_folder.going_on(str(run_dir / "misclassified.json"), said):
            examples = predictions.examples_of(self.misclassified, self.describe)
            run_folder.write_json(run_dir / "misclassified.json", examples)
        with run_folder.going_on("The report for TensorBoard", said):
            self._summarize(writer, epoch)
        return values

    def _write_matrix(self, run_dir, writer, epoch, said):
        table, drawn = (run_dir / f"confusion_matrix.{kind}" for kind in ("csv", "png"))
        if self.result.matrix is None:
            for path in (table, drawn):
                path.unlink(missing_ok=True)  # of an earlier report
            return
        frame = pd.DataFrame(self.result.matrix, index=self.class_names, columns=self.class_names)
        run_folder.write_text(table, frame.to_csv(index_label="true"))
        with run_folder.going_on(str(drawn), said):
            figure = plots.confusion_matrix_plot(self.result.matrix, self.class_names)
            run_folder.write_figure(drawn, figure)
            write_image(writer, "confusion_matrix", figure, epoch)

    def _summarize(self, writer, epoch):
        if writer is None:
            return
        with writer.as_default(step=epoch):
            tf.summary.text("classification_report", "\n".join(f"    {line}" for line in self.result.text.splitlines()))
            for name, value in self.result.metrics.items():
                tf.summary.scalar(f"report/{name}", value)
        writer.flush()

    def _warn_of_left_out(self, said):
        for reason, count in self.left_out.items():
            if reason not in said:
                said.add(reason)
                total = self.result.metrics["examples"] + sum(self.left_out.values())
                warnings.warn(f"The report leaves out {count} of {total} examples: {reason}", stacklevel=4)


def evaluate_classifier(
    model: keras.Model,
    dataset: labelled_batches.LabelledData,
    class_names: Sequence[str] | dict[int, str],
    steps: int | None = None,
    from_logits: bool | None = None,
    describe: Callable | None = None,
) -> ClassificationEvaluation:
    """Predicts each example of a data set once and compares predictions with labels; writes nothing.

    Args: as for `course_hw5.ClassificationReport`.

    Raises:
        ValueError: if the data do not fit the model.
    """
    names, started = classification_metrics.distinct_names(class_names), time.perf_counter()
    found = predictions.predict(model, dataset, steps, from_logits, keep_inputs=bool(describe))
    seconds = time.perf_counter() - started
    compare = (
        classification_metrics.multilabel_result if found.labels.ndim == 2 else classification_metrics.classification_result
    )
    result = compare(found.labels, found.predicted, names)
    return ClassificationEvaluation(result, names, found.misclassified, found.left_out, seconds, describe)


def write_image(writer: tf.summary.SummaryWriter | None, name: str, figure: plots.Figure, step: int) -> None:
    """Gives a figure to a `tf.summary` writer, if there is one."""
    if writer is not None:
        with writer.as_default(step=step):
            tf.summary.image(name, plots.figure_pixels(figure))
        writer.flush()
