"""Self-attention of MPNet: a learnt bias of the attention logits for each distance from query to key."""

import keras
import numpy as np

from course_hw5.layers import kernels
from course_hw5.layers.bert_attention import BertAttention
from course_hw5.layers.layer import Shape, Tensor

FARTHEST = 128  # tokens from there on share a bucket


class TokenDistanceAttention(BertAttention):
    """Self-attention with a learnt number for each head and each bucket of distances added to the logits.

    Raffel et al. 2020 (https://arxiv.org/abs/1910.10683, section 2.1). The table `(buckets, heads)` is float32 whatever the
    layer computes in.

    Args: those of `BertAttention`, and
        buckets: of distances, an even number, 4 or more.
    """

    def __init__(self, num_heads: int, buckets: int = 32, **kwargs):
        super().__init__(num_heads, **kwargs)
        self.buckets = buckets
        if buckets % 2 or not 4 <= buckets < 4 * FARTHEST:
            raise ValueError(f"`buckets` must be an even number from 4 to {4 * FARTHEST - 2}. Received: {buckets}")

    def build(self, query_shape: Shape, value_shape: Shape | None = None) -> None:
        super().build(query_shape)
        self.table = self.add_weight((self.buckets, self.num_heads), initializer="zeros", autocast=False, name="distance_bias")

    def _project(self, query, value):
        if query is not value:
            raise ValueError("`value` must be the tensor that `query` is: distances are for self-attention. Received: another")
        return super()._project(query, value)

    def attention_weights(self, query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
        products = keras.ops.matmul(query, keras.ops.transpose(key, (0, 1, 3, 2)))
        factor = keras.ops.convert_to_tensor(self.factor, "float32")
        return kernels.biased_softmax(products, self._distance_bias(query), mask, factor)

    def logit_bias(self, query: Tensor, mask: Tensor) -> Tensor:
        bias = self._distance_bias(query)
        return keras.ops.where(mask, bias, bias - 3e4)

    def _distance_bias(self, query):
        position = keras.ops.arange(keras.ops.shape(query)[2])
        rows = distance_bucket(position - position[:, None], self.buckets)
        return kernels.position_bias(keras.ops.convert_to_tensor(self.table), rows)[None]


def distance_bucket(distance: Tensor, buckets: int) -> Tensor:
    """The row of the table for each distance.

    Keys after the query have half of the rows, keys before it the others; of each half, one row per distance for the nearer
    ones, then rows for ever more distances up to `FARTHEST`.

    Args:
        distance: int tensor, key's position minus query's.
        buckets: even number of rows.

    Returns:
        int32 tensor of the same shape.
    """
    half = buckets // 2
    near = half // 2
    wide = np.arange(1, half - near) / (half - near)
    starts = np.concatenate([np.arange(1, near + 1), np.ceil(near * (FARTHEST / near) ** wide - 1e-6)])
    rows = np.searchsorted(starts, np.arange(FARTHEST + 1), side="right").astype("int32")
    return keras.ops.where(distance > 0, half, 0) + keras.ops.take(rows, keras.ops.minimum(keras.ops.abs(distance), FARTHEST))
