"""Multi-head attention as BERT has it."""

import keras

from course_hw5.layers import kernels
from course_hw5.layers.dense import EinsumDense
from course_hw5.layers.hashed_dropout import HashedDropout


@keras.saving.register_keras_serializable("course_hw5")
class BertAttention(keras.layers.Layer):
    """Scaled dot-product attention (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762) with padding masked as keys.

    Weights have the names and shapes of `keras.layers.MultiHeadAttention`, of which it is the case that BERT needs.

    Args:
        num_heads: number of heads; divides the length of a token's vector.
        dropout: rate on the attention weights.
        kernel_initializer, bias_initializer: of the four projections.

    Input: `query` and `value`, each `(batch, tokens, hidden_dim)`, the same tensor for self-attention, and a bool or int
    `attention_mask` `(batch, tokens or 1, tokens)`, or None. Output: `(batch, tokens, hidden_dim)`; with
    `return_attention_scores` also the attention weights `(batch, heads, tokens, tokens)`.
    """

    def __init__(
        self,
        num_heads: int,
        dropout: float = 0.0,
        kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
        bias_initializer: str | keras.initializers.Initializer = "zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True  # a mask that Keras attaches to tokens is not needed beside `attention_mask`

    def build(self, query_shape: tuple[int, ...], value_shape: tuple[int, ...] | None = None) -> None:
        hidden_dim = query_shape[-1]
        if hidden_dim % self.num_heads:
            raise ValueError(f"`num_heads` must divide the vectors' length {hidden_dim}. Received: {self.num_heads}")
        head_shape = (self.num_heads, hidden_dim // self.num_heads)
        self.query_dense, self.key_dense, self.value_dense = (
            self._projection("abc,cde->abde", (None, *head_shape), "de", name) for name in ("query", "key", "value")
        )
        self.output_dense = self._projection("abcd,cde->abe", (None, hidden_dim), "e", "attention_output")
        for dense in (self.query_dense, self.key_dense, self.value_dense):
            dense.build(query_shape)
        self.output_dense.build((*query_shape[:-1], *head_shape))
        self.attention_dropout = HashedDropout(self.dropout, dtype=self.dtype_policy, name="dropout")
        self.factor = head_shape[1] ** -0.5

    def _projection(self, equation, output_shape, bias_axes, name):
        return EinsumDense(
            equation,
            output_shape,
            bias_axes=bias_axes,
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(
        self,
        query: keras.KerasTensor,
        value: keras.KerasTensor,
        attention_mask: keras.KerasTensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> keras.KerasTensor | tuple[keras.KerasTensor, keras.KerasTensor]:
        query, key, value = self._project(query, value)
        attention = self.attention_weights(query, key, attention_mask)
        weights = self.attention_dropout(attention, training=training)
        x = self.output_dense(keras.ops.transpose(keras.ops.matmul(weights, value), (0, 2, 1, 3)))
        return (x, attention) if return_attention_scores else x

    def _project(self, query, value):
        """Query, key and value of all heads, each `(batch, heads, tokens, head_dim)`."""
        parts = self.query_dense, self.key_dense, self.value_dense
        if query is not value:
            inputs = query, value, value
            return (keras.ops.transpose(part(x), (0, 2, 1, 3)) for part, x in zip(parts, inputs))
        kernel = keras.ops.concatenate([keras.ops.reshape(part.kernel, (query.shape[-1], -1)) for part in parts], axis=1)
        bias = keras.ops.reshape(keras.ops.concatenate([part.bias for part in parts]), (3, self.num_heads, -1))
        return kernels.qkv_projection(query, kernel, bias)  # one product for all three

    def attention_weights(
        self, query: keras.KerasTensor, key: keras.KerasTensor, attention_mask: keras.KerasTensor | None
    ) -> keras.KerasTensor:
        """The share that each query takes of each key: `(batch, heads, tokens, tokens)`.

        Args:
            query, key: tensors `(batch, heads, tokens, head_dim)`.
            attention_mask: bool or int tensor `(batch, tokens or 1, tokens)`, or None.
        """
        hidden = keras.ops.cast(-3e4, query.dtype)
        if attention_mask is None:
            attention_mask = keras.ops.ones((1, 1, keras.ops.shape(key)[2]), "bool")
        bias = keras.ops.where(keras.ops.cast(attention_mask[:, None], "bool"), keras.ops.zeros_like(hidden), hidden)
        return kernels.attention_weights(query, key, bias, self.factor)

    def get_config(self) -> dict:
        return super().get_config() | {
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
