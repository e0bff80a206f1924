"""Self-attention as BEiT has it."""

import keras

from course_hw5.layers import intervention, kernels
from course_hw5.layers.layer import Layer, Shape, Tensor


class BeitAttention(Layer):
    """Scaled dot-product attention; query and value have a bias, key has none; a position bias is added to the logits.

    Args:
        num_heads: number of heads; divides the length of a token's vector.
        dropout: rate on the softmax weights.
        initializer_range: standard deviation of the kernels' start.

    Input: `(batch, tokens, hidden_dim)`, and a position bias `(heads, tokens, tokens)` or None. Output:
    `(batch, tokens, hidden_dim)`; with `return_attention_scores` also a dict of arrays `(batch, heads, tokens, tokens)` of the
    same type, axis -2 the query: "attention_weights", the softmax of the sum of "content_logits", scaled products of query and
    key, and "position_logits", the bias. The dict also has "query", "key" and "value", each `(batch, heads, tokens, head_dim)`.
    """

    def __init__(self, num_heads: int, dropout: float = 0.0, initializer_range: float = 0.02, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.dropout, self.initializer_range = num_heads, dropout, initializer_range
        self.attention_dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, x_shape: Shape, position_bias_shape: Shape | None = None) -> None:
        hidden_dim = x_shape[-1]
        if hidden_dim % self.num_heads:
            raise ValueError(f"`num_heads` must divide the vectors' length {hidden_dim}. Received: {self.num_heads}")
        start = keras.initializers.TruncatedNormal(stddev=self.initializer_range)
        self.qkv_kernel = self.add_weight((hidden_dim, 3 * hidden_dim), initializer=start, name="qkv_kernel")
        self.query_bias = self.add_weight((hidden_dim,), initializer="zeros", name="query_bias")
        self.value_bias = self.add_weight((hidden_dim,), initializer="zeros", name="value_bias")
        self.output_kernel = self.add_weight((hidden_dim, hidden_dim), initializer=start, name="output_kernel")
        self.output_bias = self.add_weight((hidden_dim,), initializer="zeros", name="output_bias")

    def call(self, x: Tensor, position_bias: Tensor | None = None, return_attention_scores=False, training=None):
        _, tokens, hidden_dim = x.shape
        key_bias = keras.ops.zeros(self.query_bias.shape, self.compute_dtype)
        qkv_bias = keras.ops.concatenate([self.query_bias, key_bias, self.value_bias])
        qkv_bias = keras.ops.reshape(qkv_bias, (3, self.num_heads, -1))
        query, key, value = kernels.qkv_projection(x, self.qkv_kernel, qkv_bias)
        scale = (hidden_dim // self.num_heads) ** -0.5
        bias = keras.ops.zeros((1, 1, tokens)) if position_bias is None else position_bias
        bias = keras.ops.cast(bias, self.compute_dtype)[None]
        attention = kernels.attention_weights(query, key, bias, scale)
        weights = self.attention_dropout(attention, training=training)
        outputs = intervention.head_outputs(self, keras.ops.matmul(weights, value))
        mixed = keras.ops.transpose(outputs, (0, 2, 1, 3))  # (batch, tokens, heads, head_dim)
        x = kernels.dense(keras.ops.reshape(mixed, (-1, tokens, hidden_dim)), self.output_kernel, self.output_bias)
        if not return_attention_scores:
            return x
        content_logits = keras.ops.matmul(query, keras.ops.transpose(key, (0, 1, 3, 2))) * scale
        position_logits = keras.ops.broadcast_to(bias, keras.ops.shape(content_logits))
        logits = {"content_logits": content_logits, "position_logits": position_logits}
        return x, {"attention_weights": attention, "query": query, "key": key, "value": value} | logits
