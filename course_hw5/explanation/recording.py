"""Attention of any Keras model: what its layers compute by a softmax over keys, recorded while the model runs.

Few layers return their attention weights, and each has its own way, but all compute them by the softmax of the backend. It is
this function that is watched, and the calls of layers, to know which one it was.
"""

import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras

from course_hw5.errors import first_line
from course_hw5.layers import kernels
from course_hw5.layers.layer import Registered, Tensor

HEADS = ("num_query_heads", "num_heads", "num_attention_heads", "n_heads")  # attributes that say how many a layer has
NO_SOFTMAX = "no softmax over keys"
LOCK = threading.RLock()


def with_attention(model: keras.Model) -> keras.Model:
    """Makes the model that also outputs the attention weights of each layer.

    Args:
        model: a functional model.

    Returns:
        Functional `keras.Model` with the inputs and the weights of `model`, to a dict: "output", what `model` outputs, and
        "attention_weights", a dict from the paths of layers, in the order of their calls, to float32 arrays
        `(batch, heads, queries, keys)`.

    Raises:
        ValueError: if the model has no attention, or a layer's cannot be read.
    """
    received = f"Received: {model.name!r}"
    try:
        inputs = model.input
    except (AttributeError, ValueError):  # of a subclass, or not yet built
        raise ValueError(f"`model` must be a functional model. {received}, a {type(model).__name__}") from None
    recorded = Recorded(model, name=f"{model.name}_recorded")
    try:
        outputs = recorded(inputs)
    except Exception as error:
        raise ValueError(
            f"`model` must run on inputs of open sizes. {received}: {first_line(error.__cause__ or error)}"
        ) from error
    if recorded.unread:
        hidden = ", ".join(f"{path!r} ({reason})" for path, reason in recorded.unread.items())
        raise ValueError(
            f"`model` must have attention that can be read. {received}, where that of some layers cannot: {hidden}"
        )
    if not outputs["attention_weights"]:
        raise ValueError(f"`model` must have layers that attend, by a softmax over keys. {received}")
    return keras.Model(inputs, outputs, name=f"{model.name}_with_attention")


class Recorded(Registered, keras.layers.Wrapper):
    """Calls a model, shared and not copied, for its output and its attention; input and output are those of `with_attention`.

    Attributes:
        unread: dict from the paths of layers whose attention cannot be read to the reason, once this layer was called.
    """

    def __init__(self, layer: keras.Model, **kwargs):
        super().__init__(layer, **{"dtype": layer.dtype_policy, "autocast": False} | kwargs)
        self.supports_masking = True
        self.unread = {}

    def call(self, inputs: Any) -> dict:
        recorder = Recorder()
        with recorder.watching():
            output = self.layer(inputs, training=False)
        self.unread = recorder.unread
        return {"output": output, "attention_weights": recorder.weights}

    def compute_mask(self, inputs: Any, previous_mask: object) -> None:
        return None

    def compute_output_spec(self, inputs: Any) -> dict:
        try:
            return super().compute_output_spec(inputs)
        except Exception:  # a layer asks whether an open size is above another: two sizes show which outputs follow it
            smaller, larger = (super(Recorded, self).compute_output_spec(_sized(inputs, size)) for size in (4, 6))

        def open_where_different(a: keras.KerasTensor, b: keras.KerasTensor) -> keras.KerasTensor:
            return keras.KerasTensor([m if m == n else None for m, n in zip(a.shape, b.shape)], a.dtype)

        return keras.tree.map_structure(open_where_different, smaller, larger)


def _sized(inputs, size):
    """Symbolic inputs whose open sizes, but for the batch, are this one."""

    def sized(x):
        return keras.KerasTensor((x.shape[0], *(size if n is None else n for n in x.shape[1:])), x.dtype)

    return keras.tree.map_structure(sized, inputs)


