"""What a page says of classes, heads and words, beside attention."""

import dataclasses
import re
import types

import numpy as np
import pytest
from selenium.webdriver.common.by import By

from course_hw5 import head_view, patch_view
from course_hw5.attention.viewer.answers import Answer, opposite
from tests.attention.controls import click, saved, texts, wait
from tests.attention.test_viewer import softmax_weights
from tests.browser import needs_browser

TOKENS = ["[CLS]", "the", "good", "film", "##s", "[SEP]"]
ATTENTION = softmax_weights(2, 3, 6, 6)
RANDOM = np.random.default_rng(1)
FIRST = Answer(
    "positive",
    0.998,
    6.2,
    RANDOM.normal(size=ATTENTION.shape),
    [("the", 1, 1, 0.99, 5.0), ("good", 2, 2, 0.3, -0.8), ("films", 3, 4, 0.999, 7.2)],
    np.array([[0.1, -1.5, 0.001], [0.4, 0.2, -0.3]]),
    np.array([-1.2, 0.7]),
    np.array([0, 0.5, 2, 0.25, 0.5, 0]),
)
ANSWERS = [FIRST, opposite(FIRST, "negative")]
PATCHES = softmax_weights(2, 3, 7, 7)
IMAGE = np.zeros((8, 12, 3), "uint8")
OF_IMAGE = [
    Answer(f"class {i}", 0.5 - i / 9, float(-i), RANDOM.normal(size=PATCHES.shape), occlusion=np.arange(6.0) - i)
    for i in range(5)
]


def text_page(open_page, **options):
    return open_page(head_view, ATTENTION, TOKENS, **{"answers": ANSWERS} | options)


def pick(driver, menu, index):
    """Chooses an option of a menu by its place."""
    menu = f"document.getElementById({menu!r})"
    driver.execute_script(f"{menu}.selectedIndex = {index}; {menu}.dispatchEvent(new Event('change'))")


@needs_browser
def test_each_square_says_what_silencing_its_head_does_and_each_row_what_silencing_its_layer_does(open_page):
    driver = text_page(open_page, include_layers=[0, 1])
    click(driver, "#views button", 2)
    wait(driver, "return document.querySelectorAll('.grid small').length === 8")
    assert texts(driver, ".grid small") == ["+0.10", "−1.50", "0.00", "−1.20", "+0.40", "+0.20", "−0.30", "+0.70"]
    label = driver.find_elements(By.CSS_SELECTOR, ".grid button")[1].get_attribute("aria-label")
    assert label.startswith("Layer 0, head 1: without it the log-odds of “positive” change by −1.50")
    pick(driver, "answer", 1)
    wait(driver, "return document.querySelectorAll('.grid small').length === 8")
    assert texts(driver, ".grid small")[:2] == ["−0.10", "+1.50"]
    pick(driver, "kind", 1)  # rollout has no heads
    wait(driver, "return document.querySelectorAll('.grid button').length === 2")
    assert texts(driver, ".grid small") == []


@needs_browser
def test_another_class_has_its_own_probability_words_and_relevance(open_page):
    driver = text_page(open_page)
    assert texts(driver, "#answer option") == ["positive 0.9980, log-odds +6.20", "negative 0.0020, log-odds −6.20"]
    assert texts(driver, "#kind option") == ["Attention", "Rollout", "Relevance", "Relevance, all layers"]
    assert texts(driver, "#what-if small") == ["−1.20", "−7.00", "+1.00"]
    pick(driver, "kind", 2)
    click(driver, ".tokens.query li", 2)
    shown = lambda: [float(text) for text in texts(driver, ".tokens.key .number")]  # noqa: E731
    wait(driver, "return document.querySelector('.tokens.key .number').textContent")
    expected = np.maximum(ATTENTION[0, :, 2] * FIRST.gradients[0, :, 2], 0).mean(0)
    np.testing.assert_allclose(shown(), expected, atol=1e-3)
    pick(driver, "answer", 1)
    wait(driver, "return document.body.dataset.shown === 'Heads Relevance 0'")
    assert texts(driver, "#probability") == ["negative 0.0020"] and texts(driver, "#what-if small") == [
        "+1.20",
        "+7.00",
        "−1.00",
    ]
    expected = np.maximum(-ATTENTION[0, :, 2] * FIRST.gradients[0, :, 2], 0).mean(0)
    wait(driver, f"return Math.abs(+document.querySelectorAll('.tokens.key .number')[1].textContent - {expected[1]}) < 1e-3")
    np.testing.assert_allclose(shown(), expected, atol=1e-3)


@needs_browser
def test_words_show_their_shares_by_integrated_gradients(open_page):
    driver = text_page(open_page)
    pick(driver, "words", 1)
    assert texts(driver, "#what-if small") == ["+0.50", "+2.00", "+0.75"]  # of both pieces
    assert "its share in the log-odds" in texts(driver, "#what-if p")[0]
    pick(driver, "answer", 1)
    assert texts(driver, "#what-if small") == ["−0.50", "−2.00", "−0.75"]


