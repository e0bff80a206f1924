"""What replaces the outputs of heads, and the states between layers, while a model runs: a change that no weight holds.

Layers of attention give what their heads wrote to `head_outputs`, and blocks what they read to `block_input`. Both give it back
as it is, unless the code that called the model has put an intervention in place, by `with applied(...)`.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Protocol

import keras

from course_hw5.layers.layer import Tensor


class Intervention(Protocol):
    """What `applied` takes."""

    def head_outputs(self, layer: keras.layers.Layer, outputs: Tensor, mask: Tensor | None) -> Tensor:
        """What takes the place of the outputs of a layer's heads, `(batch, heads, tokens, head_dim)`; arguments as below."""

    def block_input(self, layer: keras.layers.Layer, x: Tensor) -> Tensor:
        """What takes the place of what a block reads, `(batch, tokens, hidden_dim)`."""


_CURRENT: contextvars.ContextVar[Intervention | None] = contextvars.ContextVar("intervention", default=None)


@contextlib.contextmanager
def applied(intervention: Intervention) -> Iterator[None]:
    """Puts an intervention in place, for all that this thread calls or traces within it."""
    token = _CURRENT.set(intervention)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def head_outputs(layer: keras.layers.Layer, outputs: Tensor, mask: Tensor | None = None) -> Tensor:
    """The outputs of a layer's heads, before they are joined.

    Args:
        layer: the layer of attention, which calls this.
        outputs: tensor `(batch, heads, tokens, head_dim)`.
        mask: bool tensor `(batch or 1, 1, tokens or 1, tokens)`, false where a token is padding; None for none.
    """
    current = _CURRENT.get()
    return outputs if current is None else current.head_outputs(layer, outputs, mask)


def block_input(layer: keras.layers.Layer, x: Tensor) -> Tensor:
    """What a block reads, `(batch, tokens, hidden_dim)`; the block calls this."""
    current = _CURRENT.get()
    return x if current is None else current.block_input(layer, x)
