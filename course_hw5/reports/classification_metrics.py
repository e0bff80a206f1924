"""Arrays to figures: class probabilities, scikit-learn's report, the confusion matrix."""

import collections
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.special
import sklearn.metrics
from jaxtyping import Bool, Float64, Integer

ClassNames = Sequence[str] | dict[int, str]
Labels = Integer[np.ndarray, " examples"] | Bool[np.ndarray, "examples classes"]
AVERAGES = ("accuracy", "micro avg", "macro avg", "weighted avg", "samples avg")  # rows of scikit-learn's report, so no classes


class ClassificationResult(NamedTuple):
    """What one set of predictions says.

    `metrics`: accuracy (where examples have several labels, "exact_match": the share of examples all of whose labels are right)
    and the weighted averages of precision, recall and F1. `report` and `text`: scikit-learn's classification report as a dict
    and as text. `matrix`: integer `(classes, classes)`, truth in rows; None where examples have several labels.
    """

    metrics: dict
    report: dict
    text: str
    matrix: np.ndarray | None


def distinct_names(class_names: Iterable[str] | dict[int, str]) -> list[str]:
    """One string per class, no two alike: two classes called "crane" become "crane (134)" and "crane (517)", by their numbers.

    Args:
        class_names: names in the order of the classes, or a dict of names by class number (`{0: "cat", 1: "dog"}`).

    Returns:
        List of strings. Names of the averages in a report ("accuracy", "weighted avg") get a number, too.

    Raises:
        ValueError: if `class_names` has no order, or a dict has other keys than 0, 1, 2, ...

    Example:
        >>> distinct_names(["crane", "cat", "crane"]), distinct_names({1: "dog", 0: "cat"})
        (['crane (0)', 'cat', 'crane (2)'], ['cat', 'dog'])
    """
    if isinstance(class_names, dict):
        by_number = {str(number): name for number, name in class_names.items()}
        numbers = [*map(str, range(len(by_number)))]
        if {*by_number} != {*numbers}:
            expected = f"the keys 0 to {len(numbers) - 1}, the numbers of the classes"
            raise ValueError(f"`class_names` as a dict must have {expected}. Received: {', '.join(sorted(by_number))[:60]}")
        class_names = [by_number[number] for number in numbers]
    if isinstance(class_names, (str, bytes, set, frozenset)) or not hasattr(class_names, "__iter__"):
        raise ValueError(f"`class_names` must be a list with one name per class, or a dict. Received: {class_names!r:.60}")
    names = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in class_names]
    names = [name.encode("utf-8", "replace").decode() for name in names]  # what cannot be written would lose the report
    while unclear := {name for name, count in collections.Counter(names).items() if count > 1 or name in AVERAGES}:
        names = [f"{name} ({number})" if name in unclear else name for number, name in enumerate(names)]
    return names


def class_probabilities(outputs: npt.ArrayLike, from_logits: bool | None = None) -> Float64[np.ndarray, "examples classes"]:
    """Turns a classifier's outputs into one probability per class.

    Args:
        outputs: float array `(examples, classes)`, or `(examples, 1)` or `(examples,)` for one sigmoid unit, whose
            classes are 0 and 1.
        from_logits: whether the outputs are logits; None looks at the numbers, which can mistake a single logit unit
            whose outputs all happen to lie in [0, 1].

    Returns:
        float64 `(examples, classes)`; rows sum to 1.

    Raises:
        ValueError: if `outputs` has another shape or holds a NaN.

    Example:
        >>> class_probabilities([[0.9], [0.2]]).round(1).tolist()
        [[0.1, 0.9], [0.8, 0.2]]
    """
    outputs = np.asarray(outputs, "float64")
    outputs = outputs[:, None] if outputs.ndim == 1 else outputs
    if outputs.ndim != 2 or outputs.shape[1] == 0:
        raise ValueError(f"`outputs` must have shape (examples, classes). Received: {outputs.shape}")
    if np.isnan(outputs).any():
        raise ValueError(f"`outputs` must be numbers. Received: NaN in {int(np.isnan(outputs).any(1).sum())} rows")
    if outputs.shape[1] == 1:
        positive = label_probabilities(outputs, from_logits)
        return np.concatenate([1 - positive, positive], axis=1)
    if from_logits is None:
        from_logits = not (_are_shares(outputs) and np.allclose(outputs.sum(1), 1, atol=1e-2))
    return scipy.special.softmax(outputs, axis=1) if from_logits else outputs / outputs.sum(1, keepdims=True)


