"""Maps to another size: bilinear interpolation and average pooling, each as two small matrix products.

Both are linear along each axis, so one constant matrix per axis says all. XLA compiles that on every device, forth and back;
the resizing operations of TensorFlow it compiles slowly or not at all. Keras 3.10 has no `AdaptiveAveragePooling2D` yet.
"""

from collections.abc import Callable

import keras
import numpy as np
from jaxtyping import Float

from course_hw5.layers.layer import Grid, Layer, Shape, Tensor


class Resampling(Layer):
    """Resizes maps.

    Args:
        size: `(rows, columns)` of the result.
        kind: "bilinear", between pixel centres and repeated at the border (PyTorch's `align_corners=False`), or "average",
            where each result is the mean of the pixels that it covers (PyTorch's adaptive average pooling).

    Input: `(batch, rows, columns, channels)`. Output: `(batch, *size, channels)`.
    """

    def __init__(self, size: Grid, kind: str = "bilinear", **kwargs):
        super().__init__(**kwargs)
        if kind not in WEIGHTS:
            raise ValueError(f"`kind` must be one of {', '.join(WEIGHTS)}. Received: {kind!r}")
        self.size, self.kind = (size[0], size[1]), kind

    def call(self, maps: Tensor) -> Tensor:
        return resample(maps, self.size, self.kind)

    def compute_output_shape(self, maps_shape: Shape) -> Shape:
        return (maps_shape[0], *self.size, maps_shape[-1])


def resample(maps: Tensor, size: Grid, kind: str = "bilinear") -> Tensor:
    """What `Resampling` does, as a function; maps of the size asked for come back as they are."""
    (_, rows, columns, channels), (new_rows, new_columns) = maps.shape, size
    if (rows, columns) == (new_rows, new_columns):
        return maps
    down = keras.ops.cast(WEIGHTS[kind](rows, new_rows), maps.dtype)
    across = keras.ops.cast(WEIGHTS[kind](columns, new_columns), maps.dtype)
    maps = keras.ops.matmul(down, keras.ops.reshape(maps, (-1, rows, columns * channels)))
    maps = keras.ops.matmul(across, keras.ops.reshape(maps, (-1, columns, channels)))
    return keras.ops.reshape(maps, (-1, new_rows, new_columns, channels))


def interpolation_weights(size: int, new_size: int, sources: range, weight: Callable) -> Float[np.ndarray, "new_size size"]:
    """The share that each pixel of an axis has in each pixel of the resized axis; the border is repeated.

    Args:
        size, new_size: pixels of the axis, before and after.
        sources: which pixels count, from the one at or before the result's centre, 0.
        weight: function of their distances from that centre.
    """
    centre = (np.arange(new_size) + 0.5) * size / new_size - 0.5
    weights = np.zeros((new_size, size))
    for step in sources:
        source = np.floor(centre) + step
        np.add.at(weights, (np.arange(new_size), np.clip(source, 0, size - 1).astype(int)), weight(np.abs(centre - source)))
    return weights


def _bilinear_weights(size, new_size):
    return interpolation_weights(size, new_size, range(2), lambda distance: 1 - distance).astype("float32")


def _average_weights(size, new_size):
    first = np.arange(new_size) * size // new_size
    last = -(-(np.arange(new_size) + 1) * size // new_size)
    covered = (first[:, None] <= np.arange(size)) & (np.arange(size) < last[:, None])
    return (covered / covered.sum(1, keepdims=True)).astype("float32")


WEIGHTS = {"bilinear": _bilinear_weights, "average": _average_weights}
