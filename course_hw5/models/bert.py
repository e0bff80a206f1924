"""BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805) as a sentiment classifier whose attention can be read.

The encoder is keras-nlp's `BertBackbone`, with the exact GELU of the published checkpoints where keras-nlp approximates it, and
with layers that are quick on a CPU.
"""

import pathlib

import keras
import keras_nlp
import numpy as np

from course_hw5 import tokenization
from course_hw5.errors import require
from course_hw5.layers.bert_attention import BertAttention
from course_hw5.layers.dense import Dense, EinsumDense
from course_hw5.layers.gelu import exact_gelu
from course_hw5.layers.hashed_dropout import HashedDropout
from course_hw5.layers.layer_normalization import LayerNormalization
from course_hw5.word_pieces import BertTokenizer

# === Blocks ===


@keras.saving.register_keras_serializable("course_hw5")
class PositionEmbedding(keras_nlp.layers.PositionEmbedding):
    """keras-nlp's `PositionEmbedding`, which says that a text is too long, where its length is known beforehand."""

    def call(self, inputs, **options):
        tokens = inputs.shape[-2]
        if tokens is not None and tokens > self.sequence_length:
            raise ValueError(f"A text must have at most {self.sequence_length} tokens, one per position. Received: {tokens}")
        return super().call(inputs, **options)


# keras-nlp takes no layers: those that it made become these, whose state and arguments are the same
QUICK = {
    keras.layers.Dense: Dense,
    keras.layers.Dropout: HashedDropout,
    keras.layers.EinsumDense: EinsumDense,
    keras.layers.LayerNormalization: LayerNormalization,
    keras.layers.MultiHeadAttention: BertAttention,
    keras_nlp.layers.PositionEmbedding: PositionEmbedding,
}


@keras.saving.register_keras_serializable("course_hw5")
class BertBackbone(keras_nlp.models.BertBackbone):
    """keras-nlp's `BertBackbone` with exact GELU: equal to the reference to float rounding.

    Inputs: dict of int `token_ids`, `segment_ids`, `padding_mask`, each `(batch, tokens)`.
    Outputs: dict of `sequence_output` `(batch, tokens, hidden_dim)` and `pooled_output` `(batch, hidden_dim)`.

    Args: those of keras-nlp's, and
        vocabulary: sequence of word pieces, by which a classifier on it reads text; None for the published uncased one.
        lowercase: whether the vocabulary is uncased.
        tokenizer: a `BertTokenizer` of `course_hw5.word_pieces`, or its config, in place of both.
    """

    prefers_partial_jit = True

    def __init__(self, *args, vocabulary=None, lowercase=True, tokenizer=None, **kwargs):
        super().__init__(*args, **kwargs)
        self._finish(made_tokenizer(vocabulary, lowercase, tokenizer))

    def _finish(self, tokenizer=None):
        self.tokenizer = tokenizer
        for layer in self.transformer_layers:
            layer.activation = layer._feedforward_intermediate_dense.activation = exact_gelu
        for layer in self._flatten_layers():
            layer.__class__ = QUICK.get(type(layer), type(layer))

    def get_config(self):
        return super().get_config() | {"tokenizer": self.tokenizer and self.tokenizer.get_config()}


def made_tokenizer(vocabulary=None, lowercase=True, tokenizer=None):
    """The `BertTokenizer` that is given, or the one of a config or a vocabulary; None for the published uncased one."""
    if isinstance(tokenizer, dict):
        is_plain = "vocabulary" in tokenizer
        tokenizer = tokenization.bert_tokenizer(**tokenizer) if is_plain else BertTokenizer.from_config(tokenizer)
    if tokenizer is None and vocabulary is not None:
        tokenizer = tokenization.bert_tokenizer(tokenization.checked_vocabulary("`vocabulary`", vocabulary), lowercase)
    return tokenizer


