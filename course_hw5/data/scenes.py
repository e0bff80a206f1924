"""Images with a label for every pixel as `tf.data`: CamVid's road scenes, ADE20K's scene parsing, scattered digits."""

import concurrent.futures
import functools
import io
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from course_hw5.data import digit_scenes
from course_hw5.data.dataset import IGNORE_INDEX, Dataset
from course_hw5.data.splits import shuffled_indices, split_indices
from course_hw5.data.tfds import read_splits
from course_hw5.errors import is_whole, require


class Source(NamedTuple):
    """How a data set is read, what its classes are called, how masks become labels, and what is to be said of it.

    `read` gives its splits as files, and what decodes an image and a mask, which holds integers below `values`.
    """

    read: Callable
    class_names: list[str]
    values: int
    to_labels: Callable
    note: str


def load_scenes(
    name: str,
    image_shape: tuple[int, int, int],
    batch_size: int = 8,
    validation_split: float = 0.1,
    seed: int = 0,
    scales: tuple[float, float] | None = None,
) -> Dataset:
    """Loads scenes; training images are cut at a random place and scale, mirrored, and changed in colour.

    Args:
        name: "camvid" (road scenes of 360x480, 11 classes; Brostow et al. 2009; not in TFDS: `TFDS_DATA_DIR` must
            hold it), "scene_parse150" (ADE20K, 150 classes; Zhou et al. 2017; downloaded by TFDS) or "digits" (scikit-learn's,
            scattered over images of 96x128, 11 classes; no download).
        image_shape: `(height, width, 3)` of the images in `train`, cut out, and in `validation`, whole images resized.
        batch_size: images per batch, 1 or more.
        validation_split: share of the training images kept for validation, in (0, 1).
        seed: integer; decides the split and, through TensorFlow's global generator, order and augmentation of each epoch.
        scales: `(lowest, highest)` share of an image's side that a training image shows; (0.4, 1.0) if None.

    Returns:
        `Dataset` of batches `(images, labels)`, uint8 `(batch, height, width, 3)` and uint8 `(batch, height, width)`. Labels
        are classes from 0 on, and `IGNORE_INDEX` where no class is right. `train` and `validation` are None where the copy of
        the data set has no such split. `test`, the split "validation" of the data set, which no part of training sees, gives
        one image and its labels at a time, at their own size.

    Raises:
        ValueError: if the name, the batch size, the split or the scales are not as above, or a mask is of another size
            than its image or holds what is no class.
        OSError: if the data are neither on disk nor to be had by download.
    """
    require("name", name, lambda name: name in SOURCES, f"one of {', '.join(SOURCES)}")
    is_shape = lambda shape: len(shape) == 3 and all(is_whole(side, 1) for side in shape)  # noqa: E731
    require("image_shape", image_shape, is_shape, "(height, width, channels), whole numbers")
    require("batch_size", batch_size, lambda size: is_whole(size, 1), "a whole number, 1 or more")
    require("validation_split", validation_split, lambda share: 0 < share < 1, "between 0 and 1")
    require("seed", seed, is_whole, "a whole number, 0 or more")
    scales = (0.4, 1.0) if scales is None else scales
    expected = "two shares of a side in (0, 1], the lower first"
    require("scales", scales, lambda scales: len(scales) == 2 and 0 < scales[0] <= scales[1] <= 1, expected)
    low, high = scales
    source = SOURCES[name]
    (training, testing), decode_image, decode_mask = source.read(name)
    for split, part in (("train", training), ("validation", testing)):
        if part is not None:
            _check_masks(f"{name}, {split}", _files(part), source.values)

    def decode(image, mask):
        return decode_image(image), source.to_labels(decode_mask(mask)[..., 0])

    train = validation = None
    if training is not None:
        kept, held_out = split_indices(len(training["image"]), validation_split, np.random.default_rng(seed))
        tf.random.get_global_generator().reset_from_seed(seed)
        train = _shuffled(_files(training, kept), decode, min(batch_size, len(kept)), image_shape, (low, high))
        validation = _in_order(_files(training, held_out), decode, batch_size, image_shape)
    test = tf.data.Dataset.from_tensor_slices(_files(testing)).map(decode, tf.data.AUTOTUNE).prefetch(2)
    batch_size = batch_size if training is None else min(batch_size, len(kept))
    return Dataset(train, validation, test, source.class_names, source.note, batch_size)


def _from_tfds(host, hint):
    """What reads a data set of TFDS that is downloaded from `host`; `hint` ends the advice where it is not to be had."""

    def read(name):
        builder, splits = read_splits(name, ("train", "validation"), host, hint, ("image", "annotation"), ("train",))
        return splits, *(builder.info.features[part].decode_example for part in ("image", "annotation"))

    return read


def _from_digits(_):
    image, labels = (functools.partial(tf.io.decode_png, channels=channels) for channels in (3, 1))
    return digit_scenes.read_digit_scenes(), image, labels