def label_probabilities(outputs: npt.ArrayLike, from_logits: bool | None = None) -> Float64[np.ndarray, "examples classes"]:
    """Turns outputs into the probability of each label by itself, float64 `(examples, classes)`; arguments as above."""
    outputs = np.asarray(outputs, "float64")
    from_logits = not _are_shares(outputs) if from_logits is None else from_logits
    return scipy.special.expit(outputs) if from_logits else outputs


def _are_shares(outputs):
    return ((outputs >= 0) & (outputs <= 1)).all()


def classification_result(labels: Labels, predicted: Labels, class_names: Sequence[str]) -> ClassificationResult:
    """Compares predicted with true classes.

    Args:
        labels: integer `(examples,)`, the true classes; or bool `(examples, classes)` where an example can have several, or
            none.
        predicted: likewise.
        class_names: one name per class, in the order of the integers.

    Returns:
        `ClassificationResult`; where an example can have several labels without a matrix, since a mistake takes no class for
        another then.

    Raises:
        ValueError: if a label has no name, or there is nothing to compare.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if not len(labels) or labels.shape != predicted.shape:
        raise ValueError(f"`labels` and `predicted` must be as long. Received: {labels.shape} and {predicted.shape}")
    options = {"labels": [*range(len(class_names))], "target_names": [*class_names], "zero_division": 0}
    if labels.ndim == 2:
        right, matrix = {"exact_match": float((labels == predicted).all(axis=1).mean())}, None
    else:
        low, high = min(labels.min(), predicted.min()), max(labels.max(), predicted.max())
        if low < 0 or high >= len(class_names):
            raise ValueError(f"Classes must be 0 to {len(class_names) - 1}, as there are names. Received: {low} to {high}")
        right = {"accuracy": float((labels == predicted).mean())}
        matrix = sklearn.metrics.confusion_matrix(labels, predicted, labels=options["labels"])
    report = sklearn.metrics.classification_report(labels, predicted, output_dict=True, **options)
    average = report["weighted avg"]
    averages = {"precision": average["precision"], "recall": average["recall"], "f1": average["f1-score"]}
    text = sklearn.metrics.classification_report(labels, predicted, digits=4, **options)
    return ClassificationResult(right | averages | {"examples": len(labels)}, report, text, matrix)


def expected_calibration_error(confidence: npt.ArrayLike, is_right: npt.ArrayLike, bins: int = 15) -> float:
    """How far the confidence of predictions is from their accuracy (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Predictions are put into bins by confidence. The error is the mean difference of accuracy and mean confidence of a bin,
    weighted by how many predictions it holds.

    Args:
        confidence: float array `(examples,)`, the probability of the predicted class.
        is_right: bool array `(examples,)`, whether it is the true one.
        bins: number of bins, of equal width.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: if there are no examples, the arrays differ in length, or a confidence is no probability.

    Example:
        >>> round(expected_calibration_error([0.9, 0.9, 0.6], [True, False, True]), 4)
        0.4
    """
    confidence, is_right = np.asarray(confidence, "float64"), np.asarray(is_right, bool)
    if confidence.ndim != 1 or confidence.shape != is_right.shape or not len(confidence):
        raise ValueError(f"`confidence` and `is_right` must be as long. Received: {confidence.shape} and {is_right.shape}")
    if not _are_shares(confidence):
        raise ValueError(f"`confidence` must lie in [0, 1]. Received: {confidence.min()} to {confidence.max()}")
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # a bin includes its upper edge
    return float(np.abs(np.bincount(places, is_right - confidence)).sum() / len(confidence))


def check_single_label(report: dict, where: object) -> None:
    """Raises ValueError if a report is one of several labels per example, which has no confusion matrix and no accuracy."""
    if "samples avg" in report:
        raise ValueError(f"Pages show runs whose examples have one label each. Received: {where}, where they have several")
