import numpy as np
import pytest

from course_hw5.attention import analysis

pytestmark = pytest.mark.unit

UNIFORM = np.full((3, 2, 4, 4), 0.25)


def test_rows_of_the_rollout_sum_to_one():
    scores = np.random.default_rng(0).dirichlet(np.ones(5), size=(4, 3, 5))
    rollout = analysis.attention_rollout(scores)
    np.testing.assert_allclose(rollout.sum(-1), 1)
    assert rollout.shape == (5, 5)


def test_rollout_of_one_layer_is_half_attention_and_half_identity():
    np.testing.assert_allclose(analysis.attention_rollout(UNIFORM[:1]), 0.125 + 0.5 * np.eye(4))


def test_rollout_multiplies_later_layers_from_the_left():
    first, second = np.random.default_rng(1).dirichlet(np.ones(3), size=(2, 3))
    rollout = analysis.attention_rollout(np.stack([first, second])[:, None], residual_weight=0)
    np.testing.assert_allclose(rollout, second @ first)


def test_rollout_of_tokens_that_see_themselves_alone_is_the_identity():
    np.testing.assert_array_equal(analysis.attention_rollout(np.broadcast_to(np.eye(4), (3, 2, 4, 4))), np.eye(4))


def test_relevance_keeps_what_spoke_for_the_answer_only():
    gradients = np.where(np.arange(4) < 2, 1.0, -1.0) * np.ones((3, 2, 4, 4))
    relevance = analysis.gradient_relevance(UNIFORM, gradients)
    np.testing.assert_array_equal(relevance[..., :2], 0.25)
    np.testing.assert_array_equal(relevance[..., 2:], 0)


def test_token_relevance_without_gradients_is_none():
    np.testing.assert_array_equal(analysis.token_relevance(UNIFORM, np.zeros_like(UNIFORM)), np.zeros((4, 4)))


def test_token_relevance_of_two_layers_is_both_and_their_product():
    first, second = np.random.default_rng(1).uniform(size=(2, 3, 3))
    relevance = analysis.relevance_by_layer(np.stack([first, second])[:, None], np.ones((2, 1, 3, 3)))
    np.testing.assert_allclose(relevance, [first, first + second + second @ first])


def test_entropy_is_zero_for_one_token_and_highest_where_all_are_alike():
    assert analysis.attention_entropy(np.eye(4)).tolist() == [0, 0, 0, 0]
    assert analysis.attention_entropy(UNIFORM)[0, 0].tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("scores", [np.ones((3, 4)), np.ones((1, 1, 3, 4)), np.ones((1, 1, 1, 3, 3))])
def test_scores_of_another_shape_are_refused(scores):
    with pytest.raises(ValueError, match=r"must have shape \(layers, heads, tokens, tokens\)\. Received: \("):
        analysis.attention_rollout(scores)


def test_residual_weight_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"`residual_weight` must be in \[0, 1\)\. Received: 1"):
        analysis.attention_rollout(UNIFORM, residual_weight=1)


def test_gradients_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="`gradients` must have the shape of `attention_weights`"):
        analysis.gradient_relevance(UNIFORM, UNIFORM[:1])


def test_a_head_that_looks_one_patch_to_the_right_has_distance_one():
    scores = np.zeros((1, 1, 10, 10))
    for patch in range(9):
        scores[0, 0, 1 + patch, 1 + min(patch + 1, patch // 3 * 3 + 2)] = 1  # at the edge: itself
    assert analysis.attention_distance(scores, (3, 3)) == pytest.approx(6 / 9)


def test_distance_needs_the_tokens_of_its_grid():
    with pytest.raises(ValueError, match=r"must have 7 tokens for the grid \(2, 3\). Received: 10"):
        analysis.attention_distance(np.ones((1, 1, 10, 10)), (2, 3))
