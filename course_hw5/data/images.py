"""Labelled images as `tf.data`: CIFAR-10, scikit-learn's digits, folders and tables of users, any set of TFDS."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from course_hw5.data import image_reading, image_sources, masked_images, tables
from course_hw5.data.augmentation import augment, augmentation_names
from course_hw5.data.dataset import (
    IN_TRAINING,
    Dataset,
    Share,
    check_arguments,
    require_source,
    shuffled_indices,
    split_indices,
)
from course_hw5.data.examples import SPLITS, divided, require_classes
from course_hw5.data.image_files import fit_image
from course_hw5.data.tfds import read_splits
from course_hw5.errors import is_whole, require
from course_hw5.files import AnyPath

SIDE = 32  # of the images of the data sets known by name
OWN = "tfds:NAME, a folder of class folders, or a table of paths and labels (.csv, .tsv, .jsonl)"


def load_images(
    source: AnyPath,
    batch_size: int = 256,
    validation_split: float = 0.1,
    seed: int = 0,
    augmentation: Sequence[str] | None = None,
    image_size: int | tuple[int, int] = SIDE,
    image_column: str | None = None,
    label_column: str | None = None,
    skip_broken: bool = False,
    memory_gb: float = 1.0,
    teacher: keras.Model | None = None,
    mask_grid: tuple[int, int] | None = None,
) -> Dataset:
    """Loads labelled colour images of one size.

    Args:
        source: one of

            - "cifar10" (50,000 + 10,000 images; Krizhevsky 2009, downloaded by TFDS or read from `TFDS_DATA_DIR`);
            - "digits" (1,797 grey 8x8 images that ship with scikit-learn, enlarged; every fifth is a test image);
            - "tfds:NAME", any image classification of TensorFlow Datasets, such as "tfds:beans";
            - a folder that holds a folder of images for each class, or the folders train, validation and test, of which
              train is needed, that hold these;
            - a table, `.csv`, `.tsv` or `.jsonl`, with a column of paths, relative to it, a column of labels and, if you want,
              a column "split".
        batch_size: images per batch, 1 or more.
        validation_split: share of the training images kept for validation, in (0, 1), where the source has no such split. A
            test set that is missing is a fifth of the images, the same for every seed.
        seed: integer; decides the split and, through TensorFlow's global generator, the order of each epoch.
        augmentation: names from `course_hw5.data.augmentation.NAMES`, a sequence or a comma-separated string, for the
            training images only.
        image_size: side, or `(height, width)`, of the images. Others are cut in the middle and resized; they are turned upright
            as their EXIF data say, and transparency is laid on white.
        image_column, label_column: of a table; or features of a data set of TFDS. By default "path", "image", "file" or
            "filename", and "label" or "class"; of TFDS what it is supervised by.
        skip_broken: whether images of a source of your own that cannot be read are left out; else the first is an error.
        memory_gb: size in memory, in GB, above which images of your own are decoded each time that they are needed. The batches
            are the same.
        teacher: classifier of images with a softmax. The labels of `train` become the mean of the given ones and its
            probabilities, of each image as it is before augmentation, at the size that the teacher reads, or at `image_size` if
            it reads any (knowledge distillation, Hinton et al. 2015, https://arxiv.org/abs/1503.02531).
        mask_grid: `(rows, columns)` of the patches of a BEiT that is to be pre-trained. In place of labels, batches then have
            blockwise masks, and the data have no classes. Masks of validation and test images are
            the same in each epoch and run, for one batch size and one worker.

    Returns:
        `Dataset` of batches `(images, labels)`: uint8 `(batch, height, width, 3)`, and integers `(batch,)`, or float32
        `(batch, classes)` in `train` where the augmentation mixes labels or there is a teacher. With `mask_grid`, int32
        `(batch, rows, columns)`, 1 where a patch is hidden.

    Raises:
        ValueError: if an argument is not one of those above; if a class is empty, alone, or missing in training; if an image
            cannot be read.
        OSError: if the data are neither on disk nor to be had by download.

    Example:
        >>> data = load_images("digits", batch_size=64)
        >>> images, labels = next(iter(data.validation))
        >>> images.shape, images.dtype.name, len(data.class_names)
        (TensorShape([64, 32, 32, 3]), 'uint8', 10)
    """
    path = require_source(source, SOURCES, OWN, tables.SUFFIXES, folders=True)
    check_arguments(batch_size, validation_split, seed)
    is_side = lambda side: is_whole(side, 1)  # noqa: E731
    sizes = (image_size,) * 2 if is_side(image_size) else image_size
    require(
        "image_size", sizes, lambda sizes: len(sizes) == 2 and all(map(is_side, sizes)), "a side, or (height, width), in pixels"
    )
    require("memory_gb", memory_gb, lambda size: size >= 0, "a number, 0 or more")
    augmentation = augmentation_names(augmentation)
    is_grid = lambda grid: grid is None or (len(grid) == 2 and all(map(is_side, grid)) and grid[0] * grid[1] > 1)  # noqa: E731
    require("mask_grid", mask_grid, is_grid, "(rows, columns), 2 patches or more, or None")
    require(
        "teacher", teacher, lambda teacher: teacher is None or mask_grid is None, "None with `mask_grid`: there are no labels"
    )
    is_named = path is None and str(source) in SOURCES
    if is_named:
        parts, class_names, note = _named(str(source), validation_split, seed, sizes)
        card = None
    else:
        splits = image_sources.find_images(path or str(source), image_column, label_column)
        parts, class_names, note, card = _own(splits, validation_split, seed, sizes, skip_broken, memory_gb)
    train, validation, test = parts
    if teacher is not None:
        _check_teacher(teacher, sizes, class_names)
        seen, side = train, teacher.inputs[0].shape[1:3]
        if None in side or side == sizes:
            side = sizes
        elif is_named:
            seen = _named(str(source), validation_split, seed, side)[0][0]
        else:
            seen = dataclasses.replace(train, pixels=None)  # files are read again
        labels = _labels_by(teacher, seen, side, class_names, batch_size)
        train = dataclasses.replace(train, examples=dataclasses.replace(train.examples, labels=labels))
        note += f"{IN_TRAINING}labels are means of the given ones and of a teacher's probabilities"
    tf.random.get_global_generator().reset_from_seed(seed)
    train_size = min(batch_size, len(train.examples))
    changes = [augment(augmentation, len(class_names))] if augmentation else []
    changes += [masked_images.drawn_masks(mask_grid)] if mask_grid else []
    fetch = train.fetch(sizes)

    def train_share(share):
        # Shuffling indices moves 4 bytes an image.
        batches = share.of(shuffled_indices(len(train.examples)).batch(train_size, drop_remainder=True)).map(fetch)
        for change in changes:  # one call at a time: random numbers are drawn in a fixed order
            batches = batches.map(change)
        return batches.prefetch(tf.data.AUTOTUNE)

    if mask_grid:
        class_names, note = [], f"{note}; {100 * masked_images.SHARE:.0f} % of the patches are hidden, in blocks"
    facts = {"class_names": class_names, "note": note, "batch_size": train_size, "card": card}
    held_out = (_in_order(part, batch_size, sizes, mask_grid) for part in (validation, test))
    return Dataset.of_shares(train_share, *held_out, **facts)


def _in_order(part, batch_size, sizes, mask_grid=None):
    fetch = part.fetch(sizes)

    def batches(share):
        read = share.of(tf.data.Dataset.range(len(part.examples)).batch(batch_size)).map(fetch)
        return (read.enumerate().map(masked_images.fixed_masks(mask_grid)) if mask_grid else read).prefetch(2)

    return batches


def _check_teacher(teacher, sizes, class_names):
    """Refuses a model that does not read images of some size, or has other classes."""
    shape = teacher.inputs[0].shape
    expected = ((None, *(shape[1:3] if len(shape) == 4 else sizes), 3), (None, len(class_names)))
    found = (teacher.input_shape, teacher.output_shape)
    require("teacher", found, lambda found: found == expected, "a model from images {} to classes {}".format(*expected))
    names = getattr(teacher, "class_names", None) or class_names
    require("teacher", [*names], lambda names: names == class_names, f"a classifier of {', '.join(class_names[:5])} ...")


def _labels_by(teacher, part, sizes, class_names, batch_size):
    """Labels of a split, float32 `(examples, classes)`, half of each the teacher's."""
    answers = teacher.predict(_in_order(part, batch_size, sizes)(Share()).map(lambda images, _: images), verbose=0)
    sums = float(np.abs(answers.sum(axis=1) - 1).max())
    require("teacher", sums, lambda sums: sums < 1e-2, "a model whose outputs are probabilities, which sum to 1")
    return (np.eye(len(class_names), dtype="float32")[part.examples.labels] + np.float32(answers)) / 2


def _own(splits, validation_split, seed, sizes, skip_broken, memory_gb):
    """The splits of a source of a user, each image read once, class names, a note that counts them, and a card."""
    found = divided(splits, validation_split, seed)
    keep = sum(map(len, found.values())) * 3 * sizes[0] * sizes[1] <= memory_gb * 1e9
    parts = {split: image_reading.read_all(part, sizes, keep, skip_broken) for split, part in found.items()}
    for split, part in parts.items():
        require(splits.name, part.examples, len, f"a source with images for {split} that can be read")
    trained = {splits.class_names[label] for label in np.unique(parts["train"].examples.labels)}
    require_classes(splits.name, trained)
    counts = " + ".join(f"{len(parts[split].examples):,}" for split in SPLITS)
    broken = sum(len(part.broken) for part in parts.values())
    note = f"{splits.name}, {counts} images to train, validate and test on, {sizes[0]}x{sizes[1]}"
    note += f"; {broken:,} that cannot be read are left out" if broken else ""
    return [parts[split] for split in SPLITS], splits.class_names, note, image_reading.image_card(splits, parts, sizes)


def _named(name, validation_split, seed, sizes):
    """As `_own`, of the data sets known by name."""
    (images, labels), (test_images, test_labels), class_names, note = SOURCES[name]()
    kept, held_out = split_indices(images, validation_split, seed)
    if not len(kept):
        raise ValueError(f"`validation_split` leaves none of {len(images)} images to train on. Received: {validation_split}")
    arrays = (images[kept], labels[kept]), (images[held_out], labels[held_out]), (test_images, test_labels)
    if sizes != (SIDE, SIDE):
        arrays = [(np.stack([fit_image(image, sizes) for image in part]), of_part) for part, of_part in arrays]
    return [image_reading.in_memory(*part) for part in arrays], class_names, note


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
