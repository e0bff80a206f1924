"""The convolution block of the CNN and of segmentation heads."""

import keras

from course_hw5.layers.layer import Layer, Shape, Tensor


class ConvolutionBlock(Layer):
    """Convolution without bias, batch normalization, ReLU.

    Args:
        channels: number of filters.
        kernel_size: side of the kernel; the border is padded with zeros.

    Input: `(batch, rows, columns, any)`. Output: `(batch, rows, columns, channels)`.
    """

    prefers_partial_jit = True  # oneDNN convolves faster than XLA

    def __init__(self, channels: int, kernel_size: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.kernel_size = channels, kernel_size
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
