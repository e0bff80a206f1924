import numpy as np
import pytest

import course_hw5
from course_hw5 import labs
from course_hw5.labs.support import evidence

pytestmark = pytest.mark.slow
KEYS = ("beat_random", "order", "as_good")


def test_a_model_that_answers_by_its_attention_confirms_the_claim():
    result = labs.run_lab("which_map_to_believe", model="attention", examples=8)
    assert result.verdict == "confirmed"
    assert result["texts_tau_attention"] > 0.7 and result["images_tau_attention"] > 0.8
    assert result["texts"] == "8 of 8 letters" and len(result.figures) == 2


def test_a_model_that_looks_at_what_it_does_not_use_refutes_it():
    result = labs.run_lab("which_map_to_believe", model="elsewhere", examples=8)
    assert result.verdict == "refuted"
    assert not any(result.held(f"{kind}_{key}") for kind in ("texts", "images") for key in KEYS[1:])
    for name in ("integrated_gradients", "occlusion"):  # which do find the evidence
        assert result[f"texts_tau_{name}"] > 0.8 and result[f"images_tau_{name}"] > 0.8


def test_the_trained_models_read_what_is_in_the_package(own_sentences, model, monkeypatch):
    beit = course_hw5.beit_classifier(course_hw5.beit_backbone("tiny", (32, 32, 3), patch_size=8, num_layers=1), 3)
    monkeypatch.setattr(
        course_hw5, "load_model", {"sentiment-minilm": model, "sentiment-small": model, "beit-cifar10": beit}.get
    )
    result = labs.run_lab("which_map_to_believe", examples=2)
    assert result["texts"] == "2 of our own, plain ones" and result["images"] == "2 squares of two photographs"
    assert len(result.pages) == 1 and result["texts_tau_occlusion"] > 0.5


def test_squares_of_photographs_repeat_for_a_seed_and_differ(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    first, again, other = (evidence._small_images(3, seed)[0] for seed in (0, 0, 1))
    assert first.shape == (3, 32, 32, 3) and np.ptp(first) > 100
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
