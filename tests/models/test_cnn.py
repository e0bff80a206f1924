import keras
import numpy as np
import pytest

from course_hw5 import cnn_classifier
from course_hw5.layers.patch_whitening import PatchWhitening


def test_probabilities_are_float32_under_any_precision(random, use_policy):
    images = random.integers(0, 256, (4, 16, 24, 3), dtype="uint8")
    for precision in ("float32", "mixed_bfloat16"):
        use_policy(precision)
        probabilities = cnn_classifier((16, 24, 3), widths=(4, 8), num_classes=3)(images)
        assert keras.backend.standardize_dtype(probabilities.dtype) == "float32"
        np.testing.assert_allclose(keras.ops.sum(probabilities, axis=-1), 1, atol=1e-6)


def test_saving_and_loading_changes_nothing(tmp_path, random):
    model = cnn_classifier((9, 8, 3), widths=(4, 8), num_classes=3)
    images = random.integers(0, 256, (4, 9, 8, 3), dtype="uint8")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict(images, verbose=0), loaded.predict(images, verbose=0))


def test_the_first_layer_finds_uncorrelated_channels_of_variance_1(random):
    images = np.cumsum(random.normal(size=(64, 9, 9, 3)), axis=1).astype("float32")  # neighbours are alike
    layer = PatchWhitening()
    layer.build(images.shape)
    layer.adapt(images, epsilon=0)
    kernel = keras.ops.concatenate([layer.components, -layer.components], axis=-1)
    maps = keras.ops.convert_to_numpy(keras.ops.conv(images, kernel)).reshape(-1, 24)
    covariance = np.cov(maps, rowvar=False)
    np.testing.assert_allclose(covariance[:12, :12], np.eye(12), atol=1e-3)
    np.testing.assert_allclose(covariance[:12, 12:], -np.eye(12), atol=1e-3)
    expected = keras.activations.gelu(maps.reshape(64, 8, 8, 24), approximate=False)
    np.testing.assert_allclose(layer(images), expected, atol=1e-5)


def test_training_leaves_the_filters_as_the_images_made_them(random):
    images = random.integers(0, 256, (8, 9, 9, 3), dtype="uint8")
    model = cnn_classifier((9, 9, 3), widths=(4,), num_classes=2, images=images)
    before = model.get_layer("whitening").get_weights()[0]
    expected = PatchWhitening()
    expected.build(images.shape)
    expected.adapt(images / 127.5 - 1)
    np.testing.assert_array_equal(before, expected.get_weights()[0])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(images, np.arange(8) % 2, verbose=0)
    np.testing.assert_array_equal(model.get_layer("whitening").get_weights()[0], before)


@pytest.mark.parametrize(
    "options",
    [
        {"input_shape": (8, 32, 3)},
        {"input_shape": (32, 32)},
        {"widths": (8, 0)},
        {"num_classes": 0},
        {"widths": ()},
    ],
)
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ValueError, match=r"Received"):
        cnn_classifier(**options)
