"""Callbacks for any `model.fit`: the figures of a run, redrawn while it runs."""

import collections
import json
import pathlib
import time

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from PIL import Image

from course_hw5.attention import analysis
from course_hw5.attention.viewer import page as viewer
from course_hw5.evaluation import elements, metrics, plots, run_folder

MISTAKES_PER_CELL = 8


def main_metrics(logs):
    """Logs of a model with several outputs, the metrics of its output "scores" without that prefix."""
    return {
        name.replace("scores_", ""): value for name, value in logs.items() if name not in ("scores_loss", "val_scores_loss")
    }


class HistoryPlots(keras.callbacks.Callback):
    """Appends `history.csv` and redraws `accuracy.png` (of label maps: `mean_iou.png`, `pixel_accuracy.png`) and `loss.png`.

    A run that goes on at a later epoch (`initial_epoch`, or a backup) keeps the rows before it; a run that starts at the
    first epoch starts the file anew.

    Args:
        run_dir: folder for the files; created when missing.
        writer: a `tf.summary` writer that gets the same figures as images, or None.
    """

    def __init__(self, run_dir, writer=None):
        super().__init__()
        self.run_dir = pathlib.Path(run_dir)
        self.writer = writer
        self._started = time.perf_counter()

    def on_train_begin(self, logs=None):
        self.run_dir.mkdir(parents=True, exist_ok=True)

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        path = self.run_dir / "history.csv"
        row = {"epoch": epoch + 1} | {name: float(value) for name, value in main_metrics(logs or {}).items()}
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        history = pd.DataFrame([row])
        if epoch > 0 and path.exists():
            earlier = run_folder.read_history(self.run_dir)
            history = pd.concat([earlier[earlier["epoch"] <= epoch], history], ignore_index=True)
        run_folder.write_text(path, history.to_csv(index=False))
        for metric in run_folder.CURVES:
            if metric in history:
                figure = plots.history_plot(history, metric)
                run_folder.write_figure(self.run_dir / f"{metric}.png", figure)
                write_image(self.writer, metric, figure, epoch)


class TimeLapse(keras.callbacks.Callback):
    """Keeps, in a file of the run folder, what a model makes of the same few inputs before training and every few epochs.

    Subclasses name the `file` and give the `frames` of an epoch, dicts. After a resume, frames that come again are replaced.

    Args:
        run_dir: folder for the file.
        every: epochs from one look to the next; the last epoch is looked at too.
    """

    def __init__(self, run_dir, every):
        super().__init__()
        self.run_dir = pathlib.Path(run_dir)
        self.every = every

    def on_train_begin(self, logs=None):
        if not (self.run_dir / self.file).exists():
            self._write(0)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"]:
            self._write(epoch + 1)

    def _write(self, epoch):
        path = self.run_dir / self.file
        earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() and epoch else []
        kept = [frame for frame in earlier if frame["epoch"] < epoch]
        run_folder.write_json(path, kept + [{"epoch": epoch} | frame for frame in self.frames(epoch)])


class AttentionTimeLapse(TimeLapse):
    """Keeps what a classifier makes of the same few sentences or pictures before training and after every few epochs.

    Writes `attention.json` (answer, probability, each token's relevance for it) and, in `attention/`, one page of the viewer
    per source and epoch.

    Args:
        run_dir: folder for the files.
        sources: list of sentences, or dict of names to pictures `(height, width, 3)`, uint8.
        explain: function `(model, source)` to the dict that `head_view` or `patch_view` takes, such as `course_hw5.explain`.
        every: epochs from one look to the next.
    """

    file = "attention.json"

    def __init__(self, run_dir, sources, explain, every=1):
        super().__init__(run_dir, every)
        self.sources = sources if isinstance(sources, dict) else {source: source for source in sources}
        self.explain = explain

    def frames(self, epoch):
        (self.run_dir / "attention").mkdir(parents=True, exist_ok=True)
        for number, (name, source) in enumerate(self.sources.items()):
            explained = self.explain(self.model, source)
            view, frame = (_picture_frame if "image" in explained else _sentence_frame)(explained)
            page = f"attention/epoch-{epoch:04d}-{number}.html"
            html = view(**explained, title=f"{name} (after epoch {epoch})", html_action="return")
            run_folder.write_text(self.run_dir / page, html)
            yield {"name": name, **frame, "page": page}


