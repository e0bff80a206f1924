import keras
import numpy as np
import pytest

from course_hw5 import cnn_classifier


def test_probabilities_are_float32_under_any_precision(random, use_policy):
    images = random.integers(0, 256, (4, 16, 24, 3), dtype="uint8")
    for precision in ("float32", "mixed_bfloat16"):
        use_policy(precision)
        probabilities = cnn_classifier((16, 24, 3), widths=(4, 8), num_classes=3)(images)
        assert keras.backend.standardize_dtype(probabilities.dtype) == "float32"
        np.testing.assert_allclose(keras.ops.sum(probabilities, axis=-1), 1, atol=1e-6)


def test_saving_and_loading_changes_nothing(tmp_path, random):
    model = cnn_classifier((8, 8, 3), widths=(4, 8), num_classes=3)
    images = random.integers(0, 256, (4, 8, 8, 3), dtype="uint8")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict(images, verbose=0), loaded.predict(images, verbose=0))


@pytest.mark.parametrize(
    "options",
    [
        {"input_shape": (7, 32, 3)},
        {"input_shape": (32, 32)},
        {"widths": (8, 0)},
        {"num_classes": 0},
        {"widths": ()},
        {"widths": (1,)},
    ],
)
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ValueError, match=r"Received"):
        cnn_classifier(**options)
