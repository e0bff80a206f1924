"""Dense layers whose step can be made in pieces: one product of two matrices, and one program for what follows."""

import math
import re

import keras
import numpy as np

from course_hw5.layers.compiled import compiled, in_pieces, program, rounded, sum_of_rows, with_gradient
from course_hw5.layers.gelu import exact_gelu


@keras.saving.register_keras_serializable("course_hw5")
class Dense(keras.layers.Dense):
    """Keras's `Dense`; args and input are the same."""

    def call(self, x, training=None):
        if not in_pieces() or self.bias is None:
            return super().call(x, training=training)
        if self.activation is exact_gelu:
            return _in_rows(x, self.kernel, self.bias, _biased_gelu)
        return self.activation(product(x, self.kernel, self.bias))


@keras.saving.register_keras_serializable("course_hw5")
class EinsumDense(keras.layers.EinsumDense):
    """Keras's `EinsumDense` as `MultiHeadAttention` uses it: sums over the last axes of its input, puts new ones there.

    TensorFlow's `einsum` makes a product for each example of it, which together take twice as long.
    """

    def call(self, x, training=None):
        if not in_pieces() or self.bias is None:
            return super().call(x, training=training)
        _, kernel_axes, output_axes = re.split(",|->", self.equation)
        summed = len({*kernel_axes} - {*output_axes})
        shape = (*keras.ops.shape(x)[: len(x.shape) - summed], *self.kernel.shape[summed:])
        kernel = keras.ops.reshape(self.kernel, (math.prod(self.kernel.shape[:summed]), -1))
        x = keras.ops.reshape(x, (-1, kernel.shape[0]))
        return keras.ops.reshape(product(x, kernel, keras.ops.reshape(self.bias, (-1,))), shape)


def product(x, kernel, bias):
    """The product with a kernel, and a bias.

    Args:
        x: tensor `(..., inputs)`.
        kernel: tensor `(inputs, units)`.
        bias: tensor `(units,)`.

    Returns:
        Tensor `(..., units)`.
    """
    return _in_rows(x, kernel, bias, with_bias) if in_pieces() else keras.ops.matmul(x, kernel) + bias


def _in_rows(x, kernel, bias, finish):
    y = finish(_matmul(keras.ops.reshape(x, (-1, kernel.shape[0])), kernel), bias)
    return keras.ops.reshape(y, (*keras.ops.shape(x)[:-1], kernel.shape[1]))


def _matmul_gradient(upstream, output, x, kernel):
    if kernel.shape[1] > kernel.shape[0] and kernel.dtype == "float32":
        # Of long rows of float32 oneDNN multiplies by a transposed copy a quarter faster than by the kernel as it lies.
        # TensorFlow would undo the copy if it saw two axes change places, not three.
        transposed = keras.ops.transpose(keras.ops.expand_dims(kernel, 1), (2, 1, 0))[:, 0]
    else:
        transposed = keras.ops.transpose(kernel)
    return keras.ops.matmul(upstream, transposed), keras.ops.matmul(keras.ops.transpose(x), upstream)


@with_gradient(_matmul_gradient)
def _matmul(x, kernel):
    return keras.ops.matmul(x, kernel)


@with_gradient(lambda upstream, output, x, bias: (upstream, sum_of_rows(upstream)))
@compiled
def with_bias(x, bias):
    """The sum of a product and a bias, made in float32. Its gradient is of a matrix `(rows, units)`."""
    return rounded(_sum(x, bias), x.dtype)


def _sum(x, bias):
    return keras.ops.cast(x, "float32") + keras.ops.cast(bias, "float32")


@program
def _gelu_gradient(upstream, x, bias):
    upstream, dtype = keras.ops.cast(upstream, "float32"), upstream.dtype
    x = _sum(x, bias)
    normal = keras.ops.exp(-0.5 * keras.ops.square(x)) * (2 * np.pi) ** -0.5
    return rounded(upstream * (0.5 * (1 + keras.ops.erf(x * 2**-0.5)) + x * normal), dtype)


def _biased_gelu_gradient(upstream, output, x, bias):
    upstream = _gelu_gradient(upstream, x, bias)
    return upstream, sum_of_rows(upstream)


@with_gradient(_biased_gelu_gradient)
@compiled
def _biased_gelu(x, bias):
    return rounded(exact_gelu(_sum(x, bias)), x.dtype)
