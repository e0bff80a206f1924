"""Arrays to figures: class probabilities, scikit-learn's report, the confusion matrix."""

from typing import NamedTuple

import numpy as np
import scipy.special
import sklearn.metrics


class ClassificationResult(NamedTuple):
    """What one set of predictions says.

    `metrics`: accuracy and the weighted averages of precision, recall and F1. `report` and `text`: scikit-learn's
    classification report as a dict and as text. `matrix`: integer `(classes, classes)`, truth in rows.
    """

    metrics: dict
    report: dict
    text: str
    matrix: np.ndarray


def class_probabilities(outputs, from_logits=None):
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


def classification_result(labels, predicted, class_names):
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
    average = report["weighted avg"]
    return ClassificationResult(
        metrics={
            "accuracy": float((labels == predicted).mean()),
            "precision": average["precision"],
            "recall": average["recall"],
            "f1": average["f1-score"],
            "examples": len(labels),
        },
        report=report,
        text=sklearn.metrics.classification_report(labels, predicted, digits=4, **options),
        matrix=sklearn.metrics.confusion_matrix(labels, predicted, labels=classes),
    )