def _sentence_frame(explained):
    relevance = analysis.token_relevance(explained["attention"], explained["gradients"])[0]
    return viewer.head_view, {
        "answer": explained.get("class_name", "probability"),
        "probability": round(explained["probability"], 4),
        "tokens": explained["tokens"],
        "relevance": [round(weight, 4) for weight in relevance.tolist()],
    }


def _picture_frame(explained):
    relevance = analysis.token_relevance(explained["attention"], explained["gradients"])[1:, 1:]
    answer, probability = explained["predictions"][0]
    heat = plots.heat_overlay(explained["image"], relevance.mean(axis=0).reshape(explained["grid"]))  # read from all patches
    return viewer.patch_view, {"answer": answer, "probability": round(probability, 4), "image": thumbnail(heat, side=96)}


class ClassificationReport(keras.callbacks.Callback):
    """Writes the report, the confusion matrix and the metrics of a classifier from one prediction pass.

    Files in `run_dir`: `classification_report.txt` and `.json`, `confusion_matrix.png` and `.csv`, `metrics.json`, and,
    for images and described inputs, `mistakes.json` with the most confident misclassified ones of each cell.

    Args:
        dataset: `tf.data.Dataset` or `keras.utils.PyDataset` of `(inputs, labels)` batches, or a pair of arrays. Labels are
            integers `(batch,)` or `(batch, 1)`, or one-hot `(batch, classes)`.
        class_names: one name per class.
        run_dir: folder for the files; created when missing.
        every: also report after each `every` epochs; 0 for the end of training only.
        writer: a `tf.summary` writer that gets the matrix as an image and the report as text, or None.
        from_logits: as in `course_hw5.evaluation.metrics.class_probabilities`.
        describe: function from one input to the text that stands for it in `mistakes.json`, where inputs are no images.
    """

    def __init__(self, dataset, class_names, run_dir, every=0, writer=None, from_logits=None, describe=None):
        super().__init__()
        if every < 0:
            raise ValueError(f"`every` must be 0 or more. Received: {every}")
        self.dataset = dataset
        self.class_names = [str(name) for name in class_names]
        self.run_dir = pathlib.Path(run_dir)
        self.every = every
        self.writer = writer
        self.from_logits = from_logits
        self.describe = describe
        self.result = None
        self._epoch = 0

    def on_train_begin(self, logs=None):
        check_class_names(self.model, self.class_names)

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        if self.every and self._epoch % self.every == 0:
            self.write()

    def on_train_end(self, logs=None):
        if not (self.every and self._epoch and self._epoch % self.every == 0):
            self.write()

    def write(self):
        """Predicts the data set once and writes all files; returns the `ClassificationResult`."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        labels, predicted, mistakes = self._predict()
        seconds = time.perf_counter() - started
        result = self.result = metrics.classification_result(labels, predicted, self.class_names)
        timing = {"prediction_seconds": round(seconds, 3), "prediction_examples_per_second": round(len(labels) / seconds, 1)}
        matrix = pd.DataFrame(result.matrix, index=self.class_names, columns=self.class_names)
        figure = plots.confusion_matrix_plot(result.matrix, self.class_names)
        run_folder.write_text(self.run_dir / "classification_report.txt", result.text)
        run_folder.write_json(self.run_dir / "classification_report.json", result.report)
        run_folder.write_text(self.run_dir / "confusion_matrix.csv", matrix.to_csv(index_label="true"))
        run_folder.write_figure(self.run_dir / "confusion_matrix.png", figure)
        run_folder.write_json(self.run_dir / "mistakes.json", mistakes)
        run_folder.write_json(self.run_dir / "metrics.json", result.metrics | timing)
        write_image(self.writer, "confusion_matrix", figure, self._epoch)
        if self.writer is not None:
            with self.writer.as_default(step=self._epoch):
                tf.summary.text("classification_report", "\n".join(f"    {line}" for line in result.text.splitlines()))
                for name, value in result.metrics.items():
                    tf.summary.scalar(f"report/{name}", value)
            self.writer.flush()
        return result

    def _predict(self):
        labels, predicted = [], []
        mistakes = collections.defaultdict(list)  # (true, predicted) -> [(confidence, number, input, probabilities)]
        for inputs, targets in _batches(self.dataset):
            probabilities = metrics.class_probabilities(self.model.predict_on_batch(inputs), self.from_logits)
            targets, choice = _class_indices(targets), probabilities.argmax(1)
            first = sum(map(len, labels))
            shown = np.asarray(inputs) if self.describe or _are_pictures(inputs) else None
            for index in np.flatnonzero(targets != choice) if shown is not None else ():
                cell = mistakes[int(targets[index]), int(choice[index])]
                confidence = probabilities[index, choice[index]]
                cell.append((confidence, first + index, shown[index].copy(), probabilities[index]))
                cell.sort(key=lambda mistake: -mistake[0])
                del cell[MISTAKES_PER_CELL:]
            labels.append(targets)
            predicted.append(choice)
        if not labels:
            raise ValueError("`dataset` must hold at least one batch. Received: none")
        cells = [
            {"true": true, "predicted": choice, "examples": [self._example(*mistake[1:]) for mistake in cell]}
            for (true, choice), cell in sorted(mistakes.items())
        ]
        return np.concatenate(labels), np.concatenate(predicted), cells

    def _example(self, number, input_, probabilities):
        """A misclassified example as JSON: its number in the data set, its picture or text, its probabilities."""
        shown = {"text": self.describe(input_)} if self.describe else {"image": thumbnail(input_)}
        return {"number": int(number), **shown, "probabilities": [round(float(p), 4) for p in probabilities]}


def check_class_names(model, class_names):
    """Raises ValueError unless there is one name per class of the model's output."""
    units = model.output_shape[-1]
    classes = 2 if units == 1 else units
    if len(class_names) != classes:
        raise ValueError(f"`class_names` must have {classes} names, as the model has classes. Received: {len(class_names)}")


