"""Image augmentation by name, made of keras-cv's layers; the only place that knows them.

Every random number comes from TensorFlow's global generator or from its global seed, so whoever resets the generator at
the start of an epoch (as `course_hw5.training` does) gets the same pictures again.
"""

import keras_cv
import tensorflow as tf

# Each layer maps {"images": float32 (batch, height, width, channels) in [0, 255], "labels": one-hot} to the same.
LAYERS = {
    "flip": lambda: keras_cv.layers.RandomFlip("horizontal"),
    "shift": lambda: keras_cv.layers.RandomTranslation(0.125, 0.125, fill_mode="reflect", interpolation="nearest"),
    "crop": lambda: keras_cv.layers.RandomCropAndResize(
        target_size=(32, 32), crop_area_factor=(0.6, 1.0), aspect_ratio_factor=(0.8, 1.25)
    ),
    "cutout": lambda: keras_cv.layers.RandomCutout(0.25, 0.25, fill_value=127.5),
    "randaugment": lambda: keras_cv.layers.RandAugment((0, 255), augmentations_per_image=2, magnitude=0.3),
    "mixup": lambda: keras_cv.layers.MixUp(alpha=0.2),
    "cutmix": lambda: keras_cv.layers.CutMix(alpha=1.0),
}
MIXES_LABELS = {"mixup", "cutmix"}


def augment(names, classes):
    """Builds a function for `tf.data.Dataset.map` that augments a batch of 32x32 images.

    Args:
        names: names from `LAYERS`, applied in this order; a comma-separated string or a sequence.
        classes: number of classes, for the one-hot labels that MixUp and CutMix need.

    Returns:
        A function `(images, labels) -> (images, labels)`: uint8 `(batch, 32, 32, channels)` in and out; integer labels
        `(batch,)` in, and out as they came or, where labels are mixed, float32 `(batch, classes)`.

    Raises:
        ValueError: if a name is unknown.
    """
    names = [name for name in names.split(",") if name] if isinstance(names, str) else list(names)
    unknown = [name for name in names if name not in LAYERS]
    if unknown:
        raise ValueError(f"`augmentation` must be made of {', '.join(LAYERS)}. Received: {', '.join(unknown)}")
    layers = [LAYERS[name]() for name in names]
    mixes = bool(MIXES_LABELS.intersection(names))

    def apply(images, labels):
        batch = {"images": tf.cast(images, tf.float32), "labels": tf.one_hot(labels, classes)}
        for layer in layers:
            batch = layer(batch, training=True)
        images = tf.cast(tf.clip_by_value(tf.round(batch["images"]), 0, 255), tf.uint8)
        return images, (batch["labels"] if mixes else labels)

    return apply
