import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from course_hw5.layers.keras_layers import exact_gelu

X = np.linspace(-9, 9, 721)
EXACT = X * special.ndtr(X)
SLOPE = special.ndtr(X) + X * np.exp(-(X**2) / 2) / np.sqrt(2 * np.pi)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_values_and_gradients_are_those_of_the_formula(is_compiled):
    x = tf.constant(X, "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.function(exact_gelu, jit_compile=is_compiled)(x)
    np.testing.assert_allclose(y, EXACT, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, x), SLOPE, atol=1e-6)


@pytest.mark.parametrize("dtype, error", [("float16", 2**-11), ("bfloat16", 2**-8)])
def test_half_precision_is_lost_by_rounding_alone(dtype, error):
    x = keras.ops.cast(X, dtype)
    y = exact_gelu(x)
    rounded = np.array(keras.ops.cast(x, "float64"))
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    np.testing.assert_allclose(keras.ops.cast(y, "float64"), rounded * special.ndtr(rounded), rtol=error, atol=1e-6)
