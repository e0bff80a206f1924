"""The softmax of attention."""

import keras

from course_hw5.layers.compiled import compiled, with_gradient


@compiled
def _gradient(upstream, weights):
    upstream, weights, dtype = keras.ops.cast(upstream, "float32"), keras.ops.cast(weights, "float32"), weights.dtype
    ones = keras.ops.ones((keras.ops.shape(weights)[-1], 1))
    total = keras.ops.matmul(upstream * weights, ones)  # a sum, which XLA does slower on a CPU
    return keras.ops.cast(weights * (upstream - total), dtype)


@with_gradient(lambda upstream, weights, scores: _gradient(upstream, weights))
def softmax(scores):
    """Softmax of the last axis, whose gradient follows from its output.

    Args:
        scores: tensor of floats.

    Returns:
        Tensor of the same shape and type.
    """
    return keras.ops.softmax(scores, axis=-1)
