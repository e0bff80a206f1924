"""What a training reads first: `training.json`, by which `course-hw5 check` finds data in a wrong range or order."""

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from course_hw5.data.card import hash_of
from course_hw5.data.dataset import Dataset

LABELS, BATCHES = 256, 8  # how many labels, of so many batches at most
COMPARED = 1024  # examples of a split
NORMALIZATIONS = (
    keras.layers.Normalization,
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)


def training_facts(model: keras.Model, data: Dataset) -> dict[str, Any]:
    """What `training.json` holds of a model and of its data.

    Args:
        model: the model before training.
        data: a `Dataset`; passes over its splits are begun.

    Returns:
        Dict of

        - "parameters" and "trainable_parameters";
        - "inputs": type, shape, range, mean and standard deviation of the first batch and, of colour images, means of the
          channels; "first_layer": the same of what the first layer with weights reads;
        - "labels": those of the first 256 examples, integers; "labels_of_second_pass"; "labels_are_mixed": whether some are
          fractions;
        - "overlap", where the data have no card and nothing is masked: how many of the first 1,024 examples of validation and
          test are among the first 1,024 that are trained on.

        What cannot be found is missing: no training ends for it.
    """
    facts: dict[str, Any] = {"parameters": model.count_params()}
    facts["trainable_parameters"] = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    read: list[Any] = []
    is_masked, has_card = getattr(data, "class_names", None) == [], getattr(data, "card", None) is not None
    finders: list[Callable[[], Any]] = [  # what one of them cannot find is no loss for the others
        lambda: read.extend(_read(data.train)),
        lambda: facts.update(inputs=_input_facts(read[0])),
        lambda: facts.update({} if is_masked else _label_facts(read[1])),
        lambda: facts.update(labels_of_second_pass=_label_facts(_read(data.train)[1])["labels"] if "labels" in facts else None),
        lambda: facts.update(first_layer=_first_layer(model, read[0]) if read[0].ndim == 4 else None),
        lambda: facts.update(overlap=None if is_masked or has_card else _overlap(data)),
    ]
    for find in finders:
        with contextlib.suppress(Exception):
            find()
    return {name: value for name, value in facts.items() if value is not None}


def _read(data):
    """Inputs of the first batch, and targets of the first batches as they come; of masks those of the first."""
    inputs, targets, count = None, [], 0
    for batch, ours in itertools.islice(data, BATCHES):
        first = batch["token_ids"] if isinstance(batch, dict) and "token_ids" in batch else keras.tree.flatten(batch)[0]
        inputs = np.asarray(first) if inputs is None else inputs
        targets.append(ours)
        count += len(first)
        if count >= LABELS or getattr(ours, "ndim", 0) > 2:
            break
    return inputs, targets


def _input_facts(inputs):
    facts = _statistics(inputs)
    if inputs.ndim == 4 and inputs.shape[3] == 3:
        facts["channel_means"] = [round(float(mean), 4) for mean in inputs.mean((0, 1, 2))]
    return facts


def _label_facts(batches):
    """Labels as a list, and whether some are fractions; nothing for segmentation masks."""
    labels, is_mixed = [], False
    for targets in map(np.asarray, batches):
        if targets.ndim > 2:
            return {}
        is_mixed |= targets.dtype.kind == "f" and bool((targets % 1).any())
        several = targets.ndim == 2 and targets.shape[1] > 1
        labels += (targets.argmax(1) if several else targets.round().ravel()).astype(int).tolist()
    return {"labels": labels[:LABELS], "labels_are_mixed": is_mixed}


def _statistics(values):
    numbers = values.astype("float64")
    found = {name: round(float(getattr(numbers, name)()), 6) for name in ("min", "max", "mean", "std")}
    return {"dtype": values.dtype.name, "shape": [*values.shape]} | found


def _first_layer(model, inputs):
    """Statistics of what the first layer with weights reads; None where that layer normalises."""
    layer = next(layer for layer in model.layers if layer.weights)
    if isinstance(layer, NORMALIZATIONS) or len(model.inputs) > 1:
        return None
    read = []

    def call(given, *args, **kwargs):
        read.append(keras.tree.flatten(given)[0])
        raise StopIteration

    layer.call = call  # what it is called with cannot be asked of a layer that is a model, or is in two models
    try:
        with contextlib.suppress(Exception):
            model(inputs, training=False)
    finally:
        del layer.call
    return {"name": layer.name} | _statistics(keras.ops.convert_to_numpy(read[0]))


def _overlap(data):
    """Examples of the held-out splits that are among the training examples, as far as they are read."""
    read = _hashes(data.train)
    trained = {*read}
    held_out = {"validation": _hashes(data.validation or ()), "test": _hashes(data.test)}
    found = {split: {"read": len(ours), "in_training": sum(one in trained for one in ours)} for split, ours in held_out.items()}
    return {"read": len(read), "of": int(data.train.cardinality()) * data.batch_size} | found


def _hashes(split):
    found = []
    for batch in itertools.islice(split, COMPARED):
        inputs = np.asarray(keras.tree.flatten(batch[0])[0])
        # batches of texts are padded to different lengths
        found += [hash_of(np.trim_zeros(one, "b") if one.ndim == 1 else one) for one in inputs]
        if len(found) >= COMPARED:
            break
    return found[:COMPARED]
