import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from course_hw5 import load_scenes
from course_hw5.data.dataset import IGNORE_INDEX

SHAPE = (16, 24, 3)


@pytest.fixture(autouse=True)
def camvid(small_camvid):
    pass


def test_splits_keep_their_images_and_forms():
    data = load_scenes("camvid", SHAPE, batch_size=4, validation_split=0.2)
    assert len(data.train) == len([*data.train]) == 2
    (images, labels), *_ = data.train
    assert images.shape == (4, *SHAPE) and labels.shape == (4, *SHAPE[:2]) and images.dtype == labels.dtype == tf.uint8
    assert [len(images) for images, _ in data.validation] == [2]
    assert [(image.shape, labels.shape) for image, labels in data.test] == [((40, 60, 3), (40, 60))] * 2
    assert len(data.class_names) == 11


def test_void_is_ignored_and_labels_are_never_mixed():
    data = load_scenes("camvid", SHAPE, batch_size=4)
    for part in (data.train, data.validation, data.test):
        for _, labels in part:
            assert {*np.unique(labels)} <= {3, 6, IGNORE_INDEX}


def test_labels_move_with_their_pixels():
    data = load_scenes("camvid", SHAPE, batch_size=8)
    mirrored = []
    for _ in range(4):
        for images, labels in data.train:
            red = images[..., 0] > images[..., 2]
            assert np.mean(red.numpy() == (labels.numpy() != IGNORE_INDEX)) > 0.95
            mirrored += [bool(image[0, -1]) for image in red.numpy()]
    assert 0 < np.mean(mirrored) < 1


def test_the_same_state_of_the_generator_gives_the_same_batches():
    train = load_scenes("camvid", SHAPE, batch_size=4).train
    epochs = []
    for seed in (1, 2, 1):
        tf.random.get_global_generator().reset_from_seed(seed)
        epochs.append(np.concatenate([images for images, _ in train]))
    assert np.array_equal(epochs[0], epochs[2]) and not np.array_equal(epochs[0], epochs[1])


FRAMES = {  # of each split, videos: how many frames they have, and the class of all their pixels
    "train": {"0001TP": (2, 0), "0006R0": (3, 1), "0016E5": (4, 2)},
    "validation": {"0016E5": (2, 3)},
    "test": {"Seq05VD": (2, 4)},
}


@pytest.fixture
def videos(store_scenes):
    """A function that stores splits of FRAMES as CamVid."""

    def store(*splits):
        def examples(split):
            for video, (count, label) in FRAMES[split].items():
                for frame in range(count):
                    annotation = np.full((8, 12, 1), label, "uint8")
                    example = {"image": np.zeros((8, 12, 3), "uint8"), "annotation": annotation, "id": f"{video}_f{frame}"}
                    yield example["id"], example

        images = {name: tfds.features.Image(shape=(8, 12, size)) for name, size in (("image", 3), ("annotation", 1))}
        store_scenes(images | {"id": tfds.features.Text()}, {split: examples(split) for split in splits})

    return store


def classes(part):
    return {*np.unique(np.concatenate([np.ravel(labels) for _, labels in part]))}


@pytest.mark.parametrize(
    "splits, options, trained, tested, told",
    [
        (["train", "validation", "test"], {}, {0, 2, 3}, {4}, "trained on train [+] validation, tested on test; 3 of 11"),
        (["train", "validation", "test"], {"test_split": "validation"}, {0, 2}, {3}, "trained on train, tested on validation"),
        (["train", "validation"], {}, {0, 2}, {3}, "trained on train, tested on validation; 3 of 9, the whole video 0006R0"),
    ],
)
def test_a_whole_video_validates_and_no_frame_of_it_is_trained_on(splits, options, trained, tested, told, videos):
    videos(*splits)
    data = load_scenes("camvid", (8, 12, 3), batch_size=1, **options)
    assert classes(data.train) == trained and classes(data.validation) == {1} and classes(data.test) == tested
    assert data.validation.cardinality() == 3 and re.search(told, data.note)
    assert [label for label, pixels in enumerate(data.class_pixels) if pixels] == [*trained]
    assert sum(data.class_pixels) == len([*data.train]) * 8 * 12


