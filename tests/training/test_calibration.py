"""Temperature scaling: the temperature of made-up logits is found, folded into the last layer, and recorded by a run."""

import json
import os
import pathlib

import keras
import numpy as np
import pytest
import scipy.special

import course_hw5
from course_hw5.training import calibration, tasks, train


def model_of(units, activation, scale=1.0):
    """A classifier whose logits are its inputs, times a scale."""
    logits = keras.Input((units,))
    dense = keras.layers.Dense(units, activation=activation)
    model = keras.Model(logits, dense(logits), name="small")
    dense.set_weights([scale * np.eye(units), np.zeros(units)])
    return model


def calibrated_data(units, random, count=4000):
    """Logits, and labels drawn with the probabilities that these say."""
    logits = random.normal(0, 2, (count, units)).astype("float32")
    both = np.pad(logits, ((0, 0), (int(units == 1), 0)))
    probabilities = scipy.special.softmax(both, axis=1)
    labels = (probabilities.cumsum(axis=1) > random.random((count, 1))).argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("units, activation", [(1, "sigmoid"), (3, "softmax")])
@pytest.mark.parametrize("scale", [3.0, 0.5])
def test_the_factor_of_logits_is_found_and_folded_into_the_last_layer(units, activation, scale, random):
    data = calibrated_data(units, random)
    model = model_of(units, activation, scale)
    before = model.predict(data[0], verbose=0)
    temperature = calibration.fit_temperature(model, data)
    assert temperature == pytest.approx(scale, rel=0.1)
    np.testing.assert_array_equal(model.predict(data[0], verbose=0), before)  # fitting changes nothing
    calibration.scale_logits(model, temperature)
    found, both = model.predict(data[0], verbose=0), np.pad(scale * data[0], ((0, 0), (int(units == 1), 0)))
    expected = scipy.special.softmax(both / temperature, axis=1)[:, -units:]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert ((found > 0.5) == (before > 0.5)).all() if units == 1 else (found.argmax(1) == before.argmax(1)).all()
    assert calibration.fit_temperature(model, data) == pytest.approx(1, abs=1e-3)


def test_the_calibration_error_falls(random):
    data = calibrated_data(3, random)
    model = model_of(3, "softmax", scale=3.0)
    names = ["a", "b", "c"]
    errors = []
    for temperature in (1.0, calibration.fit_temperature(model, data)):
        calibration.scale_logits(model, temperature)
        errors.append(course_hw5.reports.classification.evaluate_classifier(model, data, names).metrics)
    assert errors[0]["expected_calibration_error"] > 0.1 > 0.04 > errors[1]["expected_calibration_error"]
    assert errors[0]["accuracy"] == errors[1]["accuracy"]


def test_an_activation_layer_of_its_own_is_looked_behind():
    backbone = course_hw5.beit_backbone(image_shape=(8, 8, 3), patch_size=4, hidden_dim=12, num_layers=1, num_heads=3)
    assert calibration.logits_layer(course_hw5.beit_classifier(backbone, 3)).name == "logits"
    assert calibration.logits_layer(course_hw5.mlp_classifier(hidden_units=(8,))).units == 10
    with pytest.raises(
        ValueError, match="`model` must be a classifier that ends in a dense layer.* Received: 'beit_classifier'"
    ):
        calibration.logits_layer(course_hw5.beit_classifier(backbone, 3, activation="linear"))


@pytest.mark.parametrize(
    "model, config",
    [(lambda: model_of(2, "linear"), {}), (lambda: model_of(2, "sigmoid"), {}), (lambda: model_of(1, "relu"), {})],
)
def test_what_cannot_be_calibrated_is_refused_before_training(model, config):
    with pytest.raises(ValueError, match="must be a classifier that ends in a dense layer with a softmax, or of one unit"):
        train.compile_model(model(), course_hw5.TrainingConfig(calibrate=True), 1)


def test_wrong_arguments_are_refused(random):
    with pytest.raises(ValueError, match="`temperature` must be above 0. Received: 0"):
        calibration.scale_logits(model_of(2, "softmax"), 0)
    with pytest.raises(ValueError, match="`dataset` must be data with labelled examples. Received: 0"):
        calibration.fit_temperature(model_of(2, "softmax"), (np.zeros((3, 2)), np.array([-1, -1, 5])))
    with pytest.raises(ValueError, match="`calibrate` must be True or False. Received: 1"):
        course_hw5.TrainingConfig(calibrate=1)
    with pytest.raises(ValueError, match="`calibrate` must be False for segmentation. Received: True"):
        tasks.Segmentation().losses(model_of(2, "softmax"), course_hw5.TrainingConfig(calibrate=True))


def test_a_run_is_calibrated_once_however_often_it_is_resumed(tmp_path, digits, monkeypatch):
    run, config = tmp_path / "run", course_hw5.TrainingConfig(epochs=1, learning_rate=3e-3, calibrate=True)

    def train_again(**options):
        return course_hw5.train(course_hw5.mlp_classifier(hidden_units=(16,)), digits, run, config, **options)

    def killed(source, target, replace=os.replace):
        if pathlib.Path(target).name == "model.keras" and (run / ".calibrated.keras").exists():
            raise InterruptedError
        replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(os, "replace", killed)  # before the calibrated model takes its place
        train_again()
    plain = course_hw5.load_model(run)
    temperature = calibration.fit_temperature(plain, digits.validation)
    weights = []
    for _ in range(2):
        metrics = train_again(resume=True)
        assert metrics["temperature"] == temperature != 1
        weights.append(course_hw5.load_model(run).get_weights())
    for before, scaled, again in zip(plain.get_weights(), *weights):
        np.testing.assert_array_equal(scaled, again)
        assert np.array_equal(scaled, before) or np.allclose(scaled * temperature, before, rtol=1e-5)
    record = json.loads((run / "config.json").read_text())
    assert record["calibration"]["temperature"] == temperature and record["settings"]["calibrate"]
    page = (run / "index.html").read_text()
    assert "expected calibration error" in page and ">temperature<" in page
