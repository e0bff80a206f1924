"""Self-attention's parts: query, key and value by one product, and the softmax of what they give."""

import math

import keras
import numpy as np

from course_hw5.layers.kernels.xla import custom_gradient, fast_cast, kernel, sum_rows, xla_function, xla_kernel
from course_hw5.layers.layer import Tensor

# === Projection ===

_HEADS_FIRST = (2, 0, 3, 1, 4)  # (batch, tokens, 3, heads, head_dim) to (3, batch, heads, tokens, head_dim)


def _products(x, kernel, bias):
    products = keras.ops.matmul(keras.ops.reshape(x, (-1, x.shape[-1])), kernel)
    return keras.ops.reshape(products, (-1, keras.ops.shape(x)[1], *bias.shape))


def _qkv_projection(x, kernel, bias):
    return tuple(keras.ops.unstack(keras.ops.transpose(_products(x, kernel, bias) + bias, _HEADS_FIRST)))


@xla_function
def _join(*parts):
    return keras.ops.transpose(keras.ops.stack(parts), tuple(np.argsort(_HEADS_FIRST)))


def _split_gradient(upstreams, outputs, products, bias):
    of_products = _join(*upstreams)
    rows = keras.ops.reshape(of_products, (-1, math.prod(bias.shape)))
    return of_products, keras.ops.reshape(sum_rows(rows), bias.shape)


@custom_gradient(_split_gradient)
@xla_function
def _split(products, bias):
    total = fast_cast(keras.ops.cast(products, "float32") + keras.ops.cast(bias, "float32"), products.dtype)
    return tuple(keras.ops.unstack(keras.ops.transpose(total, _HEADS_FIRST)))


@kernel(_qkv_projection)
def qkv_projection(x: Tensor, kernel: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Projects tokens to query, key and value of all heads, by one product of two matrices.

    Args:
        x: tensor `(batch, tokens, hidden_dim)`.
        kernel: tensor `(hidden_dim, 3 * heads * head_dim)`: of all queries, all keys, all values.
        bias: tensor `(3, heads, head_dim)`.

    Returns:
        Query, key and value, each `(batch, heads, tokens, head_dim)`.
    """
    return _split(_products(x, kernel, bias), bias)


# === Position bias ===


def _position_bias(table, rows):
    return keras.ops.take(keras.ops.transpose(table), rows, axis=1)


def _position_bias_gradient(upstream, bias, table, rows):
    upstream = keras.ops.transpose(keras.ops.reshape(upstream, (table.shape[1], -1)))
    return keras.ops.segment_sum(upstream, keras.ops.reshape(rows, (-1,)), table.shape[0]), None


@kernel(_position_bias)
@custom_gradient(_position_bias_gradient)
@xla_function
def position_bias(table: Tensor, rows: Tensor) -> Tensor:
    """Reads a learnt bias of each head for each pair of tokens from a table. XLA copies single numbers faster than TensorFlow.

    Args:
        table: tensor `(table_rows, heads)`.
        rows: int tensor `(queries, keys)`, the row of the table for each pair.

    Returns:
        Tensor `(heads, queries, keys)`.
    """
    return _position_bias(table, rows)


# === Weights ===


def _attention_weights(query, key, bias, scale):
    logits = keras.ops.matmul(query, _transpose(key)) * keras.ops.cast(scale, query.dtype) + bias
    return keras.ops.softmax(logits, axis=-1)


def _transpose(x):
    return keras.ops.transpose(x, (0, 1, 3, 2))


@xla_function
def _softmax_gradient(upstream, weights, scale):
    """Of the products of query and key, in the type of the weights."""
    upstream, weights, dtype = keras.ops.cast(upstream, "float32"), keras.ops.cast(weights, "float32"), weights.dtype
    ones = keras.ops.ones((keras.ops.shape(weights)[-1], 1))
    total = keras.ops.matmul(upstream * weights, ones)  # a sum, which XLA does slower on a CPU
    return fast_cast(weights * (upstream - total) * scale, dtype)


def _attention_weights_gradient(upstream, weights, query, key, bias, scale):
    upstream = _softmax_gradient(upstream, weights, scale)
    of_query, of_key = keras.ops.matmul(upstream, key), keras.ops.matmul(_transpose(upstream), query)
    return of_query, of_key, _bias_gradient(upstream, bias.shape) / keras.ops.cast(scale, upstream.dtype), None


def _bias_gradient(upstream, shape):
    """Sums over the axes in which a bias has one element and the weights have many."""
    batch, num_heads, *tokens = keras.ops.shape(upstream)
    if shape[0] == 1:
        upstream = keras.ops.reshape(sum_rows(keras.ops.reshape(upstream, (batch, -1))), (1, num_heads, *tokens))
    for axis in (1, 2):
        if shape[axis] == 1:
            upstream = keras.ops.sum(upstream, axis=axis, keepdims=True)
    return upstream


@kernel(_attention_weights)
@custom_gradient(_attention_weights_gradient)
def attention_weights(query: Tensor, key: Tensor, bias: Tensor, scale: float) -> Tensor:
    """Softmax of scaled products of query and key, and of what is added to them (Vaswani et al. 2017).

    TensorFlow makes product, scale and bias one operation where the bias is the same for all heads, as a mask is. With a bias
    of heads, float32 queries are scaled, which are fewer numbers than the products; in half precision one XLA program has
    scale, bias and softmax, in float32.

    Args:
        query: tensor `(batch, heads, queries, head_dim)`.
        key: tensor `(batch, heads, keys, head_dim)`.
        bias: tensor of the same type that broadcasts to the weights, of the same rank.
        scale: float.

    Returns:
        Tensor `(batch, heads, queries, keys)`.
    """
    if bias.shape[1] == 1:
        return _attention_weights(query, key, bias, scale)
    if query.dtype == "float32":
        return keras.ops.softmax(keras.ops.matmul(query * scale, _transpose(key)) + bias, axis=-1)
    return _softmax(keras.ops.matmul(query, _transpose(key)), bias, scale)


@xla_function
def _softmax(products, bias, scale):
    logits = keras.ops.cast(products, "float32") * scale + keras.ops.cast(bias, "float32")
    return fast_cast(keras.ops.softmax(logits, axis=-1), products.dtype)


@xla_kernel
def biased_softmax(products: Tensor, bias: Tensor, mask: Tensor, scale: Tensor) -> Tensor:
    """Softmax of scaled products and a bias, in float32, with masked keys hidden.

    Args:
        products: tensor `(batch, heads, queries, keys)`.
        bias: float32 tensor that broadcasts to it.
        mask: bool tensor that broadcasts to it, false where a key is hidden.
        scale: float32 scalar tensor.

    Returns:
        Tensor of the shape and type of `products`.
    """
    total = keras.ops.cast(products, "float32") * scale + bias
    return fast_cast(keras.ops.softmax(keras.ops.where(mask, total, total - 3e4), axis=-1), products.dtype)


# === Extraction ===


@xla_kernel
def stack_layers(*arrays: Tensor) -> Tensor:
    """Puts arrays of the same shape, one per layer of a model, into one float32 array, along axis 1."""
    return keras.ops.cast(keras.ops.stack(arrays, axis=1), "float32")