def test_all_scenes_but_those_of_the_test_can_be_trained_on(videos):
    videos(*FRAMES)
    data = load_scenes("camvid", (8, 12, 3), batch_size=1, validation_split=0)
    assert classes(data.train) == {0, 1, 2, 3} and data.validation is None and classes(data.test) == {4}
    assert len(data.train) == 11 and "all 11 train, none validates" in data.note
    digits = load_scenes("digits", (48, 64, 3), validation_split=0)
    assert digits.validation is None and len(digits.train) == 25


def test_the_video_that_validates_can_be_read_as_a_test(videos):
    videos(*FRAMES)
    data = load_scenes("camvid", (8, 12, 3), batch_size=1, test_split="held-out")
    assert classes(data.test) == classes(data.validation) == {1} and len(data.test) == 3
    assert "tested on the video 0006R0" in data.note


def test_a_copy_without_names_of_videos_validates_on_a_share_and_says_so():
    with pytest.raises(OSError, match="camvid must have frames of the video 0006R0 to train on. Received: a copy without"):
        load_scenes("camvid", SHAPE, test_split="held-out")
    data = load_scenes("camvid", SHAPE, batch_size=1, validation_split=0.3)
    assert data.validation.cardinality() == 3 and data.note.endswith("; 3 of 10, drawn at random, validate")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"source": "cityscapes"},
            "`source` must be camvid, scene_parse150, digits, tfds:NAME, or a folder .*Received: 'cityscapes'",
        ),
        ({"batch_size": 0}, "`batch_size` must be a whole number, 1 or more. Received: 0"),
        ({"validation_split": 1.0}, "`validation_split` must be between 0 and 1, or 0 for no validation. Received: 1.0"),
        ({"scales": (0.5, 2.0)}, "`scales` must be two shares of a side .* Received: "),
        ({"test_split": "all"}, "`test_split` must be one of test, validation, held-out, or None. Received: 'all'"),
        ({"source": "digits", "test_split": "test"}, "`test_split` must be validation.* Received: 'test'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_scenes(**{"source": "camvid", "image_shape": SHAPE} | arguments)


@pytest.mark.parametrize(
    "annotation, message",
    [
        (np.zeros((40, 50, 1), "uint8"), "Mask 0 of camvid, train must have its image's size, 40x60. Received: 40x50"),
        (np.full((40, 60, 1), 12, "uint8"), "Mask 0 of camvid, train must hold labels up to 11. Received: 12"),
    ],
)
def test_annotations_that_do_not_fit_end_before_training(annotation, message, store_camvid):
    store_camvid(np.zeros((40, 60, 3), "uint8"), annotation)
    with pytest.raises(ValueError, match=message):
        load_scenes("camvid", SHAPE)


def test_a_split_that_is_not_there_is_named():
    with pytest.raises(OSError, match="camvid must have the split test. Received: .*camvid.* without"):
        load_scenes("camvid", SHAPE, test_split="test")


def test_missing_data_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(OSError, match="camvid is neither on disk .* TFDS_DATA_DIR to a folder that holds it"):
        load_scenes("camvid", SHAPE)


def test_digits_need_no_download_and_are_repeated_by_themselves(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/nowhere")
    data, again = (load_scenes("digits", (48, 64, 3)) for _ in range(2))
    (image, labels), (_, same) = next(iter(data.test)), next(iter(again.test))
    assert image.shape == (96, 128, 3) and labels.shape == (96, 128) and len(data.class_names) == 11
    np.testing.assert_array_equal(labels, same)
    ink, background = (image.numpy()[labels.numpy() > 0], image.numpy()[labels.numpy() == 0])
    assert ink.mean() < background.mean() - 40
    assert {*np.unique([labels for _, labels in data.test])} == {*range(11)}
