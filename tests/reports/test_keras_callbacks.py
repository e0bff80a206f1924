import json

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from course_hw5 import ClassificationReport, HistoryPlots

NAMES = ["cat", "dog", "fox"]


def classifier(units=3, activation="softmax"):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(units, activation=activation)(inputs))
    loss = "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy"
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def arrays(random, classes=3):
    return random.normal(size=(30, 4)).astype("float32"), random.integers(0, classes, 30)


class Pairs(keras.utils.PyDataset):
    def __init__(self, inputs, labels):
        super().__init__()
        self.pairs = inputs, labels

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return tuple(part[index * 10 : index * 10 + 10] for part in self.pairs)


def test_history_has_one_row_per_epoch_and_its_figures(tmp_path, random):
    inputs, labels = arrays(random)
    classifier().fit(
        inputs, labels, epochs=3, validation_split=0.3, verbose=0, callbacks=[HistoryPlots(tmp_path / "new" / "run")]
    )
    history = pd.read_csv(tmp_path / "new" / "run" / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    assert {"accuracy", "loss", "val_accuracy", "val_loss", "seconds"} <= {*history}
    for name in ("accuracy.png", "loss.png"):
        assert (tmp_path / "new" / "run" / name).read_bytes().startswith(b"\x89PNG")


def test_history_goes_on_after_the_last_whole_epoch(tmp_path, random):
    inputs, labels = arrays(random)
    model = classifier()
    model.fit(inputs, labels, epochs=3, verbose=0, callbacks=[HistoryPlots(tmp_path)])
    before = pd.read_csv(tmp_path / "history.csv")
    model.fit(inputs, labels, initial_epoch=2, epochs=5, verbose=0, callbacks=[HistoryPlots(tmp_path)])
    after = pd.read_csv(tmp_path / "history.csv")
    assert after["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert after["loss"][:2].tolist() == before["loss"][:2].tolist()
    assert after["loss"][2] != before["loss"][2]
    model.fit(inputs, labels, epochs=1, verbose=0, callbacks=[HistoryPlots(tmp_path)])
    assert pd.read_csv(tmp_path / "history.csv")["epoch"].tolist() == [1]


@pytest.mark.parametrize("kind", ["arrays", "tf.data", "PyDataset"])
def test_report_is_the_same_for_every_kind_of_data(kind, tmp_path, random):
    inputs, labels = arrays(random)
    data = {
        "arrays": (inputs, labels),
        "tf.data": tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(7),
        "PyDataset": Pairs(inputs, labels),
    }[kind]
    model = classifier()
    report = ClassificationReport(data, NAMES, tmp_path)
    report.set_model(model)
    report.write()
    predicted = model.predict(inputs, verbose=0).argmax(1)
    matrix = pd.read_csv(tmp_path / "confusion_matrix.csv", index_col="true")
    assert matrix.columns.tolist() == matrix.index.tolist() == NAMES
    assert matrix.to_numpy().trace() == (predicted == labels).sum()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["accuracy"] == pytest.approx((predicted == labels).mean())
    assert json.loads((tmp_path / "classification_report.json").read_text())["weighted avg"]["support"] == 30
    assert "fox" in (tmp_path / "classification_report.txt").read_text()
    assert (tmp_path / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("units, activation", [(3, None), (1, "sigmoid"), (1, None)])
def test_report_understands_logits_and_single_units(units, activation, tmp_path, random):
    inputs, labels = arrays(random, classes=max(units, 2))
    model = classifier(units, activation)
    report = ClassificationReport((inputs, labels[:, None]), NAMES[: max(units, 2)], tmp_path)
    report.set_model(model)
    outputs = model.predict(inputs, verbose=0)
    threshold = 0.5 if activation else 0.0
    predicted = outputs.argmax(1) if units > 1 else (outputs[:, 0] > threshold).astype(int)
    assert report.write().metrics["accuracy"] == pytest.approx((predicted == labels).mean())


def test_report_accepts_one_hot_labels(tmp_path, random):
    inputs, labels = arrays(random)
    reports = [ClassificationReport((inputs, targets), NAMES, tmp_path) for targets in (labels, np.eye(3)[labels])]
    model = classifier()
    for report in reports:
        report.set_model(model)
    np.testing.assert_array_equal(reports[0].write().matrix, reports[1].write().matrix)


def test_report_predicts_each_example_once(tmp_path, random, monkeypatch):
    inputs, labels = arrays(random)
    model = classifier()
    seen = []
    predict = model.predict_on_batch
    monkeypatch.setattr(model, "predict_on_batch", lambda batch: seen.append(len(batch)) or predict(batch))
    model.fit(inputs, labels, epochs=4, verbose=0, callbacks=[ClassificationReport((inputs, labels), NAMES, tmp_path)])
    assert sum(seen) == 30
    model.fit(inputs, labels, epochs=4, verbose=0, callbacks=[ClassificationReport((inputs, labels), NAMES, tmp_path, every=2)])
    assert sum(seen) == 30 + 60


def test_mistakes_are_images_with_probabilities_most_confident_first(tmp_path, random):
    images = random.integers(0, 256, (60, 8, 8, 3), dtype="uint8")
    labels = random.integers(0, 3, 60)
    pixels = keras.Input((8, 8, 3), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    model = keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(x))
    report = ClassificationReport((images, labels), NAMES, tmp_path)
    report.set_model(model)
    report.write()
    probabilities = model.predict(images, verbose=0)
    cells = json.loads((tmp_path / "misclassified.json").read_text())
    assert cells
    for cell in cells:
        assert cell["true"] != cell["predicted"] and len(cell["examples"]) <= 8
        confidences = [example["probabilities"][cell["predicted"]] for example in cell["examples"]]
        assert confidences == sorted(confidences, reverse=True)
        for example in cell["examples"]:
            assert labels[example["number"]] == cell["true"]
            np.testing.assert_allclose(example["probabilities"], probabilities[example["number"]], atol=1e-4)
            assert example["image"].startswith("data:image/png;base64,")


def test_wrong_number_of_class_names_ends_before_training(tmp_path, random):
    inputs, labels = arrays(random)
    model = classifier()
    before = model.get_weights()
    with pytest.raises(ValueError, match="`class_names` must have 3 names.*Received: 2"):
        model.fit(inputs, labels, verbose=0, callbacks=[ClassificationReport((inputs, labels), NAMES[:2], tmp_path)])
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_tensorboard_gets_the_same_figures_and_the_report(tmp_path, random):
    inputs, labels = arrays(random)
    writer = tf.summary.create_file_writer(str(tmp_path / "tensorboard"))
    callbacks = [HistoryPlots(tmp_path, writer), ClassificationReport((inputs, labels), NAMES, tmp_path, writer=writer)]
    classifier().fit(inputs, labels, epochs=2, verbose=0, callbacks=callbacks)
    events = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"tensors": 0}).Reload()
    tags = events.Tags()["tensors"]
    assert {"accuracy", "loss", "confusion_matrix", "classification_report", "report/f1"} <= {*tags}
    width, height, png = events.Tensors("confusion_matrix")[0].tensor_proto.string_val
    assert int(width) > 100 and int(height) > 100 and png.startswith(b"\x89PNG")
    text = events.Tensors("classification_report")[0].tensor_proto.string_val[0].decode()
    assert "weighted avg" in text
