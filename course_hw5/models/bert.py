"""BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805) as a sentiment classifier whose attention can be read.

The encoder is keras-nlp's `BertBackbone`, with the exact GELU of the published checkpoints where keras-nlp approximates it, and
with layers that are quick on a CPU.
"""

import pathlib

import keras
import keras_nlp

from course_hw5 import tokenization
from course_hw5.layers.bert_attention import BertAttention
from course_hw5.layers.dense import Dense, EinsumDense
from course_hw5.layers.gelu import exact_gelu
from course_hw5.layers.hashed_dropout import HashedDropout
from course_hw5.layers.layer_normalization import LayerNormalization

# keras-nlp takes no layers: those that it made become these, whose state and arguments are the same
QUICK = {
    keras.layers.Dense: Dense,
    keras.layers.Dropout: HashedDropout,
    keras.layers.EinsumDense: EinsumDense,
    keras.layers.LayerNormalization: LayerNormalization,
    keras.layers.MultiHeadAttention: BertAttention,
}

# === Blocks ===


@keras.saving.register_keras_serializable("course_hw5")
class BertBackbone(keras_nlp.models.BertBackbone):
    """keras-nlp's `BertBackbone` with exact GELU: equal to the reference to float rounding.

    Inputs: dict of int `token_ids`, `segment_ids`, `padding_mask`, each `(batch, tokens)`.
    Outputs: dict of `sequence_output` `(batch, tokens, hidden_dim)` and `pooled_output` `(batch, hidden_dim)`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for layer in self.transformer_layers:
            layer.activation = layer._feedforward_intermediate_dense.activation = exact_gelu
        for layer in self._flatten_layers():
            layer.__class__ = QUICK.get(type(layer), type(layer))


@keras.saving.register_keras_serializable("course_hw5")
class BertInputs(keras.layers.Layer):
    """Derives the padding mask and the segment ids from token ids; keeps the vocabulary, so that a saved model reads text.

    Padding is id 0. Segment 0 ends with the first [SEP], segment 1 with the second.

    Args:
        vocabulary: tuple of word pieces, saved beside the weights; None for the published uncased one.
        lowercase: whether the vocabulary is uncased.
        separator_id: id of [SEP].
    """

    def __init__(self, vocabulary=None, lowercase=True, separator_id=102, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self.separator_id = separator_id

    @property
    def tokenizer(self):
        return tokenization.bert_tokenizer(self.vocabulary, self.lowercase)

    def call(self, token_ids):
        padding_mask = keras.ops.cast(keras.ops.not_equal(token_ids, 0), "int32")
        is_separator = keras.ops.cast(keras.ops.equal(token_ids, self.separator_id), "int32")
        separators_before = keras.ops.cumsum(is_separator, axis=1) - is_separator
        segment_ids = keras.ops.minimum(separators_before, 1) * padding_mask
        return {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}

    def save_assets(self, folder):
        if self.vocabulary is not None:
            text = "".join(f"{token}\n" for token in self.vocabulary)
            (pathlib.Path(folder) / "vocab.txt").write_text(text, encoding="utf-8")

    def load_assets(self, folder):
        path = pathlib.Path(folder) / "vocab.txt"
        if path.exists():
            self.vocabulary = tokenization.read_vocabulary(path)

    def get_config(self):
        return super().get_config() | {"lowercase": self.lowercase, "separator_id": self.separator_id}


# === Models ===


def bert_backbone(size="tiny", **overrides):
    """Makes a `BertBackbone` with random weights.

    Args:
        size: a name in `SIZES`.
        **overrides: arguments of keras-nlp's `BertBackbone` that differ from those of the size.
    """
    if size not in SIZES:
        raise ValueError(f"`size` must be one of {', '.join(SIZES)}. Received: {size!r}")
    return BertBackbone(**{"vocabulary_size": 30522} | SIZES[size] | overrides)


def bert_classifier(backbone, max_length=None, dropout=0.1, vocabulary=None, lowercase=True):
    """Makes the sentiment classifier of question 2-1.

    Args:
        backbone: a `BertBackbone`.
        max_length: tokens per text; None for any number up to the backbone's `max_sequence_length`.
        dropout: rate before the last layer.
        vocabulary: tuple of word pieces; None for that of the folder which the backbone was loaded from, else the published
            uncased one.
        lowercase: whether the vocabulary is uncased; of a folder's its own word counts.

    Returns:
        Functional `keras.Model`: integer `(batch, max_length)` token ids, 0 where padded, to float32 `(batch, 1)`
        probabilities of "positive".

    Raises:
        ValueError: if `max_length` exceeds what the backbone has positions for.

    Example:
        >>> model = bert_classifier(bert_backbone("tiny"), max_length=16)
        >>> model.input_shape, model.output_shape, f"{model.count_params():,}"
        ((None, 16), (None, 1), '4,386,049')
    """
    if max_length is not None and not 0 < max_length <= backbone.max_sequence_length:
        raise ValueError(f"`max_length` must lie in [1, {backbone.max_sequence_length}]. Received: {max_length}")
    if vocabulary is None and getattr(backbone, "vocabulary", None):
        vocabulary, lowercase = tuple(backbone.vocabulary), backbone.lowercase
    token_ids = keras.Input((max_length,), dtype="int32", name="token_ids")
    separator_id = 102 if vocabulary is None else vocabulary.index("[SEP]")
    x = backbone(BertInputs(vocabulary, lowercase, separator_id, name="bert_inputs")(token_ids))["pooled_output"]
    x = keras.layers.Dropout(dropout, name="classifier_dropout")(x)
    x = keras.layers.Dense(1, activation="sigmoid", dtype="float32", name="positive")(x)
    return keras.Model(token_ids, x, name="bert_classifier")


def backbone_of(model):
    """The `BertBackbone` that a model is, or is built on.

    Raises:
        ValueError: if there is none.
    """
    for layer in (model, *getattr(model, "layers", ())):
        if isinstance(layer, BertBackbone):
            return layer
    raise ValueError(f"`model` must be a bert_classifier or a BertBackbone. Received: {getattr(model, 'name', model)!r}")


def with_precision(model, policy):
    """The same classifier with a backbone of another policy, such as "mixed_bfloat16"; the model itself where it has that."""
    backbone = backbone_of(model)
    if backbone.dtype_policy.name == policy:
        return model
    copy = BertBackbone.from_config(backbone.get_config() | {"dtype": policy})
    copy.set_weights(backbone.get_weights())
    inputs, head, dropout = (model.get_layer(name) for name in ("bert_inputs", "positive", "classifier_dropout"))
    changed = bert_classifier(copy, model.inputs[0].shape[1], dropout.rate, inputs.vocabulary, inputs.lowercase)
    changed.get_layer("positive").set_weights(head.get_weights())
    return changed


def enable_lora(model, rank):
    """Freezes the backbone but for a change of low rank to each kernel of its encoder, the biases beside them, and the pooler.

    Hu et al. 2022, https://arxiv.org/abs/2106.09685, by the `enable_lora` of Keras's layers. A saved model is merged.

    Args:
        model: a `bert_classifier`, changed in place.
        rank: of the change, 1 or more.
    """
    backbone = backbone_of(model)
    for layer in backbone.layers:
        if layer not in backbone.transformer_layers and layer is not backbone.pooled_dense:
            layer.trainable = False
    for encoder in backbone.transformer_layers:
        for layer in encoder._flatten_layers():
            if hasattr(layer, "enable_lora"):
                layer.enable_lora(rank)
            elif isinstance(layer, keras.layers.LayerNormalization):
                layer.trainable = False


# === Sizes ===

# Turc et al. 2019, https://arxiv.org/abs/1908.08962; Wang et al. 2020, https://arxiv.org/abs/2002.10957
SIZES = {
    name: {"num_layers": layers, "hidden_dim": width, "num_heads": heads, "intermediate_dim": 4 * width}
    for name, layers, width, heads in (
        ("tiny", 2, 128, 2),
        ("mini", 4, 256, 4),
        ("small", 4, 512, 8),
        ("medium", 8, 512, 8),
        ("base", 12, 768, 12),
        ("minilm-l6", 6, 384, 12),
    )
}