def _batches(dataset, batch_size=256):
    if isinstance(dataset, keras.utils.PyDataset):
        return (dataset[index][:2] for index in range(dataset.num_batches))
    if isinstance(dataset, tf.data.Dataset):
        return (batch[:2] for batch in dataset)
    inputs, labels = dataset
    return ((inputs[i : i + batch_size], labels[i : i + batch_size]) for i in range(0, len(labels), batch_size))


def _class_indices(labels):
    labels = np.asarray(labels)
    if labels.ndim == 2:
        labels = labels.argmax(1) if labels.shape[1] > 1 else labels[:, 0]
    return labels.round().astype(int)


def _are_pictures(inputs):
    return getattr(inputs, "ndim", 0) == 4 and inputs.shape[-1] in (1, 3)


def thumbnail(picture, side=64):
    """A picture as the data URL of a PNG, `side` pixels at most."""
    if picture.dtype != np.uint8:  # floats: stretch to the visible range
        low, high = picture.min(), picture.max()
        picture = ((picture - low) / max(high - low, 1e-9) * 255).astype("uint8")
    image = Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture)
    image.thumbnail((side, side))
    return elements.image_url(image)


def write_image(writer, name, figure, step):
    """Gives a figure to a `tf.summary` writer, if there is one."""
    if writer is not None:
        with writer.as_default(step=step):
            tf.summary.image(name, plots.figure_pixels(figure))
        writer.flush()
