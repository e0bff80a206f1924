"""Images with a label for every pixel as `tf.data`: CamVid, ADE20K, scattered digits, and those of users."""

import concurrent.futures
import io

import numpy as np
import tensorflow as tf
from PIL import Image

from course_hw5.data import scene_sources
from course_hw5.data.dataset import IGNORE_INDEX, Dataset, check_arguments, require_source, shuffled_indices, split_indices
from course_hw5.data.tfds import read_splits
from course_hw5.errors import is_whole, require
from course_hw5.files import AnyPath

DIGIT_SCENE = (96, 128)  # height, width
DIGIT_SCENES = {"train": 200, "validation": 50}
TEST_SPLITS = ("validation", "test")  # TFDS calls ADE20K's validation images "test"
INK = 6  # of 16: a pixel of a digit as dark as that belongs to it


OWN = "tfds:NAME, or a folder with the folders images and masks"


def load_scenes(
    source: AnyPath,
    image_shape: tuple[int, int, int],
    batch_size: int = 8,
    validation_split: float = 0.1,
    seed: int = 0,
    scales: tuple[float, float] | None = None,
    test_split: str | None = None,
    image_column: str | None = None,
    mask_column: str | None = None,
    ignore_index: int | None = IGNORE_INDEX,
    skip_broken: bool = False,
) -> Dataset:
    """Loads scenes; training images are cut at a random place and scale, mirrored, and changed in colour.

    Args:
        source: one of

            - "camvid" (road scenes of 360x480, 11 classes; Brostow et al. 2009; not in TFDS, but `course-hw5 prepare-camvid`
              stores it), "scene_parse150" (ADE20K, 150 classes; Zhou et al. 2017; downloaded by TFDS) or "digits"
              (scikit-learn's, scattered over images of 96x128, 11 classes; no download);
            - "tfds:NAME", any data set of TensorFlow Datasets with a segmentation mask, such as "tfds:oxford_iiit_pet";
            - a folder that holds the folders images and masks, or the folders train, validation and test that do. A mask has
              its image's name and size, and the number of a class in each pixel, as grey or as palette. `classes.txt` beside
              them names the classes from 0 on, a line each; without it the numbers in the training masks are the classes.
        image_shape: `(height, width, 3)` of the images in `train`, cut out, and in `validation`, whole images resized.
        batch_size: images per batch, 1 or more.
        validation_split: share of the training images kept for validation, in (0, 1).
        seed: integer; decides the split and, through TensorFlow's global generator, order and augmentation of each epoch.
        scales: `(lowest, highest)` share of an image's side that a training image shows; (0.4, 1.0) if None.
        test_split: split of the data set that becomes `test`: "validation" or "test"; None for the first of them that it has.
            Of a source of your own it is None.
        image_column, mask_column: features of a data set of TFDS; None for the usual ones.
        ignore_index: value in masks of your own where no class is right; None for none.
        skip_broken: whether images of your own that cannot be read, or whose mask does not fit, are left out.

    Returns:
        `Dataset` of batches `(images, labels)`, uint8 `(batch, height, width, 3)` and uint8 `(batch, height, width)`. Labels
        are classes from 0 on, and `IGNORE_INDEX` where no class is right. `train` and `validation` are None where the copy of
        the data set has no such split. `test`, which no part of training sees, gives one image and its labels at a time, at
        their own size.

    Raises:
        ValueError: if the name, the batch size, the split or the scales are not as above, or a mask is of another size
            than its image or holds what is no class.
        OSError: if the data are neither on disk nor to be had by download, or have no such split.
    """
    path = require_source(source, SOURCES, OWN, (), folders=True)
    is_named = path is None and str(source) in SOURCES
    check_arguments(batch_size, validation_split, seed)
    is_shape = lambda shape: len(shape) == 3 and all(is_whole(side, 1) for side in shape)  # noqa: E731
    require("image_shape", image_shape, is_shape, "(height, width, channels), whole numbers")
    scales = (0.4, 1.0) if scales is None else scales
    expected = "two shares of a side in (0, 1], the lower first"
    require("scales", scales, lambda scales: len(scales) == 2 and 0 < scales[0] <= scales[1] <= 1, expected)
    require("test_split", test_split, lambda split: split in (None, *TEST_SPLITS), f"one of {', '.join(TEST_SPLITS)}, or None")
    if not is_named:
        require("test_split", test_split, lambda split: split is None, "None for data of your own")
        is_index = lambda index: index is None or (is_whole(index) and index < 256)  # noqa: E731
        require("ignore_index", ignore_index, is_index, "None, or a whole number up to 255")
        splits, names = scene_sources.find_scenes(path or str(source), image_column, mask_column)
        found = scene_sources.read_scenes(splits, names, validation_split, seed, ignore_index, skip_broken)
        return _own(found, image_shape, batch_size, seed, scales)
    (training, testing), class_names, labels, note = SOURCES[str(source)](test_split)
    for split, part in (("train", training), (test_split or "test", testing)):
        if part is not None:
            _check_masks(f"{source}, {split}", part, len(labels))

    def decode(*files):
        image, mask = (tf.io.decode_image(file, 3, expand_animations=False) for file in files)
        return image, tf.gather(tf.constant(labels, tf.uint8), tf.cast(mask[..., 0], tf.int32))

    def reader(files):
        images, masks = map(tf.constant, files)
        return lambda index: decode(images[index], masks[index])

    train = validation = None
    if training is not None:
        kept, held_out = split_indices(training[0], validation_split, seed)
        tf.random.get_global_generator().reset_from_seed(seed)
        of_train, of_validation = (reader([files[part] for files in training]) for part in (kept, held_out))
        train = _shuffled(len(kept), of_train, min(batch_size, len(kept)), image_shape, scales)
        validation = _resized_in_order(len(held_out), of_validation, batch_size, image_shape)
        batch_size = min(batch_size, len(kept))
    test = _in_order(len(testing[0]), reader(testing)).prefetch(2)
    return Dataset(train, validation, test, class_names, note, batch_size)


