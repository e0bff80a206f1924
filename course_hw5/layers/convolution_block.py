"""The convolution block of the CNN and of segmentation heads."""

from collections.abc import Callable

import keras

from course_hw5.layers.layer import Layer, Shape, Tensor


class ConvolutionBlock(Layer):
    """Convolution without bias, batch normalization, activation.

    Args:
        channels: number of filters.
        kernel_size: side of the kernel; the border is padded with zeros.
        pool_size: the largest value of each square of this side is kept, before what follows, which is then cheaper.
        activation: function of one tensor, or its name in Keras.

    Input: `(batch, rows, columns, any)`. Output: `(batch, rows // pool_size, columns // pool_size, channels)`.
    """

    prefers_partial_jit = True  # oneDNN convolves faster than XLA

    def __init__(
        self,
        channels: int,
        kernel_size: int = 3,
        pool_size: int = 1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.channels, self.kernel_size, self.pool_size = channels, kernel_size, pool_size
        self.activation = keras.activations.get(activation)
        options = {"padding": "same", "use_bias": False, "dtype": self.dtype_policy}
        self.convolution = keras.layers.Conv2D(channels, kernel_size, **options, name="convolution")
        self.norm = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=self.dtype_policy, name="norm")

    def build(self, maps_shape: Shape) -> None:
        self.convolution.build(maps_shape)
        self.norm.build(self.compute_output_shape(maps_shape))

    def call(self, maps: Tensor, training: bool | None = None) -> Tensor:
        maps = self.convolution(maps)
        if self.pool_size > 1:
            maps = keras.ops.max_pool(maps, self.pool_size)
        return self.activation(self.norm(maps, training=training))

    def compute_output_shape(self, maps_shape: Shape) -> Shape:
        sides = [None if side is None else side // self.pool_size for side in maps_shape[1:-1]]
        return (maps_shape[0], *sides, self.channels)
