"""A learnt factor for each channel of a branch."""

import keras

from course_hw5.layers.compiled import compiled, in_pieces, program, rounded, rows_of, sum_of_rows, with_gradient


@keras.saving.register_keras_serializable("course_hw5")
class LayerScale(keras.layers.Layer):
    """Multiplies each channel by a learnt factor (Touvron et al. 2021, https://arxiv.org/abs/2103.17239).

    Args:
        initial: the factors' start.

    Input: `(..., dim)`, and what it is added to, of the same shape, or None. Output: `(..., dim)`.
    """

    def __init__(self, initial=0.1, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, x_shape):
        self.factor = self.add_weight((x_shape[-1],), initializer=keras.initializers.Constant(self.initial), name="factor")

    def call(self, x, skip=None):
        if skip is None:
            return x * self.factor
        return _scaled(x, self.factor, skip) if in_pieces() else x * self.factor + skip

    def get_config(self):
        return super().get_config() | {"initial": self.initial}


@program
def _gradient(upstream, x, factor):
    rows, upstream_rows = rows_of(x), rows_of(upstream)
    of_x = keras.ops.reshape(rounded(upstream_rows * keras.ops.cast(factor, "float32"), x.dtype), keras.ops.shape(x))
    return of_x, keras.ops.cast(sum_of_rows(rows * upstream_rows), factor.dtype)


@with_gradient(lambda upstream, output, x, factor, skip: (*_gradient(upstream, x, factor), upstream))
@compiled
def _scaled(x, factor, skip):
    y = rows_of(x) * keras.ops.cast(factor, "float32") + rows_of(skip)
    return keras.ops.reshape(rounded(y, x.dtype), keras.ops.shape(x))