@needs_browser
def test_maps_of_an_image_are_shown_on_it_for_each_class(open_page):
    driver = open_page(patch_view, PATCHES, IMAGE, grid=(2, 3), answers=OF_IMAGE)
    kinds = texts(driver, "#kind option")
    assert (
        kinds == ["Attention", "Rollout", "Relevance", "Relevance, all layers", "Occlusion"]
        and len(texts(driver, "#answer option")) == 5
    )
    click(driver, "#views button", 1)
    wait(driver, "return document.body.dataset.shown.startsWith('Matrix')")
    pick(driver, "kind", 4)
    wait(driver, "return document.body.dataset.shown.startsWith('Image Occlusion')")
    assert texts(driver, "#patches .readout")[0] == "Occlusion; strongest r1c2 (row 1, column 2): 5.0000"
    pick(driver, "answer", 3)
    wait(driver, "return document.querySelector('#patches .readout').textContent.endsWith('2.0000')")
    click(driver, "#views button", 2)
    wait(driver, "return document.body.dataset.shown.startsWith('Model Attention')")


def patched(what, changes):
    tokens = (TOKENS, [*TOKENS[:2], "bad", *TOKENS[3:]])
    return found(what, np.asarray(changes, "float32"), tokens)


def found(what, changes, tokens):
    """As `patch_activations` finds it, without a model."""
    return types.SimpleNamespace(what=what, changes=changes, log_odds=(6.2, -5.8), class_name="positive", tokens=tokens)


PATCHING = [
    patched("position", np.eye(2, 6) * 12),
    patched("head", [[0.5, 1, 0], [3, -2, 0.25]]),
    patched("layer", [1.5, 12]),
]


@needs_browser
def test_patching_shows_layers_by_positions_and_by_heads(open_page, downloads):
    driver = text_page(open_page, patching=PATCHING)
    click(driver, "#views button", 3)
    wait(driver, "return document.body.dataset.shown.startsWith('Patching')")
    assert texts(driver, "#stage > .wide caption") == ["What each layer reads at a word piece", "What each head gives"]
    assert texts(driver, "#stage > .wide thead th")[:5] == ["Layer", "[CLS]", "the", "good → bad", "film"]
    assert texts(driver, "#stage > .wide td")[:2] == ["+12.00", "0.00"]
    assert texts(driver, "#stage > .wide:last-child td") == [
        "+0.50",
        "+1.00",
        "0.00",
        "+1.50",
        "+3.00",
        "−2.00",
        "+0.25",
        "+12.00",
    ]
    assert "+6.20 for “[CLS] the good film ##s [SEP]”" in texts(driver, ".readout")[0]
    *_, table = saved(driver, downloads, "patching-all-layers")
    assert '"What each head gives",1,"1",-2\n' in table.read_text()


def test_a_page_without_answers_for_classes_has_no_choice():
    page = head_view(ATTENTION, TOKENS, probability=0.8, html_action="return")
    assert len(re.findall('"logOdds"', page)) == 1 and '"heads": null' in page


def test_the_opposite_of_the_opposite_is_the_answer():
    again = opposite(ANSWERS[1], "positive")
    for field in dataclasses.fields(FIRST):
        if field.name != "what_if":
            np.testing.assert_array_equal(getattr(again, field.name), getattr(FIRST, field.name))
    np.testing.assert_allclose([word[3:] for word in again.what_if], [word[3:] for word in FIRST.what_if])


@pytest.mark.parametrize(
    "answer, message",
    [
        (Answer("a", head_changes=np.zeros((2, 2))), r"`head_changes` must have shape \(2, 3\). Received: \(2, 2\)"),
        (Answer("a", layer_changes=[1.0]), r"`layer_changes` must have shape \(2,\). Received: \(1,\)"),
        (Answer("a", integrated_gradients=np.zeros(5)), r"`integrated_gradients` must have shape \(6,\). Received: \(5,\)"),
        (Answer("a", occlusion=[np.nan] * 6), "`occlusion` must be finite numbers"),
        (Answer("a", gradients=np.zeros((2, 3, 6, 5))), "`gradients` must have the shape of `attention_weights`"),
        (Answer("a", probability=2), r"`probability` must be in \[0, 1\]"),
    ],
)
def test_answers_that_do_not_fit_are_refused(answer, message):
    with pytest.raises(ValueError, match=message):
        head_view(ATTENTION, TOKENS, answers=[answer], html_action="return")


@pytest.mark.parametrize("answers", [[], [3], "ab"])
def test_answers_are_answers(answers):
    with pytest.raises(ValueError, match="`answers` must be Answers, one or more. Received: "):
        head_view(ATTENTION, TOKENS, answers=answers, html_action="return")


def test_patchings_are_of_the_same_texts():
    other, of_images = (found("head", np.zeros((2, 3)), tokens) for tokens in ((TOKENS, TOKENS), None))
    for given in ([PATCHING[0], other], [3], [of_images]):
        with pytest.raises(ValueError, match="`patching` must be of the same two texts"):
            head_view(ATTENTION, TOKENS, patching=given, html_action="return")
