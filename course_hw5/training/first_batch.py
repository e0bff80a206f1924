"""What a training reads first: `training.json`, by which `course-hw5 check` finds data in a wrong range or order."""

import contextlib
import hashlib
import itertools
from typing import Any

import keras
import numpy as np

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
        - "overlap", where the data have no card: how many of the first 1,024 examples of validation and test are among the
          first 1,024 that are trained on.

        What cannot be found is missing: no training ends for it.
    """
    facts: dict[str, Any] = {"parameters": model.count_params()}
    facts["trainable_parameters"] = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    with contextlib.suppress(Exception):
        inputs, labels, is_mixed = _read(data.train)
        facts["inputs"] = _statistics(inputs)
        if inputs.ndim == 4 and inputs.shape[3] == 3:
            facts["inputs"]["channel_means"] = [round(float(mean), 4) for mean in inputs.mean((0, 1, 2))]
        if labels is not None:
            facts |= {"labels": labels, "labels_of_second_pass": _read(data.train)[1], "labels_are_mixed": is_mixed}
        if inputs.ndim == 4:
            facts["first_layer"] = _first_layer(model, inputs)
        if getattr(data, "card", None) is None:
            facts["overlap"] = _overlap(data)
    return {name: value for name, value in facts.items() if value is not None}


def _read(data):
    """Inputs of the first batch, and labels of the first examples as a list; None for segmentation masks."""
    inputs, labels, is_mixed = None, [], False
    for batch, targets in itertools.islice(data, BATCHES):
        inputs = np.asarray(keras.tree.flatten(batch)[0]) if inputs is None else inputs
        targets = np.asarray(targets)
        is_mixed |= targets.dtype.kind == "f" and bool((targets % 1).any())
        if targets.ndim > 2:
            return inputs, None, False
        several = targets.ndim == 2 and targets.shape[1] > 1
        labels += (targets.argmax(1) if several else targets.round().ravel()).astype(int).tolist()
        if len(labels) >= LABELS:
            break
    return inputs, labels[:LABELS], is_mixed


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
    trained = _hashes(data.train)
    held_out = {"validation": _hashes(data.validation), "test": _hashes(data.test)}
    found = {
        split: {"read": len(ours), "in_training": sum(one in {*trained} for one in ours)} for split, ours in held_out.items()
    }
    return {"read": len(trained), "of": int(data.train.cardinality()) * data.batch_size} | found


def _hashes(split):
    found = []
    for batch in itertools.islice(split, COMPARED):
        inputs = np.asarray(keras.tree.flatten(batch[0])[0])
        # batches of texts are padded to different lengths
        examples = (np.trim_zeros(one, "b") if one.ndim == 1 else one for one in inputs)
        found += [hashlib.blake2b(np.ascontiguousarray(one).tobytes(), digest_size=8).digest() for one in examples]
        if len(found) >= COMPARED:
            break
    return found[:COMPARED]
