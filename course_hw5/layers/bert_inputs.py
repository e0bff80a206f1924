"""What BERT reads beside token ids: which tokens are padding, which segment a token is in, and where it stands."""

import keras
import keras_nlp

from course_hw5.layers.layer import Layer, Registered, Tensor


class BertInputs(Layer):
    """Derives the padding mask and the segment ids from token ids.

    Padding is id 0. Segment 0 ends with the first [SEP], segment 1 with the second. A [SEP] that was typed in a text ends no
    segment: its id is given as negative.

    Args:
        separator_id: id of [SEP]; 0, the id of padding, for models whose pairs are one segment.

    Input: int `(batch, tokens)`. Output: dict of int `token_ids`, `segment_ids` and `padding_mask`, each `(batch, tokens)`.
    """

    def __init__(self, separator_id: int = 102, **kwargs):
        super().__init__(**kwargs)
        self.separator_id = separator_id

    def call(self, token_ids: Tensor) -> dict[str, Tensor]:
        padding_mask = keras.ops.cast(keras.ops.not_equal(token_ids, 0), "int32")
        is_separator = keras.ops.cast(keras.ops.equal(token_ids, self.separator_id), "int32")
        separators_before = keras.ops.cumsum(is_separator, axis=1) - is_separator
        segment_ids = keras.ops.minimum(separators_before, 1) * padding_mask
        return {"token_ids": keras.ops.abs(token_ids), "segment_ids": segment_ids, "padding_mask": padding_mask}


class PositionEmbedding(Registered, keras_nlp.layers.PositionEmbedding):
    """keras-nlp's `PositionEmbedding`, which says that a text is too long, where its length is known beforehand."""

    def call(self, inputs: Tensor, **options) -> Tensor:
        tokens = inputs.shape[-2]
        if tokens is not None and tokens > self.sequence_length:
            raise ValueError(f"A text must have at most {self.sequence_length} tokens, one per position. Received: {tokens}")
        return super().call(inputs, **options)
