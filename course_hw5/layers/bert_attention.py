"""Multi-head attention of Keras, quick where a step is made in pieces."""

import keras

from course_hw5.layers.attention_weights import attention_weights
from course_hw5.layers.compiled import in_pieces


@keras.saving.register_keras_serializable("course_hw5")
class BertAttention(keras.layers.MultiHeadAttention):
    """Keras's `MultiHeadAttention`.

    Args and input: as of `keras.layers.MultiHeadAttention`.
    """

    def _compute_attention(self, query, key, value, attention_mask=None, training=None, return_attention_scores=False):
        if not in_pieces() or attention_mask is None:
            return super()._compute_attention(query, key, value, attention_mask, training, return_attention_scores)
        query, key, value = (keras.ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))  # (batch, heads, tokens, dim)
        hidden = keras.ops.cast(-3e4, query.dtype)
        bias = keras.ops.where(attention_mask[:, None], keras.ops.zeros_like(hidden), hidden)
        attention = attention_weights(query, key, bias, self._inverse_sqrt_key_dim)
        weights = self._dropout_layer(attention, training=training)
        return keras.ops.transpose(keras.ops.matmul(weights, value), (0, 2, 1, 3)), attention
