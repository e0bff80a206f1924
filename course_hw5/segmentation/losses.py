"""The loss of segmenters, and weights for classes that have few pixels."""

from collections.abc import Sequence

import keras
import numpy as np

from course_hw5.data.dataset import IGNORE_INDEX
from course_hw5.errors import require
from course_hw5.layers.layer import Registered
from course_hw5.layers.resampling import resample

WEIGHTS = {
    "median": lambda shares: np.median(shares) / shares,
    "log": lambda shares: 1 / np.log(1.02 + shares),
    "sqrt": lambda shares: 1 / np.sqrt(np.log(1.02 + shares)),
}


def class_weights(pixels: Sequence[int], kind: str) -> list[float]:
    """Weights of classes for `PixelCrossentropy`: the fewer pixels a class has, the more each of them counts.

    Args:
        pixels: of each class, as in `Dataset.class_pixels`.
        kind: "median" for the median of all shares by the class's own share (Eigen and Fergus 2015,
            https://arxiv.org/abs/1411.4734, whose shares are of the images that show the class), "log" for
            1 / ln(1.02 + share), which differs less (ENet; Paszke et al. 2016, https://arxiv.org/abs/1606.02147), or "sqrt"
            for the square root of that, which differs least: fewer pixels are taken for a rare class.

    Returns:
        A float above 0 for each class; 1 for one without pixels.

    Raises:
        ValueError: if no class has pixels, or `kind` is none of these.
    """
    require("kind", kind, lambda kind: kind in WEIGHTS, f"one of {', '.join(WEIGHTS)}")
    counts = np.array(pixels, "float64")
    require("pixels", pixels, lambda _: counts.ndim == 1 and counts.sum() > 0, "how many pixels each class has")
    weights = np.ones(len(counts))
    weights[counts > 0] = WEIGHTS[kind](counts[counts > 0] / counts.sum())
    return weights.tolist()


class PixelCrossentropy(Registered, keras.losses.Loss):
    """Mean cross-entropy of the pixels that have a label, logits enlarged to the labels.

    `keras.losses.SparseCategoricalCrossentropy(ignore_class=255)` gives the same numbers, but XLA's program of it and its
    gradient takes 2.3 times as long.

    Labels: integers `(batch, height, width)`. Predictions: logits `(batch, rows, columns, num_classes)` of any size.

    Args:
        class_weights: how much a pixel of each class counts in the mean, `num_classes` floats above 0; None for all alike.
    """

    def __init__(self, class_weights: Sequence[float] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.class_weights = class_weights

    def call(self, labels: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        logits = resample(keras.ops.cast(logits, "float32"), labels.shape[1:3])
        one_hot = keras.ops.one_hot(keras.ops.cast(labels, "int32"), logits.shape[-1])  # all zeros where ignored
        if self.class_weights is None:
            count = keras.ops.maximum(keras.ops.sum(keras.ops.cast(labels != IGNORE_INDEX, "float32")), 1.0)
        else:
            one_hot *= keras.ops.convert_to_tensor(self.class_weights, "float32")
            count = keras.ops.maximum(keras.ops.sum(one_hot), keras.config.epsilon())
        return -keras.ops.sum(one_hot * keras.ops.log_softmax(logits)) / count

    def get_config(self) -> dict:
        return super().get_config() | {"class_weights": self.class_weights}
