"""A learned factor for each channel."""

import keras

from course_hw5.layers import kernels
from course_hw5.layers.layer import Layer, Shape, Tensor


class LayerScale(Layer):
    """Multiplies each channel by a learned factor (Touvron et al. 2021, https://arxiv.org/abs/2103.17239).

    Args:
        initial: the factors' initial value.

    Input and output: `(..., hidden_dim)`.
    """

    def __init__(self, initial: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, x_shape: Shape) -> None:
        self.factor = self.add_weight((x_shape[-1],), initializer=keras.initializers.Constant(self.initial), name="factor")

    def call(self, x: Tensor) -> Tensor:
        return kernels.layer_scale(x, self.factor)
