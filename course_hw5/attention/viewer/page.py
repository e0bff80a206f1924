"""Attention weights to one page that opens offline: a file, or a cell of a notebook. Nothing in it is fetched."""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from markupsafe import escape

from course_hw5 import files
from course_hw5.attention.viewer import answers as of_answers
from course_hw5.attention.viewer import state, templates
from course_hw5.attention.viewer import vectors as steps
from course_hw5.attention.viewer.answers import Answer
from course_hw5.errors import require

ENVIRONMENT = templates.environment()


class Page(str):
    """The HTML of a page; in a notebook it shows itself, in a frame of its own that no other cell can disturb."""

    def __repr__(self) -> str:  # a notebook stores it beside the page
        return f"<page of attention, {len(self) / 1e6:.1f} MB>"

    data = property(str)

    def _repr_html_(self) -> str:
        title = escape(templates.language(ENVIRONMENT, "attention").say("frame"))
        return f'<iframe srcdoc="{escape(self)}" title="{title}" style="width: 100%; height: 760px; border: 0"></iframe>'


def call_html() -> None:
    """Prepares a notebook for `head_view` and `patch_view`. There is nothing to prepare: each view brings all that it needs."""


def head_view(
    attention: state.Weights,
    tokens: Sequence[str] | None = None,
    *misplaced: Any,
    layer: int = 0,
    heads: Sequence[int] | None = None,
    include_layers: Sequence[int] | None = None,
    sentence_b_start: int | None = None,
    html_action: str = "view",
    path: str | os.PathLike | None = None,
    query_tokens: Sequence[str] | None = None,
    key_tokens: Sequence[str] | None = None,
    gradients: state.Weights | None = None,
    probability: float | None = None,
    class_name: str | None = None,
    what_if: Sequence[tuple] | None = None,
    log_odds: float | None = None,
    answers: Sequence[Answer] | None = None,
    patching: Sequence[Any] | None = None,
    vectors: Mapping[str, Any] | None = None,
    weight: tuple[int, int, int] | None = None,
    title: str | None = None,
) -> Page | None:
    """Shows attention weights: as lines between tokens, as a matrix, and all layers and heads at once.

    Args:
        attention: array `(layers, heads, queries, keys)`, or one per layer in a list: arrays or PyTorch tensors
            `(heads, queries, keys)`, with or without a batch axis of 1.
        tokens: one string per token, where queries and keys are the same.
        layer: index of the layer shown first, from the end where negative; 0 and -1 are the first and the last of those that
            the page holds.
        heads: indices of the heads shown first; all by default.
        include_layers: indices of the layers that the page holds; all by default.
        sentence_b_start: index of the first token of the second sentence of a pair; adds a filter by sentence.
        html_action: "view" displays the page in a notebook, and elsewhere writes it to a file whose name it prints; "return"
            returns it.
        path: file to write the page to.
        query_tokens, key_tokens: in place of `tokens` for cross-attention, one string per query and per key. Rollout is for
            queries that are the keys.
        gradients: array of the shape of `attention`, of the log-odds of the predicted class by each weight; adds relevance.
        probability: of the model's answer, shown above the tokens.
        class_name: what that is the probability of, shown beside it.
        what_if: `(word, first token, last token, probability with it masked)` for each word, shown beside `probability`; the
            log-odds with it masked may follow, and are computed otherwise.
        log_odds: log(p / (1 - p)) of `probability`, also where that is 0 or 1 to float32; computed from it by default.
        answers: in place of `gradients`, `probability`, `class_name`, `what_if` and `log_odds`: an `Answer` for each class that
            the page can explain, the first shown first.
        patching: what `patch_activations` found, once for each kind of activations; adds a view of it.
        vectors: dict of "query", "key" and "value", arrays `(layers, heads, tokens, head_dim)` in any form of `attention`.
            It may also hold "bias", an array that broadcasts to `attention`, added to the scaled products, where -inf hides a
            key; and "scale", `head_dim**-0.5` by default. Adds the steps from these vectors to each weight, and to what a head
            writes.
        weight: `(head, query, key)`, indices of the weight of `layer` whose steps are open at first.
        title: of the page; "Attention" by default.

    Returns:
        `Page`, a string, where `html_action` is "return"; else None.

    Raises:
        TypeError: if there is a third positional argument.
        ValueError: if shapes, tokens and indices do not fit together.
    """
    _refuse(misplaced, "head_view", "tokens", "that of BertViz is sentence_b_start=, and a layer is layer=")
    attention = state.stacked(attention, "attention")
    rows, columns = attention.shape[2:]
    queries = state.names(query_tokens, tokens, rows, "query_tokens")
    keys = state.names(key_tokens, tokens, columns, "key_tokens")
    is_self = tokens is not None and queries == keys
    shown: dict[str, Any] = {
        "sentenceB": state.sentence_b_start(sentence_b_start, rows if is_self else None),
        "patching": of_answers.patchings(patching),
    }
    answers = [Answer(class_name, probability, log_odds, gradients, what_if)] if answers is None else answers
    of_answers.check(answers)
    shown["maps"] = of_answers.of_tokens(answers, columns)
    measures = state.measures(attention, rollout=is_self) | of_answers.measures(answers, attention, is_self)
    found = steps.checked(vectors, attention)
    shown["weight"] = steps.weight(weight, found, attention.shape)
    return _view(measures, answers, queries, keys, shown, found, layer, heads, include_layers, title, html_action, path)


