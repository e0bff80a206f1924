"""Attention weights to one page that opens offline: a file, or a cell of a notebook. Nothing in it is fetched."""

import base64
import html
import importlib.resources
import json
import os
import pathlib
import string
import sys
import tempfile
import zlib

import numpy as np

from course_hw5.attention import analysis

ASSETS = importlib.resources.files("course_hw5.attention.viewer")
NOTES = {
    "Attention": "Softmax weights: the share of each key in a query's new vector. On a fine-tuned model they often look alike, "
    "and need not say what decided the answer.",
    "Rollout": "Attention folded through the layers up to this one, heads averaged, the skip connection counted as half "
    "(Abnar and Zuidema 2020): how much of each token came from each input token.",
    "Relevance": "Attention times the gradient of the predicted class's logit, where positive (Chefer et al. 2021): weights "
    "that spoke for this answer, and by how much of its logit.",
}


class Page(str):
    """The HTML of a page; in a notebook it shows itself, in a frame of its own that no other cell can disturb."""

    @property
    def data(self):
        return str(self)

    def _repr_html_(self):
        return (
            f'<iframe srcdoc="{html.escape(self)}" title="attention" style="width: 100%; height: 760px; border: 0" '
            'allow="clipboard-write"></iframe>'
        )


def call_html():
    """Prepares a notebook for `head_view`. There is nothing to prepare: each view brings all that it needs."""


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
    what_if=None,
    title="Attention",
):
    """Shows attention weights: as lines between tokens, as a matrix, and all layers and heads at once.

    Args:
        attention: array `(layers, heads, queries, keys)`, or one per layer in a list: arrays or PyTorch tensors
            `(heads, queries, keys)`, with or without a batch axis of 1.
        tokens: one string per token, where queries and keys are the same.
        layer: index of the layer shown first.
        heads: indices of the heads shown first; all by default.
        include_layers: indices of the layers that the page holds; all by default.
        sentence_b_start: index of the first token of the second sentence of a pair; adds a filter by sentence.
        html_action: "view" displays the page in a notebook, and elsewhere writes it to a file whose name it prints; "return"
            returns it.
        path: file to write the page to.
        query_tokens, key_tokens: in place of `tokens` for cross-attention, one string per query and per key.
        gradients: array of the shape of `attention`, of the predicted class's logit by each weight; adds relevance.
        probability: of "positive", shown above the tokens.
        what_if: `(word, first token, last token, probability with it masked)` for each word, shown above the tokens.
        title: of the page.

    Returns:
        `Page`, a string, where `html_action` is "return"; else None.

    Raises:
        ValueError: if shapes, tokens and indices do not fit together.
    """
    if html_action not in ("view", "return"):
        raise ValueError(f'`html_action` must be "view" or "return". Received: {html_action!r}')
    attention = _stacked(attention, "attention")
    layers, count, rows, columns = attention.shape
    queries = _names(tokens if query_tokens is None else query_tokens, rows, "query" if tokens is None else "")
    keys = _names(tokens if key_tokens is None else key_tokens, columns, "key" if tokens is None else "")
    include_layers = _indices(range(layers) if include_layers is None else include_layers, layers, "include_layers")
    heads = _indices(range(count) if heads is None else heads, count, "heads")
    if layer not in include_layers:
        raise ValueError(f"`layer` must be one of {', '.join(map(str, include_layers))}. Received: {layer!r}")
    if sentence_b_start is not None and not 0 < sentence_b_start < min(rows, columns):
        raise ValueError(f"`sentence_b_start` must lie in [1, {min(rows, columns) - 1}]. Received: {sentence_b_start}")

    kinds = {"Attention": attention}
    if rows == columns and tokens is not None:
        kinds["Rollout"] = analysis.rollout_by_layer(attention)[:, None]
    if gradients is not None:
        kinds["Relevance"] = analysis.gradient_relevance(attention, _stacked(gradients, "gradients"))
    packed = {name: [_pack(kind[i]) for i in include_layers] for name, kind in kinds.items()}
    state = {
        "title": title,
        "queries": queries,
        "keys": keys,
        "layers": include_layers,
        "layer": include_layers.index(layer),
        "heads": heads,
        "sentenceB": sentence_b_start,
        "probability": probability,
        "whatIf": [dict(zip(("word", "first", "last", "probability"), entry)) for entry in what_if or ()],
        "kinds": [
            {"name": name, "note": NOTES[name], "heads": kind.shape[1], "scales": [scale for scale, _ in packed[name]]}
            for name, kind in kinds.items()
        ],
    }
    page = Page(
        string.Template((ASSETS / "attention.html").read_text(encoding="utf-8")).substitute(
            title=html.escape(title),
            css=(ASSETS / "attention.css").read_text(encoding="utf-8"),
            javascript=(ASSETS / "attention.js").read_text(encoding="utf-8"),
            state=json.dumps(state).replace("<", "\\u003c"),  # no token can end the script element
            weights="\n".join(
                f'<script type="application/octet-stream" id="weights-{kind}-{i}">{data}</script>'
                for kind, layers in enumerate(packed.values())
                for i, (_, data) in enumerate(layers)
            ),
        )
    )
    if path is not None:
        _write(path, page)
    if html_action == "return":
        return page
    _show(page, path)
    return None


