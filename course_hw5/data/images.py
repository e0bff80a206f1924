"""Small labelled images as `tf.data`: CIFAR-10 through TensorFlow Datasets, and scikit-learn's digits."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from course_hw5.data.dataset import Dataset
from course_hw5.data.splits import shuffled_indices, split_indices
from course_hw5.data.tfds import read_splits
from course_hw5.errors import is_whole, require


def load_images(
    name: str,
    batch_size: int = 256,
    validation_split: float = 0.1,
    seed: int = 0,
    augmentation: str | Sequence[str] | None = None,
) -> Dataset:
    """Loads a data set of 32x32 colour images, decoded once and held in memory.

    Args:
        name: "cifar10" (50,000 + 10,000 images; Krizhevsky 2009, downloaded by TFDS or read from `TFDS_DATA_DIR`) or
            "digits" (1,797 grey 8x8 images that ship with scikit-learn, enlarged; every fifth is a test image).
        batch_size: images per batch, 1 or more.
        validation_split: share of the training images kept for validation, in (0, 1).
        seed: integer; decides the split and, through TensorFlow's global generator, the order of each epoch.
        augmentation: names from `course_hw5.data.augmentation.NAMES`, for the training images only.

    Returns:
        `Dataset` of batches `(images, labels)`: uint8 `(batch, 32, 32, 3)`, and integers `(batch,)`, or float32
        `(batch, classes)` in `train` where the augmentation mixes labels.

    Raises:
        ValueError: if the name, the batch size, the split or an augmentation is not one of those above.
        OSError: if the data are neither on disk nor to be had by download.

    Example:
        >>> data = load_images("digits", batch_size=64)
        >>> images, labels = next(iter(data.validation))
        >>> images.shape, images.dtype.name, len(data.class_names)
        (TensorShape([64, 32, 32, 3]), 'uint8', 10)
    """
    require("name", name, lambda name: name in SOURCES, f"one of {', '.join(SOURCES)}")
    require("batch_size", batch_size, lambda size: is_whole(size, 1), "a whole number, 1 or more")
    require("validation_split", validation_split, lambda share: 0 < share < 1, "between 0 and 1")
    require("seed", seed, is_whole, "a whole number, 0 or more")
    (images, labels), (test_images, test_labels), class_names, note = SOURCES[name]()
    transform = None
    if augmentation:
        from course_hw5.data.augmentation import augment  # here, since only this needs Keras

        transform = augment(augmentation, len(class_names))

    kept, held_out = split_indices(len(images), validation_split, np.random.default_rng(seed))
    if not len(kept):
        raise ValueError(f"`validation_split` leaves none of {len(images)} images to train on. Received: {validation_split}")
    tf.random.get_global_generator().reset_from_seed(seed)
    return Dataset(
        train=_shuffled(images, labels, kept, min(batch_size, len(kept)), transform),
        validation=_in_order(images[held_out], labels[held_out], batch_size),
        test=_in_order(test_images, test_labels, batch_size),
        class_names=class_names,
        note=note,
        batch_size=min(batch_size, len(kept)),
    )


def _shuffled(images, labels, indices, batch_size, transform):
    """Batches drawn by index, so that shuffling moves 4 bytes an image and nothing is read twice."""
    images, labels = tf.constant(images[indices]), tf.constant(labels[indices])
    count = len(indices)
    data = shuffled_indices(count).batch(batch_size, drop_remainder=True)
    data = data.map(lambda batch: (tf.gather(images, batch), tf.gather(labels, batch)))
    if transform:
        data = data.map(transform)  # one call at a time: random numbers are drawn in a fixed order
    return data.apply(tf.data.experimental.assert_cardinality(count // batch_size)).prefetch(tf.data.AUTOTUNE)


def _in_order(images, labels, batch_size):
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(batch_size)
    return data.apply(tf.data.experimental.assert_cardinality(math.ceil(len(images) / batch_size))).prefetch(2)


def _digits():
    from sklearn.datasets import load_digits  # here, since only this data set needs scikit-learn

    digits = load_digits()
    images = np.kron(digits.images * (255 / 16), np.ones((1, 4, 4))).astype("uint8")
    images = np.repeat(images[..., None], 3, axis=-1)
    labels = digits.target.astype("int64")
    is_test = np.arange(len(images)) % 5 == 4
    class_names = [str(name) for name in digits.target_names]
    note = "scikit-learn's digits: 8x8 grey images enlarged to 32x32, every fifth one a test image"
    return (images[~is_test], labels[~is_test]), (images[is_test], labels[is_test]), class_names, note


def _cifar10():
    import tensorflow_datasets as tfds  # here, since its import takes a second

    hint = ", or use --dataset digits, which needs no download"
    builder, parts = read_splits("cifar10", ("train", "test"), "www.cs.toronto.edu", hint)
    train, test = ((part["image"], part["label"]) for part in parts)
    raw = builder.as_dataset("train", decoders={"image": tfds.decode.SkipDecoding()}).take(1)
    is_jpeg = next(iter(tfds.as_numpy(raw)))["image"].startswith(b"\xff\xd8")
    note = "CIFAR-10, " + (
        "a copy whose images went through JPEG: scores can be a little below those on the originals"
        if is_jpeg
        else "the original images"
    )
    return train, test, builder.info.features["label"].names, note


SOURCES = {"cifar10": _cifar10, "digits": _digits}
