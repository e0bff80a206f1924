"""The exact GELU."""

import keras

from course_hw5.layers.kernels.registry import xla_kernel
from course_hw5.layers.kernels.xla import fast_cast


@xla_kernel
def exact_gelu(x: keras.KerasTensor) -> keras.KerasTensor:
    """GELU (Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415) without the tanh approximation, by `erf` in float32.

    Keras's own takes `erfc` where the backend is TensorFlow, which costs more on a CPU; it stays where the backend is PyTorch.

    Args:
        x: tensor of floats.

    Returns:
        Tensor of the same shape and type.
    """
    if keras.backend.backend() == "torch":
        return keras.activations.gelu(x, approximate=False)
    x, dtype = keras.ops.cast(x, "float32"), x.dtype
    return fast_cast(0.5 * x * (1 + keras.ops.erf(x * 2**-0.5)), dtype)
