import numpy as np
import pytest
import sklearn.metrics

from course_hw5.reports.classification_metrics import (
    class_probabilities,
    classification_result,
    distinct_names,
    expected_calibration_error,
)

pytestmark = pytest.mark.unit


def test_softmax_outputs_pass_through(random):
    probabilities = random.dirichlet(np.ones(4), size=6)
    np.testing.assert_allclose(class_probabilities(probabilities), probabilities, atol=1e-12)


def test_logits_become_their_softmax(random):
    logits = random.normal(size=(6, 4)) * 50  # large: no overflow
    probabilities = class_probabilities(logits)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    np.testing.assert_array_equal(probabilities.argmax(1), logits.argmax(1))
    assert np.isfinite(class_probabilities([[1e4, -1e4]])).all()


@pytest.mark.parametrize("outputs", [[0.9, 0.2], [[0.9], [0.2]]])
def test_one_sigmoid_unit_gives_two_classes(outputs):
    np.testing.assert_allclose(class_probabilities(outputs), [[0.1, 0.9], [0.8, 0.2]])


def test_one_logit_unit_is_recognised_or_declared():
    np.testing.assert_allclose(class_probabilities([[0.0], [-800.0]]), [[0.5, 0.5], [1.0, 0.0]])
    np.testing.assert_allclose(class_probabilities([[0.0]], from_logits=True), [[0.5, 0.5]])


@pytest.mark.parametrize("outputs", [np.zeros((2, 3, 4)), np.zeros((2, 0)), [[np.nan, 0.5]]])
def test_outputs_that_are_no_classes_are_refused(outputs):
    with pytest.raises(ValueError, match="`outputs` must .* Received"):
        class_probabilities(outputs)


def test_results_equal_an_independent_computation(random):
    labels, predicted = random.integers(0, 3, 200), random.integers(0, 3, 200)
    result = classification_result(labels, predicted, ["a", "b", "c"])
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(labels, predicted, average="weighted")
    assert result.metrics == pytest.approx(
        {"accuracy": np.mean(labels == predicted), "precision": precision, "recall": recall, "f1": f1, "examples": 200}
    )
    counted = np.zeros((3, 3), int)
    np.add.at(counted, (labels, predicted), 1)
    np.testing.assert_array_equal(result.matrix, counted)
    assert result.report["b"]["support"] == (labels == 1).sum()
    assert "weighted avg" in result.text


def test_a_class_that_never_occurs_keeps_its_row():
    result = classification_result([0, 0, 2], [0, 2, 2], ["a", "b", "c"])
    assert result.matrix.shape == (3, 3)
    assert result.report["b"]["support"] == 0


@pytest.mark.parametrize("labels, predicted", [([0, 3], [0, 0]), ([0, -1], [0, 0]), ([], []), ([0], [0, 1])])
def test_labels_without_a_name_or_a_prediction_are_refused(labels, predicted):
    with pytest.raises(ValueError, match="Received"):
        classification_result(np.array(labels, int), np.array(predicted, int), ["a", "b", "c"])


@pytest.mark.parametrize(
    "names, distinct",
    [
        (["crane", "dog", "crane"], ["crane (0)", "dog", "crane (2)"]),
        (["a", "a", "a (0)"], ["a (0) (0)", "a (1)", "a (0) (2)"]),
        (["accuracy", "weighted avg", "b"], ["accuracy (0)", "weighted avg (1)", "b"]),
        ({"1": "b", "0": "a"}, ["a", "b"]),
        ((name for name in (7, np.str_("x"), b"y")), ["7", "x", "y"]),
        (["\udcff"], ["?"]),
    ],
)
def test_names_of_classes_are_distinct_text_that_can_be_written(names, distinct):
    assert distinct_names(names) == distinct == distinct_names(distinct)


def test_results_of_several_labels_equal_an_independent_computation(random):
    labels, predicted = random.random((2, 50, 3)) > 0.5
    result = classification_result(labels, predicted, ["a", "accuracy", "c"])
    precision, recall, f1, support = sklearn.metrics.precision_recall_fscore_support(labels, predicted, average=None)
    assert [result.report["a"][score] for score in ("precision", "recall", "f1-score", "support")] == pytest.approx(
        [precision[0], recall[0], f1[0], support[0]]
    )
    assert result.metrics["exact_match"] == np.mean([(a == b).all() for a, b in zip(labels, predicted)])
    assert result.matrix is None and result.metrics["examples"] == 50


def test_the_calibration_error_equals_one_computed_by_hand():
    confidence = [0.95, 0.96, 1.0, 0.62, 0.64, 0.5]
    is_right = [True, False, True, False, True, True]
    # bins of 1/15: (0.933, 1], (0.6, 0.667], (0.467, 0.533]
    expected = (abs(2 - 0.95 - 0.96 - 1.0) + abs(1 - 0.62 - 0.64) + abs(1 - 0.5)) / 6
    assert expected_calibration_error(confidence, is_right) == pytest.approx(expected)
    assert expected_calibration_error([0.7, 0.8], [True, False], bins=1) == pytest.approx(0.25)
    assert expected_calibration_error([1.0, 0.0], [True, False]) == 0


@pytest.mark.parametrize("confidence, is_right", [([], []), ([0.5], [True, False]), ([1.2], [True]), ([np.nan], [True])])
def test_what_has_no_calibration_error_is_refused(confidence, is_right):
    with pytest.raises(ValueError, match="`confidence` .*must .*Received"):
        expected_calibration_error(confidence, is_right)
