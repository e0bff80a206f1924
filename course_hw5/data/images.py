"""Small labelled images as `tf.data`: CIFAR-10 through TensorFlow Datasets, and scikit-learn's digits."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from course_hw5.data.augmentation import augment
from course_hw5.data.dataset import Dataset, check_arguments, shuffled_indices, split_indices
from course_hw5.data.tfds import read_splits


def load_images(
    name: str, batch_size: int = 256, validation_split: float = 0.1, seed: int = 0, augmentation: Sequence[str] | None = None
) -> Dataset:
    """Loads a data set of 32x32 colour images, decoded once and held in memory.

    Args:
        name: "cifar10" (50,000 + 10,000 images; Krizhevsky 2009, downloaded by TFDS or read from `TFDS_DATA_DIR`) or
            "digits" (1,797 grey 8x8 images that ship with scikit-learn, enlarged; every fifth is a test image).
        batch_size: images per batch, 1 or more.
        validation_split: share of the training images kept for validation, in (0, 1).
        seed: integer; decides the split and, through TensorFlow's global generator, the order of each epoch.
        augmentation: names from `course_hw5.data.augmentation.NAMES`, a sequence or a comma-separated string, for the
            training images only.

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
    check_arguments(name, SOURCES, batch_size, validation_split, seed)
    (images, labels), test, class_names, note = SOURCES[name]()
    kept, held_out = split_indices(images, validation_split, seed)
    if not len(kept):
        raise ValueError(f"`validation_split` leaves none of {len(images)} images to train on. Received: {validation_split}")
    tf.random.get_global_generator().reset_from_seed(seed)
    train_size = min(batch_size, len(kept))
    # Shuffling indices moves 4 bytes an image.
    all_images, all_labels = tf.constant(images[kept]), tf.constant(labels[kept])
    train = shuffled_indices(len(kept)).batch(train_size, drop_remainder=True)
    train = train.map(lambda batch: (tf.gather(all_images, batch), tf.gather(all_labels, batch)))
    if augmentation:
        # one call at a time: random numbers are drawn in a fixed order
        train = train.map(augment(augmentation, len(class_names)))
    parts = (images[held_out], labels[held_out]), test
    validation, test = (tf.data.Dataset.from_tensor_slices(part).batch(batch_size).prefetch(2) for part in parts)
    return Dataset(train.prefetch(tf.data.AUTOTUNE), validation, test, class_names, note, train_size)


def _digits():
    from sklearn.datasets import load_digits  # here, since only this data set needs scikit-learn

    digits = load_digits()
    images = np.kron(digits.images[..., None] * (255 / 16), np.ones((1, 4, 4, 3))).astype("uint8")
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
    lossy = "a copy whose images went through JPEG: scores can be a little below those on the originals"
    return train, test, builder.info.features["label"].names, f"CIFAR-10, {lossy if is_jpeg else 'the original images'}"


SOURCES = {"cifar10": _cifar10, "digits": _digits}
