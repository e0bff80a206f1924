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


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"source": "cityscapes"},
            "`source` must be camvid, scene_parse150, digits, tfds:NAME, or a folder .*Received: 'cityscapes'",
        ),
        ({"batch_size": 0}, "`batch_size` must be a whole number, 1 or more. Received: 0"),
        ({"validation_split": 1.0}, "`validation_split` must be between 0 and 1. Received: 1.0"),
        ({"scales": (0.5, 2.0)}, "`scales` must be two shares of a side .* Received: "),
        ({"test_split": "all"}, "`test_split` must be one of validation, test, or None. Received: 'all'"),
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
