import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import course_hw5
from course_hw5.reports import submitted_run
from course_hw5.reports.pages import comparison
from course_hw5.training import callbacks, optimizers, runtime, tasks, train, verification

pytestmark = pytest.mark.slow

SETTINGS = course_hw5.TrainingConfig(
    epochs=4, optimizer="adamw", learning_rate=2e-3, weight_decay=0.01, warmup_epochs=1, seed=3
)
FILES = {
    "accuracy.png",
    "classification_report.json",
    "classification_report.txt",
    "config.json",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "history.csv",
    "index.html",
    "loss.png",
    "metrics.json",
    "misclassified.json",
    "model.keras",
    "tensorboard",
    "training.json",
}
UNCHANGED_BY_TIME = ["accuracy", "loss", "val_accuracy", "val_loss"]


def start(run_dir, callbacks=(), **options):
    """A run in which everything is random that can be: order, augmentation, mixed labels, dropout."""
    return course_hw5.train(*made(), run_dir, SETTINGS, callbacks=callbacks, **options)


def made():
    """Its model and its data."""
    runtime.seed_everything(3)
    data = course_hw5.load_images("digits", batch_size=128, seed=3, augmentation="flip,shift,mixup")
    return course_hw5.mlp_classifier(hidden_units=(32, 16), dropout=0.2, batch_normalization=True), data


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("finished") / "run"
    start(run_dir)
    return run_dir


def test_the_run_folder_is_complete(finished):
    assert {path.name for path in finished.iterdir()} == FILES
    config = json.loads((finished / "config.json").read_text())
    assert config["settings"]["seed"] == 3 and config["versions"]["keras"] == keras.__version__
    assert "digits" in config["data"]["note"] and config["command"]
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["examples"] == 359
    assert metrics["training_examples_per_second"] > 0 and metrics["prediction_examples_per_second"] > 0


def test_tensorboard_has_scalars_figures_report_and_one_row_of_hparams(finished):
    events = EventAccumulator(str(finished / "tensorboard")).Reload()
    assert {"accuracy", "loss", "confusion_matrix", "classification_report", "test/f1"} <= {*events.Tags()["tensors"]}
    rows = [content for tag, content in events.PluginTagToContent("hparams").items() if "session_start" in tag]
    assert len(rows) == 1 and b"learning_rate" in rows[0]
    validation = EventAccumulator(str(finished / "tensorboard" / "validation")).Reload()
    assert len(validation.Tensors("epoch_accuracy")) >= SETTINGS.epochs


def test_the_best_epoch_by_validation_is_kept(finished):
    history = pd.read_csv(finished / "history.csv")
    data = course_hw5.load_images("digits", batch_size=128, seed=3)
    model = keras.models.load_model(finished / "model.keras")
    images = np.concatenate([images for images, _ in data.validation])
    labels = np.concatenate([labels for _, labels in data.validation])
    accuracy = (model.predict(images, verbose=0).argmax(1) == labels).mean()
    assert accuracy == pytest.approx(history["val_accuracy"].max(), abs=1e-6)
    assert not model.compiled  # no optimizer state: a third of the size


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder with the run folders that a kill leaves, by the moment of the kill."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, pathlib.Path(__file__).with_name("killed_run.py"), folder]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == -signal.SIGKILL, process.stderr
    return folder


@pytest.mark.parametrize("moment", ["batch", "backup", "model"])
def test_a_killed_run_that_is_resumed_equals_an_uninterrupted_one(moment, finished, killed, tmp_path):
    run = shutil.copytree(killed / moment, tmp_path / "run")
    assert not (run / "metrics.json").exists()
    assert len(pd.read_csv(run / "history.csv")) >= 2
    assert (moment == "batch") != any(path.read_bytes() == b"torn" for path in run.rglob(".partial-*"))

    start(run, resume=True)
    assert {path.name for path in run.iterdir() if not path.name.startswith(".partial-")} == FILES
    one, other = (pd.read_csv(folder / "history.csv") for folder in (finished, run))
    assert other["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(one[UNCHANGED_BY_TIME], other[UNCHANGED_BY_TIME], rtol=1e-5)
    weights = [keras.models.load_model(folder / "model.keras").get_weights() for folder in (finished, run)]
    for before, after in zip(*weights):
        np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-6)


