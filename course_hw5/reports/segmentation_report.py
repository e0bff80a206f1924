"""What a segmenter makes of scenes: its report on test data, and the same few images as training goes."""

import dataclasses
import time
from collections.abc import Iterable, Iterator, Sequence

import keras
import matplotlib.patches
import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from course_hw5.data.dataset import IGNORE_INDEX, Dataset
from course_hw5.reports import classification_metrics, evaluation, fonts, plots, run_folder, time_lapse
from course_hw5.reports.pages import components
from course_hw5.segmentation import masks, metrics
from course_hw5.segmentation.segmenter import SceneSegmenter

Masks = Sequence[masks.Mask] | None

SHOWN = 4  # images in the gallery
MOST = 14  # classes in its legend
STRIP_NUMBERS = 2e7  # pixels times classes that are counted at once


@dataclasses.dataclass(frozen=True)
class SceneEvaluation(evaluation.Evaluation):
    """What `evaluate_segmenter` found. `write` also writes `class_scores.csv` (IoU, accuracy and share of the pixels of each
    class) and `gallery.png` (figures 7 and 8 of the homework).

    Attributes:
        shown: image, labels and prediction of a few test images.
    """

    shown: list[tuple[np.ndarray, np.ndarray, np.ndarray]]

    def _write_more(self, run_dir, writer, epoch, said):
        scores = pd.DataFrame(metrics.class_scores(self.matrix), index=self.class_names)
        scores["share"] = self.matrix.sum(1) / self.matrix.sum()
        run_folder.write_text(run_dir / "class_scores.csv", scores.to_csv(index_label="class"))
        evaluation.write_drawn(run_dir / "gallery.png", writer, epoch, said, gallery, *zip(*self.shown), self.class_names)


