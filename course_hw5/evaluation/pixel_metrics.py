"""Scores of label maps from one confusion matrix that is summed on the device, and the loss that goes with them.

Keras's own `MeanIoU` wants label maps of the logits' size and gives one number; here logits are enlarged to the labels, as the
benchmarks do, and one matrix answers for all scores.
"""

import keras
import numpy as np

from course_hw5.data.dataset import IGNORE_INDEX
from course_hw5.layers.resampling import resample


def confusion_matrix(labels, predicted, classes):
    """Counts pixels by true and predicted class.

    Args:
        labels, predicted: integer tensors of one shape. Pixels whose label is `IGNORE_INDEX` count nowhere.
        classes: number of classes.

    Returns:
        Integer tensor `(classes, classes)`, truth in rows.
    """
    labels, predicted = (keras.ops.reshape(keras.ops.cast(x, "int32"), (-1,)) for x in (labels, predicted))
    labels = keras.ops.where(labels == IGNORE_INDEX, classes, labels)  # a row that is no class's: all zeros
    truth, found = keras.ops.one_hot(labels, classes), keras.ops.one_hot(predicted, classes)
    return keras.ops.cast(keras.ops.matmul(keras.ops.transpose(truth), found), "int64")  # exact up to 16 million pixels


def class_scores(matrix):
    """Intersection over union, and accuracy, of each class.

    Args:
        matrix: array `(classes, classes)`, truth in rows.

    Returns:
        Dict of "iou" and "accuracy", float64 arrays `(classes,)`: NaN for a class that neither truth nor prediction has, and
        for the accuracy of one that truth has not.
    """
    matrix = np.asarray(matrix, "float64")
    hits, truth, found = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    with np.errstate(invalid="ignore"):
        return {"iou": hits / (truth + found - hits), "accuracy": hits / truth}


def pixel_scores(matrix):
    """The benchmark's numbers (Zhou et al. 2017): "mean_iou", "mean_accuracy" over classes, and "pixel_accuracy".

    A class that neither truth nor prediction has does not count.

    Raises:
        ValueError: if no pixel was counted.
    """
    if not np.sum(matrix):
        raise ValueError("There must be at least one pixel with a label. Received: none")
    scores = class_scores(matrix)
    return {
        "mean_iou": float(np.nanmean(scores["iou"])),
        "mean_accuracy": float(np.nanmean(scores["accuracy"])),
        "pixel_accuracy": float(np.trace(matrix) / np.sum(matrix)),
    }


class _PixelMetric(keras.metrics.Metric):
    """A score of logits `(batch, rows, columns, classes)` against labels `(batch, height, width)`."""

    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.matrix = self.add_variable((classes, classes), initializer="zeros", dtype="int64", name="matrix")

    def update_state(self, labels, logits, sample_weight=None):
        predicted = keras.ops.argmax(resample(logits, labels.shape[1:3]), axis=-1)
        self.matrix.assign_add(confusion_matrix(labels, predicted, self.classes))

    def get_config(self):
        return super().get_config() | {"classes": self.classes}


@keras.saving.register_keras_serializable("course_hw5")
class MeanIoU(_PixelMetric):
    """Mean intersection over union of the classes that truth or prediction has, as a metric for `compile`.

    Args:
        classes: number of classes.
    """

    def __init__(self, classes, name="mean_iou", **kwargs):
        super().__init__(classes, name=name, **kwargs)

    def result(self):
        matrix = keras.ops.cast(self.matrix, "float32")
        hits = keras.ops.diagonal(matrix)
        union = keras.ops.sum(matrix, axis=0) + keras.ops.sum(matrix, axis=1) - hits
        present = keras.ops.sum(keras.ops.cast(union > 0, "float32"))
        return keras.ops.sum(hits / keras.ops.maximum(union, 1.0)) / keras.ops.maximum(present, 1.0)


@keras.saving.register_keras_serializable("course_hw5")
class PixelAccuracy(_PixelMetric):
    """Share of pixels whose class is right, as a metric for `compile`; arguments as for `MeanIoU`."""

    def __init__(self, classes, name="pixel_accuracy", **kwargs):
        super().__init__(classes, name=name, **kwargs)

    def result(self):
        matrix = keras.ops.cast(self.matrix, "float32")
        return keras.ops.sum(keras.ops.diagonal(matrix)) / keras.ops.maximum(keras.ops.sum(matrix), 1.0)


@keras.saving.register_keras_serializable("course_hw5")
class PixelCrossentropy(keras.losses.Loss):
    """Mean cross-entropy of the pixels that have a label, logits enlarged to the labels.

    Labels: integers `(batch, height, width)`. Predictions: logits `(batch, rows, columns, classes)` of any size.
    """

    def call(self, labels, logits):
        logits = resample(keras.ops.cast(logits, "float32"), labels.shape[1:3])
        has_label = keras.ops.cast(labels != IGNORE_INDEX, "float32")
        one_hot = keras.ops.one_hot(keras.ops.cast(labels, "int32"), logits.shape[-1])  # all zeros where ignored
        total = -keras.ops.sum(one_hot * keras.ops.log_softmax(logits))
        return total / keras.ops.maximum(keras.ops.sum(has_label), 1.0)
