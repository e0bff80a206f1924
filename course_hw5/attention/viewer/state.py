"""What a page of the viewer holds: arrays, names and an image, checked and packed."""

import base64
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from course_hw5.attention import analysis
from course_hw5.attention.analysis import CrossWeights
from course_hw5.attention.viewer import templates
from course_hw5.errors import is_whole, require

# What views take: an array, with or without a batch axis of 1, or one array or PyTorch tensor for each layer.
Weights = CrossWeights | Sequence[Any]


def measures(attention: CrossWeights, rollout: bool = True, **signed: Weights | None) -> dict:
    """What a page can show of some attention, whatever the answer is, in the order of its menu.

    Args:
        attention: float array `(layers, heads, queries, keys)`, softmax weights.
        rollout: whether queries and keys are the same tokens, which rollout needs.
        **signed: `content_logits` and `position_logits`, as `attention`, of any sign; or None.

    Returns:
        Dict of names, as in `attention.json`, to float arrays `(layers, heads, queries, keys)`; what is folded through layers
        has one head.

    Raises:
        ValueError: if a shape differs from that of `attention`.
    """
    found = {"attention": attention}
    for name, logits in signed.items():
        if logits is not None:
            found[name] = logits = stacked(logits, name)
            if logits.shape != attention.shape:
                raise ValueError(f"`{name}` must have the shape of `attention`, {attention.shape}. Received: {logits.shape}")
    if rollout:
        found["rollout"] = analysis.rollout_by_layer(attention)[:, None]
    return found


def stacked(attention: Weights, name: str) -> CrossWeights:
    """Any of the accepted forms to a float32 array `(layers, heads, queries, keys)`."""
    is_list = isinstance(attention, (list, tuple))
    parts = attention if is_list else [attention]
    if any(part is None for part in parts):
        advice = 'load a model of transformers with attn_implementation="eager", and call it with output_attentions=True'
        raise ValueError(f"`{name}` must hold the weights of each layer: {advice}. Received: None")
    arrays = [_array(part, name, 3 if is_list else 4) for part in parts]
    if len(shapes := {array.shape for array in arrays}) != 1:
        received = ", ".join(map(str, sorted(shapes))) or "none"
        raise ValueError(f"All layers of `{name}` must have one shape. Received: {received}")
    found = np.stack(arrays) if is_list else arrays[0]
    if found.ndim != 4 or 0 in found.shape:
        raise ValueError(f"`{name}` must have shape (layers, heads, queries, keys). Received: {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or infinite values")
    if name == "attention" and found.min() < 0:
        raise ValueError(f"`attention` must be softmax weights, 0 or more. Received: {found.min():.3g}")
    return found


def _array(values, name, axes):
    """Values as an array of that many axes, without a batch axis of 1."""
    if hasattr(values, "detach"):  # a PyTorch tensor, on whatever device and in whatever precision
        values = values.detach().cpu().float().numpy()
    require(name, values, lambda values: np.asarray(values, "float32") is not None, "numbers")
    array = np.asarray(values, "float32")
    return array[0] if array.ndim == axes + 1 and len(array) == 1 else array


def names(given: Sequence[str] | None, tokens: Sequence[str] | None, count: int, name: str) -> list[str]:
    """Those `given` in the argument `name`, or else `tokens`, as `count` strings."""
    name = name if tokens is None else "tokens"
    tokens = tokens if given is None else given
    if tokens is None:
        raise ValueError("Give `tokens`, or `query_tokens` and `key_tokens`. Received: None")
    require(name, tokens, lambda tokens: all(isinstance(token, (str, int, np.integer)) for token in tokens), "strings")
    tokens = [str(token) for token in tokens]
    if len(tokens) != count:
        raise ValueError(f"`{name}` must have {count} entries, as the attention has. Received: {len(tokens)}: {tokens}")
    return tokens


def grid(values: tuple[int, int] | None) -> tuple[int, int]:
    """Rows and columns of patches."""
    array = np.asarray(values)
    if array.shape != (2,) or array.dtype.kind not in "iu" or array.min() < 1:
        raise ValueError(f"`grid` must be (rows, columns) of patches, 1 or more each. Received: {values!r}")
    return array.tolist()


def patch_names(rows: int, columns: int, shape: tuple[int, ...]) -> list[str]:
    """ "[CLS]", "r0c0", "r0c1", ... for attention of that shape; without "[CLS]" where there are just the patches."""
    patches = rows * columns
    if shape[2] != shape[3] or shape[3] not in (patches, patches + 1):
        tokens = f"{patches + 1} tokens, [CLS] and {rows} rows of {columns} patches, or with {patches}, as `grid` says"
        raise ValueError(f"`attention` must have shape (layers, heads, tokens, tokens) with {tokens}. Received: {shape}")
    return ["[CLS]"] * (shape[3] - patches) + [f"r{row}c{column}" for row in range(rows) for column in range(columns)]


def indices(values: Sequence[int] | set[int] | None, count: int, name: str) -> list[int]:
    """Whole numbers in [0, count), each once, as a list; None for all."""
    values = range(count) if values is None else values
    array = np.ravel([*values] if isinstance(values, set) else values)
    found = array.tolist()
    if array.dtype.kind not in "iu" or not found or len({*found}) < len(found) or not {*found} <= {*range(count)}:
        raise ValueError(f"`{name}` must hold indices in [0, {count - 1}], each once. Received: {values!r}")
    return found