def _files(part, indices=slice(None)):
    return part["image"][indices], part["annotation"][indices]


def _check_masks(where, files, values):
    """Reads each mask once, and the size of each image: bad ones end here and not in the middle of a training."""

    def check(number):
        image, mask = (Image.open(io.BytesIO(part[number])) for part in files)
        if image.size != mask.size:
            sizes = "{1}x{0}. Received: {3}x{2}".format(*image.size, *mask.size)
            raise ValueError(f"Mask {number} of {where} must have its image's size, {sizes}")
        if (largest := np.max(mask)) >= values:
            raise ValueError(f"Mask {number} of {where} must hold labels up to {values - 1}. Received: {largest}")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(check, range(len(files[0]))))


def _shuffled(files, decode, batch_size, image_shape, scales):
    """Batches drawn by index, so that shuffling moves no image; files are decoded as they are needed."""
    count = len(files[0])
    images, masks = map(tf.constant, files)

    data = shuffled_indices(count).map(lambda index: decode(images[index], masks[index]), tf.data.AUTOTUNE)
    # One call at a time: random numbers are drawn in a fixed order.
    data = data.map(lambda *scene: _recoloured(*_mirrored(*_cut(*scene, image_shape, scales))))
    data = data.batch(batch_size, drop_remainder=True)
    return data.apply(tf.data.experimental.assert_cardinality(count // batch_size)).prefetch(tf.data.AUTOTUNE)


def _in_order(files, decode, batch_size, image_shape):
    data = tf.data.Dataset.from_tensor_slices(files)
    data = data.map(lambda *scene: _resized(*decode(*scene), image_shape), tf.data.AUTOTUNE).batch(batch_size)
    return data.apply(tf.data.experimental.assert_cardinality(math.ceil(len(files[0]) / batch_size))).cache().prefetch(2)


def _cut(image, labels, image_shape, scales):
    """A random part of an image, of the proportions of `image_shape`, resized to it."""
    generator, (height, width, _) = tf.random.get_global_generator(), image_shape
    size = tf.cast(tf.shape(labels), tf.float32)
    whole = tf.minimum(size[0] / height, size[1] / width)
    side = tf.cast(tf.round(whole * generator.uniform((), *scales) * (height, width)), tf.int32)
    free = tf.shape(labels) - side
    top, left = tf.unstack(tf.cast(generator.uniform((2,)) * tf.cast(free + 1, tf.float32), tf.int32))
    part = slice(top, top + side[0]), slice(left, left + side[1])
    return _resized(image[part[0], part[1]], labels[part[0], part[1]], image_shape)


def _mirrored(image, labels):
    is_mirrored = tf.random.get_global_generator().uniform(()) < 0.5
    return tf.cond(is_mirrored, lambda: (image[:, ::-1], labels[:, ::-1]), lambda: (image, labels))


def _recoloured(image, labels):
    """Another light: brightness, contrast and saturation of the whole image."""
    image = tf.image.convert_image_dtype(image, tf.float32)
    brightness, contrast, saturation = tf.unstack(tf.random.get_global_generator().make_seeds(3), axis=1)
    image = tf.image.stateless_random_brightness(image, 0.15, brightness)
    image = tf.image.stateless_random_contrast(image, 0.8, 1.2, contrast)
    image = tf.image.stateless_random_saturation(image, 0.7, 1.3, saturation)
    return tf.image.convert_image_dtype(image, tf.uint8, saturate=True), labels


def _resized(image, labels, image_shape):
    """Pixels are averaged, labels are never mixed."""
    height, width, _ = image_shape
    image = tf.image.resize(image, (height, width), antialias=True)
    labels = tf.image.resize(labels[..., None], (height, width), "nearest")[..., 0]
    image = tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
    return tf.ensure_shape(image, image_shape), tf.ensure_shape(labels, image_shape[:2])


SOURCES = {
    "camvid": Source(
        _from_tfds("localhost", ", as `camvid` in the format of TFDS"),
        ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"],
        12,
        lambda mask: tf.where(mask < 11, mask, tf.constant(IGNORE_INDEX, tf.uint8)),
        "CamVid: 367 road scenes to train on and 101 to test on, frames of video, so that neighbours are much alike",
    ),
    "scene_parse150": Source(
        _from_tfds("data.csail.mit.edu", ""),
        [str(number) for number in range(1, 151)],
        151,
        lambda mask: mask - 1,  # 0, all else, becomes 255: `reduce_labels` of the reference
        "ADE20K, scene parsing with 150 classes",
    ),
    "digits": Source(
        _from_digits,
        digit_scenes.CLASS_NAMES,
        len(digit_scenes.CLASS_NAMES),
        lambda mask: mask,
        "scikit-learn's digits scattered over 200 images to train on and 50, of other digits, to test on",
    ),
}
