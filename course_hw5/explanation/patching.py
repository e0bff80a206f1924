"""Activation patching: what one text or image computes, put into the computation of another."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float32

from course_hw5.errors import require
from course_hw5.explanation import ablation
from course_hw5.explanation.image import image_probe
from course_hw5.explanation.probe import Probe
from course_hw5.explanation.target import target_of
from course_hw5.explanation.text import read, text_probe
from course_hw5.models.beit_tasks import BeitClassifier
from course_hw5.models.bert_classifier import BertClassifier

KINDS = ("head", "layer", "position")


@dataclasses.dataclass(frozen=True, eq=False)
class Patching:
    """What `patch_activations` finds.

    Attributes:
        what: "head", "layer" or "position".
        changes: float32 `(layers, heads)`, `(layers,)` or `(layers, tokens)`: what is added to the log-odds of the second
            source when that part is as for the first. With all of it, `log_odds[0] - log_odds[1]` would be added.
        log_odds: of the first source, and of the second.
        class_name: what they are of.
        tokens: word pieces of the first text, and of the second; None for images.
    """

    what: str
    changes: Float32[np.ndarray, "layers ..."]
    log_odds: tuple[float, float]
    class_name: str
    tokens: tuple[list[str], list[str]] | None = None


def patch_activations(
    model: BertClassifier | BeitClassifier, a: Any, b: Any, what: str = "position", target: Any = None
) -> Patching:
    """Puts what a model computes for one source into what it computes for another, part by part.

    Vig et al. 2020 (https://arxiv.org/abs/2004.12265), Meng et al. 2022 (https://arxiv.org/abs/2202.05262). A part that moves
    the answer of the second source towards that of the first holds what tells them apart.

    Args:
        model: a `bert_classifier` or a `beit_classifier`.
        a: the text or image whose activations are taken.
        b: the one that they are put into: a text of as many word pieces, or an image of the same shape.
        what: which activations: "head", what each head gives, to all tokens; "layer", what all heads of a layer give; or
            "position", what each layer reads at each token.
        target: the class whose log-odds are measured, as for `explain`; by default label 1 of a text, and the class that is
            predicted for the first image.

    Returns:
        `Patching`.

    Raises:
        ValueError: if there is no such class or kind of activations, or the sources have not the same length.
    """
    expected = "a bert_classifier or a beit_classifier"
    require("model", model, lambda model: isinstance(model, (BertClassifier, BeitClassifier)), expected)
    require("what", what, KINDS.__contains__, '"head", "layer" or "position"')
    tokens = None
    if isinstance(model, BertClassifier):
        tokens = read(model, a)[0], read(model, b)[0]
        if len(tokens[0]) != len(tokens[1]):
            counts = " and ".join(f"{len(pieces)}: {' '.join(pieces)}" for pieces in tokens)
            raise ValueError(f"`a` and `b` must have the same number of word pieces. Received: {counts}")
        first, second, default = text_probe(model, a), text_probe(model, b), 1
    else:
        first, second = image_probe(model, a), image_probe(model, b)
        if first.inputs.shape != second.inputs.shape:
            raise ValueError(f"`b` must have the shape of `a`, {first.inputs.shape[1:]}. Received: {second.inputs.shape[1:]}")
        default = int(first.logits().argmax())
    answer = target_of(model, target, default)
    before, after = (probe.whole([answer])[0] for probe in (first, second))
    moved = _patched(second, first.inputs, answer, what, len(tokens[0]) if tokens else second.tokens)
    return Patching(what, (moved - after).astype("float32"), (before, after), answer.name, tokens)


def _patched(probe: Probe, source, answer, what, tokens):
    """Log-odds with each part of what the probe reads as for the source."""
    _, layers, heads, _ = probe.shares.shape
    if what != "position":
        shares = ablation.each_head(probe.shares, ablation.FIRST)
        shares = shares[: layers * heads] if what == "head" else shares[layers * heads :]
        (found,) = probe.log_odds([answer], shares, first=source)
        return found.reshape(layers, heads) if what == "head" else found
    positions = {layer: np.zeros((layers * tokens, probe.tokens), "float32") for layer in range(layers)}
    for row in range(layers * tokens):
        positions[row // tokens][row, row % tokens] = 1
    (found,) = probe.log_odds([answer], np.repeat(probe.shares, layers * tokens, axis=0), positions, source)
    return found.reshape(layers, tokens)