def patch_view(
    attention: state.Weights,
    image: UInt8[np.ndarray, "height width 3"],
    *misplaced: Any,
    grid: tuple[int, int] | None = None,
    layer: int = -1,
    heads: Sequence[int] | None = None,
    include_layers: Sequence[int] | None = None,
    html_action: str = "view",
    path: str | os.PathLike | None = None,
    content_logits: state.Weights | None = None,
    position_logits: state.Weights | None = None,
    gradients: state.Weights | None = None,
    predictions: Sequence[tuple[str, float]] | None = None,
    patch: int | None = None,
    answers: Sequence[Answer] | None = None,
    vectors: Mapping[str, Any] | None = None,
    weight: tuple[int, int, int] | None = None,
    title: str | None = None,
) -> Page | None:
    """Shows attention between patches of an image: as heat on it, head by head, as a matrix, and all layers and heads at once.

    Args:
        attention: array `(layers, heads, tokens, tokens)`, or any form that `head_view` takes; softmax weights. Token 0 is
            [CLS], then come `rows * columns` patches row by row; or just the patches.
        image: uint8 array `(height, width, 3)`, in RGB, of any size.
        grid: `(rows, columns)` of patches.
        layer: index of the layer shown first, from the end where negative; 0 and -1 are the first and the last of those that
            the page holds.
        heads: indices of the heads shown first; all by default.
        include_layers: indices of the layers that the page holds; all by default.
        html_action: "view" displays the page in a notebook, and elsewhere writes it to a file whose name it prints; "return"
            returns it.
        path: file to write the page to.
        content_logits: array of the shape of `attention`, the product of query and key before the softmax, scaled; adds it.
        position_logits: array of the shape of `attention`, what is added to `content_logits` before the softmax; adds it.
        gradients: array of the shape of `attention`, of the log-odds of the predicted class by each weight; adds relevance.
        predictions: `(class name, probability)`, best first; five are shown above the image.
        patch: index of the token whose attention is shown first; by default [CLS], or the patch in the middle without one.
        answers: in place of `gradients`: an `Answer` for each class that the page can explain, the first shown first.
        vectors, weight: as of `head_view`; the bias is `position_logits` where vectors have none of their own.
        title: of the page; "Attention" by default.

    Returns:
        `Page`, a string, where `html_action` is "return"; else None.

    Raises:
        TypeError: if there is a third positional argument.
        ValueError: if shapes, grid, image and indices do not fit together.
    """
    _refuse(misplaced, "patch_view", "image", "pass the grid of patches as grid=(rows, columns)")
    attention = state.stacked(attention, "attention")
    rows, columns = state.grid(grid)
    names = state.patch_names(rows, columns, attention.shape)
    if patch is None:
        patch = 0 if names[0] == "[CLS]" else names.index(f"r{rows // 2}c{columns // 2}")
    shown = {
        "image": state.image(image, rows, columns),
        "patch": state.indices([patch], len(names), "patch")[0],
        "predictions": state.predictions(predictions),
    }
    answers = [Answer(gradients=gradients)] if answers is None else answers
    of_answers.check(answers)
    measures = state.measures(attention, content_logits=content_logits, position_logits=position_logits)
    measures |= of_answers.measures(answers, attention, True, rows * columns)
    found = steps.checked(vectors, attention, measures.get("position_logits"))
    shown["weight"] = steps.weight(weight, found, attention.shape)
    return _view(measures, answers, names, names, shown, found, layer, heads, include_layers, title, html_action, path)