def test_a_killed_run_that_is_resumed_follows_from_its_backups(killed, tmp_path):
    run = shutil.copytree(killed / "backup", tmp_path / "run")
    start(run, resume=True, keep_backups=2)
    submitted = submitted_run.read_run(run)
    assert [*submitted.backups] == [3, 4] and submitted.config["keep_backups"] == 2
    verifier = verification.Verifier(submitted, *made(), SETTINGS)
    assert verifier.same_data().verdict == "follows"
    verdicts = {check.part: check.verdict for check in verifier.checks(course_hw5.load_model(run), [4])}
    assert "differs" not in verdicts.values() and verdicts["epoch-0004.npz, weights"] == "follows"


def test_resuming_a_finished_run_only_evaluates_again(finished):
    before = (finished / "history.csv").read_text()
    metrics = json.loads((finished / "metrics.json").read_text())
    assert start(finished, resume=True)["accuracy"] == metrics["accuracy"]
    assert (finished / "history.csv").read_text() == before


def test_a_run_killed_between_training_and_evaluation_is_finished(tmp_path, digits, small_mlp, monkeypatch):
    def killed(*args):
        raise KeyboardInterrupt

    settings = course_hw5.TrainingConfig(epochs=1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train, "evaluate", killed)
        course_hw5.train(small_mlp, digits, tmp_path / "run", settings)
    before = (tmp_path / "run" / "history.csv").read_text()
    course_hw5.train(small_mlp, digits, tmp_path / "run", settings, resume=True)
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    assert (tmp_path / "run" / "history.csv").read_text() == before


