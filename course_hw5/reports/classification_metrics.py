"""Arrays to figures: class probabilities, scikit-learn's report, the confusion matrix."""

import collections
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.special
import sklearn.metrics
from jaxtyping import Bool, Float64, Integer

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
        numbers = [str(number) for number in range(len(by_number))]
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
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    if outputs.ndim != 2 or outputs.shape[1] == 0:
        raise ValueError(f"`outputs` must have shape (examples, classes). Received: {outputs.shape}")
    if np.isnan(outputs).any():
        raise ValueError(f"`outputs` must be numbers. Received: NaN in {int(np.isnan(outputs).any(1).sum())} rows")
    in_range = ((outputs >= 0) & (outputs <= 1)).all()
    if outputs.shape[1] == 1:
        if from_logits is None:
            from_logits = not in_range
        positive = scipy.special.expit(outputs) if from_logits else outputs
        return np.concatenate([1 - positive, positive], axis=1)
    if from_logits is None:
        from_logits = not (in_range and np.allclose(outputs.sum(1), 1, atol=1e-2))
    return scipy.special.softmax(outputs, axis=1) if from_logits else outputs / outputs.sum(1, keepdims=True)


def label_probabilities(outputs: npt.ArrayLike, from_logits: bool | None = None) -> Float64[np.ndarray, "examples classes"]:
    """Turns outputs into the probability of each label by itself, float64 `(examples, classes)`; arguments as above."""
    outputs = np.asarray(outputs, "float64")
    if from_logits is None:
        from_logits = not ((outputs >= 0) & (outputs <= 1)).all()
    return scipy.special.expit(outputs) if from_logits else outputs


def classification_result(
    labels: Integer[np.ndarray, " examples"], predicted: Integer[np.ndarray, " examples"], class_names: Sequence[str]
) -> ClassificationResult:
    """Compares predicted with true classes.

    Args:
        labels: integer `(examples,)`, the true classes.
        predicted: integer `(examples,)`.
        class_names: one name per class, in the order of the integers.

    Returns:
        `ClassificationResult`.

    Raises:
        ValueError: if a label has no name, or there is nothing to compare.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if not len(labels) or labels.shape != predicted.shape:
        raise ValueError(f"`labels` and `predicted` must be as long. Received: {labels.shape} and {predicted.shape}")
    classes = range(len(class_names))
    low, high = min(labels.min(), predicted.min()), max(labels.max(), predicted.max())
    if low < 0 or high >= len(class_names):
        raise ValueError(f"Classes must be 0 to {len(class_names) - 1}, as there are names. Received: {low} to {high}")
    options = dict(labels=classes, target_names=list(class_names), zero_division=0)
    report = sklearn.metrics.classification_report(labels, predicted, output_dict=True, **options)
    return ClassificationResult(
        metrics={"accuracy": float((labels == predicted).mean())} | _averages(report) | {"examples": len(labels)},
        report=report,
        text=sklearn.metrics.classification_report(labels, predicted, digits=4, **options),
        matrix=sklearn.metrics.confusion_matrix(labels, predicted, labels=classes),
    )


def multilabel_result(
    labels: Bool[np.ndarray, "examples classes"], predicted: Bool[np.ndarray, "examples classes"], class_names: Sequence[str]
) -> ClassificationResult:
    """Compares predicted with true labels where an example can have several, or none.

    Args:
        labels: bool `(examples, classes)`.
        predicted: bool `(examples, classes)`.
        class_names: one name per class.

    Returns:
        `ClassificationResult` without a matrix, since a mistake takes no class for another.
    """
    options = dict(target_names=list(class_names), zero_division=0)
    report = sklearn.metrics.classification_report(labels, predicted, output_dict=True, **options)
    exact = float((labels == predicted).all(axis=1).mean())
    return ClassificationResult(
        metrics={"exact_match": exact} | _averages(report) | {"examples": len(labels)},
        report=report,
        text=sklearn.metrics.classification_report(labels, predicted, digits=4, **options),
        matrix=None,
    )


def check_single_label(report: dict, where: object) -> None:
    """Raises ValueError if a report is one of several labels per example, which has no confusion matrix and no accuracy."""
    if "samples avg" in report:
        raise ValueError(f"Pages show runs whose examples have one label each. Received: {where}, where they have several")


def _averages(report):
    average = report["weighted avg"]
    return {"precision": average["precision"], "recall": average["recall"], "f1": average["f1-score"]}
