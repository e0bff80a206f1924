import numpy as np
import pytest

from course_hw5 import labs
from course_hw5.labs import learned_locality
from course_hw5.labs.support import locality

pytestmark = pytest.mark.slow


def failed_and_result(monkeypatch, **parameters):
    """Of a shorter training with a larger penalty. With 8e-4, both networks are equally accurate, and rounding decides."""
    monkeypatch.setattr(learned_locality, "STRENGTH", 6e-4)
    result = labs.run_lab("learned_locality", units=200, steps=1200, **parameters)
    return {check.key for check in result.checks if not check.held}, result


def test_beta_lasso_finds_neighbours_and_sgd_does_not(monkeypatch):
    failed, result = failed_and_result(monkeypatch)
    assert result.verdict == "confirmed" and not failed
    assert result["window"] < result["within_regularized"] < result["between_regularized"] < result["within_sgd"]
    assert [len(figure.axes) for figure in result.figures.values()] == [10, 20, 1]


def test_neighbours_of_shuffled_pixels_are_those_of_the_true_images(monkeypatch):
    failed, result = failed_and_result(monkeypatch, pixels="shuffled")
    assert failed == {"local", "places_differ"}
    assert result["within_put_back"] < 2 / 3 * result["random"] < result["within_regularized"]


@pytest.mark.parametrize("regularization, left", [("none", 1), ("l1", 0.9)])
def test_without_a_threshold_weights_stay_however_short_the_training(regularization, left):
    result = labs.run_lab("learned_locality", regularization=regularization, units=20, steps=20)
    assert result.verdict == "refuted" and not result.held("sparse") and result["nonzero"] >= left


def test_a_layer_that_lost_all_weights_has_no_distance(monkeypatch):
    monkeypatch.setattr(learned_locality, "BETA", 1e6)
    result = labs.run_lab("learned_locality", units=10, steps=2)
    assert result.verdict == "refuted" and result["nonzero"] == result["units"] == 0
    assert np.isnan(result["within_regularized"]) and not result.held("local")


def test_a_unit_of_a_square_is_as_local_as_the_square():
    weights = np.zeros((16, 16, 3))
    weights[3:5, 7:9, 0], weights[0, [0, 5], 1], weights[9, 9, 2] = -2, 1, 1
    weights = weights.reshape(256, 3)
    within = locality.distance_within(weights)
    np.testing.assert_allclose(within[:2], [(4 + np.sqrt(2) * 2) / 6, 5])
    assert np.isnan(within[2]) and np.isnan(locality.distance_within(0 * weights)).all()


def test_weights_at_random_pixels_are_as_far_apart_as_pixels_at_random(random):
    sparse = random.normal(size=(256, 2000)) * (random.random((256, 2000)) < 0.1)
    assert np.mean(locality.distance_within(sparse)) == pytest.approx(locality.distance_at_random(256), rel=0.01)
    # between units, a pixel may be its own partner
    assert locality.distance_between(sparse) == pytest.approx(locality.distance_at_random(256) * 255 / 256, rel=0.01)


def test_images_are_digits_under_noise_whatever_the_order_of_pixels():
    order = np.random.default_rng(3).permutation(256)
    (plain, labels), (shuffled, same) = (locality.NoisyDigits(2, part, seed=1)[1] for part in (np.arange(256), order))
    np.testing.assert_array_equal(plain[:, order], shuffled)
    np.testing.assert_array_equal(labels, same)
    assert plain.shape == (100, 256) and plain.dtype == "float32" and 0.07 < plain.mean() < 0.09
    unseen = locality.NoisyDigits(2, order, seed=1, is_test=True)
    assert len(unseen.digits) == 360 and len(unseen.digits) + len(locality.NoisyDigits(2, order, seed=1).digits) == 1797
