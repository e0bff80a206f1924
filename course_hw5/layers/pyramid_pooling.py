"""The pyramid of pooled maps of a segmentation head."""

from collections.abc import Sequence

import keras

from course_hw5.layers.convolution_block import ConvolutionBlock
from course_hw5.layers.layer import Layer, Shape, Tensor
from course_hw5.layers.resampling import resample


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
        self.channels, self.scales = channels, tuple(scales)
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
