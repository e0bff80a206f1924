"""Images with a label for every pixel as `tf.data`: CamVid, ADE20K, scattered digits, and those of users."""

import concurrent.futures
import io

import numpy as np
import tensorflow as tf
from PIL import Image

from course_hw5.data import known_scenes, scene_sources
from course_hw5.data.dataset import IGNORE_INDEX, Dataset, check_arguments, require_source, shuffled_indices
from course_hw5.data.known_scenes import HELD_OUT, SOURCES, TEST_SPLITS
from course_hw5.errors import is_whole, require
from course_hw5.files import AnyPath

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
        validation_split: share of the training images kept for validation, in (0, 1). Of "camvid", any share keeps the video
            0006R0, whole: frames beside those that are trained on would flatter. 0 keeps none, except of data of your own.
        seed: integer; decides the split and, through TensorFlow's global generator, order and augmentation of each epoch.
        scales: `(lowest, highest)` share of an image's side that a training image shows; (0.4, 1.0) if None.
        test_split: split of the data set that becomes `test`: "test" or "validation"; None for the first of them that it has.
            Of "camvid", the other one is trained on, too, if it is "validation"; and "held-out" is the video that validates, to
            choose by it how `test` will be read. Of a source of your own it is None.
        image_column, mask_column: features of a data set of TFDS; None for the usual ones.
        ignore_index: value in masks of your own where no class is right; None for none.
        skip_broken: whether images of your own that cannot be read, or whose mask does not fit, are left out.

    Returns:
        `Dataset` of batches `(images, labels)`, uint8 `(batch, height, width, 3)` and uint8 `(batch, height, width)`. Labels
        are classes from 0 on, and `IGNORE_INDEX` where no class is right. `train` and `validation` are None where the copy of
        the data set has no split to train on, and `validation` where none is kept. `test`, which no part of training sees,
        gives one image and its labels at a time, at their own size.

    Raises:
        ValueError: if the name, the batch size, the split or the scales are not as above, or a mask is of another size
            than its image or holds what is no class.
        OSError: if the data are neither on disk nor to be had by download, or have no such split.
    """
    path = require_source(source, SOURCES, OWN, (), folders=True)
    is_named = path is None and str(source) in SOURCES
    check_arguments(batch_size, validation_split, seed, may_be_zero=is_named)
    is_shape = lambda shape: len(shape) == 3 and all(is_whole(side, 1) for side in shape)  # noqa: E731
    require("image_shape", image_shape, is_shape, "(height, width, channels), whole numbers")
    scales = (0.4, 1.0) if scales is None else scales
    expected = "two shares of a side in (0, 1], the lower first"
    require("scales", scales, lambda scales: len(scales) == 2 and 0 < scales[0] <= scales[1] <= 1, expected)
    known = (*TEST_SPLITS, HELD_OUT)
    require("test_split", test_split, lambda split: split in (None, *known), f"one of {', '.join(known)}, or None")
    if not is_named:
        require("test_split", test_split, lambda split: split is None, "None for data of your own")
        is_index = lambda index: index is None or (is_whole(index) and index < 256)  # noqa: E731
        require("ignore_index", ignore_index, is_index, "None, or a whole number up to 255")
        splits, names = scene_sources.find_scenes(path or str(source), image_column, mask_column)
        found = scene_sources.read_scenes(splits, names, validation_split, seed, ignore_index, skip_broken)
        return _own(found, image_shape, batch_size, seed, scales)
    found = SOURCES[str(source)](test_split)
    values, pixels = len(found.labels), {}
    for split, files in (("train", found.training), (test_split or "test", found.testing)):
        if files is not None:
            pixels[split] = _count_pixels(f"{source}, {split}", files, values)

    def decode(*files):
        image, mask = (tf.io.decode_image(file, 3, expand_animations=False) for file in files)
        return image, tf.gather(tf.constant(found.labels, tf.uint8), tf.cast(mask[..., 0], tf.int32))

    def reader(files):
        images, masks = map(tf.constant, files)
        return lambda index: decode(images[index], masks[index])

    test = _in_order(len(found.testing[0]), reader(found.testing)).prefetch(2)
    if found.training is None:
        return Dataset(None, None, test, found.class_names, found.note, batch_size)
    kept, held_out, told = known_scenes.split(found, validation_split, seed)
    tf.random.get_global_generator().reset_from_seed(seed)
    of_train, of_validation = (reader([files[part] for files in found.training]) for part in (kept, held_out))
    size = min(batch_size, len(kept))
    train = _shuffled(len(kept), of_train, size, image_shape, scales)
    validation = _resized_in_order(len(held_out), of_validation, batch_size, image_shape) if len(held_out) else None
    of_values = pixels["train"][kept].sum(0)
    of_classes = tuple(int(of_values[found.labels.index(label)]) for label in range(len(found.class_names)))
    return Dataset(train, validation, test, found.class_names, f"{found.note}; {told}", size, class_pixels=of_classes)


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
    facts = {"card": found.card, "class_pixels": tuple(found.card.counts["train"])}
    return Dataset(train, validation, test, found.class_names, found.note, size, **facts)


def _in_order(count, read):
    return tf.data.Dataset.range(count).map(read, tf.data.AUTOTUNE)


def _resized_in_order(count, read, batch_size, image_shape):
    data = _in_order(count, read).map(lambda image, mask: _resized(image, mask, image_shape), tf.data.AUTOTUNE)
    return data.batch(batch_size).cache().prefetch(2)


def _count_pixels(where, files, values):
    """Pixels of each value in each mask, `(masks, values)`. Bad ones end here and not in the middle of a training."""

    def count(number):
        image, mask = (Image.open(io.BytesIO(part[number])) for part in files)
        if image.size != mask.size:
            sizes = "{1}x{0}. Received: {3}x{2}".format(*image.size, *mask.size)
            raise ValueError(f"Mask {number} of {where} must have its image's size, {sizes}")
        counts = np.bincount(np.ravel(mask), minlength=values)
        if len(counts) > values:
            raise ValueError(f"Mask {number} of {where} must hold labels up to {values - 1}. Received: {len(counts) - 1}")
        return counts

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return np.array([*pool.map(count, range(len(files[0])))])


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
