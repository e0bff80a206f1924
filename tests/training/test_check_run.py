"""Faults planted in small trainings, each named by `check_run`; healthy trainings, in which nothing is found."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import course_hw5
from course_hw5.reports import evaluation, keras_callbacks
from course_hw5.reports.checks import bands
from course_hw5.reports.checks.recorded_run import read_run
from course_hw5.training import optimizers, runtime, tasks, train

pytestmark = pytest.mark.slow

EPOCHS, BATCH = 6, 64
BAND_SEEDS, HEALTHY_SEED = (0, 1, 2), 3


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Without figures and XLA, and with one compiled model for all runs of the same settings: that is most of the time."""
    compile_model, compiled = train.compile_model, {}

    def compile_once(model, config, *args):
        if model is not PERCEPTRON or compiled.get("config") != dataclasses.replace(config, seed=0):
            compile_model(model, config, *args)
            compiled["config"] = dataclasses.replace(config, seed=0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "compile_model", compile_once)
        for module in (evaluation, keras_callbacks):
            patch.setattr(module, "write_drawn", lambda *args: None)
        patch.setattr(train, "write_page", lambda run_dir: None)
        patch.setattr(runtime, "use_jit_compile", lambda model: False)
        patch.setattr(keras.callbacks, "TensorBoard", lambda *args, **options: keras.callbacks.Callback())
        yield


PERCEPTRON = course_hw5.mlp_classifier(hidden_units=(64, 32))


def perceptron():
    """The same model with new weights."""
    PERCEPTRON.set_weights(course_hw5.mlp_classifier(hidden_units=(64, 32)).get_weights())
    for variable in PERCEPTRON.optimizer.variables if PERCEPTRON.compiled else ():
        variable.assign(keras.ops.zeros_like(variable) if variable.name != "learning_rate" else variable)
    return PERCEPTRON


def start(run_dir, seed=0, change=lambda data: data, make_model=perceptron, **options):
    """Trains a small perceptron on digits; options of `train`, and of `TrainingConfig`."""
    runtime.seed_everything(seed)
    data = change(course_hw5.load_images("digits", batch_size=BATCH, seed=seed))
    settings = {"epochs": EPOCHS, "learning_rate": 2e-3, "warmup_epochs": 1.0, "seed": seed}
    names = {field.name for field in dataclasses.fields(course_hw5.TrainingConfig)}
    config = course_hw5.TrainingConfig(**settings | {name: options.pop(name) for name in names & {*options}})
    arguments = {"dataset": "digits", "recipe": "homework"}
    course_hw5.train(make_model(), data, run_dir, config, arguments=arguments, **options)
    return run_dir


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """Folders of healthy runs by seed."""
    folder = tmp_path_factory.mktemp("healthy")
    return {seed: start(folder / str(seed), seed) for seed in (*BAND_SEEDS, HEALTHY_SEED)}


@pytest.fixture
def band(healthy, monkeypatch):
    """Makes the band of these runs known."""
    facts = bands.make_band([read_run(healthy[seed]) for seed in BAND_SEEDS])
    monkeypatch.setattr(bands, "shipped", lambda: {"channel_means": {}, "bands": [facts]})


def problems(run_dir, with_model=False):
    return {problem.name: problem for problem in course_hw5.check_run(run_dir, with_model=with_model).problems}


def examples(split):
    images, labels = zip(*split.unbatch().as_numpy_iterator())
    return np.stack(images), np.array(labels)


def batches(images, labels, shuffle=True):
    split = tf.data.Dataset.from_tensor_slices((images, labels))
    return (split.shuffle(len(labels)) if shuffle else split).batch(BATCH, drop_remainder=True)


def with_training(change, shuffle=True):
    """A function that changes images and labels of the training data."""
    return lambda data: dataclasses.replace(data, train=batches(*change(*examples(data.train)), shuffle))


def shuffled(images, labels):
    return images, np.random.default_rng(0).permutation(labels)


def sorted_by_class(images, labels):
    order = np.argsort(labels, kind="stable")
    return images[order], labels[order]


def noisy(images, labels):
    random = np.random.default_rng(0)
    return images, np.where(random.random(len(labels)) < 0.4, random.integers(0, 10, len(labels)), labels)


def without_threes(images, labels):
    return images[labels != 3], labels[labels != 3]


def leaking(data):
    inverted = data.test.map(lambda images, labels: (255 - images, labels))
    return dataclasses.replace(data, validation=batches(*examples(data.train)), test=inverted)


def rebuilt(change, frozen=False):
    """A function that makes the perceptron again, with a changed list of layers; all but the last are frozen on demand."""

    def make():
        model = course_hw5.mlp_classifier(hidden_units=(64, 32))
        images = x = keras.Input((32, 32, 3), name="images")
        for layer in change(model.layers[1:]):
            layer.trainable = not frozen or layer is model.layers[-1]
            x = layer(x)
        return keras.Model(images, x, name=model.name)

    return make


def unscaled(layers):
    return layers[1:]


def scaled_twice(layers):
    return [keras.layers.Rescaling(1 / 255, name="first"), *layers]


class SquaredError(tasks.Classification):
    def losses(self, model, config):
        return {"loss": "mse", "metrics": ["accuracy"]}


