"""Temperature scaling: a classifier's logits are divided by one number, so that its confidence agrees with its accuracy.

Guo et al. 2017, https://arxiv.org/abs/1706.04599. The class with the highest probability stays the same.
"""

import hashlib
import os
import pathlib

import keras
import numpy as np
import scipy.optimize
import scipy.special

from course_hw5.data.dataset import Dataset
from course_hw5.errors import require
from course_hw5.reports import labelled_batches, run_folder
from course_hw5.reports.labelled_batches import LabelledData
from course_hw5.training import callbacks, runtime

LOWEST, HIGHEST = 0.05, 20.0  # temperatures: where all predictions are right, the likelihood rises for ever as it falls


def logits_layer(model: keras.Model) -> keras.layers.Dense:
    """The dense layer that gives a classifier's logits.

    Raises:
        ValueError: unless the model ends in a dense layer with a softmax, or of one unit with a sigmoid.
    """
    last = model.layers[-1]
    dense = model.layers[-2] if isinstance(last, keras.layers.Activation) else last
    activation = getattr(last, "activation", None)
    units = dense.units if isinstance(dense, keras.layers.Dense) else 0
    expected = "a classifier that ends in a dense layer with a softmax, or of one unit with a sigmoid, to be calibrated"
    is_taken = activation is keras.activations.softmax if units > 1 else units and activation is keras.activations.sigmoid
    require("model", model.name, lambda _: is_taken, expected)
    return dense


def fit_temperature(model: keras.Model, dataset: LabelledData) -> float:
    """The temperature for which a data set's labels are most probable: the negative log-likelihood is lowest.

    Args:
        model: functional classifier, as `logits_layer` takes it; it stays as it is.
        dataset: batches `(inputs, labels)` that the model was not trained on, such as `Dataset.validation`.

    Returns:
        The temperature, in [0.05, 20]: above 1 for a model that is too sure of itself.

    Raises:
        ValueError: if the model is no such classifier, or the data hold no labelled example.
    """
    logits, labels = _logits(model, dataset)

    def loss(log_temperature):
        log_probabilities = scipy.special.log_softmax(logits / np.exp(log_temperature), axis=1)
        return -log_probabilities[np.arange(len(labels)), labels].mean()

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = scipy.optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def scale_logits(model: keras.Model, temperature: float) -> None:
    """Divides a classifier's logits by a temperature: kernel and bias of its last dense layer, in place.

    Args:
        model: as `logits_layer` takes it.
        temperature: above 0.

    Raises:
        ValueError: if an argument is not one of those.
    """
    require("temperature", temperature, lambda value: 0 < value < float("inf"), "above 0")
    dense = logits_layer(model)
    dense.set_weights([weights / temperature for weights in dense.get_weights()])


def calibrate_run(model: keras.Model, data: Dataset, run_dir: pathlib.Path) -> float:
    """Calibrates the model of a run by its validation set, once: a run that was stopped after it finds it done.

    Args:
        model: as loaded from the run's `model.keras`; it is scaled, and saved there.
        data: of the run.
        run_dir: its folder, whose `config.json` gets "calibration": the temperature, and the file that was scaled by it.

    Returns:
        The temperature.
    """
    path, scaled = run_dir / "model.keras", run_dir / ".calibrated.keras"
    config = run_folder.read_json(run_dir / "config.json")
    done = config.get("calibration", {})
    if done.get("model_sha256") == _sha256(path):
        return done["temperature"]
    temperature = fit_temperature(model, data.validation)
    scale_logits(model, temperature)
    callbacks.save_without_optimizer(model, scaled)
    config["calibration"] = {"temperature": temperature, "model_sha256": _sha256(scaled)}
    run_folder.write_json(run_dir / "config.json", config)
    os.replace(scaled, path)
    return temperature


def _logits(model, dataset):
    """Logits `(examples, classes)`, float64, of two classes 0 and that of the second, and labels `(examples,)`."""
    dense = logits_layer(model)
    before = keras.Model(model.inputs, dense.input)
    before.compile(jit_compile=runtime.use_jit_compile(before))
    features, labels = [], []
    for inputs, given in labelled_batches.batches(dataset):
        numbers, _, _ = labelled_batches.class_numbers(given, max(2, dense.units))
        features.append(np.asarray(before.predict_on_batch(inputs), "float64")[numbers >= 0])
        labels.append(numbers[numbers >= 0])
    count = sum(map(len, labels))
    require("dataset", count, bool, "data with labelled examples")
    kernel, *bias = (weights.astype("float64") for weights in dense.get_weights())
    logits = np.concatenate(features) @ kernel + sum(bias)
    return np.pad(logits, ((0, 0), (int(dense.units == 1), 0))), np.concatenate(labels)


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
