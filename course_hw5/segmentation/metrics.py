"""Scores of segmentation masks from one confusion matrix.

Logits are enlarged to the labels, as the benchmarks do.
"""

import keras
import numpy as np
from jaxtyping import Float64, Integer

from course_hw5.data.dataset import IGNORE_INDEX
from course_hw5.layers.layer import Registered
from course_hw5.layers.resampling import resample


def confusion_matrix(labels: keras.KerasTensor, predicted: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    """Counts pixels by true and predicted class.

    Args:
        labels, predicted: integer tensors of one shape. Pixels whose label is `IGNORE_INDEX` count nowhere.
        num_classes: number of classes.

    Returns:
        Integer tensor `(num_classes, num_classes)`, truth in rows.
    """
    labels, predicted = (keras.ops.reshape(keras.ops.cast(x, "int32"), (-1,)) for x in (labels, predicted))
    labels = keras.ops.where(labels == IGNORE_INDEX, num_classes, labels)  # a row that is no class's: all zeros
    truth, found = keras.ops.one_hot(labels, num_classes), keras.ops.one_hot(predicted, num_classes)
    return keras.ops.cast(keras.ops.matmul(keras.ops.transpose(truth), found), "int64")  # exact up to 16 million pixels


def class_scores(matrix: Integer[np.ndarray, "classes classes"]) -> dict[str, Float64[np.ndarray, " classes"]]:
    """Intersection over union, and accuracy, of each class.

    Args:
        matrix: array `(num_classes, num_classes)`, truth in rows.

    Returns:
        Dict of "iou" and "accuracy", float64 arrays `(classes,)`: NaN for a class that neither truth nor prediction has, and
        for the accuracy of one that truth has not.
    """
    matrix = np.asarray(matrix, "float64")
    hits, truth, found = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    with np.errstate(invalid="ignore"):
        return {"iou": hits / (truth + found - hits), "accuracy": hits / truth}


def pixel_scores(matrix: Integer[np.ndarray, "classes classes"]) -> dict[str, float]:
    """The benchmark's numbers (Zhou et al. 2017): "mean_iou", "mean_accuracy" over classes, and "pixel_accuracy".

    A class that neither truth nor prediction has does not count.

    Raises:
        ValueError: if no pixel was counted.
    """
    if not np.sum(matrix):
        raise ValueError("There must be at least one pixel with a label. Received: none")
    means = {f"mean_{name}": float(np.nanmean(values)) for name, values in class_scores(matrix).items()}
    return means | {"pixel_accuracy": float(np.trace(matrix) / np.sum(matrix))}


class MeanIoU(Registered, keras.metrics.MeanIoU):
    """Keras's mean intersection over union, of logits that are enlarged to the labels.

    A class that neither truth nor prediction has does not count, nor does a pixel of `ignore_class`.

    Args:
        num_classes: number of classes.
        ignore_class: label that counts nowhere.
    """

    def __init__(self, num_classes: int, name: str = "mean_iou", ignore_class: int = IGNORE_INDEX, **kwargs):
        super().__init__(num_classes, name=name, ignore_class=ignore_class, **{"sparse_y_pred": False} | kwargs)

    def update_state(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight=None) -> None:
        """Counts labels `(batch, height, width)` and logits `(batch, rows, columns, num_classes)`."""
        return super().update_state(y_true, resample(y_pred, y_true.shape[1:3]), sample_weight)


class PixelAccuracy(MeanIoU):
    """Share of pixels whose class is right, as a metric for `compile`; arguments as for `MeanIoU`."""

    def __init__(self, num_classes: int, name: str = "pixel_accuracy", **kwargs):
        super().__init__(num_classes, name=name, **kwargs)

    def result(self) -> keras.KerasTensor:
        matrix = keras.ops.cast(self.total_cm, "float32")
        return keras.ops.sum(keras.ops.diagonal(matrix)) / keras.ops.maximum(keras.ops.sum(matrix), 1.0)