def layers(shown: int, included: Sequence[int] | None, count: int) -> tuple[list[int], int]:
    """The layers that a page holds, and which of them it shows first.

    Args:
        shown: index of a layer, from the end where negative; 0 and -1 may also be the first and the last that are included.
        included: indices of layers; None for all.
        count: how many layers there are.

    Returns:
        The included ones as a list, and an index into it.
    """
    included = indices(included, count, "include_layers")
    if is_whole(shown, -count) and shown < count:
        if shown % count in included:
            return included, included.index(shown % count)
        if shown in (0, -1):
            return included, shown % len(included)
    raise ValueError(f"`layer` must be one of {', '.join(map(str, included))}. Received: {shown!r}")


def sentence_b_start(value: int | None, tokens: int | None) -> int | None:
    """Index of a token of the second sentence; None stays. `tokens` is their number, None where queries are not the keys."""
    if value is None:
        return None
    if tokens is None:
        raise ValueError(f"`sentence_b_start` must be None where queries are not the keys. Received: {value!r}")
    if not isinstance(value, (int, np.integer)) or not 0 < value < tokens:
        raise ValueError(f"`sentence_b_start` must lie in [1, {tokens - 1}]. Received: {value!r}")
    return int(value)


def image(image: UInt8[np.ndarray, "height width 3"], rows: int, columns: int) -> dict[str, Any]:
    """An image as a PNG in a data URI, no larger than a page shows it, its size and its grid."""
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"`image` must be uint8 of shape (height, width, 3). Received: {image.dtype} of shape {image.shape}")
    shown = Image.fromarray(image)
    shown.thumbnail((1024, 1024))  # pixels; no page shows it larger
    source, (width, height) = templates.image_url(shown), shown.size
    return {"source": source, "width": width, "height": height, "rows": rows, "columns": columns}


def predictions(predictions: Sequence[tuple[str, float]] | None) -> list[dict[str, Any]]:
    """The five best of `(class name, probability)`."""
    try:
        best = [(str(name), float(probability)) for name, probability in list(predictions or ())[:5]]
    except (TypeError, ValueError):
        raise ValueError(f"`predictions` must be pairs (class name, probability). Received: {predictions!r}") from None
    if not all(0 <= probability <= 1 for _, probability in best):
        raise ValueError(f"`predictions` must have probabilities in [0, 1]. Received: {predictions!r}")
    return [{"name": name, "probability": probability} for name, probability in best]


def probability(value: float | None) -> float | None:
    """A number in [0, 1]; None stays."""
    require("probability", value, lambda value: value is None or 0 <= float(value) <= 1, "in [0, 1]")
    return None if value is None else float(value)


def log_odds(value: float | None, probability: float | None) -> float | None:
    """A number; None stays without a `probability`, and else becomes its log-odds, as if that were not 0 or 1 but near."""
    if value is None and probability is not None:
        near = min(max(probability, 1e-7), 1 - 1e-7)
        return math.log(near / (1 - near))
    if value is None:
        return None
    require("log_odds", value, lambda value: math.isfinite(float(value)), "a finite number")
    return float(value)


def what_if(words: Sequence[tuple] | None, whole: float | None, tokens: int) -> list[dict[str, Any]]:
    """`(word, first token, last token, probability with it masked)` of each word; `whole` is the probability of all.

    The log-odds may follow the probability.
    """
    try:
        words = [(str(word), int(first), int(last), *map(float, numbers)) for word, first, last, *numbers in words or ()]
        if not all(len(word) in (4, 5) for word in words):
            raise ValueError
    except (TypeError, ValueError):
        expected = "(word, first token, last token, probability) of each word, or the log-odds, too"
        raise ValueError(f"`what_if` must hold {expected}. Received: {words!r}") from None
    if words and whole is None:
        raise ValueError("`what_if` needs the `probability` that it changes. Received: None")
    for word, first, last, *_ in words:
        if not 0 <= first <= last < tokens:
            raise ValueError(f"`what_if` must name tokens in [0, {tokens - 1}]. Received: {word!r} from {first} to {last}")
    names = ("word", "first", "last", "probability", "logOdds")
    shares = [probability(masked) for _, _, _, masked, *_ in words]
    odds = [log_odds((*numbers, None)[0], share) for share, (_, _, _, _, *numbers) in zip(shares, words)]
    return [dict(zip(names, (*word[:3], share, odd))) for word, share, odd in zip(words, shares, odds)]


def pack(weights: Float[np.ndarray, "heads queries keys"]) -> tuple[float, int, str]:
    """A layer in 16 bits: value of one step, the step that stands for 0, base64 of the deflated low bytes, then high bytes."""
    low, high = min(float(weights.min()), 0.0), max(float(weights.max()), 0.0)
    scale = (high - low) / 65535 or 1.0
    zero = round(-low / scale)
    steps = np.clip(np.rint(weights / scale) + zero, 0, 65535).astype("<u2")
    return scale, zero, base64.b64encode(zlib.compress(steps.reshape(-1, 1).view("u1").T.tobytes(), 1)).decode()