def _own(found, image_shape, batch_size, seed, scales):
    """The data set of scenes of a user, which are decoded when they are needed."""

    def reader(split):
        def read(index):
            image, mask = tf.numpy_function(lambda i: found.read(split, i), [index], (tf.uint8, tf.uint8), stateful=False)
            return tf.ensure_shape(image, (None, None, 3)), tf.ensure_shape(mask, (None, None))

        return read

    counts = {split: len(part) for split, part in found.parts.items()}
    size = min(batch_size, counts["train"])
    tf.random.get_global_generator().reset_from_seed(seed)
    train = _shuffled(counts["train"], reader("train"), size, image_shape, scales)
    validation = _resized_in_order(counts["validation"], reader("validation"), batch_size, image_shape)
    test = _in_order(counts["test"], reader("test")).prefetch(2)
    return Dataset(train, validation, test, found.class_names, found.note, size, card=found.card)


def _in_order(count, read):
    return tf.data.Dataset.range(count).map(read, tf.data.AUTOTUNE)


def _resized_in_order(count, read, batch_size, image_shape):
    data = _in_order(count, read).map(lambda image, mask: _resized(image, mask, image_shape), tf.data.AUTOTUNE)
    return data.batch(batch_size).cache().prefetch(2)


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


def _shuffled(count, read, batch_size, image_shape, scales):
    """Batches drawn by index, so that shuffling moves no image; files are decoded as they are needed."""
    data = shuffled_indices(count).map(read, tf.data.AUTOTUNE)
    # One call at a time: random numbers are drawn in a fixed order.
    data = data.map(lambda *scene: _augmented(*scene, image_shape, scales))
    return data.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _augmented(image, labels, image_shape, scales):
    """A random part of an image, of the proportions of `image_shape` and resized to it, mirrored or not, in another light."""
    generator, (height, width, _) = tf.random.get_global_generator(), image_shape
    size = tf.cast(tf.shape(labels), tf.float32)
    whole = tf.minimum(size[0] / height, size[1] / width)
    side = tf.cast(tf.round(whole * generator.uniform((), *scales) * (height, width)), tf.int32)
    free = tf.shape(labels) - side
    top, left = tf.unstack(tf.cast(generator.uniform((2,)) * tf.cast(free + 1, tf.float32), tf.int32))
    part = slice(top, top + side[0]), slice(left, left + side[1])
    image, labels = _resized(image[part], labels[part], image_shape)
    is_mirrored = generator.uniform(()) < 0.5
    image, labels = (tf.where(is_mirrored, pixels[:, ::-1], pixels) for pixels in (image, labels))
    brightness, contrast, saturation = tf.unstack(generator.make_seeds(3), axis=1)
    image = tf.image.convert_image_dtype(image, tf.float32)
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


