"""A learnt factor for each channel of a branch."""

import keras

from course_hw5.layers.compiled import compiled, in_pieces, repeated


@keras.saving.register_keras_serializable("course_hw5")
class LayerScale(keras.layers.Layer):
    """Multiplies each channel by a learnt factor (Touvron et al. 2021, https://arxiv.org/abs/2103.17239).

    Args:
        initial: the factors' start.

    Input and output: `(..., dim)`.
    """

    def __init__(self, initial=0.1, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, x_shape):
        self.factor = self.add_weight((x_shape[-1],), initializer=keras.initializers.Constant(self.initial), name="factor")

    def call(self, x, skip=None):
        if skip is None:
            skip = keras.ops.zeros_like(x)
        return _scaled(x, self.factor, skip) if in_pieces() else x * self.factor + skip

    def get_config(self):
        return super().get_config() | {"initial": self.initial}


@compiled
def _scaled(x, factor, skip):
    rows, skip = (keras.ops.reshape(keras.ops.cast(part, "float32"), (-1, keras.ops.shape(x)[-1])) for part in (x, skip))
    return keras.ops.reshape(keras.ops.cast(rows * repeated(factor, rows) + skip, x.dtype), keras.ops.shape(x))
