"""Images with a mask in place of a label: which of their patches are hidden, for masked image modelling."""

from collections.abc import Callable

import tensorflow as tf

SHARE = 0.4  # of the patches that are hidden
SMALLEST_BLOCK = 16 / 14**2  # share of the patches; the authors' 16 of 14x14
NARROWEST = 0.3  # a block's shorter side over its longer one


def block_masks(count: int | tf.Tensor, grid: tuple[int, int], seed: tf.Tensor, share: float = SHARE) -> tf.Tensor:
    """Draws blockwise masks (Bao et al. 2022, https://arxiv.org/abs/2106.08254, Algorithm 1).

    Rectangles of random area and aspect ratio are added until a share of the patches is hidden. The last one may hide a few
    more. As in the authors' code, ratios of h to w and of w to h are equally likely.

    Args:
        count: number of masks.
        grid: `(rows, columns)` of patches.
        seed: two int32 numbers; the same ones give the same masks.
        share: of the patches, in (0, 1).

    Returns:
        int32 tensor `(count, rows, columns)`, 1 where hidden.
    """
    rows, columns = grid
    wanted = tf.constant(max(1, round(share * rows * columns)), tf.float32)
    smallest = max(1.0, SMALLEST_BLOCK * rows * columns)

    def missing(masks):
        return wanted - tf.reduce_sum(tf.cast(masks, tf.float32), axis=(1, 2))

    def add_block(number, masks):
        numbers = tf.random.stateless_uniform([4, count], tf.random.experimental.stateless_fold_in(seed, number))
        area, ratio, top, left = tf.unstack(numbers)
        area = smallest + area * tf.maximum(missing(masks) - smallest, 0)
        ratio = tf.exp((1 - 2 * ratio) * tf.math.log(NARROWEST))
        spans = _span(top, tf.sqrt(area * ratio), rows)[:, :, None] & _span(left, tf.sqrt(area / ratio), columns)[:, None]
        return number + 1, masks | (spans & (missing(masks) > 0)[:, None, None])

    masks = tf.zeros([count, rows, columns], tf.bool)
    _, masks = tf.while_loop(lambda _, masks: tf.reduce_any(missing(masks) > 0), add_block, (0, masks))
    return tf.cast(masks, tf.int32)


def _span(position, length, size):
    """Which of `size` places in a row belong to a span of that length: bool `(count, size)`; `position` is in [0, 1)."""
    length = tf.clip_by_value(tf.round(length), 1, size)[:, None]
    first = tf.floor(position[:, None] * (size - length + 1))
    places = tf.range(size, dtype=tf.float32)
    return (places >= first) & (places < first + length)


def drawn_masks(grid: tuple[int, int]) -> Callable:
    """Builds a function for `tf.data.Dataset.map`, `(images, labels) -> (images, masks)`.

    Masks are drawn from TensorFlow's global generator: map one batch at a time, and before anything is read ahead.
    """

    def masked(images, _):
        seed = tf.cast(tf.random.get_global_generator().make_seeds(1)[:, 0], tf.int32)
        return images, block_masks(tf.shape(images)[0], grid, seed)

    return masked


def fixed_masks(grid: tuple[int, int]) -> Callable:
    """The same for batches with their numbers, `(number, (images, labels)) -> (images, masks)`: always the same masks."""

    def masked(number, batch):
        seed = tf.stack([tf.cast(number, tf.int32), 0])
        return batch[0], block_masks(tf.shape(batch[0])[0], grid, seed)

    return masked
