"""The weights of attention: which share of its value each query takes from each key."""

import keras

from course_hw5.layers.compiled import program, rounded, with_gradient


@program
def _score_gradient(upstream, weights, factor):
    """Of the products of query and key, in the type of the weights."""
    upstream, weights, dtype = keras.ops.cast(upstream, "float32"), keras.ops.cast(weights, "float32"), weights.dtype
    ones = keras.ops.ones((keras.ops.shape(weights)[-1], 1))
    total = keras.ops.matmul(upstream * weights, ones)  # a sum, which XLA does slower on a CPU
    return rounded(weights * (upstream - total) * factor, dtype)


def _gradient(upstream, weights, query, key, bias, factor):
    upstream = _score_gradient(upstream, weights, factor)
    of_query, of_key = keras.ops.matmul(upstream, key), keras.ops.matmul(_transposed(upstream), query)
    first, second, *tokens = keras.ops.shape(upstream)
    rows = keras.ops.reshape(upstream, (first, second, -1))
    of_bias = keras.ops.matmul(keras.ops.ones_like(rows[:, None, :, 0]), rows)  # a sum over the second axis
    of_bias = keras.ops.reshape(of_bias, (first, 1, *tokens)) / keras.ops.cast(factor, upstream.dtype)
    if bias.shape[2] == 1:
        of_bias = keras.ops.sum(of_bias, axis=2, keepdims=True)
    return of_query, of_key, of_bias, None


@with_gradient(_gradient)
def attention_weights(query, key, bias, factor):
    """Softmax of scaled products of query and key, and of what is added to them (Vaswani et al. 2017).

    Where a step is made in pieces, TensorFlow makes product, factor and bias one operation, as it can for a bias that is the
    same along the second axis; the softmax's gradient follows from its output.

    Args:
        query: tensor `(first, second, queries, dim)`; the leading axes are examples and heads, in either order.
        key: tensor `(first, second, keys, dim)`.
        bias: tensor of the same type `(first, 1, queries or 1, keys)`; where `first` is 1 it has no gradient in pieces.
        factor: float.

    Returns:
        Tensor `(first, second, queries, keys)`.
    """
    scores = keras.ops.matmul(query, _transposed(key)) * keras.ops.cast(factor, query.dtype) + bias
    return keras.ops.softmax(scores, axis=-1)


def _transposed(x):
    return keras.ops.transpose(x, (0, 1, 3, 2))