def evaluate_segmenter(segmenter: SceneSegmenter, data: Dataset) -> SceneEvaluation:
    """Segments each test image of a data set once, at its own size, and counts its pixels; writes nothing.

    Args:
        segmenter: a `SceneSegmenter`.
        data: a `Dataset`, or anything with `test`, images and their labels one by one, and `class_names`.

    Raises:
        ValueError: if an image's labels have another size, the data have more classes than the segmenter, or no end.
    """
    check_classes(segmenter.num_classes, data.class_names)
    check_end(data.test, "test")
    matrix, shown, seconds = np.zeros((segmenter.num_classes,) * 2, "int64"), [], 0.0
    for number, (image, labels) in enumerate(data.test):
        image, labels = np.asarray(image), np.asarray(labels)
        _check_labels(labels, image, segmenter.num_classes, number)
        started = time.perf_counter()
        predicted = np.asarray(segmenter.segment(image))
        seconds += time.perf_counter() - started
        matrix += counted(labels, predicted, segmenter.num_classes)
        if len(shown) < SHOWN and number % max(1, int(data.test.cardinality()) // SHOWN) == 0:
            shown.append((image, labels, predicted))
    names = segmenter.class_names if data.class_names[0].isdecimal() else data.class_names
    scores = metrics.pixel_scores(matrix)
    tested = scores | {"examples": number + 1} | evaluation.timing(number + 1, seconds, digits=2)
    return SceneEvaluation(classification_metrics.distinct_names(names), matrix, scores, tested, shown)


def _check_labels(labels, image, num_classes, number):
    if image.shape[:2] != labels.shape:
        raise ValueError(f"Labels must have the size of image {number}, {image.shape[:2]}. Received: {labels.shape}")
    wrong = labels[(labels >= num_classes) & (labels != IGNORE_INDEX)]
    if len(wrong):
        expected = f"lie in [0, {num_classes - 1}], or be {IGNORE_INDEX}"
        raise ValueError(f"Labels of image {number} must {expected}. Received: {wrong[0]}")


def counted(labels: masks.Mask, predicted: masks.Mask, num_classes: int) -> np.ndarray:
    """The confusion matrix of any image, int64 `(num_classes, num_classes)`, counted on the device strip by strip."""
    strips = max(1, round(labels.size * num_classes / STRIP_NUMBERS))
    parts = zip(np.array_split(labels, strips), np.array_split(predicted, strips))
    return sum(keras.ops.convert_to_numpy(metrics.confusion_matrix(*part, num_classes)).astype("int64") for part in parts)


def check_classes(num_classes: int, class_names: Sequence[str]) -> None:
    """Raises ValueError unless there is one name per class."""
    if len(class_names) != num_classes:
        raise ValueError(f"The data must have {num_classes} classes, as the model has. Received: {len(class_names)}")


def check_end(data: tf.data.Dataset, split: str) -> None:
    """Raises ValueError if a data set repeats for ever."""
    if int(data.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise ValueError(f"The {split} data must come to an end: leave out .repeat(). Received: an endless data set")


def gallery(images: Sequence[masks.RgbImage], true_masks: Masks, predictions: Masks, class_names: Sequence[str]) -> Figure:
    """Draws images beside their segmentation masks: annotated (figure 7 of the homework) and predicted (figure 8).

    Args:
        images: uint8 arrays `(height, width, 3)`, of any sizes.
        true_masks: integer arrays `(height, width)`, one per image; or None.
        predictions: likewise; or None.
        class_names: one string per class.

    Returns:
        `matplotlib.figure.Figure`: a row per image, and a legend of the 14 classes with the largest shares.

    Raises:
        ValueError: if there is not one mask per image, or one has another size or labels that are no class.
    """
    given = {"image": images, "annotation": true_masks, "prediction": predictions}
    columns = {title: list(maps) for title, maps in given.items() if maps is not None}
    for title, maps in columns.items():
        if len(maps) != len(columns["image"]) or not maps:
            raise ValueError(f"There must be one {title} per image, of {len(columns['image'])}. Received: {len(maps)}")
        for number, (image, mask) in enumerate(zip(columns["image"], maps)):
            size, found = np.shape(image)[:2], np.shape(mask)[:2]
            if size != found:
                raise ValueError(f"The {title} of image {number} must have its size, {size}. Received: {found}")
    rows, count = len(columns["image"]), len(class_names)
    shape = columns["image"][0].shape
    size = (4 * len(columns), 0.9 + 4 * shape[0] / shape[1] * rows)
    figure, axes = plots.subplots(rows, len(columns), figsize=size, style=None, squeeze=False)
    for (title, maps), column in zip(columns.items(), axes.T):
        column[0].set_title(title)
        for image, labels, panel in zip(columns["image"], maps, column):
            panel.imshow(image if title == "image" else masks.colored(labels, count))
            panel.set_axis_off()
    flat = [np.ravel(labels) for title, labels_of in columns.items() if title != "image" for labels in labels_of]
    entries = masks.legend(np.concatenate(flat), class_names) if flat else []
    shown = [(entry.color, f"{fonts.plain(entry.name)} {entry.share:.0%}") for entry in entries[:MOST]]
    if any((mask == IGNORE_INDEX).any() for mask in flat):
        shown.append((masks.GREY, "no label"))
    handles = [matplotlib.patches.Patch(color=(*np.array(color) / 255,), label=label) for color, label in shown]
    if handles:
        ncols = fonts.columns_of_legend([label for _, label in shown], figure.get_figwidth(), most=6)
        figure.legend(handles=handles, loc="outside lower center", ncols=ncols, frameon=False)
    fonts.use_installed_fonts(figure)
    return figure


class SceneTimeLapse(time_lapse.TimeLapse):
    """Keeps what a segmenter makes of the same few images before training and after every few epochs, in `scenes.json`.

    Args:
        run_dir: folder for the file.
        scenes: list of pairs, image `(height, width, 3)` and segmentation mask `(height, width)`, uint8.
        every: epochs from one look to the next.
    """

    file = "scenes.json"

    def __init__(self, run_dir: run_folder.AnyPath, scenes: Iterable[tuple[masks.RgbImage, masks.Mask]], every: int = 4):
        super().__init__(run_dir, every)
        self.scenes = [(np.asarray(image), np.asarray(labels)) for image, labels in scenes]

    def frames(self, epoch: int) -> Iterator[dict]:
        segmenter = SceneSegmenter(self.model)
        predictions = segmenter.segment([image for image, _ in self.scenes])
        for number, ((image, labels), predicted) in enumerate(zip(self.scenes, predictions)):
            accuracy = round(metrics.pixel_scores(counted(labels, predicted, segmenter.num_classes))["pixel_accuracy"], 4)
            shown = {"name": f"image {number + 1}", "answer": "pixel accuracy", "probability": accuracy}
            yield shown | {"image": components.thumbnail(masks.overlay(image, predicted), side=200)}