def _stacked(attention, name):
    """Any of the accepted forms to a float32 array `(layers, heads, queries, keys)`."""
    if isinstance(attention, (list, tuple)):
        layers = [_array(layer) for layer in attention]
        layers = [layer[0] if layer.ndim == 4 and len(layer) == 1 else layer for layer in layers]
        shapes = {layer.shape for layer in layers}
        if len(shapes) != 1:
            raise ValueError(
                f"All layers of `{name}` must have one shape. Received: {', '.join(map(str, sorted(shapes))) or 'none'}"
            )
        attention = np.stack(layers)
    else:
        attention = _array(attention)
        if attention.ndim == 5 and len(attention) == 1:
            attention = attention[0]
    if attention.ndim != 4 or 0 in attention.shape:
        raise ValueError(f"`{name}` must have shape (layers, heads, queries, keys). Received: {attention.shape}")
    if not np.isfinite(attention).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or infinite values")
    if name == "attention" and attention.min() < 0:
        raise ValueError(f"`attention` must be softmax weights, 0 or more. Received: {attention.min():.3g}")
    return attention


def _array(values):
    if hasattr(values, "detach"):  # a PyTorch tensor, on whatever device and in whatever precision
        values = values.detach().cpu().float().numpy()
    return np.asarray(values, "float32")


def _names(tokens, count, kind):
    if tokens is None:
        raise ValueError("Give `tokens`, or `query_tokens` and `key_tokens`. Received: None")
    tokens = [str(token) for token in tokens]
    if len(tokens) != count:
        name = f"{kind}_tokens" if kind else "tokens"
        raise ValueError(f"`{name}` must have {count} entries, as the attention has. Received: {len(tokens)}: {tokens}")
    return tokens


def _indices(indices, count, name):
    indices = [int(index) for index in indices]
    if not indices or not all(0 <= index < count for index in indices):
        raise ValueError(f"`{name}` must hold indices in [0, {count - 1}]. Received: {indices}")
    return indices


def _pack(weights):
    """Weights of a layer in 16 bits: the value of one step, and base64 of the deflated low bytes, then high bytes."""
    scale = float(weights.max()) / 65535 or 1.0
    steps = np.rint(weights / scale).astype("<u2")
    planes = steps.reshape(-1, 1).view("u1").T.tobytes()
    return scale, base64.b64encode(zlib.compress(planes, 1)).decode()


def _write(path, page):
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(page, encoding="utf-8", errors="replace")
    os.replace(partial, path)


def _show(page, path):
    if "IPython" in sys.modules:
        from IPython import display, get_ipython

        if get_ipython() is not None:
            display.display(page)
            return
    if path is None:
        path = pathlib.Path(tempfile.mkdtemp()) / "attention.html"
        _write(path, page)
    print(f"Open {path}")
