"""Dropout by a hash."""

import math

import keras

from course_hw5.layers.kernels.registry import xla_kernel
from course_hw5.layers.kernels.xla import fast_cast


@xla_kernel
def hashed_dropout(x: keras.KerasTensor, rate: float, seed: keras.KerasTensor) -> keras.KerasTensor:
    """Sets a share of the numbers to 0 and scales up the others. What is dropped follows from a hash of place and seed.

    The hash is Wellons's `lowbias32` (https://nullprogram.com/blog/2018/07/31/).

    Args:
        x: tensor of floats.
        rate: share, in (0, 1).
        seed: uint32 tensor `(2,)`.

    Returns:
        Tensor of the same shape and type.
    """
    scaled = keras.ops.cast(x, "float32") / (1 - rate)
    return fast_cast(keras.ops.where(_is_kept(keras.ops.shape(x), rate, seed), scaled, 0.0), x.dtype)


def _is_kept(shape, rate, seed):
    x = keras.ops.cast(keras.ops.arange(math.prod(shape)), "uint32")
    for start in keras.ops.unstack(seed, 2):  # a round for each half of the seed
        x = _lowbias32(keras.ops.bitwise_xor(x, start))
    share = keras.ops.cast(keras.ops.right_shift(x, _uint32(8)), "float32") * 2**-24
    return keras.ops.reshape(share >= rate, shape)


def _lowbias32(x):
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x = keras.ops.bitwise_xor(x, keras.ops.right_shift(x, _uint32(shift))) * _uint32(factor)
    return x


def _uint32(number):
    return keras.ops.convert_to_tensor(number, "uint32")
