"""Image augmentation by name; the only module that knows keras-cv's layers.

Every random number comes from TensorFlow's global generator, so whoever resets it at the start of an epoch (as
`training.callbacks.EpochSeed` does) gets the same images again. MixUp and CutMix are our own, since those of keras-cv draw
from what no one can reset: after `tf.random.set_seed` they mix alike in every epoch.
"""

from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf

from course_hw5.errors import require


def mixup(batch: dict, alpha: float = 0.2) -> dict:
    """Each image becomes a weighted mean of it and another of the batch, and so do labels.

    Zhang et al. 2018, https://arxiv.org/abs/1710.09412.

    Args:
        batch: "images", float32 `(batch, height, width, channels)`, and "labels", float32 `(batch, num_classes)`.
        alpha: of the Beta distribution that the weights are drawn from.

    Returns:
        The mixed batch, a dict of the same form.
    """
    share, order, _ = _drawn(batch, alpha)
    return {name: _mixed(values, order, share) for name, values in batch.items()}


def cutmix(batch: dict, alpha: float = 1.0) -> dict:
    """A rectangle of each image comes from another of the batch, and labels are mixed by area.

    Yun et al. 2019, https://arxiv.org/abs/1905.04899.

    Args and returns: as for `mixup`.
    """
    images, labels = batch["images"], batch["labels"]
    share, order, centre = _drawn(batch, alpha)
    rows, columns = (
        tf.abs((tf.range(size, dtype=tf.float32) + 0.5) / size - centre[:, axis, None]) < tf.sqrt(1 - share)[:, None] / 2
        for axis, size in enumerate(images.shape[1:3])
    )
    is_other = rows[:, :, None, None] & columns[:, None, :, None]
    kept = 1 - tf.reduce_mean(tf.cast(is_other, tf.float32), axis=(1, 2))
    return {"images": tf.where(is_other, tf.gather(images, order), images), "labels": _mixed(labels, order, kept)}


def _drawn(batch, alpha):
    """For each image a share of Beta(alpha, alpha), another image's index, and a point, `(row, column)` in [0, 1)."""
    count = tf.shape(batch["images"])[0]
    seeds = tf.unstack(tf.cast(tf.random.get_global_generator().make_seeds(4), tf.int32), axis=1)
    first, second = (tf.random.stateless_gamma([count], seed, alpha) for seed in seeds[:2])
    order = tf.random.experimental.stateless_shuffle(tf.range(count), seeds[2])
    return tf.math.divide_no_nan(first, first + second), order, tf.random.stateless_uniform([count, 2], seeds[3])


def _mixed(values, order, share):
    """The share of each example, and the rest of the one in its place of `order`."""
    share = tf.reshape(share, [-1] + [1] * (values.shape.rank - 1))
    return share * values + (1 - share) * tf.gather(values, order)


def _layer(name):
    """Keras-cv's layer: Keras's own draw from a state per layer, which an epoch's seed does not reach.

    It maps {"images": float32 (batch, height, width, channels) in [0, 255], "labels": one-hot} to the same. It computes in
    float32 whatever the policy is: half precision has too few digits for pixels.
    """
    import keras_cv  # here, since its import takes seconds, and mixing does without it

    if name == "flip":
        return keras_cv.layers.RandomFlip("horizontal", dtype="float32")
    return keras_cv.layers.RandomTranslation(0.125, 0.125, fill_mode="reflect", interpolation="nearest", dtype="float32")


LAYERS = ("flip", "shift")
MIXES = {"mixup": mixup, "cutmix": cutmix}  # one of them for each batch, where both are named
NAMES = (*LAYERS, *MIXES)


def augmentation_names(names: str | Iterable[str] | None) -> list[str]:
    """The names as a list; raises ValueError if one is unknown, or if they are neither a string nor a sequence."""
    if isinstance(names, str):
        names = [name for name in names.split(",") if name]
    elif names is None:
        names = []
    elif isinstance(names, Iterable):
        names = list(names)  # an iterator can be read only once
    require("augmentation", names, lambda names: all(name in NAMES for name in names), f"made of {', '.join(NAMES)}")
    return names


def augment(names: str | Sequence[str], num_classes: int) -> Callable:
    """Builds a function for `tf.data.Dataset.map` that augments a batch of images.

    Args:
        names: from `NAMES`; a comma-separated string or a sequence. Layers are applied in this order, mixing comes last.
        num_classes: number of classes, for the one-hot labels that MixUp and CutMix need.

    Returns:
        A function `(images, labels) -> (images, labels)`: uint8 `(batch, 32, 32, channels)` in and out; integer labels
        `(batch,)`, or float32 `(batch, num_classes)`, in, and out as they came or, where labels are mixed, the latter.

    Raises:
        ValueError: if a name is unknown, or `names` is neither a string nor a sequence of them.
    """
    names = augmentation_names(names)
    layers = [_layer(name) for name in names if name in LAYERS]
    mixes = [MIXES[name] for name in dict.fromkeys(names) if name in MIXES]

    def apply(images, labels):
        targets = labels if labels.shape.rank == 2 else tf.one_hot(labels, num_classes)
        batch = {"images": tf.cast(images, tf.float32), "labels": targets}
        for layer in layers:
            batch = layer(batch, training=True)
        if mixes:
            chosen = tf.random.get_global_generator().uniform([], maxval=len(mixes), dtype=tf.int32)
            batch = tf.switch_case(chosen, [lambda mix=mix: mix(batch) for mix in mixes])
        images = tf.cast(tf.clip_by_value(tf.round(batch["images"]), 0, 255), tf.uint8)
        return images, (batch["labels"] if mixes else labels)

    return apply
