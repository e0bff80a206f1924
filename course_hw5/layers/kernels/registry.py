"""The pairs of plain and fused versions, and the choice between them."""

import functools
from collections.abc import Callable
from typing import NamedTuple

from course_hw5.layers.kernels.xla import partial_jit, rematerialized


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


def xla_kernel(plain: Callable) -> Callable:
    """Registers a function of tensors whose fused version is the same operations as one XLA program."""
    return kernel(plain)(rematerialized(plain))
