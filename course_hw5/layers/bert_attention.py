"""Multi-head attention of Keras, with one product for query, key and value."""

import keras

from course_hw5.layers import kernels


@keras.saving.register_keras_serializable("course_hw5")
class BertAttention(keras.layers.MultiHeadAttention):
    """Keras's `MultiHeadAttention`.

    Args and input: as of `keras.layers.MultiHeadAttention`. In self-attention with biases and an `attention_mask` that is the
    only mask: the Keras mask of BERT's embeddings would hide padding as queries too, which the reference does not.
    """

    def call(self, query, value, key=None, attention_mask=None, return_attention_scores=False, training=None, **options):
        others = {name: option for name, option in options.items() if not name.endswith("_mask") and option}
        others |= {"use_causal_mask": True} if options.get("use_causal_mask") else {}
        if not self.is_quick(query, value, key, attention_mask, others):
            options |= {"return_attention_scores": return_attention_scores, "training": training}
            return super().call(query, value, key, attention_mask=attention_mask, **options)
        parts = self.query_dense, self.key_dense, self.value_dense
        kernel = keras.ops.concatenate([keras.ops.reshape(part.kernel, (query.shape[-1], -1)) for part in parts], axis=1)
        bias = keras.ops.reshape(keras.ops.concatenate([part.bias for part in parts]), (3, self.num_heads, -1))
        query, key, value = kernels.qkv_projection(query, kernel, bias)
        attention = self.compute_weights(query, key, attention_mask)
        weights = self._dropout_layer(attention, training=training)
        x = self.output_dense(keras.ops.transpose(keras.ops.matmul(weights, value), (0, 2, 1, 3)))
        return (x, attention) if return_attention_scores else x

    def is_quick(self, query, value, key, attention_mask, others: dict) -> bool:
        """Whether `compute_weights` shall be called, in place of Keras's own attention."""
        is_plain = query is value and key is None and self.use_bias and self.value_dim == self.key_dim
        return is_plain and attention_mask is not None and not others

    def compute_weights(self, query, key, attention_mask):
        """The share that each query takes of each key: `(batch, heads, tokens, tokens)`.

        Args:
            query, key: tensors `(batch, heads, tokens, head_dim)`.
            attention_mask: bool or int tensor `(batch, tokens or 1, tokens)`.
        """
        hidden = keras.ops.cast(-3e4, query.dtype)
        bias = keras.ops.where(attention_mask[:, None], keras.ops.zeros_like(hidden), hidden)
        return kernels.attention_weights(query, key, bias, self.key_dim**-0.5)