class Recorder:
    """What layers compute within `watching()`.

    Attributes:
        weights: dict from the paths of layers, without the model's own name, to float32 tensors
            `(batch, heads, queries, keys)`. The second call of a layer is "path:2".
        unread: dict from the paths of layers that attend to the reason why their weights are not among those.
    """

    def __init__(self):
        self.weights, self.unread = {}, {}
        self._layers, self._thread, self._graph = [], threading.get_ident(), _graph()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Replaces two public functions meanwhile, for this thread alone, and turns what is fused off."""
        backend = keras.backend.backend()
        nn = importlib.import_module({"tensorflow": "tensorflow", "jax": "jax.nn", "torch": "torch.nn.functional"}[backend])
        nn = nn.nn if backend == "tensorflow" else nn  # which is no module to import
        with contextlib.ExitStack() as stack:
            stack.enter_context(LOCK)
            stack.enter_context(kernels.plain())
            stack.enter_context(self._replaced(keras.layers.Layer, "__call__", self._call))
            stack.enter_context(self._replaced(nn, "softmax", self._softmax))
            if backend == "jax":
                stack.enter_context(self._replaced(nn, "dot_product_attention", jax_attention))
            elif backend == "torch":
                stack.enter_context(self._replaced(nn, "scaled_dot_product_attention", torch_attention))
            yield

    @contextlib.contextmanager
    def _replaced(self, owner, name, by):
        original = getattr(owner, name)

        def replacement(*args, **kwargs):
            is_here = threading.get_ident() == self._thread
            return by(original, *args, **kwargs) if is_here else original(*args, **kwargs)

        setattr(owner, name, replacement)
        try:
            yield
        finally:
            setattr(owner, name, original)

    def _call(self, original: Callable, layer: keras.Layer, *args, **kwargs) -> Any:
        known = len(self.weights), dict(self.unread)
        self._layers.append(layer)
        try:
            output = original(layer, *args, **kwargs)
            if is_attention(layer):
                self._check(layer, *known)
            return output
        finally:
            self._layers.pop()

    def _check(self, layer, num_weights, unread):
        """Names a layer that should have attended; a part of it need not, such as the one that adds a bias for positions."""
        if len(self.weights) > num_weights:
            self.unread = {path: why for path, why in self.unread.items() if why != NO_SOFTMAX or path in unread}
        elif layer.weights and self.unread == unread:
            self._put(self.unread, NO_SOFTMAX)

    def _softmax(self, original: Callable, logits: Tensor, *args, **kwargs) -> Tensor:
        weights = original(logits, *args, **kwargs)
        axis = kwargs.get("axis", kwargs.get("dim", args[0] if args else -1))
        owner = next((layer for layer in reversed(self._layers) if not isinstance(layer, keras.layers.Softmax)), None)
        if axis in (None, -1, len(weights.shape) - 1) and may_attend(owner, len(weights.shape)):
            per_head = by_head(weights, next((n for name in HEADS if isinstance(n := getattr(owner, name, None), int)), None))
            if _graph() is not self._graph:
                self._put(self.unread, "computed in a loop or a tf.function")
            elif per_head is None:
                self._put(self.unread, f"its weights have the shape {tuple(weights.shape)}, not (batch, heads, queries, keys)")
            else:
                self._put(self.weights, keras.ops.cast(per_head, "float32"))
        return weights

    def _put(self, found, value):
        path = "/".join(layer.name for layer in self._layers[1:] if not isinstance(layer, keras.layers.Softmax))
        calls = sum(key.split(":")[0] == path for key in found)
        found[f"{path}:{calls + 1}" if calls else path] = value


def _graph():
    """The graph that TensorFlow is tracing."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf  # here, since other backends do without

    return tf.compat.v1.get_default_graph()


def is_attention(layer: object) -> bool:
    """Whether a layer's class, or one that it is derived from, says by its name that it attends."""
    names = [kind.__name__.lower() for kind in type(layer).__mro__]
    return any("attention" in name and "attentionmask" not in name for name in names)


def may_attend(layer: object, rank: int) -> bool:
    """Whether a softmax of so many axes can be attention if this layer computes it.

    Not that of a model itself or of Keras's own layers, which is for the classes of pixels, nor one of three axes, as experts
    are chosen by, unless the layer is called attention.
    """
    is_of_keras = getattr(keras.layers, type(layer).__name__, None) is type(layer)
    is_another = layer is None or isinstance(layer, keras.Model) or is_of_keras
    return rank >= 3 if is_attention(layer) else rank >= 4 and not is_another


def by_head(weights: Tensor, heads: int | None) -> Tensor | None:
    """Weights as `(batch, heads, queries, keys)`, or None where another shape cannot be understood.

    Args:
        weights: of that shape; or with two axes for heads, which share their keys in groups; or `(batch, queries, keys)`, or
            with one axis for examples and heads.
        heads: how many, where the layer says so.
    """
    shape = keras.ops.shape(weights)
    if len(shape) == 3:
        return keras.ops.reshape(weights, (-1, heads or 1, *shape[-2:]))
    if len(shape) == 5 and heads in (None, weights.shape[1] * weights.shape[2]):
        return keras.ops.reshape(weights, (-1, weights.shape[1] * weights.shape[2], *shape[-2:]))
    return weights if len(shape) == 4 and heads in (None, weights.shape[1]) else None


def jax_attention(original, query, key, value, bias=None, mask=None, *, scale=None, is_causal=False, **options) -> Tensor:
    """`jax.nn.dot_product_attention` in plain operations; arrays are `(batch, tokens, heads, size)`."""
    key, value = (keras.ops.repeat(x, query.shape[2] // key.shape[2], axis=2) for x in (key, value))
    logits = keras.ops.einsum("bqhd,bkhd->bhqk", query, key) * (query.shape[-1] ** -0.5 if scale is None else scale)
    logits = keras.ops.cast(logits, "float32") + (0 if bias is None else bias)
    if is_causal:
        is_before = keras.ops.tril(keras.ops.ones((query.shape[1], key.shape[1]), "bool"))
        mask = is_before if mask is None else keras.ops.logical_and(is_before, mask)
    if mask is not None:
        logits = keras.ops.where(mask, logits, -1e30)
    return keras.ops.einsum("bhqk,bkhd->bqhd", keras.ops.cast(keras.ops.softmax(logits), value.dtype), value)


def torch_attention(
    original, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **options
) -> Tensor:
    """`torch.nn.functional.scaled_dot_product_attention` in plain operations; arrays are `(batch, heads, tokens, size)`."""
    query, key, value = (keras.ops.swapaxes(x, 1, 2) for x in (query, key, value))
    is_bool = attn_mask is not None and keras.backend.standardize_dtype(attn_mask.dtype) == "bool"
    bias, mask = (None, attn_mask) if is_bool else (attn_mask, None)
    return keras.ops.swapaxes(jax_attention(original, query, key, value, bias, mask, scale=scale, is_causal=is_causal), 1, 2)
