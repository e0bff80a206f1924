import numpy as np
import pytest

from course_hw5 import explain, mlp_classifier, patch_activations
from tests.explanation.toys import PLANTED, planted_beit, planted_bert, red_patch


@pytest.fixture(scope="module")
def bert():
    return planted_bert()


def test_the_planted_head_carries_all_of_the_difference(bert):
    good, bad = "the good film", "the bad film"
    found = patch_activations(bert, good, bad, "head")
    assert found.log_odds == tuple(explain(bert, text, maps=()).log_odds for text in (good, bad))
    whole = found.log_odds[0] - found.log_odds[1]
    assert whole > 2 and found.changes.shape == (2, 2)
    assert found.changes[PLANTED] == pytest.approx(whole, rel=1e-4)
    assert np.abs(np.delete(found.changes.ravel(), 1)).max() < 1e-4
    by_layer = patch_activations(bert, good, bad, "layer").changes
    np.testing.assert_allclose(by_layer, [whole, 0], atol=1e-3)


def test_the_difference_is_at_the_word_before_the_head_and_at_cls_after_it(bert):
    found = patch_activations(bert, "the good film", "the bad film")
    whole = found.log_odds[0] - found.log_odds[1]
    expected = np.zeros((2, 5))
    expected[0, 2] = expected[1, 0] = whole  # "good", then [CLS]
    assert found.tokens[1] == ["[CLS]", "the", "bad", "film", "[SEP]"] and found.what == "position"
    np.testing.assert_allclose(found.changes, expected, atol=0.02 * whole)


def test_a_source_put_into_itself_changes_nothing(sentiment):
    for what in ("head", "layer", "position"):
        np.testing.assert_allclose(patch_activations(sentiment, "a fine film", "a fine film", what).changes, 0, atol=1e-4)


def test_all_positions_together_would_be_the_other_answer(sentiment):
    found = patch_activations(sentiment, "a good film", "a bad film", target="negative")
    assert found.class_name == "negative" and found.changes.shape == (6, 5)
    assert found.changes[0, 2] == pytest.approx(found.log_odds[0] - found.log_odds[1], abs=1e-3)  # the only word that differs
    np.testing.assert_allclose(np.delete(found.changes[0], 2), 0, atol=1e-4)


def test_images_are_patched_too():
    model, grey = planted_beit(), np.full((8, 12, 3), 127, "uint8")
    found = patch_activations(model, red_patch(4), grey, "head")
    assert found.class_name == "red" and found.tokens is None
    assert found.changes[PLANTED] == pytest.approx(found.log_odds[0] - found.log_odds[1], rel=1e-3)
    assert patch_activations(model, red_patch(4), grey).changes[0].argmax() == 5  # [CLS] comes first


@pytest.mark.parametrize(
    "a, b, options, message",
    [
        ("good film", "bad films", {}, r"same number of word pieces. Received: 4: \[CLS\] good film \[SEP\] and 5: .* ##s"),
        ("good", "bad", {"what": "neuron"}, '`what` must be "head", "layer" or "position". Received: \'neuron\''),
        ("good", "bad", {"target": "sad"}, "`target` must be a class"),
    ],
)
def test_what_cannot_be_patched_is_refused(a, b, options, message, bert):
    with pytest.raises(ValueError, match=message):
        patch_activations(bert, a, b, **options)


def test_images_of_other_shapes_and_other_models_are_refused():
    with pytest.raises(ValueError, match="The image must have shape"):
        patch_activations(planted_beit(), red_patch(), np.zeros((8, 8, 3), "uint8"))
    with pytest.raises(ValueError, match="`model` must be a bert_classifier or a beit_classifier"):
        patch_activations(mlp_classifier(hidden_units=(4,)), red_patch(), red_patch())
