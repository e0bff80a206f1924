"""Layer normalization and LayerScale, whose gradients are one pass over memory each."""

import keras

from course_hw5.layers.kernels.registry import kernel
from course_hw5.layers.kernels.xla import as_rows, custom_gradient, fast_cast, sum_rows, xla_function

# === Layer normalization ===


def _layer_norm(x, gamma, beta, epsilon):
    wide = keras.ops.cast(x, "float32")
    mean, variance = keras.ops.moments(wide, axes=-1, keepdims=True)
    factor = keras.ops.rsqrt(variance + epsilon) * keras.ops.cast(gamma, "float32")
    return keras.ops.cast(wide * factor + (keras.ops.cast(beta, "float32") - mean * factor), x.dtype)


@xla_function
def _layer_norm_gradient(upstream, x, gamma, beta, epsilon):
    upstream = as_rows(upstream)
    normal, factor = _standardize(x, epsilon)
    both, scale = upstream * normal, keras.ops.cast(gamma, "float32")
    mean, slope = (keras.ops.matmul(part, scale[:, None] / scale.shape[0]) for part in (upstream, both))
    of_x = (upstream * scale - mean - normal * slope) * factor
    of_gamma, of_beta = (keras.ops.cast(sum_rows(part), gamma.dtype) for part in (both, upstream))
    return keras.ops.reshape(fast_cast(of_x, x.dtype), keras.ops.shape(x)), of_gamma, of_beta


@kernel(_layer_norm)
@custom_gradient(lambda upstream, output, *inputs: (*_layer_norm_gradient(upstream, *inputs), None))
@xla_function
def layer_norm(x: keras.KerasTensor, gamma: keras.KerasTensor, beta: keras.KerasTensor, epsilon: float) -> keras.KerasTensor:
    """Normalizes the last axis (Ba et al. 2016, https://arxiv.org/abs/1607.06450), in float32.

    Args:
        x: tensor `(..., hidden_dim)`.
        gamma, beta: tensors `(hidden_dim,)`.
        epsilon: float.

    Returns:
        Tensor of the same shape and type.
    """
    normal, _ = _standardize(x, epsilon)
    y = normal * keras.ops.cast(gamma, "float32") + keras.ops.cast(beta, "float32")
    return keras.ops.reshape(fast_cast(y, x.dtype), keras.ops.shape(x))


def _standardize(x, epsilon):
    """Rows of mean 0 and variance 1, and the factor of each row."""
    x = as_rows(x)
    centred = x - _row_mean(x)
    factor = keras.ops.rsqrt(_row_mean(keras.ops.square(centred)) + epsilon)
    return centred * factor, factor


def _row_mean(x):
    """By a product: XLA is slower at sums of rows on a CPU."""
    return keras.ops.matmul(x, keras.ops.full((x.shape[-1], 1), 1 / x.shape[-1]))


# === LayerScale ===


def _layer_scale(x, factor):
    return x * factor


@xla_function
def _layer_scale_gradient(upstream, x, factor):
    rows, upstream_rows = as_rows(x), as_rows(upstream)
    of_x = keras.ops.reshape(fast_cast(upstream_rows * keras.ops.cast(factor, "float32"), x.dtype), keras.ops.shape(x))
    return of_x, keras.ops.cast(sum_rows(rows * upstream_rows), factor.dtype)


@kernel(_layer_scale)
@custom_gradient(lambda upstream, output, x, factor: _layer_scale_gradient(upstream, x, factor))
def layer_scale(x: keras.KerasTensor, factor: keras.KerasTensor) -> keras.KerasTensor:
    """Multiplies each channel by a factor (Touvron et al. 2021, https://arxiv.org/abs/2103.17239).

    Args:
        x: tensor `(..., hidden_dim)`.
        factor: tensor `(hidden_dim,)`.

    Returns:
        Tensor of the same shape and type.
    """
    return _layer_scale(x, factor)
