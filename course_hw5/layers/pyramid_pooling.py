"""What segmentation heads are made of: the convolution block, and the pyramid of pooled maps."""

from collections.abc import Sequence

import keras

from course_hw5.layers.layer import Layer, Shape, Tensor
from course_hw5.layers.resampling import resample


@keras.saving.register_keras_serializable("course_hw5")
class ConvolutionBlock(Layer):
    """Convolution without bias, batch normalization, ReLU.

    Args:
        channels: number of filters.
        kernel_size: side of the kernel; the border is padded with zeros.

    Input: `(batch, rows, columns, any)`. Output: `(batch, rows, columns, channels)`.
    """

    def __init__(self, channels: int, kernel_size: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.kernel_size = kernel_size
        options = {"padding": "same", "use_bias": False, "dtype": self.dtype_policy}
        self.convolution = keras.layers.Conv2D(channels, kernel_size, **options, name="convolution")
        self.norm = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=self.dtype_policy, name="norm")

    def build(self, maps_shape: Shape) -> None:
        self.convolution.build(maps_shape)
        self.norm.build(self.compute_output_shape(maps_shape))

    def call(self, maps: Tensor, training: bool | None = None) -> Tensor:
        return keras.ops.relu(self.norm(self.convolution(maps), training=training))

    def compute_output_shape(self, maps_shape: Shape) -> Shape:
        return (*maps_shape[:-1], self.channels)


@keras.saving.register_keras_serializable("course_hw5")
class PyramidPooling(Layer):
    """Means over the cells of ever finer grids, each projected and enlarged again, beside the maps themselves.

    Zhao et al. 2017, "Pyramid Scene Parsing Network", https://arxiv.org/abs/1612.01105, section 3.2.

    Args:
        channels: of each projection.
        scales: cells per side of each grid.

    Input: `(batch, rows, columns, hidden_dim)`. Output: `(batch, rows, columns, hidden_dim + len(scales) * channels)`.
    """

    def __init__(self, channels: int, scales: Sequence[int] = (1, 2, 3, 6), **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.scales = tuple(scales)
        self.blocks = [ConvolutionBlock(channels, 1, dtype=self.dtype_policy, name=f"scale_{scale}") for scale in self.scales]

    def build(self, maps_shape: Shape) -> None:
        for scale, block in zip(self.scales, self.blocks):
            block.build((maps_shape[0], scale, scale, maps_shape[-1]))

    def call(self, maps: Tensor, training: bool | None = None) -> Tensor:
        parts, size = [maps], maps.shape[1:3]
        for scale, block in zip(self.scales, self.blocks):
            parts.append(resample(block(resample(maps, (scale, scale), "average"), training=training), size))
        return keras.ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, maps_shape: Shape) -> Shape:
        return (*maps_shape[:-1], maps_shape[-1] + len(self.scales) * self.channels)
