"""Which examples are trained on, and in which order."""

import numpy as np
import tensorflow as tf
from jaxtyping import Integer


def split_indices(
    count: int, share: float, random: np.random.Generator
) -> tuple[Integer[np.ndarray, " kept"], Integer[np.ndarray, " held_out"]]:
    """Indices of `count` examples, shuffled by a `numpy.random.Generator`: those to train on, and a share that is held out."""
    order, held_out = random.permutation(count), max(1, round(count * share))
    return order[held_out:], order[:held_out]


def shuffled_indices(count: int) -> tf.data.Dataset:
    """A `tf.data.Dataset` of the numbers below `count`, in an order that TensorFlow's global generator draws for each epoch.

    Shuffling indices moves 4 bytes an example, however large that is.
    """

    def epoch(_):
        seed = tf.cast(tf.random.get_global_generator().make_seeds(1)[:, 0], tf.int32)
        return tf.data.Dataset.from_tensor_slices(tf.random.experimental.stateless_shuffle(tf.range(count), seed))

    return tf.data.Dataset.range(1).flat_map(epoch)