# what is planted -> names of the problems to be found, and options of `start`
PLANTED = {
    "shuffled labels": (["no_learning"], {"change": with_training(shuffled)}),
    "labels counted from 1": (
        ["labels_permuted"],
        {"change": with_training(lambda images, labels: (images, (labels + 1) % 10))},
    ),
    "noisy labels": (["noisy_training_labels"], {"change": with_training(noisy)}),
    "sorted by class": (["sorted_by_class", "not_shuffled"], {"change": with_training(sorted_by_class, shuffle=False)}),
    "a class left out": (["class_never_predicted"], {"change": with_training(without_threes)}),
    "validation in training, other test images": (["leak", "test_differs"], {"change": leaking}),
    "bytes not scaled, most layers frozen": (["input_not_scaled", "frozen"], {"make_model": rebuilt(unscaled, frozen=True)}),
    "scaled twice": (["input_scaled_twice"], {"make_model": rebuilt(scaled_twice)}),
    "a huge learning rate": (["learning_rate_too_high"], {"learning_rate": 0.5}),
    "squared error": (["wrong_loss"], {"task": SquaredError(), "make_model": rebuilt(list)}),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_named(fault, band, tmp_path):
    names, options = PLANTED[fault]
    start(tmp_path / "run", **options)
    found = problems(tmp_path / "run")
    assert {*names} <= {*found}, {problem: found[problem].seen for problem in found}


def test_nothing_is_found_in_a_healthy_run_of_another_seed(healthy, band):
    diagnosis = course_hw5.check_run(healthy[HEALTHY_SEED])
    assert not diagnosis.problems, str(diagnosis)
    assert diagnosis.run.band.seeds == [*BAND_SEEDS]
    assert [*diagnosis.not_checked.values()] == [
        ["duplicates", "contradicting_labels", "repeated_examples", "class_names_alike"]
    ]


class Stop(keras.callbacks.Callback):
    """Ends a training as Ctrl+C does, in the third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_killed_run_is_unfinished_and_one_resumed_with_other_epochs_has_another_schedule(tmp_path):
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        start(run, epochs=3, callbacks=[Stop()])
    assert problems(run)["unfinished"].seen.startswith("2 of 3 epochs are finished, and there is no test score.")

    config = json.loads((run / "config.json").read_text())
    config["settings"]["epochs"] = EPOCHS
    (run / "config.json").write_text(json.dumps(config))
    start(run, resume=True)
    found = problems(run)
    assert [*found] == ["other_schedule"] and "After epoch 2 the learning rate was 0.001" in found["other_schedule"].seen


def test_a_schedule_made_for_fewer_steps_is_named(tmp_path, monkeypatch):
    make = optimizers.learning_rate
    monkeypatch.setattr(optimizers, "learning_rate", lambda config, steps: make(config, steps // 2))
    found = problems(start(tmp_path / "run", make_model=rebuilt(list)))
    assert [*found][:2] == ["learning_rate_zero", "other_schedule"]
    assert "0 in 3 of 6 epochs, from epoch 4 on" in found["learning_rate_zero"].seen


def test_a_run_that_ended_in_nan_says_so(tmp_path):
    with pytest.raises(FloatingPointError):
        start(tmp_path / "run", learning_rate=1e30)
    assert [*problems(tmp_path / "run")] == ["loss_is_nan", "unfinished"]


@pytest.mark.parametrize("scale, expected", [(0.0, ["dead_heads"]), (1.0, [])])
def test_heads_that_attend_to_all_patches_alike_are_named(scale, expected, tmp_path):
    backbone = course_hw5.beit_backbone("tiny", (16, 16, 3), hidden_dim=12, num_layers=2, num_heads=3)
    model = course_hw5.beit_classifier(backbone, num_classes=10)
    random = np.random.default_rng(0)
    for weight in model.weights:
        is_of_attention = any(name in weight.path for name in ("qkv", "query", "position"))
        weight.assign(random.normal(size=weight.shape) * (scale if is_of_attention else 1))
    model.save(tmp_path / "model.keras")
    (tmp_path / "history.csv").write_text("epoch,loss\n1,2.0\n")
    assert [*problems(tmp_path, with_model=True)] == expected


def test_heads_of_a_bert_that_was_not_trained_are_named(tmp_path):
    backbone = course_hw5.bert_backbone("tiny", num_layers=1)
    course_hw5.bert_classifier(backbone).save(tmp_path / "model.keras")
    (tmp_path / "history.csv").write_text("epoch,loss\n1,0.7\n")
    found = problems(tmp_path, with_model=True)["dead_heads"]
    assert found.seen == "Of 2 attention heads 2 are dead (2 uniform); layers in which most are: 1."


@pytest.mark.parametrize("value, name", [(np.nan, "weights_not_finite"), (0.0, "same_answer")])
def test_a_model_that_answers_nothing_is_named(value, name, tmp_path):
    model = course_hw5.mlp_classifier(hidden_units=(4,))
    model.layers[-1].kernel.assign(np.full((4, 10), value))
    model.save(tmp_path / "model.keras")
    (tmp_path / "history.csv").write_text("epoch,loss\n1,0.7\n")
    assert [*problems(tmp_path, with_model=True)] == [name]
    (tmp_path / "model.keras").write_bytes(b"torn")
    with pytest.raises(ValueError, match="must be a whole .keras file"):
        course_hw5.check_run(tmp_path)