@keras.saving.register_keras_serializable("course_hw5")
class BertInputs(keras.layers.Layer):
    """Derives the padding mask and the segment ids from token ids; keeps the tokenizer, so that a saved model reads text.

    Padding is id 0. Segment 0 ends with the first [SEP], segment 1 with the second. A [SEP] that was typed in a text ends no
    segment: its id is given as negative.

    Args:
        vocabulary: sequence of word pieces; None for the published uncased one.
        lowercase: whether the vocabulary is uncased.
        separator_id: id of [SEP]; 0, the id of padding, for models whose pairs are one segment.
        tokenizer: a `BertTokenizer` of `course_hw5.word_pieces`, or its config, in place of vocabulary and lowercase.
    """

    def __init__(self, vocabulary=None, lowercase=True, separator_id=102, tokenizer=None, **kwargs):
        super().__init__(**kwargs)
        self.tokenizer = made_tokenizer(vocabulary, lowercase, tokenizer)
        self.separator_id = separator_id
        self._lowercase = lowercase

    def call(self, token_ids):
        padding_mask = keras.ops.cast(keras.ops.not_equal(token_ids, 0), "int32")
        is_separator = keras.ops.cast(keras.ops.equal(token_ids, self.separator_id), "int32")
        separators_before = keras.ops.cumsum(is_separator, axis=1) - is_separator
        segment_ids = keras.ops.minimum(separators_before, 1) * padding_mask
        return {"token_ids": keras.ops.abs(token_ids), "segment_ids": segment_ids, "padding_mask": padding_mask}

    def load_assets(self, folder):  # the first files held the vocabulary there
        path = pathlib.Path(folder) / "vocab.txt"
        if path.exists():
            self.tokenizer = tokenization.bert_tokenizer(tokenization.read_vocabulary(path), self._lowercase)

    def get_config(self):
        own = {"tokenizer": self.tokenizer and self.tokenizer.get_config(), "separator_id": self.separator_id}
        return super().get_config() | own


@keras.saving.register_keras_serializable("course_hw5")
class BinaryHead(keras.layers.Dense):
    """The last layer of a classifier: a logit and its sigmoid, in float32; keeps the names of the two labels with the model.

    Args:
        class_names: of label 0 and of label 1, whose probability is the output.
    """

    def __init__(self, class_names=("negative", "positive"), **kwargs):
        super().__init__(**{"units": 1, "activation": "sigmoid", "dtype": "float32"} | kwargs)
        self.class_names = tuple(map(str, class_names))
        if len(self.class_names) != 2:
            raise ValueError(f"`class_names` must be two names. Received: {class_names!r}")

    def get_config(self):
        return super().get_config() | {"class_names": self.class_names}


# === Models ===


def bert_backbone(size="tiny", **overrides):
    """Makes a `BertBackbone` with random weights.

    Args:
        size: a name in `SIZES`.
        **overrides: arguments of keras-nlp's `BertBackbone` that differ from those of the size.
    """
    require("size", size, lambda size: size in SIZES, f"one of {', '.join(SIZES)}")
    return BertBackbone(**{"vocabulary_size": 30522} | SIZES[size] | overrides)


def bert_classifier(
    backbone,
    max_length=None,
    dropout=0.1,
    vocabulary=None,
    lowercase=True,
    tokenizer=None,
    class_names=("negative", "positive"),
):
    """Makes the sentiment classifier of question 2-1.

    Args:
        backbone: a `BertBackbone`; of one of keras-nlp's own a copy, with exact GELU.
        max_length: tokens per text; None for any number up to the backbone's `max_sequence_length`.
        dropout: rate before the last layer.
        vocabulary: sequence of word pieces; None for the backbone's own, else the published uncased one.
        lowercase: whether the vocabulary is uncased; of the backbone's its own word counts.
        tokenizer: a `BertTokenizer` of `course_hw5.word_pieces`, in place of vocabulary and lowercase.
        class_names: of label 0 and of label 1, kept with the model.

    Returns:
        Functional `keras.Model`: integer `(batch, max_length)` token ids, 0 where padded, to float32 `(batch, 1)`
        probabilities of label 1.

    Raises:
        ValueError: if `backbone` is no BERT; if `max_length` leaves no room for a word piece, or exceeds what the backbone has
            positions for; if `vocabulary` is not one of BERT, or larger than the backbone's embedding; if `class_names` are
            not two. The published vocabulary is compared when text is read: a model of other token ids needs none.

    Example:
        >>> model = bert_classifier(bert_backbone("tiny"), max_length=16)
        >>> model.input_shape, model.output_shape, f"{model.count_params():,}"
        ((None, 16), (None, 1), '4,386,049')
    """
    backbone = exact(backbone)
    longest = backbone.max_sequence_length
    if max_length is not None and not (isinstance(max_length, (int, np.integer)) and 3 <= max_length <= longest):
        raise ValueError(f"`max_length` must be None or a whole number in [3, {longest}]. Received: {max_length!r}")
    tokenizer = made_tokenizer(vocabulary, lowercase, tokenizer) or backbone.tokenizer
    if tokenizer is not None:
        check_embeddings("`backbone`", backbone, tokenizer)
    separator_id = 102
    if tokenizer is not None:
        separator_id = tokenizer.sep_token_id if tokenizer.segments else 0  # no token of a text is padding
    token_ids = keras.Input((max_length,), dtype="int32", name="token_ids")
    x = backbone(BertInputs(tokenizer=tokenizer, separator_id=separator_id, name="bert_inputs")(token_ids))["pooled_output"]
    x = keras.layers.Dropout(dropout, name="classifier_dropout")(x)
    x = BinaryHead(class_names, name="positive")(x)
    return keras.Model(token_ids, x, name="bert_classifier")


