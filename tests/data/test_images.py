import os
import socket
import time
import urllib.request

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from course_hw5 import load_images
from tests.data.own import write_class_folders


def images(data):
    return np.concatenate([images.numpy() for images, _ in data]).reshape(-1, 32 * 32 * 3)


def labels(data):
    return np.concatenate([labels.numpy() for _, labels in data])


def test_digits_are_split_without_overlap_or_loss():
    data = load_images("digits", batch_size=1)
    parts = [images(part) for part in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [1294, 144, 359]
    unique = {row.tobytes() for part in parts for row in part}
    assert len(unique) == sum(len({row.tobytes() for row in part}) for part in parts)
    assert data.class_names == [str(digit) for digit in range(10)]


def test_batches_are_uint8_images_of_the_size_asked_for():
    data = load_images("digits", batch_size=50)
    for part in (data.train, data.validation, data.test):
        assert part.element_spec[0].shape.as_list()[1:] == [32, 32, 3]
        assert part.element_spec[0].dtype == tf.uint8
    assert {len(batch) for batch, _ in data.train} == {50}
    assert len(data.train) == len(list(data.train)) == 1294 // 50
    assert len(data.test) == len(list(data.test))


def test_each_epoch_has_its_own_order_and_the_same_images():
    train = load_images("digits", batch_size=1294).train
    (first, first_labels), (second, second_labels) = next(iter(train)), next(iter(train))
    assert not np.array_equal(first_labels, second_labels)
    assert {image.tobytes() for image in first.numpy()} == {image.tobytes() for image in second.numpy()}


def test_a_seed_repeats_split_and_order():
    loaded = (load_images("digits", 64, seed=5) for _ in range(2))
    one, other = ([labels(data.train), labels(data.validation)] for data in loaded)
    assert all(map(np.array_equal, one, other))
    assert not np.array_equal(one[1], labels(load_images("digits", 64, seed=6).validation))


def test_labels_stay_with_their_images():
    data = load_images("digits", batch_size=1294)
    by_image = {}
    for _ in range(2):
        images, targets = next(iter(data.train))
        for image, target in zip(images.numpy(), targets.numpy()):
            assert by_image.setdefault(image.tobytes(), target) == target


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"source": "mnist"}, "`source` must be cifar10, digits, tfds:NAME, a folder.*Received: 'mnist'"),
        ({"source": "digits", "batch_size": 0}, "`batch_size` must be a whole number, 1 or more. Received: 0"),
        ({"source": "digits", "validation_split": 1.0}, "`validation_split` must be between 0 and 1. Received: 1.0"),
        ({"source": "digits", "augmentation": "flip,spin"}, "`augmentation` must be made of .*flip.*Received: .*spin"),
    ],
)
def test_wrong_arguments_are_refused_in_plain_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_images(**arguments)


def teacher_of(bias, activation="softmax", classes=10):
    """A classifier of digits that gives every image the same probabilities."""
    constant = keras.initializers.Constant(bias)
    layer = keras.layers.Dense(classes, activation, kernel_initializer="zeros", bias_initializer=constant)
    images = keras.Input((8, 8, 3))
    return keras.Model(images, layer(keras.layers.Flatten()(images)))


def test_half_of_a_label_is_the_teacher_s_probabilities_in_training_alone():
    labels = keras.utils.to_categorical(np.arange(10), 10)
    for augmentation in (None, "flip"):
        options = {"image_size": 8, "augmentation": augmentation, "batch_size": 64}
        _, given = next(iter(load_images("digits", **options).train))
        data = load_images("digits", teacher=teacher_of(0.0), **options)
        _, taught = next(iter(data.train))
        np.testing.assert_allclose(taught, (labels[given] + 0.1) / 2, atol=1e-6)
        assert next(iter(data.validation))[1].dtype == "int64"
    assert data.note.endswith("means of the given ones and of a teacher's probabilities")


@pytest.mark.parametrize("source, side", [("digits", 24), ("digits", None), ("folder", 24)])
def test_a_teacher_reads_images_at_its_own_size(source, side, tmp_path):
    source, classes = ("digits", 10) if source == "digits" else (write_class_folders(tmp_path / "colors", 10), 3)
    images = keras.Input((side, side, 3))
    pooled = keras.layers.AveragePooling2D(5, strides=3)(keras.layers.Rescaling(1 / 50)(images))
    teacher = keras.Model(images, keras.layers.Dense(classes, "softmax")(keras.layers.GlobalMaxPooling2D()(pooled)))
    seen, given = next(iter(load_images(source, 64, image_size=side or 8).train))
    read, taught = next(iter(load_images(source, 64, image_size=8, teacher=teacher).train))
    assert read.shape[1:3] == (8, 8)
    answers = teacher.predict(seen, verbose=0)
    assert answers.std(axis=0).max() > 0.01
    np.testing.assert_allclose(taught, (keras.utils.to_categorical(given, classes) + answers) / 2, atol=1e-5)


@pytest.mark.parametrize(
    "teacher, message",
    [
        (teacher_of(0.0, classes=9), r"`teacher` must be a model from images \(None, 8, 8, 3\) to classes \(None, 10\)"),
        (keras.Sequential([keras.Input((192,)), keras.layers.Dense(10)]), r"images \(None, 8, 8, 3\) to classes \(None, 10\)"),
        (teacher_of(1.0, activation="linear"), r"whose outputs are probabilities, which sum to 1. Received: 9.0"),
    ],
)
def test_a_teacher_of_something_else_is_refused(teacher, message):
    with pytest.raises(ValueError, match=message):
        load_images("digits", image_size=8, teacher=teacher)
    teacher = teacher_of(0.0)
    teacher.class_names = tuple("abcdefghij")
    with pytest.raises(ValueError, match="`teacher` must be a classifier of 0, 1, 2, 3, 4 .* Received: .'a', 'b'"):
        load_images("digits", image_size=8, teacher=teacher)


def test_missing_data_without_a_network_name_the_two_ways_out(monkeypatch, tmp_path):
    def offline(*args):
        raise OSError("Name or service not known\nmore")

    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    monkeypatch.setattr(socket, "getaddrinfo", offline)
    started = time.perf_counter()
    with pytest.raises(OSError, match="TFDS_DATA_DIR.*--dataset digits.*Name or service not known") as error:
        load_images("cifar10")
    assert "\n" not in str(error.value)
    assert time.perf_counter() - started < 20


def test_a_mistake_of_ours_is_not_said_to_be_missing_data(monkeypatch):
    monkeypatch.setattr(tfds, "builder", lambda name: None)
    with pytest.raises(AttributeError):
        load_images("cifar10")


@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="needs CIFAR-10: set TFDS_DATA_DIR")
def test_cifar10_is_whole_and_says_which_copy_it_is():
    data = load_images("cifar10", batch_size=100)
    assert (len(data.train), len(data.validation), len(data.test)) == (450, 50, 100)
    assert np.bincount(labels(data.test)).tolist() == [1000] * 10
    assert data.class_names[0] == "airplane" and data.class_names[9] == "truck"
    assert data.note.startswith("CIFAR-10, ")
