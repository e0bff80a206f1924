import numpy as np
import pytest
import tensorflow as tf

from course_hw5.data import augmentation


@pytest.fixture
def batch(random):
    return tf.constant(random.integers(0, 256, (8, 32, 32, 3)), tf.uint8), tf.constant(random.integers(0, 10, 8))


def black_and_white(count):
    """Black images of class 0 and white ones of class 1, in turn."""
    labels = np.arange(count) % 2
    return tf.constant(np.broadcast_to(255 * labels[:, None, None, None], (count, 32, 32, 3)), tf.uint8), tf.constant(labels)


def run(names, batch):
    data = tf.data.Dataset.from_tensors(batch).map(augmentation.augment(names, num_classes=10))
    return next(iter(data))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", augmentation.NAMES)
def test_every_augmentation_changes_images_and_keeps_their_form(name, policy, batch, use_policy):
    tf.random.set_seed(1)
    use_policy(policy)
    images, labels = run(name, batch)
    assert images.shape == batch[0].shape and images.dtype == tf.uint8
    assert not np.array_equal(images, batch[0])
    if name in augmentation.MIXES:
        np.testing.assert_allclose(labels.numpy().sum(1), 1, atol=1e-5)
        assert labels.shape == (8, 10)
    else:
        np.testing.assert_array_equal(labels, batch[1])


def test_flip_only_mirrors(batch):
    images, _ = run("flip", batch)
    for before, after in zip(batch[0].numpy(), images.numpy()):
        assert np.array_equal(after, before) or np.array_equal(after, before[:, ::-1])


def test_mixup_mixes_labels_as_it_mixes_images():
    images, labels = run("mixup", black_and_white(8))
    np.testing.assert_allclose(images.numpy().mean((1, 2, 3)) / 255, labels[:, 1], atol=0.01)


def test_cutmix_mixes_labels_by_the_area_that_it_cuts():
    images, labels = run("cutmix", black_and_white(16))
    np.testing.assert_allclose(images.numpy().mean((1, 2, 3)) / 255, labels[:, 1], atol=1e-5)
    assert {*np.unique(images)} == {0, 255} and len(np.unique(labels)) > 4
    inner = images.numpy()[:, 8:-8, 8:-8].var((1, 2, 3))
    assert (inner > 0).any()  # what is cut may lie anywhere


def test_of_mixup_and_cutmix_one_is_used_for_each_batch():
    data = tf.data.Dataset.from_tensors(black_and_white(8))
    data = data.repeat(20).map(augmentation.augment("mixup,cutmix", num_classes=10))
    is_cut = [{*np.unique(images)} <= {0, 255} for images, _ in data]
    assert 4 < sum(is_cut) < 16


@pytest.mark.parametrize("names", [*augmentation.NAMES, "flip,shift,mixup,cutmix"])
def test_the_state_of_the_generator_decides_the_images(names, batch):
    tf.random.set_seed(1)
    data = tf.data.Dataset.from_tensors(batch).repeat(4).map(augmentation.augment(names, num_classes=10))
    generator = tf.random.get_global_generator()
    epochs = []
    for seed in (3, 4, 3):
        generator.reset_from_seed(seed)
        epochs.append(np.stack([images for images, _ in data]))
    np.testing.assert_array_equal(epochs[0], epochs[2])
    assert not np.array_equal(epochs[0], epochs[1])
