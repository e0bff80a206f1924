"""What the checks learn of a model by running it: which inputs it gets, and what happens where it cannot be run."""

import base64
import io
import json

import keras
import numpy as np
import pytest
from PIL import Image

from course_hw5.reports.checks import examined_model
from course_hw5.reports.checks.diagnosis import check_run
from course_hw5.reports.run_folder import lacks_safe_mode

pytestmark = pytest.mark.skipif(bool(lacks_safe_mode()), reason=f"needs {lacks_safe_mode()}")


def save(path, *layers, shape=(8, 8, 3), dtype="float32"):
    """A run folder of a `fit` of one's own: a model and a history."""
    keras.Sequential([keras.Input(shape, dtype=dtype), *layers]).save(path / "model.keras")
    (path / "history.csv").write_text("epoch,loss\n1,2.0\n")
    return path


def saturating(path):
    """A model of images in [0, 1] whose answers are all alike where it gets bytes."""
    kernel = keras.initializers.Identity()  # red against green, of which the second is turned round and so always lower
    layers = keras.layers.GlobalAveragePooling2D(), keras.layers.Rescaling([1.0, -1.0, 0.0])
    return save(path, *layers, keras.layers.Dense(2, "softmax", kernel_initializer=kernel))


def test_a_model_of_floats_whose_range_is_not_known_is_not_run(tmp_path):
    found = check_run(saturating(tmp_path))
    assert not found.problems
    reason = "the range of the inputs of model.keras is not known (training.json does not hold it)"
    assert found.not_checked[reason] == ["same_answer", "dead_heads"]


@pytest.mark.parametrize("dtype, highest, expected", [("float32", 1.0, []), ("uint8", 255, ["same_answer"])])
def test_a_model_gets_inputs_in_the_range_that_was_recorded(dtype, highest, expected, tmp_path):
    facts = {"inputs": {"dtype": dtype, "min": 0, "max": highest}}
    (saturating(tmp_path) / "training.json").write_text(json.dumps(facts))
    assert [problem.name for problem in check_run(tmp_path).problems] == expected


def test_a_model_of_integers_gets_bytes(tmp_path):
    layers = keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2)
    seen = examined_model.examine(save(tmp_path, *layers, dtype="uint8"), {})
    assert not seen.not_run and seen.difference > 1e-3


def test_a_model_that_fails_ends_no_check(tmp_path):
    """It looks up its inputs in a table of two rows."""
    found = check_run(save(tmp_path, keras.layers.Embedding(2, 1), keras.layers.Flatten(), dtype="uint8"))
    (reason,) = [reason for reason in found.not_checked if "cannot be run" in reason]
    assert reason.startswith("model.keras cannot be run on such examples (InvalidArgumentError: ") and "\n" not in reason
    assert found.not_checked[reason] == ["same_answer", "dead_heads"]


def url(size):
    file = io.BytesIO()
    Image.new("L", size).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


@pytest.mark.parametrize(
    "text, message",
    [
        ('[{"examples": ', "must hold JSON"),
        ('{"examples": []}', "must hold a JSON list"),
        ('[{"examples": "none"}]', "must hold cells with images"),
        ('[{"examples": [{"image": "data:,AAA"}]}]', "must hold cells with images"),
        ('[{"examples": [{"image": "data:,AAAA"}]}]', "must be an image that Pillow opens"),
        (json.dumps([{"examples": [{"image": url((100, 100))}]}]), "must have at most 2,000 pixels. Received: more"),
    ],
)
def test_damaged_images_of_a_run_are_bad_input(text, message, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    monkeypatch.setattr("course_hw5.data.image_files.LARGEST", 2000)
    save(tmp_path, keras.layers.Flatten(), dtype="uint8")
    (tmp_path / "misclassified.json").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        check_run(tmp_path)
    assert "misclassified.json" in str(error.value)


def test_what_a_run_shows_is_what_the_model_gets(tmp_path):
    (tmp_path / "misclassified.json").write_text(json.dumps([{"examples": [{"image": url((16, 16))}]}, {"examples": []}]))
    (image,) = examined_model._misclassified(tmp_path, (8, 8))
    assert image.shape == (8, 8, 3) and not np.any(image)
