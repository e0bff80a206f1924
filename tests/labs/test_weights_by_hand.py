import numpy as np
import pytest

from course_hw5 import labs

pytestmark = pytest.mark.slow


def test_the_intact_lab_confirms_and_its_numbers_can_be_checked_by_hand():
    result = labs.run_lab("weights_by_hand", samples=200)
    assert result.verdict == "confirmed"
    # "its" asks (3, 0, 0); the products with the keys are 0, 9, 0, 3, 0
    expected = np.exp(9 / 3**0.5) / (3 + np.exp(9 / 3**0.5) + np.exp(3 / 3**0.5))
    assert 'id="steps"' in result.pages["The weights of the five words"]
    assert result["cat_for_its"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("weights", ["negated", "uniform"])
def test_weights_that_do_not_follow_the_scores_turn_the_verdict(weights):
    result = labs.run_lab("weights_by_hand", weights=weights, samples=200)
    assert result.verdict == "refuted"
    assert not result.held("order")
