"""Multi-head attention of Keras, quick where a step is made in pieces."""

import keras

from course_hw5.layers.attention_weights import attention_weights
from course_hw5.layers.compiled import in_pieces
from course_hw5.layers.heads import query_key_value


@keras.saving.register_keras_serializable("course_hw5")
class BertAttention(keras.layers.MultiHeadAttention):
    """Keras's `MultiHeadAttention`.

    Args and input: as of `keras.layers.MultiHeadAttention`, but that `attention_mask` is the only mask. Self-attention with
    biases and a mask is the quick case.
    """

    def call(self, query, value, key=None, attention_mask=None, return_attention_scores=False, training=None, **others):
        # Padding is masked as a key. As a query, which the mask of BERT's embeddings asks for, it would get uniform rows.
        others = {name: value for name, value in others.items() if not name.endswith("_mask") and value}
        for tensor in (query, value):
            if getattr(tensor, "_keras_mask", None) is not None:  # JAX's have no such attribute
                tensor._keras_mask = None
        if not self.is_quick(query, value, key, attention_mask, others):
            others |= {"return_attention_scores": return_attention_scores, "training": training}
            return super().call(query, value, key, attention_mask=attention_mask, **others)
        parts = self._query_dense, self._key_dense, self._value_dense
        kernel = keras.ops.concatenate([keras.ops.reshape(part.kernel, (query.shape[-1], -1)) for part in parts], axis=1)
        bias = keras.ops.reshape(keras.ops.concatenate([part.bias for part in parts]), (3, self._num_heads, -1))
        query, key, value = query_key_value(query, kernel, bias)
        attention = self.compute_weights(query, key, attention_mask)
        weights = self._dropout_layer(attention, training=training)
        x = self._output_dense(keras.ops.transpose(keras.ops.matmul(weights, value), (0, 2, 1, 3)))
        return (x, attention) if return_attention_scores else x

    def is_quick(self, query, value, key, attention_mask, others):
        """Whether `compute_weights` shall be called, in place of Keras's own attention."""
        is_plain = query is value and key is None and self._use_bias and self._value_dim == self._key_dim
        return in_pieces() and is_plain and attention_mask is not None and not others

    def compute_weights(self, query, key, attention_mask):
        """The share that each query takes of each key: `(batch, heads, tokens, tokens)`.

        Args:
            query, key: tensors `(batch, heads, tokens, head_dim)`.
            attention_mask: bool or int tensor `(batch, tokens or 1, tokens)`.
        """
        hidden = keras.ops.cast(-3e4, query.dtype)
        bias = keras.ops.where(attention_mask[:, None], keras.ops.zeros_like(hidden), hidden)
        return attention_weights(query, key, bias, self._inverse_sqrt_key_dim)
