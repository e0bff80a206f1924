"""What a classifier makes of a data set, in one pass: classes, and the most confident misclassified examples."""

import collections
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from course_hw5.reports import classification_metrics, labelled_batches, run_folder
from course_hw5.reports.pages import components

MISCLASSIFIED_PER_CELL = 8


class Predictions(NamedTuple):
    """True and predicted classes of the examples that can be compared.

    `labels`, `predicted`: int `(examples,)`, or bool `(examples, classes)` where examples have several labels.
    `misclassified`: dict of (true, predicted) to lists of (confidence, number, input, probabilities). `left_out`: dict of
    reasons to counts.
    """

    labels: np.ndarray
    predicted: np.ndarray
    misclassified: dict
    left_out: dict


def check_data(
    model: keras.Model, class_names: Sequence[str], dataset: labelled_batches.LabelledData, steps: int | None = None
) -> None:
    """Runs the model on the first batch of a data set that it is to be tested on.

    Raises:
        ValueError: if the data have no end or no first batch, the model cannot read it or gives no class, there is not one name
            per class, or labels are text or no classes.
    """
    labelled_batches.check_form(dataset, steps)
    first = next(iter(labelled_batches.batches(dataset, steps)), None)
    if first is None:
        raise ValueError("`dataset` must hold at least one batch. Received: none")
    inputs, labels = first
    try:
        outputs = model.predict_step((inputs,))  # not compiled: the batch may be of another size than most
    except Exception as error:
        reason = run_folder.reason(error)
        raise ValueError(f"The model must be able to read the inputs of `dataset`. Received: {reason}") from error
    outputs = _one_output(outputs)
    classes = check_units(outputs.shape[1], class_names)
    numbers, _, _ = labelled_batches.class_numbers(labels, classes)
    if len(numbers) != len(outputs):
        raise ValueError(f"`dataset` must have one label per output. Received: {len(numbers)} labels, {len(outputs)} outputs")
    if (numbers < 0).any():
        wrong = np.asarray(labels)[np.argmax(numbers < 0)]
        raise ValueError(f"Labels must be classes from 0 to {classes - 1}, or one-hot. Received: {wrong}")


def check_units(units: int, class_names: Sequence[str]) -> int:
    """Raises ValueError unless there is one name per class of a model with that many outputs; returns the number of classes."""
    classes = 2 if units == 1 else units
    if len(class_names) != classes:
        raise ValueError(f"`class_names` must have {classes} names, as the model has classes. Received: {len(class_names)}")
    return classes


def predict(
    model: keras.Model,
    dataset: labelled_batches.LabelledData,
    steps: int | None = None,
    from_logits: bool | None = None,
    keep_inputs: bool = False,
) -> Predictions:
    """Predicts each example of a data set once.

    Args:
        model: classifier.
        dataset: as for `labelled_batches.check_form`.
        steps: how many batches to read, or None for all.
        from_logits: as for `classification_metrics.class_probabilities`; None asks the loss that the model is compiled with
            first.
        keep_inputs: whether misclassified inputs are kept where inputs are no images, too.

    Returns:
        `Predictions`. Examples whose label is no class or whose outputs are NaN are left out.

    Raises:
        ValueError: if the data set has no end, or no example is left.
    """
    labelled_batches.check_form(dataset, steps)
    single, multiple, has_several, seen = [], [], False, 0
    misclassified, left_out = collections.defaultdict(list), collections.Counter()
    from_logits = _says_logits(model) if from_logits is None else from_logits
    for inputs, labels in labelled_batches.batches(dataset, steps):
        outputs = _one_output(model.predict_on_batch(inputs))
        numbers, hot, batch_has_several = labelled_batches.class_numbers(labels, max(2, outputs.shape[1]))
        is_class, is_number = numbers >= 0, ~np.isnan(outputs).any(axis=1)
        left_out["labels that are no class"] += int((~is_class).sum())
        left_out["outputs that are NaN"] += int((is_class & ~is_number).sum())
        hot = hot if hot is not None and hot.shape == outputs.shape else None
        has_several |= batch_has_several and hot is not None
        rows = np.flatnonzero(is_class & is_number)
        probabilities = classification_metrics.class_probabilities(outputs[rows], from_logits)
        numbers, choice = numbers[rows], probabilities.argmax(axis=1)
        single.append((numbers, choice))
        if hot is not None:
            multiple.append((hot[rows], classification_metrics.label_probabilities(outputs[rows], from_logits) > 0.5))
        for index in np.flatnonzero(numbers != choice) if keep_inputs or _are_images(inputs) else ():
            row, confidence = int(rows[index]), probabilities[index, choice[index]]
            cell = misclassified[int(numbers[index]), int(choice[index])]
            if len(cell) < MISCLASSIFIED_PER_CELL or confidence > cell[-1][0]:
                example = keras.tree.map_structure(lambda part, row=row: np.array(part[row]), inputs)
                cell.append((confidence, seen + row, example, probabilities[index]))
                cell.sort(key=lambda example: -example[0])
                del cell[MISCLASSIFIED_PER_CELL:]
        seen += len(outputs)
    labels, predicted = map(np.concatenate, zip(*(multiple if has_several else single))) if seen else (np.empty(0), np.empty(0))
    if not len(labels):
        raise ValueError(f"`dataset` must hold examples with a label and a prediction. Received: none of {seen}")
    return Predictions(labels, predicted, {} if has_several else misclassified, +left_out)


def examples_of(misclassified: dict, describe: Callable | None = None) -> list[dict]:
    """Misclassified examples as `misclassified.json` holds them: a dict per cell, with number, image or text, and
    probabilities of each.

    Args:
        misclassified: as in `Predictions`.
        describe: function from one input to the text that stands for it; None where inputs are images.
    """
    return [
        {
            "true": true,
            "predicted": predicted,
            "examples": [_example(number, input_, probabilities, describe) for _, number, input_, probabilities in cell],
        }
        for (true, predicted), cell in sorted(misclassified.items())
    ]


def _example(number, input_, probabilities, describe):
    shown = {"text": describe(input_)} if describe else {"image": components.thumbnail(keras.tree.flatten(input_)[0])}
    return {"number": int(number), **shown, "probabilities": [round(float(p), 4) for p in probabilities]}


def _one_output(outputs):
    parts = keras.tree.flatten(outputs)
    if len(parts) != 1:
        raise ValueError(f"The model must have one output. Received: {len(parts)}")
    outputs = np.asarray(parts[0], "float64")
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    if outputs.ndim != 2:
        raise ValueError(f"The model's outputs must have shape (batch, classes). Received: {outputs.shape}")
    return outputs


def _says_logits(model):
    """True where the loss says that the model gives logits; None where only the numbers can tell."""
    losses = [loss for loss in keras.tree.flatten(getattr(model, "loss", None)) if isinstance(loss, keras.losses.Loss)]
    return True if any(loss.get_config().get("from_logits") for loss in losses) else None


def _are_images(inputs):
    parts = keras.tree.flatten(inputs)
    return len(parts) == 1 and len(parts[0].shape) == 4 and parts[0].shape[-1] in (1, 3)
