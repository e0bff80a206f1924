"""Maps to another size: bilinear interpolation and average pooling, each as two small matrix products.

Both are linear along each axis, so one constant matrix per axis says all. XLA compiles that on every device, forth and back;
the resizing operations of TensorFlow it compiles slowly or not at all. Keras 3.10 has no `AdaptiveAveragePooling2D` yet.
"""

import keras
import numpy as np


@keras.saving.register_keras_serializable("course_hw5")
class Resampling(keras.layers.Layer):
    """Resizes maps.

    Args:
        size: `(rows, columns)` of the result.
        kind: "bilinear", between pixel centres and repeated at the border (PyTorch's `align_corners=False`), or "average",
            where each result is the mean of the pixels that it covers (PyTorch's adaptive average pooling).

    Input: `(batch, rows, columns, channels)`. Output: `(batch, *size, channels)`.
    """

    def __init__(self, size: tuple[int, int], kind: str = "bilinear", **kwargs):
        super().__init__(**kwargs)
        if kind not in WEIGHTS:
            raise ValueError(f"`kind` must be one of {', '.join(WEIGHTS)}. Received: {kind!r}")
        rows, columns = size
        self.size = (rows, columns)
        self.kind = kind

    def call(self, maps: keras.KerasTensor) -> keras.KerasTensor:
        return resample(maps, self.size, self.kind)

    def compute_output_shape(self, maps_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (maps_shape[0], *self.size, maps_shape[-1])

    def get_config(self) -> dict:
        return super().get_config() | {"size": self.size, "kind": self.kind}


def resample(maps: keras.KerasTensor, size: tuple[int, int], kind: str = "bilinear") -> keras.KerasTensor:
    """What `Resampling` does, as a function; maps of the size asked for come back as they are."""
    (_, rows, columns, channels), (new_rows, new_columns) = maps.shape, size
    if (rows, columns) == (new_rows, new_columns):
        return maps
    down = keras.ops.cast(WEIGHTS[kind](rows, new_rows), maps.dtype)
    across = keras.ops.cast(WEIGHTS[kind](columns, new_columns), maps.dtype)
    maps = keras.ops.matmul(down, keras.ops.reshape(maps, (-1, rows, columns * channels)))
    maps = keras.ops.matmul(across, keras.ops.reshape(maps, (-1, columns, channels)))
    return keras.ops.reshape(maps, (-1, new_rows, new_columns, channels))


def _bilinear_weights(size, new_size):
    centre = np.clip((np.arange(new_size) + 0.5) * size / new_size - 0.5, 0, size - 1)
    below = np.minimum(centre.astype(int), max(size - 2, 0))
    weights = np.zeros((new_size, size), "float32")
    np.add.at(weights, (np.arange(new_size), below), 1 - (centre - below))
    np.add.at(weights, (np.arange(new_size), np.minimum(below + 1, size - 1)), centre - below)
    return weights


def _average_weights(size, new_size):
    first = np.arange(new_size) * size // new_size
    last = -(-(np.arange(new_size) + 1) * size // new_size)
    pixels = np.arange(size)
    covered = (first[:, None] <= pixels) & (pixels < last[:, None])
    return (covered / covered.sum(1, keepdims=True)).astype("float32")


WEIGHTS = {"bilinear": _bilinear_weights, "average": _average_weights}
