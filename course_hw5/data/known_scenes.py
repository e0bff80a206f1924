"""Scenes that are known by name: CamVid, ADE20K, and scikit-learn's digits, scattered over images."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from course_hw5.data.dataset import IGNORE_INDEX, split_indices
from course_hw5.data.tfds import read_splits
from course_hw5.errors import require

TEST_SPLITS = ("test", "validation")  # TFDS calls ADE20K's validation images "test"
# CamVid's, of three to train on. By day, as most of `test` is, with all classes; the other two keep all classes, too, and the
# one at dusk, whose next frames are in `test`.
VALIDATION_VIDEO = "0006R0"
HELD_OUT = "held-out"  # as a test split: that video
DIGIT_SCENE = (96, 128)  # height, width
DIGIT_SCENES = (200, 50)  # to train and to test on
INK = 6  # of 16: a pixel of a digit as dark as that belongs to it


class Scenes(NamedTuple):
    """A data set of scenes.

    Attributes:
        training: files of the images and of their masks, one position in each for a scene; None where there are none.
        testing: likewise.
        class_names: one name per class.
        labels: the class of each value in a mask, or `IGNORE_INDEX`.
        note: a sentence about the data.
        videos: of each scene in `training`, the video that it is a frame of; None where that is not known.
    """

    training: Any
    testing: Any
    class_names: list[str]
    labels: list[int]
    note: str
    videos: np.ndarray | None = None


def split(scenes: Scenes, validation_split: float, seed: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Indices of the scenes to train on and to validate on, and what was held out, in words.

    Args:
        scenes: with `training`.
        validation_split: share to validate on, unless the video that is held out is there; 0 for none.
        seed: decides the order of the validation data, and, where a share is drawn, which it is.
    """
    count = len(scenes.training[0])
    if validation_split == 0:
        return np.arange(count), np.arange(0), f"all {count} train, none validates"
    is_held_out = np.zeros(count, bool) if scenes.videos is None else scenes.videos == VALIDATION_VIDEO
    if not 0 < is_held_out.sum() < count:
        kept, held_out = split_indices(scenes.training[0], validation_split, seed)
        return kept, held_out, f"{len(held_out)} of {count}, drawn at random, validate"
    held_out = np.random.default_rng(seed).permutation(np.flatnonzero(is_held_out))
    told = f"{len(held_out)} of {count}, the whole video {VALIDATION_VIDEO}, validate"
    return np.flatnonzero(~is_held_out), held_out, told


def _camvid(test_split):
    names = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"]
    advice, wanted = ", or make it there with `course-hw5 prepare-camvid`", None if test_split == HELD_OUT else test_split
    splits, testing = _read("camvid", ("train", *TEST_SPLITS), wanted, "localhost", advice)
    used = [name for name in ("train", "validation") if name in splits and name != testing]
    training = {key: np.concatenate([splits[name][key] for name in used]) for key in (splits[used[0]] if used else ())}
    ids = training.get("id")  # of a frame: "0006R0_f00930"
    videos = None if ids is None else np.array([name.decode().split("_")[0] for name in ids])
    note = f"CamVid: road scenes, frames of video, so that neighbours are much alike; trained on {' + '.join(used) or 'none'}"
    files, tested = _files(training) if used else None, splits[testing]
    if test_split == HELD_OUT:
        is_held_out = np.zeros(0, bool) if videos is None else videos == VALIDATION_VIDEO
        if not is_held_out.any():
            raise OSError(f"camvid must have frames of the video {VALIDATION_VIDEO} to train on. Received: a copy without")
        testing, tested = f"the video {VALIDATION_VIDEO}", {key: column[is_held_out] for key, column in training.items()}
    return Scenes(files, _files(tested), names, [*range(11), IGNORE_INDEX], f"{note}, tested on {testing}", videos)


def _scene_parse150(test_split):
    names, labels = [str(number) for number in range(1, 151)], [IGNORE_INDEX, *range(150)]  # as the reference's `reduce_labels`
    wanted = (test_split,) if test_split else TEST_SPLITS
    splits, testing = _read("scene_parse150", ("train", *wanted), test_split, "data.csail.mit.edu")
    training = _files(splits["train"]) if "train" in splits else None
    return Scenes(training, _files(splits[testing]), names, labels, "ADE20K, scene parsing with 150 classes")


def _read(name, splits, test_split, host, instead=""):
    """The columns of each split that is there, and which of them is the test split."""
    builder, parts = read_splits(name, splits, host, instead, ("image", "annotation"), splits)
    found = {split: part for split, part in zip(splits, parts) if part is not None}
    wanted = (test_split,) if test_split else TEST_SPLITS
    testing = next((split for split in wanted if split in found), None)
    if testing is None:
        raise OSError(f"{name} must have the split {' or '.join(wanted)}. Received: {builder.data_dir} without")
    return found, testing


def _files(columns):
    return columns["image"], columns["annotation"]


def _digits(test_split):
    from sklearn.datasets import load_digits  # here, since only this data set needs scikit-learn

    require("test_split", test_split, lambda split: split in (None, "validation"), "validation, the only one of digits")
    digits = load_digits()
    halves = zip(np.array_split(digits.images, 2), np.array_split(digits.target, 2), DIGIT_SCENES)
    splits = [_digit_scenes(*half, np.random.default_rng(seed)) for seed, half in enumerate(halves)]
    note = "scikit-learn's digits scattered over 200 images to train on and 50, of other digits, to test on"
    return Scenes(*splits, ["background", *"0123456789"], [*range(11)], note)


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


SOURCES = {"camvid": _camvid, "scene_parse150": _scene_parse150, "digits": _digits}  # functions of a test split, or None
