"""Self-attention of MPNet: what a head adds to its scores for the distance from a query to a key."""

import math

import keras

from course_hw5.layers.bert_attention import BertAttention
from course_hw5.layers.compiled import compiled, rounded

FARTHEST = 128  # tokens from there on share a bucket


@keras.saving.register_keras_serializable("course_hw5")
class TokenDistanceAttention(BertAttention):
    """`BertAttention` with a learnt number for each head and each bucket of distances added to the scores.

    Raffel et al. 2020 (https://arxiv.org/abs/1910.10683, section 2.1): keys after the query have half of the buckets, keys
    before it the others; of each half, one bucket per distance for the nearer ones, and wider ones up to `FARTHEST`.
    """

    def add_buckets(self, buckets):
        """Gives a layer that is built its table `(buckets, heads)`, zeros."""
        self._tracker.unlock()  # as Keras's layers do where they add a LoRA
        self.table = self.add_weight((buckets, self._num_heads), initializer="zeros", name="distance_bias")
        self._tracker.lock()

    def is_quick(self, query, value, key, attention_mask, others):
        return True

    def compute_weights(self, query, key, attention_mask):
        tokens = keras.ops.shape(query)[2]
        position = keras.ops.arange(tokens)
        index = distance_bucket(position - position[:, None], self.table.shape[0])
        bias = keras.ops.take(keras.ops.transpose(self.table), keras.ops.reshape(index, (-1,)), axis=1)
        bias = keras.ops.reshape(bias, (1, self._num_heads, tokens, tokens))
        scores = keras.ops.matmul(query, keras.ops.transpose(key, (0, 1, 3, 2)))
        if attention_mask is None:
            attention_mask = keras.ops.ones((1, 1, tokens), "bool")
        hidden = keras.ops.where(attention_mask[:, None], 0.0, -3e4)
        return _softmax(scores, bias, hidden, keras.ops.convert_to_tensor(self._inverse_sqrt_key_dim, "float32"))


@compiled
def _softmax(scores, bias, hidden, factor):
    total = keras.ops.cast(scores, "float32") * factor + keras.ops.cast(bias, "float32") + hidden
    return rounded(keras.ops.softmax(total, axis=-1), scores.dtype)


def distance_bucket(distance, buckets):
    """The row of the table for each distance.

    Args:
        distance: int tensor, key's position minus query's.
        buckets: even number of rows.

    Returns:
        int32 tensor of the same shape.
    """
    half = buckets // 2
    near = half // 2
    away = keras.ops.abs(distance)
    wide = keras.ops.log(keras.ops.cast(keras.ops.maximum(away, 1), "float32") / near) / math.log(FARTHEST / near)
    wide = keras.ops.minimum(near + keras.ops.cast(wide * (half - near), "int32"), half - 1)
    return keras.ops.where(distance > 0, half, 0) + keras.ops.where(away < near, away, wide)