def class_names_of(model):
    """The names of label 0 and label 1 of a `bert_classifier`; files from before names were kept are of sentiment."""
    return getattr(model.get_layer("positive"), "class_names", ("negative", "positive"))


def check_embeddings(owner, backbone, tokenizer):
    """Raises ValueError, which names the `owner` of both, if there are more word pieces than embeddings."""
    if (pieces := tokenizer.vocabulary_size()) > (rows := backbone.vocabulary_size):
        raise ValueError(f"{owner} must hold an embedding for each word piece. Received: {rows} for {pieces}")


def exact(backbone, copy=True):
    """The same backbone with exact GELU: itself, or of one of keras-nlp's own a copy of the same name and precision.

    Args:
        backbone: a `BertBackbone` of ours or of keras-nlp.
        copy: whether one of keras-nlp stays as it is; else it becomes one of ours, and none is built beside it.

    Raises:
        ValueError: if it is no BERT.
    """
    if isinstance(backbone, BertBackbone):
        return backbone
    if not isinstance(backbone, keras_nlp.models.BertBackbone):
        raise ValueError(f"`backbone` must be a BertBackbone, as bert_backbone makes one. Received: {backbone!r}")
    if copy:
        return _copy(backbone)
    backbone.__class__ = BertBackbone
    backbone._finish()
    return backbone


def _copy(backbone, **changes):
    """A `BertBackbone` with the weights of another, and its config but for `changes`."""
    kind = type(backbone) if isinstance(backbone, BertBackbone) else BertBackbone
    copy = kind.from_config(backbone.get_config() | changes)
    copy.set_weights(backbone.get_weights())
    return copy


def backbone_of(model):
    """The `BertBackbone` that a model is, or is built on.

    Raises:
        ValueError: if there is none.
    """
    for layer in (model, *getattr(model, "layers", ())):
        if isinstance(layer, BertBackbone):
            return layer
    received = getattr(model, "name", model)
    raise ValueError(f"`model` must be a bert_classifier or a BertBackbone of course_hw5. Received: {received!r}")


def with_precision(model, policy):
    """The same classifier with a backbone of another policy, such as "mixed_bfloat16"; the model itself where it has that."""
    backbone = backbone_of(model)
    if backbone.dtype_policy.name == policy:
        return model
    inputs, head, dropout = (model.get_layer(name) for name in ("bert_inputs", "positive", "classifier_dropout"))
    copy, length = _copy(backbone, dtype=policy), model.inputs[0].shape[1]
    changed = bert_classifier(copy, length, dropout.rate, tokenizer=inputs.tokenizer, class_names=class_names_of(model))
    changed.get_layer("positive").set_weights(head.get_weights())
    return changed


def enable_lora(model, rank):
    """Freezes the backbone but for a change of low rank to each kernel of its encoder, the biases beside them, and the pooler.

    Hu et al. 2022, https://arxiv.org/abs/2106.09685, by the `enable_lora` of Keras's layers. A saved model is merged. MPNet's
    tables of distances are trained, as biases are.

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
