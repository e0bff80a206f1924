"""What was found on test data, and the one writer of its files."""

import dataclasses
import pathlib
from typing import TypeAlias

import numpy as np
import pandas as pd
import tensorflow as tf

from course_hw5.files import AnyPath
from course_hw5.reports import plots, run_folder

Writer: TypeAlias = "tf.summary.SummaryWriter | None"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What one pass over test data found; `write` puts it into a run folder.

    Attributes:
        class_names: one name per class.
        matrix: integers `(classes, classes)`, what was counted by true (rows) and predicted class; None where examples have
            several labels.
        scores: dict of numbers that TensorBoard gets.
        metrics: what `metrics.json` holds: the scores, the number of examples, seconds.
    """

    class_names: list[str]
    matrix: np.ndarray | None
    scores: dict[str, float]
    metrics: dict[str, float]

    def write(
        self, run_dir: AnyPath, writer: Writer = None, epoch: int = 0, more: dict | None = None, said: set | None = None
    ) -> dict:
        """Writes `metrics.json`, `confusion_matrix.csv` and `.png`, and what else there is of this kind of model.

        Args:
            run_dir: folder for the files; created when missing.
            writer: a `tf.summary` writer that gets the figures as images and the scores as scalars, or None.
            epoch: the step for the writer.
            more: further metrics for `metrics.json`.
            said: set that remembers what was warned of, so that each warning comes once.

        Returns:
            The dict of `metrics.json`.

        Raises:
            OSError: if a text file cannot be written. What cannot be drawn is warned of.
        """
        run_dir, said, metrics = run_folder.local_path(run_dir), set() if said is None else said, self.metrics | (more or {})
        run_dir.mkdir(parents=True, exist_ok=True)
        run_folder.write_json(run_dir / "metrics.json", metrics)
        table, drawn = run_dir / "confusion_matrix.csv", run_dir / "confusion_matrix.png"
        if self.matrix is not None:
            frame = pd.DataFrame(self.matrix, index=self.class_names, columns=self.class_names)
            run_folder.write_text(table, frame.to_csv(index_label="true"))
            write_drawn(drawn, writer, epoch, said, plots.confusion_matrix_plot, self.matrix, self.class_names)
        else:  # those of an earlier report
            table.unlink(missing_ok=True)
            drawn.unlink(missing_ok=True)
        self._write_more(run_dir, writer, epoch, said)
        with run_folder.going_on("The report for TensorBoard", said):
            if writer is not None:
                with writer.as_default(step=epoch):
                    self._summarize()
        return metrics

    def _write_more(self, run_dir, writer, epoch, said):
        """Writes what there is of one kind of model alone."""

    def _summarize(self):
        for name, value in self.scores.items():
            tf.summary.scalar(f"report/{name}", value)


def timing(examples: int, seconds: float, digits: int) -> dict[str, float]:
    """How long predictions took, for `metrics.json`."""
    return {"prediction_seconds": round(seconds, 3), "prediction_examples_per_second": round(examples / seconds, digits)}


def write_drawn(path: pathlib.Path, writer: Writer, step: int, said: set, draw, *arguments) -> None:
    """Writes the figure that `draw(*arguments)` returns, and gives it to a writer if there is one; a failure is one warning."""
    with run_folder.going_on(str(path), said):
        figure = draw(*arguments)
        run_folder.write_figure(path, figure)
        if writer is not None:
            with writer.as_default(step=step):
                tf.summary.image(path.stem, tf.image.decode_png(plots.figure_png(figure, dpi=100))[None])
