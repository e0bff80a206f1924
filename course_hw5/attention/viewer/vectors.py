"""What attention weights are computed from, for a page that shows each step: queries, keys and values, checked and packed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from course_hw5.attention.analysis import CrossWeights
from course_hw5.attention.viewer import state
from course_hw5.errors import is_whole, require

NAMES = ("query", "key", "value")
HIDDEN = -1e4  # a bias of that or less hides a key: masks add -inf, or a large negative number
TOLERANCE = 0.05  # of a query's attention, on average; models in half precision, which round logits, differ by less than 0.003
FEW = 375_000  # numbers, in 1 MB of a page


def by_default(vectors: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Arrays of vectors that add less than 1 MB to a page; None of more."""
    return vectors if sum(array.size for array in (vectors or {}).values() if array.any()) < FEW else None


def checked(vectors: Mapping[str, Any] | None, attention: CrossWeights, bias: CrossWeights | None = None) -> dict | None:
    """Vectors as arrays that give `attention`.

    Args:
        vectors: as `head_view` takes them, or None.
        attention: float array `(layers, heads, queries, keys)`.
        bias: as `attention`, added to the scaled products where `vectors` have no bias.

    Returns:
        Dict of "query", "key" and "value", float32 `(layers, heads, tokens, head_dim)`; "scale", a float; "bias" and "mask",
        float32 that broadcast to `attention`, or None where nothing is added and no key is hidden; and "is_kind", whether the
        bias is the one that was given beside `vectors`. None stays.

    Raises:
        ValueError: if something is missing or unknown, if shapes do not fit, or if the softmax is not `attention`.
    """
    if vectors is None:
        return None
    if not isinstance(vectors, Mapping) or not {*NAMES} <= {*vectors} <= {*NAMES, "bias", "scale"}:
        received = sorted(map(str, vectors)) if isinstance(vectors, Mapping) else type(vectors).__name__
        raise ValueError(f"`vectors` must be a dict of query, key, value and perhaps bias and scale. Received: {received}")
    found: dict[str, Any] = {name: state.stacked(vectors[name], f"vectors[{name!r}]") for name in NAMES}
    _check_shapes(found, attention.shape)
    scale = vectors.get("scale", found["query"].shape[-1] ** -0.5)
    if not isinstance(scale, (int, float, np.number)) or not np.isfinite(scale):
        raise ValueError(f"`vectors['scale']` must be a number. Received: {scale!r}")
    own = vectors.get("bias")
    bias = bias if own is None else _bias(own, attention.shape)
    found |= {"scale": float(scale), "bias": None, "mask": None, "is_kind": False}
    if bias is not None:
        hidden = bias <= HIDDEN
        visible = np.where(hidden, 0, bias).astype("float32")
        found["mask"] = np.float32(hidden) if hidden.any() else None
        found["bias"] = visible if visible.any() else None
        found["is_kind"] = own is None and not hidden.any()
    _check_softmax(found, attention)
    return found


def _check_shapes(found, shape):
    layers, heads, queries, keys = shape
    for name, tokens in (("query", queries), ("key", keys), ("value", keys)):
        if found[name].shape[:3] != (layers, heads, tokens):
            expected = f"({layers}, {heads}, {tokens}, head_dim), as `attention` says"
            raise ValueError(f"`vectors[{name!r}]` must have shape {expected}. Received: {found[name].shape}")
    if (dims := found["query"].shape[3]) != found["key"].shape[3]:
        raise ValueError(f"`vectors['key']` must have head_dim {dims}, as queries have. Received: {found['key'].shape[3]}")


def _bias(bias, shape):
    if hasattr(bias, "detach"):  # a PyTorch tensor
        bias = bias.detach().cpu().float().numpy()
    require("vectors['bias']", bias, lambda bias: np.asarray(bias, "float32") is not None, "numbers")
    array = np.asarray(bias, "float32")
    if np.isnan(array).any() or (array == np.inf).any():
        raise ValueError("`vectors['bias']` must be finite, or -inf where a key is hidden. Received: NaN or inf")
    try:
        np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(f"`vectors['bias']` must broadcast to `attention`, {shape}. Received: {array.shape}") from None
    return array.reshape((1,) * (4 - array.ndim) + array.shape)


def _check_softmax(found, attention):
    """Raises ValueError where the vectors are not those of `attention`."""
    layers = len(attention)
    bias, mask = (np.zeros((1,) * 4) if found[name] is None else found[name] for name in ("bias", "mask"))
    bias, mask = (np.broadcast_to(part, (layers, *part.shape[1:])) for part in (bias, mask))
    for layer in range(layers):
        products = found["query"][layer] @ found["key"][layer].swapaxes(-1, -2)
        logits = np.where(mask[layer], -np.inf, products * found["scale"] + bias[layer])
        highest = logits.max(axis=-1, keepdims=True)
        powers = np.exp(logits - np.where(np.isfinite(highest), highest, 0))
        softmax = powers / np.maximum(powers.sum(axis=-1, keepdims=True), 1e-30)
        difference = np.abs(softmax - attention[layer]).sum(axis=-1).mean() / 2
        if difference > TOLERANCE:
            expected = "the softmax of the scaled products of `vectors`, and their bias"
            told = f"{difference:.0%} of a query's attention in layer {layer} is elsewhere"
            raise ValueError(f"`attention` must be {expected}. Received: {told}")


def weight(place: tuple[int, int, int] | None, found: dict | None, shape: tuple[int, ...]) -> dict[str, int] | None:
    """The place of a weight, `(head, query, key)`, in attention of that shape, by names; None stays."""
    if place is None:
        return None
    if found is None:
        raise ValueError(f"`weight` needs the `vectors` that it is computed from. Received: {place!r} without vectors")
    expected = f"(head, query, key) in {shape[1:]}"
    is_inside = lambda place: len(place) == 3 and all(map(is_whole, place)) and all(i < n for i, n in zip(place, shape[1:]))  # noqa: E731
    require("weight", place, is_inside, expected)
    return dict(zip(("head", "query", "key"), map(int, place)))


def pack(found: dict, layers: list[int], kinds: list[str]) -> tuple[dict, list[tuple[str, str]]]:
    """The vectors of some layers as a page holds them.

    Args:
        found: as `checked` returns them.
        layers: indices.
        kinds: names of the measures of the page, of which "position_logits" may be the bias.

    Returns:
        What scripts read, and `(id, packed numbers)` of each array.
    """
    shown: dict[str, Any] = {"scale": found["scale"], "dims": found["query"].shape[3], "valueDims": found["value"].shape[3]}
    shown |= {"bias": kinds.index("position_logits") if found["is_kind"] else None, "arrays": {}}
    data = []
    for name in (*NAMES, "bias", "mask"):
        array = found[name]
        if array is None or (name == "bias" and found["is_kind"]):
            continue
        scales, zeros, packed = zip(*(state.pack(array[layer % len(array)]) for layer in layers))
        sizes = dict(zip(("heads", "rows", "columns"), array.shape[1:]))
        shown["arrays"][name] = sizes | {"scales": scales, "zeros": zeros}
        data += [(f"{name}-{i}", text) for i, text in enumerate(packed)]
    return shown, data