def _refuse(misplaced, view, last, advice):
    if misplaced:
        raise TypeError(f"`{view}` must get no positional argument after `{last}`; {advice}. Received: {misplaced[0]!r:.60}")


def _view(measures, answers, queries, keys, shown, vectors, layer, heads, include_layers, title, html_action, path):
    """Shows or returns the page of `measures`, as `state.measures` gives them, with what else its scripts read in `shown`."""
    require("title", title, lambda title: title is None or isinstance(title, str), "a string, or None")
    require("path", path, lambda path: path is None or files.local_path(path).name, "the name of a file, or None")
    require("html_action", html_action, lambda action: action in ("view", "return"), '"view" or "return"')
    layers, first = state.layers(layer, include_layers, len(measures["attention"]))
    heads = state.indices(heads, measures["attention"].shape[1], "heads")
    shown = {"queries": queries, "keys": keys, "layer": first, "heads": heads} | shown
    shown["answers"] = of_answers.shown(answers, layers, measures["attention"].shape)
    page = _page(title, measures, vectors, layers, shown)
    ipython = sys.modules.get("IPython")
    in_notebook = ipython and getattr(ipython.get_ipython(), "kernel", None)  # a terminal has no kernel, and shows no page
    if path is None and html_action == "view" and not in_notebook:
        path = files.local_path(tempfile.mkdtemp()) / "attention.html"
    if path is not None:
        files.local_path(path).parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, page)
    if html_action == "return":
        return page
    if in_notebook:
        ipython.display.display(page)
    else:
        print(f"Open {path}")


def _page(title, measures, vectors, layers, shown):
    kinds, weights = [], []
    for key, measure in measures.items():
        name, answer = (*key.split(":"), None)[:2]
        is_map = name in of_answers.MAPS
        scales, zeros, data = zip(*(state.pack(measure[i]) for i in layers))
        weights += [(f"{len(kinds)}-{i}", packed) for i, packed in enumerate(data)]
        kind = {"name": name, "heads": measure.shape[1], "signed": name.endswith("logits") or is_map}
        kind |= {"answer": None if answer is None else int(answer), "map": is_map}
        # Shares of one query sum to 1.
        kinds.append(kind | {"shares": name in ("attention", "rollout"), "scales": scales, "zeros": zeros})
    shown["vectors"], data = steps.pack(vectors, layers, [*measures]) if vectors else (None, [])
    weights += data
    left_out = tuple(start for start, is_there in (("patch", "image" in shown), ("step", vectors)) if not is_there)
    scripts = [name for name in templates.SCRIPTS if not name.startswith(left_out)]
    title = templates.language(ENVIRONMENT, "attention").say("title") if title is None else title
    values = {"title": title, "style": "attention.css", "scripts": scripts, "weights": weights}
    values["state"] = shown | {"layers": layers, "kinds": kinds}
    return Page(templates.render(ENVIRONMENT, "attention.html", **values))
