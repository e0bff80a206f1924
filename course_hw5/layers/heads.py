"""Query, key and value of all heads, by one product of two matrices."""

import functools
import math

import keras
import numpy as np

from course_hw5.layers.compiled import compiled, program, sum_of_rows, with_gradient
from course_hw5.layers.dense import with_bias


def query_key_value(x, kernel, bias, heads_first=False):
    """Projects tokens to what the heads of self-attention compare and mix.

    Args:
        x: tensor `(batch, tokens, dim)`.
        kernel: tensor `(dim, 3 * heads * head_dim)`: of all queries, all keys, all values.
        bias: tensor `(3, heads, head_dim)`.
        heads_first: whether heads come before examples.

    Returns:
        Query, key and value, each `(batch, heads, tokens, head_dim)`, or `(heads, batch, tokens, head_dim)`.
    """
    products = keras.ops.matmul(keras.ops.reshape(x, (-1, x.shape[-1])), kernel)
    products = keras.ops.reshape(products, (-1, keras.ops.shape(x)[1], *bias.shape))
    return _split((2, 3, 0, 1, 4) if heads_first else (2, 0, 3, 1, 4))(products, bias)


@functools.cache
def _split(axes):
    """A function of products `(batch, tokens, 3, heads, head_dim)` and their bias: one pass over memory, made in pieces."""

    @program
    def joined(*parts):
        return keras.ops.transpose(keras.ops.stack(parts), tuple(np.argsort(axes)))

    def gradient(upstreams, outputs, products, bias):
        of_products = joined(*upstreams)
        rows = keras.ops.reshape(of_products, (-1, math.prod(bias.shape)))
        return of_products, keras.ops.reshape(sum_of_rows(rows), bias.shape)

    @with_gradient(gradient)
    @compiled
    def split(products, bias):
        return tuple(keras.ops.unstack(keras.ops.transpose(with_bias(products, bias), axes)))

    return split
