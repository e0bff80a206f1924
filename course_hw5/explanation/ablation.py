"""Heads off: what a model answers without some of its heads."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
from jaxtyping import Float

from course_hw5.errors import is_whole, require
from course_hw5.layers import intervention
from course_hw5.layers.layer import Tensor
from course_hw5.models import task

Heads: TypeAlias = Iterable[tuple[int, int] | int]  # a head as (layer, head), or all heads of a layer
Shares: TypeAlias = Float[np.ndarray, "examples layers heads 3"]

# What a head gives is so much of its own output, of its mean over tokens, and of the output for a batch's first example.
OWN, FIRST = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
ABLATIONS = {"zero": (0.0, 0.0, 0.0), "mean": (0.0, 1.0, 0.0)}


def backbone_of(model: keras.Model) -> task.Backbone:
    """The BERT or BEiT that a model is, or calls.

    Raises:
        ValueError: if it is a model without attention that can be read.
    """
    require("model", model, lambda model: isinstance(model, keras.Model), "a Keras model")
    found = next((part for part in (model, *model.layers) if isinstance(part, task.Backbone)), None)
    if found is None:
        expected = "be, or call, a BertBackbone or a BeitBackbone of course_hw5"
        raise ValueError(f"`model` must {expected}. Received: {model.name!r}")
    return found


def ablated(model: keras.Model, heads: Heads, ablation: str = "zero") -> keras.Model:
    """Makes the model that a model is without some of its heads, with the same weights.

    Args:
        model: BERT, MPNet, BEiT or UPerNet, with or without a head; or a functional model of your own that calls one.
        heads: `(layer, head)` for each head to be silenced, or a layer for all of its heads.
        ablation: what a silenced head gives instead of its output: "zero", nothing; or "mean", to each token the mean of what
            it gives to all tokens of the same text or image, so that it no longer tells them apart.

    Returns:
        Functional `keras.Model` of the same inputs and outputs, to be called, evaluated or trained further. It has the
        `class_names` of the model.

    Raises:
        ValueError: if there is no such head, or the model has no attention that can be read.

    Example:
        >>> from course_hw5.models.bert import bert_backbone
        >>> from course_hw5.models.bert_classifier import bert_classifier
        >>> without = ablated(bert_classifier(bert_backbone("tiny")), {(0, 1), 1})
        >>> without.output_shape
        (None, 1)
    """
    shares = silenced(model, heads, ablation)
    inputs = keras.tree.map_structure(lambda x: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name), model.input)
    without = keras.Model(inputs, Ablated(model, shares)(inputs), name=f"{model.name}_ablated")
    without.class_names = getattr(model, "class_names", None)
    return without


def silenced(model: keras.Model, heads: Heads | None, ablation: str = "zero") -> Shares:
    """What each head gives where some are silenced; arguments as for `ablated`.

    Returns:
        Float array `(1, layers, heads, 3)` of shares, as `Replaced` takes them.
    """
    require("ablation", ablation, ABLATIONS.__contains__, '"zero" or "mean"')
    blocks = backbone_of(model).attention_blocks
    layers, count = len(blocks), blocks[0].attention.num_heads
    shares = np.tile(np.array(OWN, "float32"), (1, layers, count, 1))
    expected = f"(layer, head) with layers in [0, {layers - 1}] and heads in [0, {count - 1}], or layers"
    require(
        "ablate", heads, lambda heads: heads is None or (not isinstance(heads, str) and iter(heads)), f"a set of {expected}"
    )
    for entry in heads or ():
        layer, head = entry if isinstance(entry, (tuple, list)) and len(entry) == 2 else (entry, None)
        is_head = head is None or (is_whole(head) and head < count)
        if not (is_whole(layer) and layer < layers and is_head):
            raise ValueError(f"`ablate` must hold {expected}. Received: {entry!r:.60}")
        shares[0, layer, slice(None) if head is None else head] = ABLATIONS[ablation]
    return shares


def each_head(shares: Shares, instead: Sequence[float]) -> Shares:
    """Shares `(layers * heads + layers, layers, heads, 3)`: one head after another gives something else, then each layer."""
    _, layers, heads, _ = shares.shape
    every = np.repeat(shares, layers * heads + layers, axis=0)
    for index in range(layers * heads):
        every[index, index // heads, index % heads] = instead
    for layer in range(layers):
        every[layers * heads + layer, layer] = instead
    return every


@dataclasses.dataclass(frozen=True)
class Replaced:
    """An intervention: heads give, and blocks read, something else in part.

    Attributes:
        blocks: of the backbone, from input to output.
        shares: float `(batch or 1, layers, heads, 3)`: how much of its own output each head gives, of that output's mean over
            the tokens, and of the output for the first example of the batch.
        positions: dict of a block's index to float `(batch, tokens)`: how much of what it reads at a token is that of the first
            example of the batch instead.
    """

    blocks: Sequence[keras.layers.Layer]
    shares: Any
    positions: Mapping[int, Any] = dataclasses.field(default_factory=dict)

    def head_outputs(self, layer: keras.layers.Layer, outputs: Tensor, mask: Tensor | None) -> Tensor:
        index = next((i for i, block in enumerate(self.blocks) if block.attention is layer), None)
        if index is None:
            return outputs
        shares = keras.ops.cast(self.shares, outputs.dtype)[:, index, :, :, None, None]
        weights = keras.ops.ones_like(outputs[:, :1, :, :1]) if mask is None else _tokens(mask, outputs.dtype)
        mean = keras.ops.sum(outputs * weights, axis=2, keepdims=True) / keras.ops.sum(weights, axis=2, keepdims=True)
        return outputs * shares[:, :, 0] + mean * shares[:, :, 1] + outputs[:1] * shares[:, :, 2]

    def block_input(self, layer: keras.layers.Layer, x: Tensor) -> Tensor:
        index = next((i for i, block in enumerate(self.blocks) if block is layer), None)
        if index is None or index not in self.positions:
            return x
        return x + keras.ops.cast(self.positions[index], x.dtype)[:, :, None] * (x[:1] - x)


def _tokens(mask, dtype):
    """1 for each token that is no padding, `(batch, 1, tokens, 1)`, by a mask of keys."""
    return keras.ops.cast(keras.ops.any(mask, axis=2)[..., None], dtype)


class Ablated(keras.layers.Wrapper):
    """Calls a model, shared and not copied, in which each head gives certain shares.

    Args:
        model: a Keras model.
        shares: array `(1, layers, heads, 3)`, as of `Replaced`.
    """

    def __init__(self, model: keras.Model, shares: Shares, **kwargs):
        super().__init__(model, **{"name": f"{model.name}_without_heads"} | kwargs)
        self.shares = shares

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        with intervention.applied(Replaced(backbone_of(self.layer).attention_blocks, self.shares)):
            return self.layer(inputs, training=training)
