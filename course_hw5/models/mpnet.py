"""MPNet (Song et al. 2020, https://arxiv.org/abs/2004.09297): a BERT whose heads also look at how far a token is.

One network with `models/bert.py` but for what is added to the attention logits, so that `bert_classifier`, `attention_model`
and the viewer take it as they take BERT. The published checkpoints know no segments: here a second one is the same as the
first.
"""

import keras

from course_hw5.layers.bert_encoder import BertEncoder
from course_hw5.layers.token_distance import TokenDistanceAttention
from course_hw5.models.bert import BertBackbone


class MPNetEncoder(BertEncoder):
    """`BertEncoder` whose attention is a `TokenDistanceAttention`.

    Args: those of `BertEncoder`, and
        buckets: of distances, an even number, 4 or more.
    """

    def __init__(self, *args, buckets: int = 32, **kwargs):
        super().__init__(*args, **kwargs)
        self.buckets = buckets

    def make_attention(self, kind: type[keras.layers.Layer] = TokenDistanceAttention, **options) -> keras.layers.Layer:
        return super().make_attention(kind, buckets=self.buckets, **options)

    def get_config(self) -> dict:
        return super().get_config() | {"buckets": self.buckets}


class MPNetBackbone(BertBackbone):
    """`BertBackbone` with buckets of distances in each layer. Inputs and outputs are the same.

    The published model has one table for all layers. Here each has its own, which may learn apart.

    Args: those of `BertBackbone`, and
        buckets: of distances, an even number, 4 or more.
    """

    def __init__(self, *args, buckets: int = 32, layer_norm_epsilon: float = 1e-5, **kwargs):
        self.buckets = buckets
        super().__init__(*args, **kwargs | {"layer_norm_epsilon": layer_norm_epsilon})

    def make_encoder(self, *args, **options) -> MPNetEncoder:
        return MPNetEncoder(*args, buckets=self.buckets, **options)

    def get_config(self) -> dict:
        return super().get_config() | {"buckets": self.buckets}
