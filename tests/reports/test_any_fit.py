"""Callbacks in fits that other people write: each row trains a tiny model for real."""

import itertools
import json
import re
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from course_hw5 import AttentionTimeLapse, ClassificationReport, HistoryPlots
from course_hw5.reports import labelled_batches, plots, run_folder
from course_hw5.reports.time_lapse import TimeLapse

NAMES = ["cat", "dog", "fox"]
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(30, 4)).astype("float32")
LABELS = np.arange(30) % 3


class Subclassed(keras.Model):
    def __init__(self, units=3):
        super().__init__()
        self.dense = keras.layers.Dense(units, activation="softmax")

    def call(self, inputs):
        return self.dense(inputs)


def ours(warned):
    """The warnings of callbacks, without those of the libraries' versions."""
    return [warning for warning in warned if warning.category is UserWarning]


def functional(inputs=None, activation="softmax"):
    inputs = keras.Input((4,)) if inputs is None else inputs
    joined = keras.layers.concatenate(keras.tree.flatten(inputs)) if keras.tree.is_nested(inputs) else inputs
    return keras.Model(inputs, keras.layers.Dense(3, activation=activation)(joined))


def fit(
    model, *reports, x=INPUTS, y=LABELS, loss="sparse_categorical_crossentropy", metrics=("accuracy",), epochs=1, **options
):
    model.compile("sgd", loss, metrics=list(metrics))
    return model.fit(x, y, epochs=epochs, verbose=0, callbacks=[*reports], **options)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def test_a_subclassed_model_is_reported(tmp_path, no_warning):
    model = Subclassed()
    fit(model, HistoryPlots(tmp_path), ClassificationReport((INPUTS, LABELS), NAMES, tmp_path))
    predicted = model.predict(INPUTS, verbose=0).argmax(1)
    assert read(tmp_path / "metrics.json")["accuracy"] == pytest.approx((predicted == LABELS).mean())


def test_a_subclassed_model_of_other_classes_ends_before_training(tmp_path):
    with pytest.raises(ValueError, match="`class_names` must have 2 names, as the model has classes. Received: 3"):
        fit(Subclassed(2), ClassificationReport((INPUTS, LABELS), NAMES, tmp_path), y=LABELS % 2)
    assert not [*tmp_path.iterdir()]


def test_a_metric_that_is_an_array_has_a_column_per_class(tmp_path, no_warning):
    metrics = ["accuracy", keras.metrics.F1Score(average=None)]
    hot, model = np.eye(3)[LABELS], functional()
    logs = fit(
        model, HistoryPlots(tmp_path), y=hot, loss="categorical_crossentropy", metrics=metrics, epochs=2, validation_split=0.3
    ).history
    history = pd.read_csv(tmp_path / "history.csv")
    assert len(history) == 2 and (tmp_path / "accuracy.png").exists()
    for name in ("f1_score", "val_f1_score"):
        np.testing.assert_allclose(history[[f"{name}_{number}" for number in range(3)]], np.stack(logs[name]), rtol=1e-6)


def test_a_log_that_is_no_number_is_left_out_with_one_warning(tmp_path):
    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["phase"] = "warm"

    with pytest.warns(UserWarning, match="phase in .*history.csv was not written.*'warm'") as said:
        fit(functional(), Note(), HistoryPlots(tmp_path), epochs=3)
    assert len(ours(said)) == 1
    history = pd.read_csv(tmp_path / "history.csv")
    assert len(history) == 3 and "phase" not in history and "loss" in history


def test_nan_in_the_validation_data_ends_nothing(tmp_path, no_warning):
    spoilt = INPUTS[:6].copy()
    spoilt[0, 0] = np.nan
    fit(functional(), HistoryPlots(tmp_path), epochs=2, validation_data=(spoilt, LABELS[:6]))
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["val_loss"].isna().all() and history["epoch"].tolist() == [1, 2]
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_examples_whose_output_is_nan_are_left_out_and_counted(tmp_path):
    spoilt = INPUTS.copy()
    spoilt[:2, 0] = np.nan
    with pytest.warns(UserWarning, match="leaves out 2 of 30 examples: outputs that are NaN") as said:
        fit(functional(), ClassificationReport((spoilt, LABELS), NAMES, tmp_path, every=1), epochs=2)
    assert len(ours(said)) == 1
    metrics = read(tmp_path / "metrics.json")
    assert (metrics["examples"], metrics["examples_left_out"]) == (28, 2)


