"""One layer of BERT: self-attention, then a small network for each token, each with a skip connection and normalised after."""

import keras
import keras_nlp

from course_hw5.layers import intervention
from course_hw5.layers.bert_attention import BertAttention, initializers_of
from course_hw5.layers.keras_layers import Dense, HashedDropout, LayerNormalization
from course_hw5.layers.layer import Registered, Shape, Tensor


class BertEncoder(Registered, keras_nlp.layers.TransformerEncoder):
    """keras-nlp's `TransformerEncoder`, made of this package's layers. What it computes, `call`, is keras-nlp's.

    Args and input: as of keras-nlp's.
    """

    def build(self, inputs_shape: Shape) -> None:
        norm = {"epsilon": self.layer_norm_epsilon, "dtype": self.dtype_policy}
        # keras-nlp's `call` reads its layers by these names
        self._self_attention_layer = self.make_attention(name="self_attention_layer")
        self._self_attention_layer_norm = LayerNormalization(**norm, name="self_attention_layer_norm")
        self._self_attention_dropout = HashedDropout(self.dropout, dtype=self.dtype_policy, name="self_attention_dropout")
        self._feedforward_layer_norm = LayerNormalization(**norm, name="feedforward_layer_norm")
        self._feedforward_intermediate_dense = self._dense("intermediate", self.intermediate_dim, self.activation)
        self._feedforward_output_dense = self._dense("output", inputs_shape[-1])
        self._feedforward_dropout = HashedDropout(self.dropout, dtype=self.dtype_policy, name="feedforward_dropout")
        for layer in (self._self_attention_layer, self._self_attention_layer_norm, self._feedforward_layer_norm):
            layer.build(inputs_shape)
        self._feedforward_intermediate_dense.build(inputs_shape)
        self._feedforward_output_dense.build((*inputs_shape[:-1], self.intermediate_dim))

    def call(
        self, inputs: Tensor, padding_mask=None, attention_mask=None, training=None, return_attention_scores=False
    ) -> Tensor | tuple[Tensor, Tensor]:
        masks = {"padding_mask": padding_mask, "attention_mask": attention_mask}
        options = {"training": training, "return_attention_scores": return_attention_scores}
        return super().call(intervention.block_input(self, inputs), **masks, **options)

    def make_attention(self, kind: type[keras.layers.Layer] = BertAttention, **options) -> keras.layers.Layer:
        """The layer of self-attention, not yet built."""
        return kind(self.num_heads, dropout=self.dropout, **initializers_of(self), dtype=self.dtype_policy, **options)

    def _dense(self, name, units, activation=None):
        return Dense(units, activation, **initializers_of(self), dtype=self.dtype_policy, name=f"feedforward_{name}_dense")

    @property
    def attention(self) -> keras.layers.Layer:
        """The layer of self-attention."""
        return self._self_attention_layer

    @property
    def weighted_layers(self) -> tuple[keras.layers.Layer, ...]:
        """Query, key, value and output of attention, its normalization, both dense layers, and their normalization."""
        attention = self.attention
        projections = (attention.query_dense, attention.key_dense, attention.value_dense, attention.output_dense)
        dense = (self._feedforward_intermediate_dense, self._feedforward_output_dense)
        return (*projections, self._self_attention_layer_norm, *dense, self._feedforward_layer_norm)
