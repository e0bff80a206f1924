"""Recorded tensors as arrays."""

import keras
import numpy as np


def of_first(layers, tokens: int | None = None) -> np.ndarray:
    """Attention of a batch's first example, of its first `tokens`: float32 `(layers, heads, tokens, tokens)`."""
    return np.stack([np.float32(keras.ops.convert_to_numpy(layer)[0, :, :tokens, :tokens]) for layer in layers])