def test_names_that_look_like_formulas_are_reported_and_drawn(tmp_path, no_warning):
    names = ["$5 to $10", r"$\frac{1$", "a_b^{"]
    fit(functional(), ClassificationReport((INPUTS, LABELS), names, tmp_path))
    assert (tmp_path / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    assert pd.read_csv(tmp_path / "confusion_matrix.csv", index_col="true").columns.tolist() == names
    assert {*names} < {*read(tmp_path / "classification_report.json")}


def test_names_of_any_script_are_reported(tmp_path):
    names = ["飞机", "گربهٔ ایرانی", "बिल्ली"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fonts that are not installed here
        fit(functional(), ClassificationReport((INPUTS, LABELS), names, tmp_path))
    assert (tmp_path / "confusion_matrix.png").exists()
    assert {*names} < {*read(tmp_path / "classification_report.json")}
    assert pd.read_csv(tmp_path / "confusion_matrix.csv", index_col="true").index.tolist() == names


def test_two_classes_of_one_name_stay_two(tmp_path, no_warning):
    report = ClassificationReport((INPUTS, LABELS), ["crane", "dog", "crane"], tmp_path)
    fit(functional(), report)
    names = ["crane (0)", "dog", "crane (2)"]
    written = read(tmp_path / "classification_report.json")
    assert [written[name]["support"] for name in names] == [10, 10, 10]
    assert pd.read_csv(tmp_path / "confusion_matrix.csv", index_col="true").columns.tolist() == names
    assert all(name in (tmp_path / "classification_report.txt").read_text() for name in names)


def test_an_endless_data_set_ends_before_training(tmp_path):
    data = tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)).batch(10).repeat()
    with pytest.raises(ValueError, match=r"`dataset` must come to an end: leave out .repeat\(\).*Received: an endless"):
        fit(functional(), ClassificationReport(data, NAMES, tmp_path))


def test_an_endless_data_set_is_read_for_as_many_steps_as_asked(tmp_path, no_warning):
    data = tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)).batch(10).repeat()
    fit(functional(), ClassificationReport(data, NAMES, tmp_path, steps=2))
    assert read(tmp_path / "metrics.json")["examples"] == 20


def test_a_data_set_of_unknown_length_is_read_to_its_end_or_a_limit(tmp_path, monkeypatch):
    signature = (tf.TensorSpec((None, 4)), tf.TensorSpec((None,), tf.int64))
    finite = tf.data.Dataset.from_generator(lambda: iter([(INPUTS, LABELS)] * 2), output_signature=signature)
    report = ClassificationReport(finite, NAMES, tmp_path)
    fit(functional(), report)
    assert report.result.metrics["examples"] == 60
    monkeypatch.setattr(labelled_batches, "MOST", 3)
    with pytest.warns(UserWarning, match="unknown length: 3 batches were read; `steps` can say more"):
        endless = tf.data.Dataset.from_generator(lambda: itertools.repeat((INPUTS, LABELS)), output_signature=signature)
        fit(functional(), ClassificationReport(endless, NAMES, tmp_path))
    assert read(tmp_path / "metrics.json")["examples"] == 90


def test_several_labels_per_example_are_reported_class_by_class(tmp_path, no_warning):
    hot = np.stack([np.ones(30), np.arange(30) < 20, np.arange(30) < 5], axis=1)
    (tmp_path / "confusion_matrix.csv").write_text("of an earlier report")
    model = functional(activation="sigmoid")
    fit(model, ClassificationReport((INPUTS, hot), NAMES, tmp_path), y=hot, loss="binary_crossentropy")
    report, metrics = (read(tmp_path / f"{name}.json") for name in ("classification_report", "metrics"))
    assert [report[name]["support"] for name in NAMES] == [30, 20, 5]
    predicted = model.predict(INPUTS, verbose=0) > 0.5
    right = (predicted[:, 1] & (hot[:, 1] == 1)).sum()
    assert report["dog"]["recall"] == pytest.approx(right / 20)
    assert metrics["exact_match"] == pytest.approx((predicted == hot).all(1).mean()) and "accuracy" not in metrics
    assert not [*tmp_path.glob("confusion_matrix.*")] and read(tmp_path / "misclassified.json") == []


