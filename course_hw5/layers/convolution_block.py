"""The unit that segmentation heads are made of."""

import keras


@keras.saving.register_keras_serializable("course_hw5")
class ConvolutionBlock(keras.layers.Layer):
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
        self.convolution = keras.layers.Conv2D(
            channels, kernel_size, padding="same", use_bias=False, dtype=self.dtype_policy, name="convolution"
        )
        self.norm = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=self.dtype_policy, name="norm")

    def build(self, maps_shape: tuple[int, ...]) -> None:
        self.convolution.build(maps_shape)
        self.norm.build((*maps_shape[:-1], self.channels))

    def call(self, maps: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        return keras.ops.relu(self.norm(self.convolution(maps), training=training))

    def compute_output_shape(self, maps_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*maps_shape[:-1], self.channels)

    def get_config(self) -> dict:
        return super().get_config() | {"channels": self.channels, "kernel_size": self.kernel_size}
