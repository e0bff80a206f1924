"""Attention as an output: submodels on the same inputs and weights."""

import weakref
from collections.abc import Sequence

import keras

from course_hw5.errors import require
from course_hw5.layers import kernels
from course_hw5.models.beit import BeitBackbone
from course_hw5.models.bert import BertBackbone
from course_hw5.models.task import Task, with_attention

_EXTRACTORS = weakref.WeakKeyDictionary()


@keras.saving.register_keras_serializable("course_hw5")
class Stacked(keras.layers.Layer):
    """Arrays of the same shape, one per layer of a model, in one float32 array, along axis 1."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32", "autocast": False})
        self.supports_masking = True  # Keras warns of a mask that is dropped otherwise

    def call(self, arrays: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        return kernels.stack_layers(*arrays)

    def compute_mask(self, arrays: Sequence[keras.KerasTensor], previous_mask: object) -> None:
        return None  # the attention holds it


def attention_model(model: keras.Model, parts: bool = False) -> keras.Model:
    """Makes the submodel that outputs the attention of all layers, with the inputs and the weights of `model`.

    Args:
        model: BERT or BEiT, with or without a head; also a functional model of your own that calls a `BertBackbone` or a
            `BeitBackbone`.
        parts: for BEiT, whether the two terms of the attention logits are given too.

    Returns:
        Functional `keras.Model` with a float32 output `(batch, layers, heads, tokens, tokens)`: softmax probabilities, axis
        -2 the query, -1 the key; rows sum to 1 and padded keys get 0. With `parts` a dict of that, "attention_weights", and of
        what it is the softmax of the sum of: "content_logits", scaled products of query and key, and "position_logits", the
        position bias.

    Raises:
        ValueError: if `model` has no attention that can be read.
    """
    outputs = extractor(model).output
    names = ("attention_weights", "content_logits", "position_logits") if parts else ("attention_weights",)
    if not {*names} <= {*outputs}:
        raise ValueError(f"`parts` must be False for a model without position bias. Received: {model.name}")
    stacked = {name: Stacked(name=f"stacked_{name}")(outputs[name]) for name in names}
    return keras.Model(model.input, stacked if parts else stacked["attention_weights"], name=f"{model.name}_attention")


def extractor(model: keras.Model) -> keras.Model:
    """The model that computes everything in one pass: what `model` outputs, and each layer's attention. It is made once."""
    require("model", model, lambda model: isinstance(model, keras.Model), "a Keras model")
    if model not in _EXTRACTORS:
        _EXTRACTORS[model] = _make_extractor(model)
    return _EXTRACTORS[model]


def _make_extractor(model):
    backbones = (BertBackbone, BeitBackbone)
    if isinstance(model, (Task, *backbones)):
        return model.with_attention()
    backbone = next((layer for layer in model.layers if isinstance(layer, backbones)), None)
    if backbone is None:
        raise ValueError(f"`model` must be, or call, a BertBackbone or a BeitBackbone of course_hw5. Received: {model.name!r}")
    return with_attention(model, backbone)