@pytest.mark.parametrize("form", [lambda loss: loss, lambda loss: [loss], lambda loss: {"logits": loss}])
def test_logits_of_several_labels_are_read_by_their_loss(form, tmp_path):
    hot = np.stack([np.ones(30), np.ones(30), np.zeros(30)], axis=1)
    inputs = keras.Input((4,))
    constant = keras.layers.Rescaling(0.0, offset=0.3, name="logits")  # a logit above 0
    model = keras.Model(inputs, constant(keras.layers.Dense(3)(inputs)))
    report = ClassificationReport((INPUTS, hot), NAMES, tmp_path)
    fit(model, report, y=hot, loss=form(keras.losses.BinaryCrossentropy(from_logits=True)))
    assert report.result.report["fox"]["precision"] == 0 and report.result.report["cat"]["recall"] == 1


def test_labels_that_turn_out_to_be_several_after_the_first_batch_are_reported_so(tmp_path):
    hot = np.eye(3)[LABELS]
    hot[20] = [1, 1, 0]
    data = tf.data.Dataset.from_tensor_slices((INPUTS, hot)).batch(10)
    report = ClassificationReport(data, NAMES, tmp_path)
    fit(functional(activation="sigmoid"), report, y=hot, loss="binary_crossentropy")
    assert report.result.matrix is None and [report.result.report[name]["support"] for name in NAMES] == [11, 11, 9]


def two_inputs():
    return {"a": keras.Input((2,), name="a"), "b": keras.Input((2,), name="b")}


PARTS = {"a": INPUTS[:, :2], "b": INPUTS[:, 2:]}


class Batches:
    """As a loader of another framework: the same batches each time it is read."""

    def __iter__(self):
        return ((INPUTS[i : i + 10], LABELS[i : i + 10]) for i in range(0, 30, 10))


class PySet(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(index * 10, index * 10 + 10)
        return INPUTS[rows], LABELS[rows], np.ones(10)


@pytest.mark.parametrize(
    "data",
    [
        (INPUTS, LABELS, np.ones(30)),
        [INPUTS, LABELS],
        (pd.DataFrame(INPUTS, index=np.arange(30)[::-1] * 2), pd.Series(LABELS, index=np.arange(30)[::-1] * 2)),
        (tf.constant(INPUTS), tf.constant(LABELS)),
        tf.data.Dataset.from_tensor_slices((INPUTS, LABELS, np.ones(30))).batch(7),
        PySet(),
        Batches(),
    ],
    ids=["sample_weight", "list", "pandas", "tensors", "tf.data", "PyDataset", "batches"],
)
def test_every_kind_of_data_is_reported(data, tmp_path, no_warning):
    model, report = functional(), ClassificationReport(data, NAMES, tmp_path)
    fit(model, report)
    predicted = model.predict(INPUTS, verbose=0).argmax(1)
    assert report.result.metrics["examples"] == 30
    assert report.result.metrics["accuracy"] == pytest.approx((predicted == LABELS).mean())


@pytest.mark.parametrize("kind", ["dict", "tuple", "tf.data", "pandas"])
def test_inputs_of_several_parts_are_reported_with_their_mistakes(kind, tmp_path, no_warning):
    inputs = two_inputs()
    model = functional(tuple(inputs.values()) if kind == "tuple" else inputs)
    x = tuple(PARTS.values()) if kind == "tuple" else PARTS
    data = {
        "tf.data": tf.data.Dataset.from_tensor_slices((PARTS, LABELS, np.ones(30))).batch(7),
        "pandas": ({name: pd.DataFrame(part) for name, part in PARTS.items()}, pd.Series(LABELS)),
    }.get(kind, (x, LABELS))
    report = ClassificationReport(data, NAMES, tmp_path, describe=lambda part: f"{keras.tree.flatten(part)[0][0]:.4f}")
    fit(model, report, x=x)
    predicted = model.predict(x, verbose=0).argmax(1)
    assert report.result.metrics["accuracy"] == pytest.approx((predicted == LABELS).mean())
    for cell in read(tmp_path / "misclassified.json"):
        for example in cell["examples"]:
            assert example["text"] == f"{INPUTS[example['number'], 0]:.4f}"


WRONG = {
    "labels that are text": (
        (INPUTS, np.array(NAMES)[LABELS]),
        r"Labels must be the numbers of the classes.*Received: .*'cat'",
    ),
    "text in tf.data": (
        tf.data.Dataset.from_tensor_slices((INPUTS, np.array(NAMES)[LABELS])).batch(7),
        r"Labels must be the numbers of the classes.*Received: 'cat'",
    ),
    "labels from 1": ((INPUTS, LABELS + 1), "Labels must be classes from 0 to 2, or one-hot. Received: 3"),
    "parts of classes": ((INPUTS, LABELS + 0.5), "Labels must be classes from 0 to 2, or one-hot. Received: 0.5"),
    "labels of other classes": ((INPUTS, np.eye(4)[LABELS]), r"shape \(batch,\) or \(batch, 3\). Received: \(30, 4\)"),
    "one part": ((INPUTS,), r"must hold \(inputs, labels\) or .*Received: 1 parts"),
    "inputs alone": (tf.data.Dataset.from_tensor_slices(INPUTS).batch(7), "must hold .inputs, labels.*Received: TensorSpec"),
    "dict of both": (tf.data.Dataset.from_tensor_slices({"x": INPUTS, "y": LABELS}).batch(7), "Received: dict"),
    "single examples": (tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)), r"must yield batches: add .batch\(64\)"),
    "another length": ((INPUTS, LABELS[:20]), "one label per input. Received: 30 and 20"),
    "no batch": (tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)).batch(7).take(0), "at least one batch. Received: none"),
    "another width": ((INPUTS[:, :3], LABELS), "must be able to read the inputs of `dataset`. Received: .*Error"),
    "a generator": ((pair for pair in [(INPUTS, LABELS)]), "the same batches each time it is read. Received: generator"),
    "a path": ("test.csv", "`dataset` must be a tf.data.Dataset, .*Received: str"),
}