def test_a_damaged_backup_is_reported_and_kept(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "run", callbacks=[Stop()])
    backup = tmp_path / "run" / "backup" / "epoch-0001.npz"
    half = backup.read_bytes()[: backup.stat().st_size // 2]
    backup.write_bytes(half)
    with pytest.raises(ValueError, match=r"epoch-0001.npz must hold the weights of this model.*--overwrite"):
        start(tmp_path / "run", resume=True)
    assert backup.read_bytes() == half


def test_a_damaged_model_file_is_reported(finished, tmp_path):
    run_dir = shutil.copytree(finished, tmp_path / "run")
    (run_dir / "model.keras").write_bytes((finished / "model.keras").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model.keras must be .* Received: "):
        start(run_dir, resume=True)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_finished_epochs(tmp_path, digits, small_mlp):
    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                layer = self.model.get_layer("hidden_1")
                layer.kernel.assign(layer.kernel * np.nan)

    with pytest.raises(FloatingPointError, match="The loss became nan in epoch 2. Try a smaller learning rate"):
        course_hw5.train(small_mlp, digits, tmp_path / "run", SETTINGS, callbacks=[Spoil()])
    assert len(pd.read_csv(tmp_path / "run" / "history.csv")) == 1
    assert callbacks.latest_backup(tmp_path / "run" / "backup").name == "epoch-0001.npz"


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_is_recorded(precision, tmp_path, digits, use_policy):
    runtime.seed_everything(0)
    use_policy(precision)
    model = course_hw5.mlp_classifier(hidden_units=(32, 16))
    metrics = course_hw5.train(model, digits, tmp_path / "run", course_hw5.TrainingConfig(epochs=2, learning_rate=3e-3))
    assert metrics["accuracy"] > 0.3
    assert json.loads((tmp_path / "run" / "config.json").read_text())["model"]["precision"] == precision
    assert {weight.dtype for weight in keras.models.load_model(tmp_path / "run" / "model.keras").trainable_weights} == {
        "float32"
    }


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="`precision` must be one of float32, .* Received: 'float8'"):
        runtime.set_precision("float8")


def test_class_names_that_do_not_match_end_before_anything_is_written(tmp_path, digits, small_mlp):
    data = dataclasses.replace(digits, class_names=["zero", "one"])
    with pytest.raises(ValueError, match="must have 10 names, as the model has classes. Received: 2"):
        course_hw5.train(small_mlp, data, tmp_path / "run", SETTINGS)
    assert not (tmp_path / "run").exists()


def test_a_step_is_traced_once(tmp_path, digits):
    traced = []

    class Traced(keras.layers.Layer):
        def call(self, x, training=False):
            traced.append(training)
            return x

    inputs = keras.Input((32, 32, 3))
    x = Traced()(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    del traced[:]
    data = tasks.CLASSIFICATION.prepare(digits.train, model)
    runtime.build_state(model, data)
    model.fit(data.take(2), verbose=0)
    assert traced == [True]


def test_a_monitor_that_does_not_exist_is_named(tmp_path, digits, small_mlp):
    settings = course_hw5.TrainingConfig(epochs=1, monitor="val_f1")
    with pytest.raises(ValueError, match="`monitor` must be one of .*val_accuracy.* Received: 'val_f1'"):
        course_hw5.train(small_mlp, digits, tmp_path / "run", settings)
    assert not (tmp_path / "run").exists()


def test_without_validation_data_the_last_epoch_is_kept(tmp_path, digits, small_mlp):
    data = dataclasses.replace(digits, validation=None)
    with pytest.raises(ValueError, match="`monitor` must be epoch, .* no validation data. Received: 'val_accuracy'"):
        course_hw5.train(small_mlp, data, tmp_path / "run", course_hw5.TrainingConfig(epochs=2))
    assert not (tmp_path / "run").exists()
    config = course_hw5.TrainingConfig(epochs=2, monitor="epoch", learning_rate=1e-12)
    course_hw5.train(small_mlp, data, tmp_path / "run", config, keep_backups=2)
    assert "val_loss" not in pd.read_csv(tmp_path / "run" / "history.csv")
    assert "The last epoch, 2, was tested" in (tmp_path / "run" / "index.html").read_text()
    verifier = verification.Verifier(submitted_run.read_run(tmp_path / "run"), small_mlp, data, config)
    checks = {check.part: check.verdict for check in verifier.checks(course_hw5.load_model(tmp_path / "run"), [2])}
    assert "differs" not in checks.values() and checks["model.keras, weights"] == "follows"


def test_settings_that_do_not_fit_leave_the_run_that_was_to_be_overwritten(finished, digits, small_mlp):
    before = {path: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    settings = course_hw5.TrainingConfig(epochs=1, optimizer="muon")
    with pytest.raises(ValueError, match="`lr_multipliers` must be None"):
        course_hw5.train(small_mlp, digits, finished, settings, overwrite=True, lr_multipliers={"a": 0.5})
    assert {path: path.read_bytes() for path in finished.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "change, found",
    [
        (lambda data: data.filter(lambda *_: True), "an empty or unknown number"),
        (lambda data: data.take(0), "an empty or unknown number"),
        (lambda data: data.repeat(), "an endless set"),
    ],
)
def test_training_data_must_know_their_number_of_batches(change, found, tmp_path, digits, small_mlp):
    data = dataclasses.replace(digits, train=change(digits.train))
    with pytest.raises(ValueError, match=f"assert_cardinality.* Received: {found}"):
        course_hw5.train(small_mlp, data, tmp_path / "run", SETTINGS)
    assert not (tmp_path / "run").exists()


def test_inputs_may_be_a_dict(tmp_path, digits):
    inputs = {name: keras.Input((32, 32, 3), name=name) for name in ("first", "second")}
    pixels = keras.layers.Flatten()(keras.layers.add([*inputs.values()]))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(pixels))
    parts = ("train", "validation", "test")
    pairs = {part: getattr(digits, part).map(lambda x, y: ({"first": x, "second": x}, y)) for part in parts}
    data = dataclasses.replace(digits, **pairs)
    metrics = course_hw5.train(model, data, tmp_path / "run", course_hw5.TrainingConfig(epochs=1))
    assert metrics["examples"] == 359 and metrics["training_examples_per_second"] > 0


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0},
        {"optimizer": "adagrad"},
        {"learning_rate": 0},
        {"schedule": "steps"},
        {"warmup_epochs": 10},
        {"label_smoothing": 1},
        {"weight_decay": 0.1, "optimizer": "sgd"},
        {"ema": 1},
        {"seed": -1},
    ],
)
def test_settings_that_cannot_work_are_refused(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be .* Received: "):
        course_hw5.TrainingConfig(**options)


def test_the_learning_rate_warms_up_and_falls_to_zero():
    optimizer = optimizers.make_optimizer(SETTINGS, steps_per_epoch=10)
    schedule = optimizer._learning_rate
    rates = [float(schedule(step)) for step in range(41)]
    assert rates[0] == 0 and max(rates) == rates[10] == pytest.approx(2e-3)
    assert rates[10:] == sorted(rates[10:], reverse=True) and rates[40] == pytest.approx(0, abs=1e-9)


def test_masks_are_not_smoothed():
    with pytest.raises(ValueError, match="`label_smoothing` must be 0 .*Received: 0.1"):
        tasks.Segmentation().losses(None, course_hw5.TrainingConfig(label_smoothing=0.1))


DISTRIBUTED = """
import sys, tensorflow as tf
name, run_dir = sys.argv[1:]
if name == "mirrored":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import course_hw5
from course_hw5.training import runtime
strategy = runtime.strategy(name)
assert strategy.num_replicas_in_sync == 2
runtime.seed_everything(0)
data = course_hw5.load_images("digits", batch_size=64, seed=0)
with strategy.scope():
    model = course_hw5.mlp_classifier(hidden_units=(32, 16))
course_hw5.train(model, data, run_dir, course_hw5.TrainingConfig(epochs=2, ema=0.5))
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The history of the same run on one device, which sees the same batches."""
    run_dir = tmp_path_factory.mktemp("alone") / "run"
    runtime.seed_everything(0)
    data = course_hw5.load_images("digits", batch_size=64, seed=0)
    config = course_hw5.TrainingConfig(epochs=2, ema=0.5)
    course_hw5.train(course_hw5.mlp_classifier(hidden_units=(32, 16)), data, run_dir, config)
    return pd.read_csv(run_dir / "history.csv")


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("name, processes", [("mirrored", 1), ("multiworker", 2)])
def test_two_devices_train_as_one_does(name, processes, alone, tmp_path):
    cluster = {"worker": [f"localhost:{free_port()}" for _ in range(processes)]}
    started = []
    for index in range(processes):
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        environment = os.environ | ({"TF_CONFIG": json.dumps(config)} if name == "multiworker" else {})
        command = [sys.executable, "-c", DISTRIBUTED, name, tmp_path / "run"]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    together = pd.read_csv(tmp_path / "run" / "history.csv")
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(together[name], alone[name], rtol=0.02)


def test_a_factor_of_the_learning_rate_holds_for_its_variable_alone():
    model = course_hw5.mlp_classifier(hidden_units=(4,), input_shape=(2, 2, 3), num_classes=2)
    before = {variable.path: variable.numpy() for variable in model.trainable_variables}
    still = "hidden_1/kernel"
    settings = course_hw5.TrainingConfig(optimizer="adamw", learning_rate=1e-2)
    train.compile_model(model, settings, 1, lr_multipliers={still: 0.0})
    images = np.random.default_rng(0).integers(0, 256, (8, 2, 2, 3)).astype("uint8")
    model.train_on_batch(images, np.eye(2)[[0, 1] * 4])
    changed = {variable.path for variable in model.trainable_variables if (variable.numpy() != before[variable.path]).any()}
    assert changed == {*before} - {still}


def test_weight_decay_has_the_factor_of_the_learning_rate():
    kernels = [keras.Variable(np.ones((2, 2)), name=name) for name in ("first", "second", "bias")]
    optimizer = optimizers.make_optimizer(
        course_hw5.TrainingConfig(optimizer="adamw", learning_rate=0.1, weight_decay=0.5, schedule="constant"),
        1,
        lr_multipliers={"second": 0.2},
    )
    optimizer.build(kernels)
    optimizer.apply([np.zeros((2, 2), "float32")] * 3)
    np.testing.assert_allclose([kernel.numpy()[0, 0] for kernel in kernels], [0.95, 0.99, 1])


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_factors_of_the_learning_rate_need_adamw(optimizer):
    with pytest.raises(ValueError, match=f"`lr_multipliers` must be None.* Received: {optimizer}"):
        optimizers.make_optimizer(course_hw5.TrainingConfig(optimizer=optimizer), 1, lr_multipliers={"a": 0.5})


def test_muon_turns_kernels_of_hidden_layers_and_leaves_heads_to_adamw():
    model = course_hw5.mlp_classifier(hidden_units=(8,), input_shape=(2, 2, 3), num_classes=2)
    train.compile_model(model, course_hw5.TrainingConfig(optimizer="muon", weight_decay=0.01), 1)
    model.optimizer.build(model.trainable_variables)
    by_muon = [v.path for v in model.trainable_variables if not model.optimizer._should_use_adamw(v)]
    assert by_muon == ["hidden_1/kernel"]


def test_muon_turns_convolutions_as_matrices_of_patches_and_filters():
    model = course_hw5.cnn_classifier((9, 9, 3), widths=(4,), num_classes=2)
    train.compile_model(model, course_hw5.TrainingConfig(optimizer="muon", learning_rate=0.01, schedule="constant"), 1)
    model.optimizer.build(model.trainable_variables)
    kernels = [v for v in model.trainable_variables if not model.optimizer._should_use_adamw(v)]
    assert [kernel.path.split("/")[0] for kernel in kernels] == ["stage_1", "residual_1"]
    before = kernels[1].numpy()
    model.optimizer.apply([np.random.default_rng(0).normal(size=v.shape).astype("float32") for v in model.trainable_variables])
    step = (before - kernels[1].numpy()).reshape(-1, 4) / (0.01 * 0.2 * 36**0.5)  # 3 x 3 x 4 inputs
    singular_values = np.linalg.svd(step, compute_uv=False)
    assert (singular_values > 0.6).all() and (singular_values < 1.3).all()  # all directions alike, as Muon's steps are


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_step_in_pieces_changes_weights_as_a_whole_one_does(optimizer):
    ids, labels, found = np.array([[101, 2023, 3185, 102], [101, 2919, 102, 0]]), np.array([1, 0]), []
    settings = {"optimizer": optimizer, "weight_decay": 0.01, "schedule": "constant"}
    for jit_compile in (True, False):
        runtime.seed_everything(0)
        backbone = course_hw5.bert_backbone("tiny", vocabulary_size=4000, num_layers=1)
        model = course_hw5.bert_classifier(backbone, dropout=0)  # Keras's own random numbers differ by XLA
        train.compile_model(model, course_hw5.TrainingConfig(jit_compile=jit_compile, **settings), 1)
        losses = [model.train_on_batch(ids, labels)[0] for _ in range(3)]
        found.append([*losses, *(np.abs(v.numpy()).sum() for v in model.weights if "key/bias" not in v.path)])
    np.testing.assert_allclose(found[0], found[1], rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("has_onednn", "has_instructions", "bert_whole", "bfloat16_whole"),
    [(True, True, False, False), (True, False, False, True), (False, True, True, True)],
)
def test_xla_compiles_whole_steps_where_its_products_are_not_slower(
    has_onednn, has_instructions, bert_whole, bfloat16_whole, monkeypatch
):
    monkeypatch.setattr(runtime, "uses_onednn", lambda: has_onednn)
    monkeypatch.setattr(runtime, "has_bfloat16_instructions", lambda: has_instructions)
    bert = course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", vocabulary_size=9))
    half = course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", vocabulary_size=9, dtype="mixed_float16"))
    other_half = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, dtype="mixed_bfloat16")])
    models = (course_hw5.mlp_classifier((4, 4, 1)), half, bert, other_half)
    found = [runtime.use_jit_compile(model) for model in models]
    assert found == [True, True, bert_whole, bfloat16_whole]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_data_without_an_end_are_refused_before_anything_is_written(split, tmp_path, digits, small_mlp):
    endless = dataclasses.replace(digits, **{split: getattr(digits, split).repeat()})
    with pytest.raises(ValueError, match=r"must come to an end: leave out .repeat\(\)"):
        course_hw5.train(small_mlp, endless, tmp_path / "run", course_hw5.TrainingConfig(epochs=1))
    assert not (tmp_path / "run").exists()


