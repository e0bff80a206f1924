import numpy as np
import pytest

import course_hw5
from course_hw5 import labs
from course_hw5.labs.support import sentiment

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_sentences")]


@pytest.mark.parametrize("heads, verdict", [("several", "confirmed"), ("copies", "refuted")])
def test_several_heads_see_two_things_and_copies_of_one_do_not(heads, verdict, monkeypatch):
    # 72 readings take long: that a head is taken out as it should be is tested below
    monkeypatch.setattr(sentiment, "without_each_head", lambda model, ids: np.tile(model.predict_on_batch(ids).T, (6, 12, 1)))
    result = labs.run_lab("heads", heads=heads, sentences=16, steps=200)
    assert result.verdict == verdict
    assert result.held("two_things") == result.held("alike_costs") == (heads == "several")
    assert result.held("copies")
    assert result["parameters_one"] == result["parameters_several"] == 4224
    assert result["sentences"] == "16 of our own, plain ones"


def test_a_head_taken_out_adds_nothing_and_the_model_is_whole_again(model):
    ids = sentiment.classifier_and_sentences(2, 0, 16)[1].token_ids
    before = model.predict_on_batch(ids)
    without = sentiment.without_each_head(model, ids)
    assert without.shape == (6, 12, 2) and (np.abs(without - before[:, 0]).max(axis=-1) > 0).all()
    with sentiment.heads_alike(model, 3):
        weights = course_hw5.attention_model(model)(ids).numpy()
    np.testing.assert_allclose(weights, np.broadcast_to(weights[:, :, :1], weights.shape), atol=1e-6)
    np.testing.assert_array_equal(model.predict_on_batch(ids), before)
