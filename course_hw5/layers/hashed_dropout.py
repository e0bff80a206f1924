"""Dropout whose random numbers cost little on a CPU."""

import math

import keras

from course_hw5.layers.compiled import compiled, rounded


@keras.saving.register_keras_serializable("course_hw5")
class HashedDropout(keras.layers.Dropout):
    """Keras's `Dropout`, but what is dropped follows from a hash of each number's place and of a seed.

    XLA fuses the hash into the operation that needs it and computes it again in the backward pass, so that no random numbers
    are stored; Keras's own take a third of a training step of BERT on a CPU. The hash is Wellons's `lowbias32`
    (https://nullprogram.com/blog/2018/07/31/). Keras's way stays where the backend is PyTorch, which lacks unsigned arithmetic.

    Args and input: as of `keras.layers.Dropout`, whose own way stays for a `noise_shape`, too.
    """

    def call(self, inputs, training=False):
        if not (training and self.rate > 0) or self.noise_shape or keras.backend.backend() == "torch":
            return super().call(inputs, training=training)
        return _dropped(inputs, self.rate, keras.ops.cast(self.seed_generator.next(), "uint32"))


@compiled
def _dropped(x, rate, seed):
    scaled = keras.ops.cast(x, "float32") / (1 - rate)
    return rounded(keras.ops.where(_is_kept(keras.ops.shape(x), rate, seed), scaled, 0.0), x.dtype)


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
