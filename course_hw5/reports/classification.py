"""What a classifier makes of a data set, in one pass: scores, and the most confident misclassified examples."""

import collections
import dataclasses
import time
import warnings
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from course_hw5.reports import classification_metrics, evaluation, labelled_batches, run_folder
from course_hw5.reports.classification_metrics import ClassNames
from course_hw5.reports.labelled_batches import LabelledData
from course_hw5.reports.pages import components

MISCLASSIFIED_PER_CELL = 8


@dataclasses.dataclass(frozen=True)
class ClassificationEvaluation(evaluation.Evaluation):
    """What `evaluate_classifier` found. `write` also writes the report, as text and JSON, and `misclassified.json`.

    Attributes:
        result: `ClassificationResult`: scores, report and matrix.
        misclassified: dict of (true, predicted) to lists of (confidence, number, input, probabilities), the most confident
            first.
        left_out: dict of reasons to counts of the examples that could not be compared.
        describe: function from one input to the text that stands for it; None where inputs are images.
    """

    result: classification_metrics.ClassificationResult
    misclassified: dict
    left_out: dict[str, int]
    describe: Callable | None

    def _write_more(self, run_dir, writer, epoch, said):
        for reason, count in self.left_out.items():
            if reason not in said:
                said.add(reason)
                total = self.result.metrics["examples"] + sum(self.left_out.values())
                warnings.warn(f"The report leaves out {count} of {total} examples: {reason}", stacklevel=4)
        run_folder.write_text(run_dir / "classification_report.txt", self.result.text)
        run_folder.write_json(run_dir / "classification_report.json", self.result.report)
        with run_folder.going_on(str(run_dir / "misclassified.json"), said):
            cells = sorted(self.misclassified.items())
            shown = [{"true": true, "predicted": found, "examples": [*self._shown(cell)]} for (true, found), cell in cells]
            run_folder.write_json(run_dir / "misclassified.json", shown)

    def _summarize(self):
        tf.summary.text("classification_report", "\n".join(f"    {line}" for line in self.result.text.splitlines()))
        super()._summarize()

    def _shown(self, cell):
        """The examples of a cell as `misclassified.json` holds them: number, image or text, probabilities."""
        thumbnail = lambda example: components.thumbnail(keras.tree.flatten(example)[0])  # noqa: E731
        kind, show = ("text", self.describe) if self.describe else ("image", thumbnail)
        for _, number, example, probabilities in cell:
            yield {"number": int(number), kind: show(example), "probabilities": [round(float(p), 4) for p in probabilities]}


def evaluate_classifier(
    model: keras.Model, dataset: LabelledData, class_names: ClassNames, steps=None, from_logits=None, describe=None
) -> ClassificationEvaluation:
    """Predicts each example of a data set once and compares predictions with labels; writes nothing.

    Examples whose label is no class or whose outputs are NaN are left out.

    Args: as for `course_hw5.ClassificationReport`, of the same types.

    Raises:
        ValueError: if the data do not fit the model, the data set has no end, or no example is left.
    """
    names, started = classification_metrics.distinct_names(class_names), time.perf_counter()
    found, misclassified, left_out = _predict(model, dataset, steps, from_logits, keep_inputs=bool(describe))
    labels, predicted, *confidence = found
    timing = evaluation.timing(len(labels), time.perf_counter() - started, digits=1)
    result = classification_metrics.classification_result(labels, predicted, names)
    scores = dict(result.metrics)
    if confidence:
        error = classification_metrics.expected_calibration_error(confidence[0], labels == predicted)
        scores["expected_calibration_error"] = error
    metrics = scores | ({"examples_left_out": sum(left_out.values())} if left_out else {}) | timing
    return ClassificationEvaluation(names, result.matrix, scores, metrics, result, misclassified, left_out, describe)


def check_data(model: keras.Model, class_names: Sequence[str], dataset: LabelledData, steps: int | None) -> None:
    """Runs the model on the first batch of a data set that it is to be tested on.

    Raises:
        ValueError: if the data have no end or no first batch, the model cannot read it or gives no class, there is not one name
            per class, or labels are text or no classes.
    """
    try:
        inputs, labels = next(labelled_batches.batches(dataset, steps))
    except StopIteration:
        raise ValueError("`dataset` must hold at least one batch. Received: none") from None
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
    classes = max(2, units)
    if len(class_names) != classes:
        raise ValueError(f"`class_names` must have {classes} names, as the model has classes. Received: {len(class_names)}")
    return classes


def _predict(model, dataset, steps, from_logits, keep_inputs):
    """Labels and predictions, and of single labels confidences, what is misclassified, and what is left out.

    Labels and predictions are int `(examples,)` or, where examples have several labels, bool `(examples, classes)`.
    """
    single, multiple, has_several, seen = [], [], False, 0
    misclassified, left_out = collections.defaultdict(list), collections.Counter()
    from_logits = _says_logits(model) if from_logits is None else from_logits
    for inputs, labels in labelled_batches.batches(dataset, steps):
        outputs = _one_output(model.predict_on_batch(inputs))
        numbers, hot, batch_has_several = labelled_batches.class_numbers(labels, max(2, outputs.shape[1]))
        is_class, is_number = numbers >= 0, ~np.isnan(outputs).any(axis=1)
        left_out["labels that are no class"] += int((~is_class).sum())
        left_out["outputs that are NaN"] += int((is_class & ~is_number).sum())
        rows = np.flatnonzero(is_class & is_number)
        probabilities = classification_metrics.class_probabilities(outputs[rows], from_logits)
        numbers, choice = numbers[rows], probabilities.argmax(axis=1)
        single.append((numbers, choice, probabilities.max(axis=1)))
        if hot is not None and hot.shape == outputs.shape:
            has_several |= batch_has_several
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
    found = multiple if has_several else single
    if not sum(len(labels) for labels, *_ in found):
        raise ValueError(f"`dataset` must hold examples with a label and a prediction. Received: none of {seen}")
    return [*map(np.concatenate, zip(*found))], {} if has_several else misclassified, +left_out


def _one_output(outputs):
    parts = keras.tree.flatten(outputs)
    if len(parts) != 1:
        raise ValueError(f"The model must have one output. Received: {len(parts)}")
    outputs = np.asarray(parts[0], "float64")
    outputs = outputs[:, None] if outputs.ndim == 1 else outputs
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
