"""Weights in 8 bits, for bundled presets and for live pages. Loads NumPy alone.

Quantization is symmetric, to the nearest of 255 steps (Jacob et al. 2018, https://arxiv.org/abs/1712.05877, with a zero point
of 0).
"""

import numpy as np
from jaxtyping import Float32


def quantized(array: Float32[np.ndarray, "..."], axis: int | tuple[int, ...]) -> tuple[np.ndarray, Float32[np.ndarray, "..."]]:
    """A matrix as int8 steps, and the size of a step for each channel: the largest number of a channel is 127 steps.

    Args:
        array: float32 `(rows, columns)`, or a kernel of more axes.
        axis: the one, or those, that channels are measured along: 0 for a scale of each column, 1 for one of each row.
    """
    scale = np.maximum(np.abs(array).max(axis=axis) / 127, np.finfo("float32").tiny).astype("float32")
    return np.clip(np.rint(array / np.expand_dims(scale, axis)), -127, 127).astype("int8"), scale
