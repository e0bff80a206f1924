"""Classifiers as live pages, and the check of a page."""

import numpy as np
import pytest

import course_hw5
from course_hw5.attention.live import packing
from course_hw5.attention.live.live_page import read_page
from course_hw5.explanation import live, live_model
from course_hw5.models.mpnet import MPNetBackbone
from tests.golden.live import VOCABULARY, randomized, small_beit, small_bert

IDS = np.array([[2, 7, 8, 9, 11, 12, 3, 0, 0]])


@pytest.mark.parametrize("options", [{}, {"pooling": "cls", "bias": "none", "positions": False}, {"bias": "shared"}])
def test_a_beit_comes_back_from_what_the_page_computes_with(options, random):
    model = small_beit(**options)
    images = random.integers(0, 256, (2, 12, 16, 3), dtype="uint8")
    again = live_model.from_live(*live_model.to_live(model))
    assert np.asarray(again(images)) == pytest.approx(np.asarray(model(images)), abs=1e-5)
    assert again.class_names == model.class_names


def test_a_bert_comes_back_from_what_the_page_computes_with():
    model = small_bert()
    again = live_model.from_live(*live_model.to_live(model))
    assert np.asarray(again(IDS)) == pytest.approx(np.asarray(model(IDS)), abs=1e-6)
    assert again.tokenizer == model.tokenizer and again.class_names == model.class_names


def test_models_that_a_page_cannot_run_are_refused(small_mlp):
    mpnet = MPNetBackbone(len(VOCABULARY), 1, 2, 8, 16, vocabulary=VOCABULARY)
    expected = "`model` must be a bert_classifier of two classes on a BertBackbone, or a beit_classifier. Received: "
    for model in (small_mlp, course_hw5.bert_classifier(mpnet)):
        with pytest.raises(ValueError, match=expected):
            live_model.to_live(model)
    backbone = course_hw5.beit_backbone("tiny", (8, 8, 3))
    with pytest.raises(ValueError, match="`model` must be a classifier of raw images. Received: None"):
        live_model.to_live(course_hw5.beit_classifier(backbone, mean=None))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("live") / "page.html"
    path.write_text(live.live_page(small_beit(), "a model"), encoding="utf-8")
    return path


def test_the_check_says_which_model_a_page_holds_and_that_it_agrees(page):
    found = live.check_page(page, lambda name: small_beit())
    assert found.startswith("a model: a BEiT of 2 layers of 3 heads, weights in int8; its answers are within 0.0")
    assert found.endswith(" of those of a model")


def test_the_check_notices_another_model_and_says_where_there_is_none(page):
    with pytest.raises(ValueError, match="page.html must agree with a model to 0.0001. Received: a difference of 0"):
        live.check_page(page, lambda name: randomized(small_beit(), 0.2))

    def nothing(name):
        raise OSError(name)

    assert live.check_page(page, nothing).endswith(" of those that a model, which is not here, had")


def test_int8_costs_little_on_the_bundled_model(sentiment):
    """Measured by benchmarks/live.py: at most 0.07 of a probability on SST-2's sentences of validation."""
    config, tensors = live_model.to_live(sentiment)
    data, places = packing.pack(tensors)
    assert len(data) < 24e6
    packed = live_model.from_live(config, packing.unpack(data, places))
    answers = [live._answers(model, []) for model in (sentiment, packed)]
    assert np.abs(np.subtract(*answers)).max() < 0.03


def test_a_gray_beit_gets_gray_drawings(tmp_path):
    backbone = course_hw5.beit_backbone("tiny", (8, 8, 1), num_layers=1)
    text = live.live_page(course_hw5.beit_classifier(backbone), "gray")
    found, config, _ = read_page(text, "page")
    assert config["channels"] == 1 and len(found["drawings"]) == 3
