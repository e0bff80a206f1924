"""MPNet (Song et al. 2020, https://arxiv.org/abs/2004.09297): a BERT whose heads also look at how far a token is.

One network with `models/bert.py` but for what is added to the scores, so that `bert_classifier`, `attention_model` and the
viewer take it as they take BERT. The published checkpoints know no segments: here a second one is the same as the first.
"""

import keras
import keras_nlp

from course_hw5.layers.token_distance import TokenDistanceAttention
from course_hw5.models.bert import BertBackbone


@keras.saving.register_keras_serializable("course_hw5")
class MPNetEncoder(keras_nlp.layers.TransformerEncoder):
    """keras-nlp's `TransformerEncoder` whose attention is a `TokenDistanceAttention`.

    Args: those of keras-nlp's, and
        buckets: of distances, an even number, 4 or more.
    """

    def __init__(self, *args, buckets=32, **kwargs):
        super().__init__(*args, **kwargs)
        self.buckets = buckets

    def build(self, inputs_shape):
        super().build(inputs_shape)
        self.look_at_distances()

    def look_at_distances(self):
        self._self_attention_layer.__class__ = TokenDistanceAttention
        self._self_attention_layer.add_buckets(self.buckets)

    def get_config(self):
        return super().get_config() | {"buckets": self.buckets}


@keras.saving.register_keras_serializable("course_hw5")
class MPNetBackbone(BertBackbone):
    """`BertBackbone` with buckets of distances in each layer. Inputs and outputs are the same.

    The published model has one table for all layers. Here each has its own, which may learn apart.

    Args: those of `BertBackbone`, and
        buckets: of distances, an even number, 4 or more.
        layer_norm_epsilon: of all layer normalizations.
    """

    def __init__(self, *args, buckets=32, layer_norm_epsilon=1e-5, **kwargs):
        self.buckets, self.layer_norm_epsilon = buckets, layer_norm_epsilon
        super().__init__(*args, **kwargs)

    def _finish(self, tokenizer=None):
        super()._finish(tokenizer)
        for encoder in self.transformer_layers:
            encoder.__class__ = MPNetEncoder
            encoder.buckets, encoder.layer_norm_epsilon = self.buckets, self.layer_norm_epsilon
            encoder.look_at_distances()
        for layer in self._flatten_layers():
            if isinstance(layer, keras.layers.LayerNormalization):
                layer.epsilon = self.layer_norm_epsilon

    def get_config(self):
        return super().get_config() | {"buckets": self.buckets, "layer_norm_epsilon": self.layer_norm_epsilon}
