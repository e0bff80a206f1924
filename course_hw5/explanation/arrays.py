"""Recorded tensors as arrays."""

from collections.abc import Iterable

import keras
import numpy as np
from jaxtyping import Float32


def of_first(
    layers: Iterable[keras.KerasTensor], tokens: int | None = None
) -> Float32[np.ndarray, "layers heads tokens tokens"]:
    """Attention of a batch's first example, of its first `tokens`: float32 `(layers, heads, tokens, tokens)`."""
    return np.stack([np.float32(keras.ops.convert_to_numpy(layer)[0, :, :tokens, :tokens]) for layer in layers])
