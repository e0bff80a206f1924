"""Checks of the confusion matrix and of the scores on test data."""

import numpy as np
import scipy.optimize

from course_hw5.reports.checks.problem import check, listed, percent
from course_hw5.reports.checks.recorded_run import RecordedRun

ONE_CLASS, ITS_SHARE = 0.9, 0.6  # share of the predictions, and of the truth up to which that is too many
FEWEST = 10  # examples of a class
PERMUTED = 0.2  # accuracy that another order of the classes adds
DIFFERENT = 0.1  # accuracy, besides chance


def _gives_one_class(matrix):
    predicted, true = matrix.sum(0) / matrix.sum(), matrix.sum(1) / matrix.sum()
    most = int(predicted.argmax())
    return most if predicted[most] >= ONE_CLASS and true[most] < ITS_SHARE else None


@check(
    "matrix",
    means="The model gives the same answer for nearly everything: it learnt nothing from the inputs, or training ruined it.",
    advice="Look at the range of the inputs and at the order of the data first, then divide the learning rate by 10.",
)
def one_class_predicted(run: RecordedRun) -> str | None:
    most = _gives_one_class(run.matrix)
    if most is None:
        return None
    predicted, true = run.matrix[:, most].sum() / run.matrix.sum(), run.matrix[most].sum() / run.matrix.sum()
    return f"{percent(predicted)} of the predictions are {run.class_names[most]}, which {percent(true)} of the test data are."


@check(
    "matrix",
    means="Its column in the confusion matrix is empty: the class is rare or missing in training, or is learnt last.",
    advice="Count the training labels of each class; give a rare one a weight (fit(class_weight=...)); train for more epochs.",
)
def class_never_predicted(run: RecordedRun) -> str | None:
    if _gives_one_class(run.matrix) is not None:
        return None
    empty = np.flatnonzero((run.matrix.sum(0) == 0) & (run.matrix.sum(1) >= FEWEST))
    usual = run.band.most_never_predicted if run.band and len(run.history) <= run.band.epochs else 0
    if len(empty) <= usual:
        return None
    names = listed([f"{run.class_names[index]} ({int(run.matrix[index].sum()):,} in the test data)" for index in empty])
    return f"Never predicted: {names}."


@check(
    "matrix",
    means="Labels of training and test have other numbers: counted from 1, sorted in another order, or two classes exchanged.",
    advice="Print a few training and test examples with the names of their labels, and number the classes once for all splits.",
)
def labels_permuted(run: RecordedRun) -> str | None:
    rows, columns = scipy.optimize.linear_sum_assignment(-run.matrix)
    total = run.matrix.sum()
    found, best = run.matrix.trace() / total, run.matrix[rows, columns].sum() / total
    if best < max(found + PERMUTED, 1.5 * found):
        return None
    shifts = {*((columns - rows) % len(rows)).tolist()}
    moved = [index for index in rows if columns[index] != index]
    pairs = [f"{run.class_names[index]} as {run.class_names[columns[index]]}" for index in moved]
    told = f"each class is called by the number {shifts.pop()} above its own" if len(shifts) == 1 else f"{listed(pairs)}"
    return f"Accuracy is {found:.3f}; it would be {best:.3f} if these names were right: {told}."


@check(
    "test",
    "accuracy",
    means="The test data are not like the validation data (range, labels, source), or validation data were trained on.",
    advice="Prepare all splits by the same code, and look for validation examples among the training data.",
)
def test_differs(run: RecordedRun) -> str | None:
    found, best = float(run.metrics["accuracy"]), float(run.history[f"val_{run.score}"].max())
    spread = max(best * (1 - best), found * (1 - found), 0.01)
    allowed = DIFFERENT + 4 * np.sqrt(2 * spread / max(1, run.metrics.get("examples", 1)))
    if abs(found - best) <= allowed:
        return None
    return f"Accuracy is {best:.3f} on the validation data and {found:.3f} on the test data."


@check(
    "test",
    means="Labels that are no class, or outputs that are NaN, were left out of the test: the score is of the others alone.",
    advice="Look for labels outside 0 to classes - 1 in the test data, and for NaN in the model's weights.",
)
def examples_left_out(run: RecordedRun) -> str | None:
    count = int(run.metrics.get("examples_left_out") or 0)
    return f"{count} of {count + run.metrics['examples']} test examples were left out." if count else None
