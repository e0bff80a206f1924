"""A run with an average of the weights: what is validated and saved, and what a resumed run goes on with."""

import shutil

import keras
import numpy as np
import pandas as pd
import pytest

import course_hw5
from course_hw5.reports import submitted_run
from course_hw5.training import averaging, callbacks, runtime, train, verification

pytestmark = pytest.mark.slow

CONFIG = course_hw5.TrainingConfig(epochs=3, optimizer="adamw", learning_rate=3e-3, weight_decay=0.01, ema=0.9, seed=3)


def made():
    runtime.seed_everything(3)
    data = course_hw5.load_images("digits", batch_size=128, seed=3, augmentation="shift")
    return course_hw5.mlp_classifier(hidden_units=(32, 16), dropout=0.2, batch_normalization=True), data


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("finished") / "run"
    course_hw5.train(*made(), run_dir, CONFIG, keep_backups=2)
    return run_dir


def values(variables):
    return [np.array(variable) for variable in variables]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon", "adam, mixed_float16"])
def test_averages_are_those_of_the_weights_after_each_step(optimizer, use_policy):
    name, *policy = optimizer.split(", ")
    use_policy(*policy or ["float32"])
    layers = [keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((3,)), *layers])
    train.compile_model(model, course_hw5.TrainingConfig(optimizer=name, learning_rate=0.1, ema=0.75), 10)
    random, states = np.random.default_rng(0), []
    for _ in range(6):
        model.train_on_batch(random.normal(size=(8, 3)).astype("float32"), np.eye(2)[random.integers(0, 2, 8)])
        if int(model.optimizer.iterations) > len(states):  # else float16 skipped the step
            states.append(values(model.trainable_variables))
    expected = states[0]
    for state in states[1:]:
        expected = [0.75 * old + 0.25 * new for old, new in zip(expected, state)]
    before, statistics = values(model.variables), values(layers[1].non_trainable_variables)
    with averaging.averaged_weights(model):
        for average, value in zip(expected, values(model.trainable_variables)):
            np.testing.assert_allclose(value, average, rtol=1e-5, atol=1e-6)
        assert not np.array_equal(model.layers[0].kernel, states[-1][0])
        for value, same in zip(values(layers[1].non_trainable_variables), statistics):
            np.testing.assert_array_equal(value, same)
    for value, after in zip(before, values(model.variables)):
        np.testing.assert_array_equal(value, after)


def test_the_saved_model_has_the_averages_that_were_validated(finished):
    history, (model, data) = pd.read_csv(finished / "history.csv"), made()
    best = int(history["val_accuracy"].argmax()) + 1
    saved = keras.models.load_model(finished / "model.keras")
    saved.compile(metrics=["accuracy"], loss="sparse_categorical_crossentropy")
    found = saved.evaluate(data.validation, verbose=0, return_dict=True)
    assert found["accuracy"] == pytest.approx(history["val_accuracy"].max(), abs=1e-6)
    assert found["loss"] == pytest.approx(history["val_loss"][best - 1], rel=1e-4)
    train.compile_model(model, CONFIG, int(data.train.cardinality()))
    callbacks.restore(finished / "backup" / f"epoch-{best:04d}.npz", model)
    raw = values(model.trainable_variables)
    for value, of_backup in zip(saved.non_trainable_variables, model.non_trainable_variables):
        if value.name.startswith("moving"):
            np.testing.assert_array_equal(value, of_backup)
    with averaging.averaged_weights(model):
        for value, average, last in zip(saved.trainable_variables, values(model.trainable_variables), raw):
            np.testing.assert_array_equal(value, average)
            assert not np.array_equal(value, last)


def test_a_run_that_is_resumed_equals_an_uninterrupted_one(finished, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.is_late = epoch == 1

        def on_train_batch_end(self, batch, logs=None):
            if self.is_late and batch == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        course_hw5.train(*made(), tmp_path / "run", CONFIG, keep_backups=2, callbacks=[Stop()])
    course_hw5.train(*made(), tmp_path / "run", CONFIG, keep_backups=2, resume=True)
    one, other = (pd.read_csv(folder / "history.csv").drop(columns="seconds") for folder in (finished, tmp_path / "run"))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    for name in ("epoch-0002.npz", "epoch-0003.npz"):
        arrays, others = (np.load(folder / "backup" / name) for folder in (finished, tmp_path / "run"))
        assert {*arrays} == {*others} and any("average" in key for key in arrays)
        for key in arrays:
            np.testing.assert_array_equal(arrays[key], others[key])
    saved = [keras.models.load_model(folder / "model.keras").get_weights() for folder in (finished, tmp_path / "run")]
    assert all(np.array_equal(value, same) for value, same in zip(*saved))


def test_a_run_follows_from_its_backups(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    verifier = verification.Verifier(submitted_run.read_run(run), *made(), CONFIG)
    checks = {check.part: check for check in verifier.checks(course_hw5.load_model(run), [3])}
    assert not [str(check) for check in checks.values() if check.verdict == "differs"]
    for part in ("history.csv, epoch 2", "history.csv, epoch 3", "epoch-0003.npz, weights", "model.keras, scores"):
        assert checks[part].verdict == "follows"