def _camvid(test_split):
    names = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"]
    splits = _read("camvid", test_split, "localhost", ", or make it there with `course-hw5 prepare-camvid`")
    return splits, names, [*range(11), IGNORE_INDEX], "CamVid: road scenes, frames of video, so that neighbours are much alike"


def _scene_parse150(test_split):
    names, labels = [str(number) for number in range(1, 151)], [IGNORE_INDEX, *range(150)]  # as the reference's `reduce_labels`
    return _read("scene_parse150", test_split, "data.csail.mit.edu"), names, labels, "ADE20K, scene parsing with 150 classes"


def _digits(test_split):
    from sklearn.datasets import load_digits  # here, since only this data set needs scikit-learn

    require("test_split", test_split, lambda split: split != "test", "validation, the only one of digits")
    digits = load_digits()
    halves = zip(np.array_split(digits.images, 2), np.array_split(digits.target, 2), DIGIT_SCENES.values())
    splits = [_digit_scenes(*half, np.random.default_rng(seed)) for seed, half in enumerate(halves)]
    note = "scikit-learn's digits scattered over 200 images to train on and 50, of other digits, to test on"
    return splits, ["background", *"0123456789"], [*range(11)], note


def _digit_scenes(images, targets, count, random):
    """PNG files of `count` coloured images on which digits lie, and of their masks: a split shares no digit with another."""
    scenes = zip(*(_digit_scene(images, targets, random) for _ in range(count)))
    return tuple(np.array([tf.io.encode_png(pixels).numpy() for pixels in part], object) for part in scenes)


def _digit_scene(images, targets, random):
    height, width = DIGIT_SCENE
    slope = np.linspace(0, 1, width)[None, :, None] * random.uniform(-40, 40, 3)
    image = random.uniform(130, 215, 3) + slope + random.normal(0, 6, (height, width, 3))
    labels = np.zeros((height, width, 1), "uint8")
    for _ in range(random.integers(5, 10)):
        which, side = random.integers(len(images)), int(random.integers(24, 49))
        digit = np.asarray(Image.fromarray(images[which].astype("float32")).resize((side, side), Image.Resampling.BICUBIC))
        top, left = random.integers(0, height - side + 1), random.integers(0, width - side + 1)
        place = slice(top, top + side), slice(left, left + side)
        ink = np.clip(digit / 16, 0, 1)[..., None]
        image[place] = (1 - ink) * image[place] + ink * random.uniform(0, 90, 3)
        labels[place][digit >= INK] = 1 + targets[which]
    return np.uint8(np.clip(image, 0, 255)), labels


def _read(name, test_split, host, instead=""):
    tests = (test_split,) if test_split else TEST_SPLITS
    splits = ("train", *tests)
    builder, (train, *parts) = read_splits(name, splits, host, instead, ("image", "annotation"), splits)
    test = next(filter(None, parts), None)
    if test is None:
        raise OSError(f"{name} must have the split {' or '.join(tests)}. Received: {builder.data_dir} without")
    return [part and (part["image"], part["annotation"]) for part in (train, test)]


# Each gives the files of the splits to train and to test on, class names, the label of each value in a mask, and a note.
SOURCES = {"camvid": _camvid, "scene_parse150": _scene_parse150, "digits": _digits}
