"""Dense layers as one product of two matrices, and one XLA program for bias and activation."""

import math
import re
from collections.abc import Callable

import keras
import numpy as np

from course_hw5.layers.kernels.elementwise import exact_gelu
from course_hw5.layers.kernels.xla import custom_gradient, fast_cast, kernel, sum_rows, xla_function
from course_hw5.layers.layer import Tensor

# === Parts ===


def _matmul_gradient(upstream, output, x, kernel):
    if kernel.shape[1] > kernel.shape[0] and kernel.dtype == "float32":
        # oneDNN multiplies long rows of float32 by a transposed copy a quarter faster than by the kernel as it lies.
        # TensorFlow would undo the copy if it saw two axes change places, not three.
        transposed = keras.ops.transpose(keras.ops.expand_dims(kernel, 1), (2, 1, 0))[:, 0]
    else:
        transposed = keras.ops.transpose(kernel)
    return keras.ops.matmul(upstream, transposed), keras.ops.matmul(keras.ops.transpose(x), upstream)


@custom_gradient(_matmul_gradient)
def _matmul(x, kernel):
    return keras.ops.matmul(x, kernel)


def _sum(x, bias):
    return keras.ops.cast(x, "float32") + keras.ops.cast(bias, "float32")


@custom_gradient(lambda upstream, output, x, bias: (upstream, sum_rows(upstream)))
@xla_function
def _add_bias(x, bias):
    return fast_cast(_sum(x, bias), x.dtype)


@xla_function
def _gelu_gradient(upstream, x, bias):
    upstream, dtype = keras.ops.cast(upstream, "float32"), upstream.dtype
    x = _sum(x, bias)
    normal = keras.ops.exp(-0.5 * keras.ops.square(x)) * (2 * np.pi) ** -0.5
    return fast_cast(upstream * (0.5 * (1 + keras.ops.erf(x * 2**-0.5)) + x * normal), dtype)


def _add_bias_gelu_gradient(upstream, output, x, bias):
    upstream = _gelu_gradient(upstream, x, bias)
    return upstream, sum_rows(upstream)


@custom_gradient(_add_bias_gelu_gradient)
@xla_function
def _add_bias_gelu(x, bias):
    return fast_cast(exact_gelu(_sum(x, bias)), x.dtype)


def _rows_times(x, kernel, bias, finish):
    y = finish(_matmul(keras.ops.reshape(x, (-1, kernel.shape[0])), kernel), bias)
    return keras.ops.reshape(y, (*keras.ops.shape(x)[:-1], kernel.shape[1]))


# === Kernels ===


def _dense(x, kernel, bias, activation=None):
    y = keras.ops.matmul(x, kernel)
    y = y if bias is None else y + bias
    return y if activation is None else activation(y)


@kernel(_dense)
def dense(x: Tensor, kernel: Tensor, bias: Tensor | None, activation: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Multiplies by a kernel, adds a bias, applies an activation.

    Args:
        x: tensor `(..., inputs)`.
        kernel: tensor `(inputs, units)`.
        bias: tensor `(units,)`, or None.
        activation: function of a tensor, or None.

    Returns:
        Tensor `(..., units)`.
    """
    if bias is None:
        return _dense(x, kernel, bias, activation)
    if activation is exact_gelu:
        return _rows_times(x, kernel, bias, _add_bias_gelu)
    y = _rows_times(x, kernel, bias, _add_bias)
    return y if activation is None else activation(y)


def _einsum_dense(equation, x, kernel, bias):
    y = keras.ops.einsum(equation, x, kernel)
    return y if bias is None else y + bias


@kernel(_einsum_dense)
def einsum_dense(equation: str, x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Contracts the trailing axes of a tensor with the leading ones of a kernel, and adds a bias.

    TensorFlow's `einsum` makes it one product per example, which together take twice as long as a single product.

    Args:
        equation: such as "abcd,cde->abe".
        x: tensor.
        kernel: tensor.
        bias: tensor of the kernel's remaining axes, or None.

    Returns:
        Tensor of the axes that the equation names.
    """
    if bias is None:
        return _einsum_dense(equation, x, kernel, bias)
    _, kernel_axes, output_axes = re.split(",|->", equation)
    contracted = len({*kernel_axes} - {*output_axes})
    shape = (*keras.ops.shape(x)[: len(x.shape) - contracted], *kernel.shape[contracted:])
    matrix = keras.ops.reshape(kernel, (math.prod(kernel.shape[:contracted]), -1))
    x = keras.ops.reshape(x, (-1, matrix.shape[0]))
    return keras.ops.reshape(_rows_times(x, matrix, keras.ops.reshape(bias, (-1,)), _add_bias), shape)
