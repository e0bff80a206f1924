"""Attention as an output: submodels on the same inputs and weights."""

import weakref
from collections.abc import Iterable, Sequence

import keras
import numpy as np
from jaxtyping import Float32

from course_hw5.errors import require
from course_hw5.explanation import recording
from course_hw5.layers import kernels
from course_hw5.layers.layer import Layer
from course_hw5.models import task

VECTORS = ("query", "key", "value")
_EXTRACTORS = weakref.WeakKeyDictionary()


class Stacked(Layer):
    """Arrays of the same shape, one per layer of a model, in one float32 array, along axis 1."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32", "autocast": False})
        self.supports_masking = True  # Keras warns of a mask that is dropped otherwise

    def call(self, arrays: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        return kernels.stack_layers(*arrays)

    def compute_mask(self, arrays: Sequence[keras.KerasTensor], previous_mask: object) -> None:
        return None  # the attention holds it


def attention_model(model: keras.Model, parts: bool = False, vectors: bool = False) -> keras.Model:
    """Makes the submodel that outputs the attention of all layers, with the inputs and the weights of `model`.

    Args:
        model: BERT or BEiT, with or without a head; or any functional model whose layers attend by a softmax over keys, such as
            `keras.layers.MultiHeadAttention`, `GroupQueryAttention` or the layers of keras-hub, and layers of your own.
        parts: for BEiT, whether the two terms of the attention logits are given too.
        vectors: whether queries, keys and values are given too.

    Returns:
        Functional `keras.Model`, in inference mode. Of a BERT or BEiT of this package, or a model that calls one, its output is
        float32 `(batch, layers, heads, tokens, tokens)`: softmax probabilities, axis -2 the query, -1 the key; rows sum to 1
        and padded keys get 0. With `parts` it is a dict of that, "attention_weights", and of what it is the softmax of the sum
        of: "content_logits", scaled products of query and key, and "position_logits", the position bias. With `vectors` it is a
        dict, too, with "query", "key" and "value", each `(batch, layers, heads, tokens, head_dim)`.

        Of any other model, whose layers may differ, it is a dict from the path of each layer, in the order of their calls, to
        float32 weights `(batch, heads, queries, keys)`; windows of an image count as examples.

    Raises:
        ValueError: if `model` has no attention, or some layer's cannot be read.
    """
    outputs = extractor(model).output
    names = ("attention_weights", *(("content_logits", "position_logits") if parts else ()), *(VECTORS if vectors else ()))
    if not {*names} <= {*outputs}:
        name, of = ("parts", "without position bias") if parts else ("vectors", "that is no BERT or BEiT of course_hw5")
        raise ValueError(f"`{name}` must be False for a model {of}. Received: {model.name}")
    if isinstance(outputs["attention_weights"], dict):
        return keras.Model(model.input, outputs["attention_weights"], name=f"{model.name}_attention")
    stacked = {name: Stacked(name=f"stacked_{name}")(outputs[name]) for name in names}
    given = stacked if len(names) > 1 else stacked["attention_weights"]
    return keras.Model(model.input, given, name=f"{model.name}_attention")


def extractor(model: keras.Model) -> keras.Model:
    """The model that computes everything in one pass: what `model` outputs, and each layer's attention. It is made once."""
    require("model", model, lambda model: isinstance(model, keras.Model), "a Keras model")
    if model not in _EXTRACTORS:
        backbone = next((layer for layer in model.layers if isinstance(layer, task.Backbone)), None)
        if isinstance(model, (task.Task, task.Backbone)):
            _EXTRACTORS[model] = model.with_attention()
        elif backbone is not None:
            _EXTRACTORS[model] = task.with_attention(model, backbone)
        else:
            _EXTRACTORS[model] = recording.with_attention(model)
    return _EXTRACTORS[model]


def of_first(layers: Iterable, tokens: int | None = None) -> Float32[np.ndarray, "layers heads tokens tokens"]:
    """Attention of a batch's first example, a tensor per layer, of its first `tokens`: `(layers, heads, tokens, tokens)`."""
    return np.stack([np.float32(keras.ops.convert_to_numpy(layer)[0, :, :tokens, :tokens]) for layer in layers])


def vectors_of_first(
    outputs: dict, tokens: int | None = None
) -> dict[str, Float32[np.ndarray, "layers heads tokens head_dim"]]:
    """Query, key and value of a batch's first example, of its first `tokens`, from what the `extractor` outputs."""
    each = {name: [keras.ops.convert_to_numpy(layer)[0, :, :tokens] for layer in outputs[name]] for name in VECTORS}
    return {name: np.stack(layers).astype("float32") for name, layers in each.items()}
