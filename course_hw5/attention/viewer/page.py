"""Attention weights to one page that opens offline: a file, or a cell of a notebook. Nothing in it is fetched."""

import html
import importlib.resources
import json
import os
import pathlib
import string
import sys
import tempfile

from course_hw5.attention.viewer import state
from course_hw5.errors import require

ASSETS = importlib.resources.files("course_hw5.attention.viewer")
# Put into one block in this order, so that all share their names: each stands once.
SCRIPTS = ("shared", "weights", "scale", "heads", "matrix", "model", "what_if", "patches", "saving", "controls")


class Page(str):
    """The HTML of a page; in a notebook it shows itself, in a frame of its own that no other cell can disturb."""

    def __repr__(self):  # a notebook stores it beside the page
        return f"<page of attention, {len(self) / 1e6:.1f} MB>"

    @property
    def data(self):
        return str(self)

    def _repr_html_(self):
        return f'<iframe srcdoc="{html.escape(self)}" title="attention" style="width: 100%; height: 760px; border: 0"></iframe>'


def call_html():
    """Prepares a notebook for `head_view` and `patch_view`. There is nothing to prepare: each view brings all that it needs."""


def head_view(
    attention,
    tokens=None,
    layer=0,
    heads=None,
    include_layers=None,
    sentence_b_start=None,
    html_action="view",
    path=None,
    *,
    query_tokens=None,
    key_tokens=None,
    gradients=None,
    probability=None,
    class_name=None,
    what_if=None,
    title="Attention",
):
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
        gradients: array of the shape of `attention`, of the predicted class's logit by each weight; adds relevance.
        probability: of the model's answer, shown above the tokens.
        class_name: what that is the probability of, shown beside it.
        what_if: `(word, first token, last token, probability with it masked)` for each word, shown beside `probability`.
        title: of the page.

    Returns:
        `Page`, a string, where `html_action` is "return"; else None.

    Raises:
        ValueError: if shapes, tokens and indices do not fit together.
    """
    _check(html_action, title, path)
    attention = state.stacked(attention, "attention")
    layers, count, rows, columns = attention.shape
    queries = state.names(tokens if query_tokens is None else query_tokens, rows, "query" if tokens is None else "")
    keys = state.names(tokens if key_tokens is None else key_tokens, columns, "key" if tokens is None else "")
    include_layers, shown = state.layers(layer, include_layers, layers)
    is_self = tokens is not None and queries == keys
    page = _page(
        title,
        state.measures(attention, gradients, rollout=is_self),
        include_layers,
        queries=queries,
        keys=keys,
        layer=shown,
        heads=state.indices(range(count) if heads is None else heads, count, "heads"),
        sentenceB=state.sentence_b_start(sentence_b_start, rows if is_self else None),
        probability=state.probability(probability),
        className=None if class_name is None else str(class_name),
        whatIf=state.what_if(what_if, probability, rows),
    )
    return _deliver(page, html_action, path)


def patch_view(
    attention,
    image,
    grid,
    layer=-1,
    heads=None,
    include_layers=None,
    html_action="view",
    path=None,
    *,
    content=None,
    position_bias=None,
    gradients=None,
    predictions=None,
    patch=None,
    title="Attention",
):
    """Shows attention between patches of a picture: as heat on it, head by head, as a matrix, and all layers and heads at once.

    Args:
        attention: array `(layers, heads, tokens, tokens)`, or any form that `head_view` takes; softmax weights. Token 0 is
            [CLS], then come `rows * columns` patches row by row; or just the patches.
        image: uint8 array `(height, width, 3)`, the picture in RGB, of any size.
        grid: `(rows, columns)` of patches.
        layer: index of the layer shown first, from the end where negative; 0 and -1 are the first and the last of those that
            the page holds.
        heads: indices of the heads shown first; all by default.
        include_layers: indices of the layers that the page holds; all by default.
        html_action: "view" displays the page in a notebook, and elsewhere writes it to a file whose name it prints; "return"
            returns it.
        path: file to write the page to.
        content: array of the shape of `attention`, the product of query and key before the softmax, scaled; adds it.
        position_bias: array of the shape of `attention`, what is added to `content` before the softmax; adds it.
        gradients: array of the shape of `attention`, of the predicted class's logit by each weight; adds relevance.
        predictions: `(class name, probability)`, best first; five are shown above the picture.
        patch: index of the token whose attention is shown first; by default [CLS], or the patch in the middle without one.
        title: of the page.

    Returns:
        `Page`, a string, where `html_action` is "return"; else None.

    Raises:
        ValueError: if shapes, grid, picture and indices do not fit together.
    """
    _check(html_action, title, path)
    attention = state.stacked(attention, "attention")
    layers, count, tokens, _ = attention.shape
    names = state.patch_names(grid, attention.shape)
    picture = state.picture(image, grid)
    include_layers, shown = state.layers(layer, include_layers, layers)
    if patch is None:
        patch = 0 if names[0] == "[CLS]" else names.index(f"r{picture['rows'] // 2}c{picture['columns'] // 2}")
    page = _page(
        title,
        state.measures(attention, gradients, content=content, position_bias=position_bias),
        include_layers,
        queries=names,
        keys=names,
        layer=shown,
        heads=state.indices(range(count) if heads is None else heads, count, "heads"),
        picture=picture,
        patch=state.indices([patch], tokens, "patch")[0],
        predictions=state.predictions(predictions),
    )
    return _deliver(page, html_action, path)


def _check(html_action, title, path):
    require("title", title, lambda title: isinstance(title, str), "a string")
    require("path", path, lambda path: path is None or pathlib.Path(path).name, "the name of a file, or None")
    if html_action not in ("view", "return"):
        raise ValueError(f'`html_action` must be "view" or "return". Received: {html_action!r}')


def _page(title, measures, layers, **shown):
    """The page of `measures`, as `state.measures` gives them, in some layers, with whatever else its scripts read."""
    packed = {name: [state.pack(measure[i]) for i in layers] for name, measure in measures.items()}
    kinds = [
        {
            "name": name,
            "note": state.NOTES[name],
            "heads": measure.shape[1],
            "signed": name in state.SIGNED.values(),
            "shares": name in state.SHARES,
            "scales": [scale for scale, _, _ in packed[name]],
            "zeros": [zero for _, zero, _ in packed[name]],
        }
        for name, measure in measures.items()
    ]
    content = json.dumps(shown | {"title": title, "layers": layers, "kinds": kinds}, allow_nan=False)
    return Page(
        string.Template(_asset("attention.html")).substitute(
            title=html.escape(title),
            css=_asset("attention.css"),
            javascript="\n".join(_asset(f"{name}.js") for name in SCRIPTS if name != "patches" or "picture" in shown),
            state=content.replace("<", "\\u003c"),  # no token can end the script element
            weights="\n".join(
                f'<script type="application/octet-stream" id="weights-{kind}-{i}">{data}</script>'
                for kind, layers in enumerate(packed.values())
                for i, (_, _, data) in enumerate(layers)
            ),
        )
    )


def _asset(name):
    return (ASSETS / name).read_text(encoding="utf-8")


def _deliver(page, html_action, path):
    if path is not None:
        _write(path, page)
    if html_action == "return":
        return page
    _show(page, path)
    return None


def _write(path, page):
    path = pathlib.Path(os.path.expanduser(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(page, encoding="utf-8", errors="replace")
        os.replace(partial, path)
    except OSError as error:  # that of a full disk names no file
        if error.filename is None or error.filename2 is None:
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def _show(page, path):
    if "IPython" in sys.modules:
        from IPython import display, get_ipython

        if getattr(get_ipython(), "kernel", None) is not None:  # IPython in a terminal has none, and shows no page
            display.display(page)
            return
    if path is None:
        path = pathlib.Path(tempfile.mkdtemp()) / "attention.html"
        _write(path, page)
    print(f"Open {path}")
