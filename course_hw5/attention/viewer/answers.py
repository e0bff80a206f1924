"""The classes that a page can explain: how sure the model is of each, and what that comes from."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from course_hw5.attention import analysis
from course_hw5.attention.analysis import CrossWeights
from course_hw5.attention.viewer import state
from course_hw5.errors import require

MAPS = ("integrated_gradients", "occlusion")


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """A class, and what is known of it; each but the name may be None.

    Attributes:
        name: of the class; of two that are compared, "first : second".
        probability: of the class.
        log_odds: log(p / (1 - p)) of it, also where p is 0 or 1 to float32.
        gradients: of the log-odds by each weight of attention, array of its shape.
        what_if: `(word, first token, last token, probability, log-odds)` with that word masked, of each word.
        head_changes: array `(layers, heads)`: what is added to the log-odds without that head.
        layer_changes: array `(layers,)`: what is added to the log-odds without all heads of that layer.
        integrated_gradients, occlusion: arrays with a number for each token of a text, or each patch of an image.
    """

    name: str | None = None
    probability: float | None = None
    log_odds: float | None = None
    gradients: Any = None
    what_if: Sequence[tuple] | None = None
    head_changes: Any = None
    layer_changes: Any = None
    integrated_gradients: Any = None
    occlusion: Any = None


def opposite(answer: Answer, name: str) -> Answer:
    """The answer of the other one of two classes."""
    arrays = ("gradients", "head_changes", "layer_changes", "integrated_gradients", "occlusion")
    turned = {part: None if (values := getattr(answer, part)) is None else -np.asarray(values) for part in arrays}
    words = [(*word, 1 - probability, -log_odds) for *word, probability, log_odds in answer.what_if or ()]
    return Answer(name, 1 - (answer.probability or 0), -(answer.log_odds or 0), what_if=words, **turned)


def check(answers: Any) -> None:
    """Raises ValueError unless these are answers."""
    expected = "Answers, one or more"
    require("answers", answers, lambda answers: len(answers) and all(isinstance(one, Answer) for one in answers), expected)


def shown(answers: Sequence[Answer], layers: Sequence[int], shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """What the scripts of a page read of answers.

    Args:
        answers: those that the page can explain.
        layers: indices of the layers that the page holds.
        shape: of the attention.

    Raises:
        ValueError: if numbers are out of range, or an array has another shape than the attention.
    """
    return [_shown(answer, [*layers], shape) for answer in answers]


def _shown(answer, layers, shape):
    probability = state.probability(answer.probability)
    heads, of_layers = (_array(answer, *of) for of in (("head_changes", shape[:2]), ("layer_changes", shape[:1])))
    return {
        "name": None if answer.name is None else str(answer.name),
        "probability": probability,
        "logOdds": state.log_odds(answer.log_odds, probability),
        "whatIf": state.what_if(answer.what_if, probability, shape[3]),
        "heads": None if heads is None else heads[layers].round(4).tolist(),
        "layers": None if of_layers is None else of_layers[layers].round(4).tolist(),
    }


def _array(answer, name, shape):
    """An attribute as a float64 array of that shape; None stays."""
    if (values := getattr(answer, name)) is None:
        return None
    require(name, values, lambda values: np.isfinite(np.asarray(values, "float64")).all(), "finite numbers")
    if np.shape(values) != tuple(shape):
        raise ValueError(f"`{name}` must have shape {tuple(shape)}. Received: {np.shape(values)}")
    return np.asarray(values, "float64")


def of_tokens(answers: Sequence[Answer], tokens: int) -> list[dict[str, list[float]]]:
    """The maps of each answer, of a text's tokens, by their names."""
    found = [{name: _array(answer, name, (tokens,)) for name in MAPS} for answer in answers]
    return [{name: values.round(4).tolist() for name, values in maps.items() if values is not None} for maps in found]


def measures(answers: Sequence[Answer], attention: CrossWeights, is_self: bool, patches: int = 0) -> dict[str, CrossWeights]:
    """What a page can show of each answer in place of attention: "name:answer" to arrays `(layers, heads, queries, keys)`.

    Args:
        answers: those that the page can explain.
        attention: `(layers, heads, queries, keys)`.
        is_self: whether queries and keys are the same tokens, which relevance through all layers needs.
        patches: of an image, whose maps are shown on it: a row of numbers, the same for each layer and query.
    """
    found = {}
    for index, answer in enumerate(answers):
        if answer.gradients is not None:
            gradients = state.stacked(answer.gradients, "gradients")
            found[f"relevance:{index}"] = analysis.gradient_relevance(attention, gradients)
            if is_self:
                found[f"relevance_all_layers:{index}"] = analysis.relevance_by_layer(attention, gradients)[:, None]
        for name in MAPS if patches else ():
            if (values := _array(answer, name, (patches,))) is not None:
                layers, _, tokens, _ = attention.shape
                row = np.pad(values, (tokens - patches, 0))  # [CLS] has none
                found[f"{name}:{index}"] = np.broadcast_to(row, (layers, 1, tokens, tokens))
    return found


def patchings(found: Sequence[Any] | None) -> dict[str, Any] | None:
    """What `patch_activations` found, as the scripts of a page read it; None where there is nothing."""
    if not found:
        return None
    first = found[0]
    for one in found:
        require("patching", one, lambda one: one.tokens and one.tokens == first.tokens, "of the same two texts")
    changes = {one.what: np.asarray(one.changes, "float64").round(4).tolist() for one in found}
    return {"changes": changes, "logOdds": [*map(float, first.log_odds)], "name": first.class_name, "tokens": [*first.tokens]}