@pytest.mark.parametrize("data, message", WRONG.values(), ids=WRONG)
def test_data_that_no_report_can_be_made_of_end_before_training(data, message, tmp_path):
    model = functional()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message) as raised:
        fit(model, ClassificationReport(data, NAMES, tmp_path))
    assert "\n" not in str(raised.value)
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_a_model_with_two_outputs_ends_before_training(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)])
    with pytest.raises(ValueError, match="The model must have one output. Received: 2"):
        fit(model, ClassificationReport((INPUTS, LABELS), NAMES, tmp_path), y=[LABELS, LABELS], loss=["mse", "mse"], metrics=[])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"every": -1}, "`every` must be a whole number, 0 or more. Received: -1"),
        ({"every": None}, "`every` must be a whole number, 0 or more. Received: None"),
        ({"steps": 0}, "`steps` must be a whole number, 1 or more, or None for all batches. Received: 0"),
        ({"steps": 1.5}, "Received: 1.5"),
        ({"steps": "2"}, "Received: '2'"),
        ({"class_names": "abc"}, "`class_names` must be a list with one name per class, or a dict. Received: 'abc'"),
        ({"class_names": {*NAMES}}, "must be a list with one name per class"),
        ({"class_names": {1: "a", 2: "b", 3: "c"}}, "must have the keys 0 to 2, the numbers of the classes. Received: 1, 2, 3"),
    ],
)
def test_mistaken_arguments_end_before_training(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        fit(
            functional(),
            ClassificationReport(**{"dataset": (INPUTS, LABELS), "class_names": NAMES, "run_dir": tmp_path} | arguments),
        )


@pytest.mark.parametrize("sources, every", [("one sentence", 1), ([], 1), (["one"], 0), (["one"], None)])
def test_mistaken_arguments_of_a_time_lapse_are_refused(sources, every, tmp_path):
    with pytest.raises(ValueError, match="Received"):
        AttentionTimeLapse(tmp_path, sources, lambda model, source: {}, every)


def test_a_label_out_of_range_in_a_later_batch_is_left_out_and_said(tmp_path):
    labels = LABELS.copy()
    labels[25] = 7
    with pytest.warns(UserWarning, match="leaves out 1 of 30 examples: labels that are no class"):
        fit(functional(), ClassificationReport(tf.data.Dataset.from_tensor_slices((INPUTS, labels)).batch(10), NAMES, tmp_path))
    assert read(tmp_path / "metrics.json")["examples"] == 29


def test_a_dict_of_class_names_is_read_by_its_keys(tmp_path, no_warning):
    fit(functional(), ClassificationReport((INPUTS, LABELS), {2: "c", 0: "a", 1: "b"}, tmp_path))
    assert pd.read_csv(tmp_path / "confusion_matrix.csv", index_col="true").columns.tolist() == ["a", "b", "c"]


def test_only_the_name_of_the_output_scores_is_taken_from_metrics(tmp_path):
    def f_scores_macro(y_true, y_pred):
        return keras.ops.mean(y_pred)

    fit(functional(), HistoryPlots(tmp_path / "one"), metrics=[f_scores_macro], validation_split=0.3)
    assert {"f_scores_macro", "val_f_scores_macro"} < {*pd.read_csv(tmp_path / "one" / "history.csv")}
    inputs = keras.Input((4,))
    heads = [keras.layers.Dense(3, activation="softmax", name=name)(inputs) for name in ("predictions", "auxiliary")]
    fit(
        keras.Model(inputs, heads),
        HistoryPlots(tmp_path / "two"),
        y=[LABELS, LABELS],
        loss=["sparse_categorical_crossentropy"] * 2,
        metrics=[["accuracy", f_scores_macro], ["accuracy"]],
        validation_data=(INPUTS, [LABELS, LABELS]),
    )
    columns = {*pd.read_csv(tmp_path / "two" / "history.csv")}
    assert {"accuracy", "val_accuracy", "f_scores_macro", "val_f_scores_macro", "auxiliary_accuracy", "loss"} < columns
    assert not {name for name in columns if "scores_loss" in name or "scores_accuracy" in name}


def test_a_folder_in_the_home_folder_is_found(tmp_path, monkeypatch, no_warning):
    monkeypatch.setenv("HOME", str(tmp_path))
    fit(functional(), HistoryPlots("~/run"), ClassificationReport((INPUTS, LABELS), NAMES, "~/run"))
    assert {"history.csv", "accuracy.png", "metrics.json", "confusion_matrix.csv"} <= {
        p.name for p in (tmp_path / "run").iterdir()
    }


def test_a_report_that_cannot_be_drawn_is_still_written(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "confusion_matrix_plot", lambda *arguments: 1 / 0)
    wanted = f"{re.escape(str(tmp_path / 'confusion_matrix.png'))} was not written. ZeroDivisionError"
    with pytest.warns(UserWarning, match=wanted) as said:
        fit(functional(), ClassificationReport((INPUTS, LABELS), NAMES, tmp_path, every=1), epochs=3)
    assert len(ours(said)) == 1 and "\n" not in str(ours(said)[0].message)
    written = {path.name for path in tmp_path.iterdir()}
    text = {
        "classification_report.txt",
        "classification_report.json",
        "confusion_matrix.csv",
        "metrics.json",
        "misclassified.json",
    }
    assert written == text


def test_a_describe_that_fails_loses_the_mistakes_alone(tmp_path):
    with pytest.warns(UserWarning, match="misclassified.json was not written.*KeyError"):
        fit(functional(), ClassificationReport((INPUTS, LABELS), NAMES, tmp_path, describe=lambda row: {}["text"]))
    assert (tmp_path / "metrics.json").exists() and (tmp_path / "confusion_matrix.png").exists()


def test_a_full_disk_ends_no_training_and_the_next_epoch_writes_all_rows(tmp_path, monkeypatch):
    write, calls = run_folder.write_text, []

    def full_at_first(path, text):
        calls.append(path)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        write(path, text)

    monkeypatch.setattr(run_folder, "write_text", full_at_first)
    with pytest.warns(UserWarning, match="history.csv was not written.*No space left on device"):
        fit(functional(), HistoryPlots(tmp_path), epochs=3)
    assert pd.read_csv(tmp_path / "history.csv")["epoch"].tolist() == [1, 2, 3]


def test_a_prediction_that_fails_at_the_end_ends_no_training(tmp_path, monkeypatch):
    model = functional()
    monkeypatch.setattr(model, "predict_on_batch", lambda batch: 1 / 0)
    with pytest.warns(UserWarning, match="The report in .* was not written"):
        history = fit(model, ClassificationReport((INPUTS, LABELS), NAMES, tmp_path, every=1), epochs=2)
    assert history.epoch == [0, 1]


def test_a_damaged_history_ends_a_resumed_run_before_its_first_step(tmp_path):
    (tmp_path / "history.csv").write_text("loss\n0.5\n")
    with pytest.raises(ValueError, match="history.csv must hold a row per epoch.*Received: no epoch"):
        fit(functional(), HistoryPlots(tmp_path), initial_epoch=1, epochs=2)
    assert (tmp_path / "history.csv").read_text() == "loss\n0.5\n"


def test_a_time_lapse_makes_its_folder_and_ends_no_training_where_it_fails_later(tmp_path):
    class Fails(TimeLapse):
        file = "lapse.json"

        def frames(self, epoch):
            return [{"name": "x"}] if epoch == 0 else 1 / 0

    with pytest.warns(UserWarning, match=r"lapse.json was not written.*ZeroDivisionError") as said:
        history = fit(functional(), Fails(tmp_path / "new", every=1), epochs=3)
    assert len(ours(said)) == 1 and len(history.epoch) == 3
    assert read(tmp_path / "new" / "lapse.json") == [{"epoch": 0, "name": "x"}]
