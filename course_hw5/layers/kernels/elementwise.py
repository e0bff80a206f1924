"""What lies between the products, one pass over memory each: GELU, dropout, layer normalization and LayerScale."""

import math

import keras

from course_hw5.layers.kernels.xla import as_rows, custom_gradient, fast_cast, kernel, sum_rows, xla_function, xla_kernel
from course_hw5.layers.layer import Tensor

# === GELU ===


@xla_kernel
def exact_gelu(x: Tensor) -> Tensor:
    """GELU (Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415) without the tanh approximation, by `erf` in float32.

    Keras's own takes `erfc` where the backend is TensorFlow, which costs more on a CPU; it stays where the backend is PyTorch.

    Args:
        x: tensor of floats.

    Returns:
        Tensor of the same shape and type.
    """
    if keras.backend.backend() == "torch":
        return keras.activations.gelu(x, approximate=False)
    x, dtype = keras.ops.cast(x, "float32"), x.dtype
    return fast_cast(0.5 * x * (1 + keras.ops.erf(x * 2**-0.5)), dtype)


# === Dropout ===


@xla_kernel
def hashed_dropout(x: Tensor, rate: float, seed: Tensor) -> Tensor:
    """Sets a share of the numbers to 0 and scales up the others. What is dropped follows from a hash of place and seed.

    The hash is Wellons's `lowbias32` (https://nullprogram.com/blog/2018/07/31/).

    Args:
        x: tensor of floats.
        rate: share, in (0, 1).
        seed: uint32 tensor `(2,)`.

    Returns:
        Tensor of the same shape and type.
    """
    hashed = keras.ops.cast(keras.ops.arange(math.prod(keras.ops.shape(x))), "uint32")
    for start in keras.ops.unstack(seed, 2):  # a round for each half of the seed
        hashed = _lowbias32(keras.ops.bitwise_xor(hashed, start))
    share = keras.ops.cast(keras.ops.right_shift(hashed, _uint32(8)), "float32") * 2**-24
    is_kept = keras.ops.reshape(share >= rate, keras.ops.shape(x))
    return fast_cast(keras.ops.where(is_kept, keras.ops.cast(x, "float32") / (1 - rate), 0.0), x.dtype)


def _lowbias32(x):
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x = keras.ops.bitwise_xor(x, keras.ops.right_shift(x, _uint32(shift))) * _uint32(factor)
    return x


def _uint32(number):
    return keras.ops.convert_to_tensor(number, "uint32")


# === Layer normalization ===


def _layer_norm(x, gamma, beta, epsilon):
    wide = keras.ops.cast(x, "float32")
    mean, variance = keras.ops.moments(wide, axes=[-1], keepdims=True)
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
def layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
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
def layer_scale(x: Tensor, factor: Tensor) -> Tensor:
    """Multiplies each channel by a factor (Touvron et al. 2021, https://arxiv.org/abs/2103.17239).

    Args:
        x: tensor `(..., hidden_dim)`.
        factor: tensor `(hidden_dim,)`.

    Returns:
        Tensor of the same shape and type.
    """
    return _layer_scale(x, factor)
