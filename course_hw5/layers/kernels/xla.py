"""What kernels are built of: the choice of a version, XLA functions, gradients of their own, fast casts and sums."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras

from course_hw5.layers.layer import Tensor

if on_tensorflow := keras.backend.backend() == "tensorflow":
    import tensorflow as tf

_enabled = os.environ.get("COURSE_HW5_KERNELS", "1") != "0"

# === The choice of a version ===


class Kernel(NamedTuple):
    """Two versions of an operation, of the same arguments and values."""

    plain: Callable
    fused: Callable


KERNELS: dict[str, Kernel] = {}


def kernel(plain: Callable) -> Callable:
    """Registers the decorated function as the fused version of `plain`; calls take the one that suits the step.

    Args:
        plain: of the same arguments, built of `keras.ops`.
    """

    def decorate(fused):
        KERNELS[fused.__name__] = Kernel(plain, fused)

        @functools.wraps(fused)
        def run(*args):
            return (fused if partial_jit() else plain)(*args)

        return run

    return decorate


@contextlib.contextmanager
def plain() -> Iterator[None]:
    """Turns fused kernels off, in all threads, for what is traced within it; what is traced already stays as it is."""
    global _enabled
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before


def partial_jit() -> bool:
    """Whether a `tf.function` is being traced outside any XLA context, and fused kernels are on."""
    if not _enabled or not on_tensorflow or tf.executing_eagerly():
        return False
    try:
        from tensorflow.python.ops import control_flow_util  # no public name says it

        return not control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    except (ImportError, AttributeError):
        return False


# === Fused functions ===


def xla_function(function: Callable) -> Callable:
    """Makes a function of tensors one XLA program, which is traced once for each set of shapes and types."""
    compiled = tf.function(function, jit_compile=True, autograph=False) if on_tensorflow else function

    @functools.wraps(function)
    def run(*tensors):
        return compiled(*tensors)

    return run


def custom_gradient(backward: Callable) -> Callable:
    """Gives a function of tensors a gradient of its own.

    Args:
        backward: of the output's gradient, the output and the inputs, to a gradient, or None, for each input.

    Returns:
        A decorator of such functions.
    """

    def decorate(forward):
        if not on_tensorflow:
            return forward

        @tf.custom_gradient
        def call(*inputs):
            output = forward(*inputs)
            output = tf.nest.map_structure(lambda x: tf.ensure_shape(x, x.shape), output)  # else the optimizer warns
            return output, lambda *upstream: backward(upstream if isinstance(output, tuple) else upstream[0], output, *inputs)

        # TensorFlow keeps a custom gradient, and the graph around it, for good: a graph of its own is small and shared.
        traced = tf.function(call, autograph=False)

        @functools.wraps(forward)
        def run(*inputs):
            return traced(*(tf.convert_to_tensor(x) for x in inputs))

        return run

    return decorate


def xla_kernel(function: Callable) -> Callable:
    """Registers a function of tensors whose fused version is the same operations as one XLA program.

    Its gradient is another XLA program, which recomputes what it needs.

    Args:
        function: of tensors, to one tensor; built of `keras.ops`. Integers and scalars get no gradient.
    """

    def backward(upstream, output, *inputs):
        with tf.GradientTape() as tape:
            tape.watch([tensor for tensor in inputs if tensor.dtype.is_floating and tensor.shape.rank != 0])
            output = function(*inputs)
        return tape.gradient(output, inputs, upstream)

    backward.__name__ = f"{function.__name__}_gradient"
    return kernel(function)(custom_gradient(xla_function(backward))(xla_function(function)))


# === Casts and sums ===


def fast_cast(x: Tensor, dtype: str) -> Tensor:
    """Casts a float32 tensor to another float type.

    To bfloat16 by integer arithmetic, with the same result: on a CPU, XLA's code for it takes much less time than its cast,
    which is a third of a GELU.
    """
    is_fast = on_tensorflow and keras.backend.standardize_dtype(dtype) == "bfloat16"
    return _cast_to_bfloat16(x) if is_fast else keras.ops.cast(x, dtype)


@keras.ops.custom_gradient
def _cast_to_bfloat16(x):
    bits, half = tf.bitcast(x, "uint32"), tf.constant(16, "uint32")  # `keras.ops.view` takes no shape with unknown sizes
    is_odd = tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, half), tf.constant(1, "uint32"))
    upper = tf.bitwise.right_shift(bits + is_odd + tf.constant(0x7FFF, "uint32"), half)  # ties to even
    return tf.bitcast(tf.cast(upper, "uint16"), "bfloat16"), lambda upstream: tf.cast(upstream, "float32")


def as_rows(x: Tensor) -> Tensor:
    """Reshapes a tensor `(..., hidden_dim)` to `(rows, hidden_dim)`, in float32."""
    return keras.ops.reshape(keras.ops.cast(x, "float32"), (-1, keras.ops.shape(x)[-1]))


def sum_rows(x: Tensor) -> Tensor:
    """Sums a matrix `(rows, hidden_dim)` over its rows, by a product, which on a CPU is faster than XLA's sum.

    Two rows of ones: a product with a single one may become a loop that takes longer than all else in a gradient.
    """
    return keras.ops.matmul(keras.ops.ones((2, keras.ops.shape(x)[0]), x.dtype), x)[0]