def test_a_run_whose_monitor_is_never_a_number_keeps_its_first_model_until_there_is_a_number(tmp_path):
    inputs = keras.Input((2,))
    best = callbacks.BestModel(tmp_path, "val_loss")
    best.set_model(keras.Model(inputs, keras.layers.Dense(1)(inputs)))
    saved = []
    for epoch, loss in enumerate([np.nan, np.nan, 3.0, np.nan, 2.0, 2.5]):
        (tmp_path / "model.keras").unlink(missing_ok=True)
        best.on_epoch_end(epoch, {"val_loss": loss})
        saved.append((tmp_path / "model.keras").exists())
        rows = pd.DataFrame({"epoch": range(1, epoch + 2), "val_loss": [np.nan, np.nan, 3.0, np.nan, 2.0, 2.5][: epoch + 1]})
        (tmp_path / "history.csv").write_text(rows.to_csv(index=False))
    assert saved == [True, False, True, False, True, False]


def test_a_run_in_the_home_folder_is_trained_loaded_and_evaluated(tmp_path, monkeypatch, digits, small_mlp):
    monkeypatch.setenv("HOME", str(tmp_path))
    metrics = course_hw5.train(small_mlp, digits, "~/run", course_hw5.TrainingConfig(epochs=1))
    assert (tmp_path / "run" / "index.html").exists()
    for path in ("~/run", "~/run/model.keras"):
        assert train.evaluate(course_hw5.load_model(path), digits).metrics["accuracy"] == metrics["accuracy"]


