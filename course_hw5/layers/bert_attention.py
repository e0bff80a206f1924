"""Self-attention as BERT has it."""

import keras

from course_hw5.layers import intervention, kernels
from course_hw5.layers.keras_layers import EinsumDense, HashedDropout
from course_hw5.layers.layer import Layer, Shape, Tensor


def initializers_of(layer: keras.layers.Layer) -> dict:
    """Initializers for a part of a layer, each of which draws by a seed of its own."""
    return {name: getattr(layer, name).clone() for name in ("kernel_initializer", "bias_initializer")}


class BertAttention(Layer):
    """Scaled dot-product attention (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762) with padding masked as keys.

    Weights have the names and shapes of `keras.layers.MultiHeadAttention`, of which it is the case that BERT needs.

    Args:
        num_heads: number of heads; divides the length of a token's vector.
        dropout: rate on the attention weights.
        kernel_initializer, bias_initializer: of the four projections.

    Input: `query` and `value`, each `(batch, tokens, hidden_dim)`, the same tensor for self-attention, and a bool or int
    `attention_mask` `(batch, tokens or 1, tokens)`, or None. Output: `(batch, tokens, hidden_dim)`; with
    `return_attention_scores` also a dict: "attention_weights" `(batch, heads, tokens, tokens)`, axis -2 the query; "query",
    "key" and "value", each `(batch, heads, tokens, head_dim)`; and "logit_bias", what is added to the scaled products of query
    and key, which broadcasts to the weights.
    """

    def __init__(self, num_heads: int, dropout=0.0, kernel_initializer="glorot_uniform", bias_initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.dropout = num_heads, dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True  # a mask that Keras attaches to tokens is not needed beside `attention_mask`

    def build(self, query_shape: Shape, value_shape: Shape | None = None) -> None:
        hidden_dim = query_shape[-1]
        if hidden_dim % self.num_heads:
            raise ValueError(f"`num_heads` must divide the vectors' length {hidden_dim}. Received: {self.num_heads}")
        head_shape = (self.num_heads, hidden_dim // self.num_heads)
        self.query_dense, self.key_dense, self.value_dense = (
            self._projection(name, query_shape, "abc,cde->abde", head_shape, "de") for name in ("query", "key", "value")
        )
        mixed_shape = (*query_shape[:-1], *head_shape)
        self.output_dense = self._projection("attention_output", mixed_shape, "abcd,cde->abe", (hidden_dim,), "e")
        self.attention_dropout = HashedDropout(self.dropout, dtype=self.dtype_policy, name="dropout")
        self.factor = head_shape[1] ** -0.5

    def _projection(self, name, input_shape, equation, output_shape, bias_axes):
        options = {"bias_axes": bias_axes, "dtype": self.dtype_policy, "name": name}
        projection = EinsumDense(equation, (None, *output_shape), **initializers_of(self), **options)
        projection.build(input_shape)
        return projection

    def call(self, query: Tensor, value: Tensor, attention_mask=None, return_attention_scores=False, training=None):
        mask = keras.ops.ones((1, 1, keras.ops.shape(value)[1]), "bool") if attention_mask is None else attention_mask
        mask = keras.ops.cast(mask[:, None], "bool")
        query, key, value = self._project(query, value)
        attention = self.attention_weights(query, key, mask)
        weights = self.attention_dropout(attention, training=training)
        outputs = intervention.head_outputs(self, keras.ops.matmul(weights, value), mask)
        x = self.output_dense(keras.ops.transpose(outputs, (0, 2, 1, 3)))
        if not return_attention_scores:
            return x
        bias = self.logit_bias(query, mask)
        return x, {"attention_weights": attention, "query": query, "key": key, "value": value, "logit_bias": bias}

    def _project(self, query, value):
        """Query, key and value of all heads, each `(batch, heads, tokens, head_dim)`."""
        parts = self.query_dense, self.key_dense, self.value_dense
        if query is not value:
            return (keras.ops.transpose(part(x), (0, 2, 1, 3)) for part, x in zip(parts, (query, value, value)))
        kernel = keras.ops.concatenate([keras.ops.reshape(part.kernel, (query.shape[-1], -1)) for part in parts], axis=1)
        bias = keras.ops.reshape(keras.ops.concatenate([part.bias for part in parts]), (3, self.num_heads, -1))
        return kernels.qkv_projection(query, kernel, bias)  # one product for all three

    def attention_weights(self, query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
        """The share that each query takes of each key: `(batch, heads, tokens, tokens)`.

        Args:
            query, key: tensors `(batch, heads, tokens, head_dim)`.
            mask: bool tensor `(batch or 1, 1, tokens or 1, tokens)`, false where a key is hidden.
        """
        return kernels.attention_weights(query, key, self.logit_bias(query, mask), self.factor)

    def logit_bias(self, query: Tensor, mask: Tensor) -> Tensor:
        """What is added to the scaled products: a large negative number where a key is hidden.

        Args: as of `attention_weights`.
        """
        hidden = keras.ops.cast(-3e4, query.dtype)
        return keras.ops.where(mask, keras.ops.zeros_like(hidden), hidden)
