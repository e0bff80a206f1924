"""Layer normalization whose step can be made in pieces."""

import keras

from course_hw5.layers.compiled import compiled, in_pieces, program, rounded, rows_of, sum_of_rows, with_gradient


@keras.saving.register_keras_serializable("course_hw5")
class LayerNormalization(keras.layers.LayerNormalization):
    """Keras's `LayerNormalization` of the last axis (Ba et al. 2016, https://arxiv.org/abs/1607.06450).

    Args and input are the same. With `return_input` the output is a pair, of which the second is the input: for a skip
    connection that starts there, so that one program makes the sum of both gradients.
    """

    def call(self, x, return_input=False):
        if not in_pieces():
            return (super().call(x), x) if return_input else super().call(x)
        return (_beside_input if return_input else _normalized)(x, self.gamma, self.beta, self.epsilon)

    def compute_output_spec(self, x, return_input=False):
        spec = super().compute_output_spec(x)
        return (spec, keras.KerasTensor(x.shape, x.dtype)) if return_input else spec


@program
def _gradient(upstream, x, gamma, beta, epsilon, of_skip=None):
    upstream = rows_of(upstream)
    normal, factor = _standardized(x, epsilon)
    both, scale = upstream * normal, keras.ops.cast(gamma, "float32")
    mean, slope = (keras.ops.matmul(part, scale[:, None] / scale.shape[0]) for part in (upstream, both))
    of_x = (upstream * scale - mean - normal * slope) * factor
    of_gamma, of_beta = (keras.ops.cast(sum_of_rows(part), gamma.dtype) for part in (both, upstream))
    of_x = of_x if of_skip is None else of_x + rows_of(of_skip)
    return keras.ops.reshape(rounded(of_x, x.dtype), keras.ops.shape(x)), of_gamma, of_beta


@with_gradient(lambda upstream, output, *inputs: (*_gradient(upstream, *inputs), None))
@compiled
def _normalized(x, gamma, beta, epsilon):
    normal, _ = _standardized(x, epsilon)
    y = normal * keras.ops.cast(gamma, "float32") + keras.ops.cast(beta, "float32")
    return keras.ops.reshape(rounded(y, x.dtype), keras.ops.shape(x))


@with_gradient(lambda upstreams, outputs, *inputs: (*_gradient(upstreams[0], *inputs, upstreams[1]), None))
def _beside_input(x, *weights):
    return _normalized(x, *weights), x


def _standardized(x, epsilon):
    """Rows of mean 0 and variance 1, and what they were multiplied by, in float32."""
    x = rows_of(x)
    centred = x - _mean(x)
    factor = keras.ops.rsqrt(_mean(keras.ops.square(centred)) + epsilon)
    return centred * factor, factor


def _mean(x):
    """The mean of each row, by a product: XLA is slower at sums of rows on a CPU."""
    return keras.ops.matmul(x, keras.ops.full((x.shape[-1], 1), 1 / x.shape[-1]))