def test_evaluation_writes_nothing_and_keeps_the_model_as_it_is_compiled(digits, small_mlp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_mlp.compile(loss="sparse_categorical_crossentropy")
    metrics = train.evaluate(small_mlp, digits).metrics
    assert metrics["examples"] == 359 and small_mlp.loss == "sparse_categorical_crossentropy" and not [*tmp_path.iterdir()]


def test_the_arithmetic_of_a_prediction_is_counted_once_and_read_by_a_comparison(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["prediction_flops"] == pytest.approx(
        2 * config["model"]["parameters"] + 2 * 32 * 32 * 3, rel=0.001
    )  # and Rescaling
    assert comparison.read_run(finished).flops == config["prediction_flops"]


def test_a_backup_is_restored_by_a_plain_fit(tmp_path, small_mlp):
    images, labels = np.zeros((8, 32, 32, 3), "uint8"), np.arange(8)
    small_mlp.compile("adam", loss="sparse_categorical_crossentropy")
    small_mlp.fit(images, labels, epochs=2, verbose=0, callbacks=[callbacks.Backup(tmp_path)])
    copy = keras.models.clone_model(small_mlp)
    copy.compile("adam", loss="sparse_categorical_crossentropy")
    epoch = callbacks.restore(callbacks.latest_backup(tmp_path), copy)
    assert epoch == 2 and int(copy.optimizer.iterations) == 2
    for expected, found in zip(small_mlp.get_weights(), copy.get_weights()):
        np.testing.assert_array_equal(expected, found)
    assert copy.fit(images, labels, initial_epoch=epoch, epochs=3, verbose=0).epoch == [2]


def test_what_is_wrong_with_a_backup_is_said_and_only_train_gives_advice(tmp_path, small_mlp):
    small_mlp.compile("sgd", loss="sparse_categorical_crossentropy")
    (path := tmp_path / "epoch-0001.npz").write_bytes(b"torn")
    message = "epoch-0001.npz must hold the weights of this model; it is damaged or another model's "
    for read, end in ((callbacks.read_backup, ")"), (callbacks.restore, ")"), (train._restored, "with --overwrite.")):
        with pytest.raises(callbacks.BackupError) as error:
            read(path, small_mlp)
        assert message in str(error.value) and str(error.value).endswith(end) and "\n" not in str(error.value)


def test_the_last_backups_stay_and_those_of_an_earlier_fit_go(tmp_path, small_mlp, digits):
    (tmp_path / "epoch-0009.npz").write_bytes(b"of an earlier fit")
    small_mlp.compile("sgd", loss="sparse_categorical_crossentropy")
    images, labels = np.zeros((8, 32, 32, 3), "uint8"), np.arange(8)
    small_mlp.fit(images, labels, epochs=3, verbose=0, callbacks=[callbacks.Backup(tmp_path, keep=2)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-0002.npz", "epoch-0003.npz"]
    with pytest.raises(ValueError, match="`keep` must be a whole number, 1 or more. Received: 0"):
        callbacks.Backup(tmp_path, keep=0)
    with pytest.raises(ValueError, match="`keep_backups` must be a whole number, 1 or more, or None. Received: 0"):
        course_hw5.train(small_mlp, digits, tmp_path / "run", SETTINGS, keep_backups=0)


class Grouped(keras.Sequential):
    def layer_groups(self):
        return [layer.trainable_variables for layer in self.layers]

    def no_weight_decay(self):
        return ["alpha"]


def test_a_model_says_what_does_not_decay_and_which_layers_learn_slower():
    scale = keras.layers.PReLU(alpha_initializer="ones")
    model = Grouped([keras.Input((4,)), scale, keras.layers.Dense(4), keras.layers.Dense(4)])
    multipliers = optimizers.layerwise_multipliers(model, 0.5)
    assert [multipliers[layer.trainable_variables[0].path] for layer in model.layers] == [0.25, 0.5, 1]
    settings = course_hw5.TrainingConfig(optimizer="adamw", learning_rate=0.1, weight_decay=0.5, schedule="constant")
    optimizer = optimizers.make_optimizer(settings, 1, model, multipliers)
    before = [variable.numpy() for variable in model.trainable_variables]
    optimizer.apply([np.zeros(variable.shape, "float32") for variable in before], model.trainable_variables)
    kept = [np.mean(v.numpy() / old) if old.any() else 1 for v, old in zip(model.trainable_variables, before)]
    np.testing.assert_allclose(kept, [1, 0.975, 1, 0.95, 1], rtol=1e-5)
    muon = optimizers.make_optimizer(course_hw5.TrainingConfig(optimizer="muon"), 1, model)
    muon.build(model.trainable_variables)
    assert [v.path for v in model.trainable_variables if not muon._should_use_adamw(v)] == [model.layers[1].kernel.path]
