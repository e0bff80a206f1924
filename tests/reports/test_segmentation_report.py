import json
import types

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from course_hw5 import SceneSegmenter
from course_hw5.reports import segmentation_report, summary
from course_hw5.reports.pages import run
from course_hw5.reports.segmentation_report import gallery

NAMES = ("red", "green", "blue")
IMAGE = np.full((4, 6, 3), 100, "uint8")
LABELS = np.array([[0] * 6, [1] * 6, [1] * 6, [255] * 6], "uint8")


@pytest.fixture(scope="module")
def segmenter():
    """Names the strongest colour."""
    inputs = keras.Input((8, 12, 3))
    return SceneSegmenter(keras.Model(inputs, keras.layers.AveragePooling2D(2)(inputs)))


def scene(seed, size=(16, 24)):
    labels = np.random.default_rng(seed).integers(0, 2, (size[0] // 8, size[1] // 8)).repeat(8, 0).repeat(8, 1)
    image = np.eye(3)[labels] * 200
    labels[0] = 255
    return image.astype("uint8"), labels.astype("uint8")


def data_of(scenes, names=NAMES):
    signature = (tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((None, None), tf.uint8))
    test = tf.data.Dataset.from_generator(lambda: iter(scenes), output_signature=signature)
    return types.SimpleNamespace(test=test.apply(tf.data.experimental.assert_cardinality(len(scenes))), class_names=names)


def test_scores_matrix_and_gallery_are_written(segmenter, tmp_path):
    metrics = segmentation_report.evaluate_segmenter(segmenter, data_of([scene(0), scene(1, (24, 8))])).write(tmp_path)
    assert metrics == json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["mean_iou"] > 0.8 and metrics["pixel_accuracy"] > 0.9 and metrics["examples"] == 2
    scores = pd.read_csv(tmp_path / "class_scores.csv", index_col="class")
    assert np.isnan(scores.loc["blue", "iou"]) and scores["share"].sum() == pytest.approx(1)
    assert metrics["mean_iou"] == pytest.approx(scores["iou"].mean())
    matrix = pd.read_csv(tmp_path / "confusion_matrix.csv", index_col="true")
    assert [*matrix.columns] == [*NAMES] and matrix.to_numpy().sum() == 15 * 24 + 23 * 8
    assert (tmp_path / "gallery.png").stat().st_size and (tmp_path / "confusion_matrix.png").stat().st_size


def test_tensorboard_gets_figures_and_scores(segmenter, tmp_path):
    with tf.summary.create_file_writer(str(tmp_path / "events")).as_default() as writer:
        segmentation_report.evaluate_segmenter(segmenter, data_of([scene(0)])).write(tmp_path, writer, epoch=3)
    (path,) = (tmp_path / "events").iterdir()
    events = tf.compat.v1.train.summary_iterator(str(path))
    tags = {(value.tag, event.step) for event in events for value in event.summary.value}
    assert {("gallery", 3), ("confusion_matrix", 3), ("report/mean_iou", 3)} <= tags


def test_numbers_in_the_data_give_way_to_the_names_of_the_model(tmp_path):
    inputs = keras.Input((8, 12, 3))
    model = keras.Model(inputs, keras.layers.AveragePooling2D(2)(inputs))
    model.class_names = NAMES
    named = SceneSegmenter(model)
    segmentation_report.evaluate_segmenter(named, data_of([scene(0)], names=("1", "2", "3"))).write(tmp_path)
    assert [*pd.read_csv(tmp_path / "class_scores.csv")["class"]] == [*NAMES]


@pytest.mark.parametrize(
    "scenes, names, message",
    [
        ([scene(0)], ("a", "b"), "must have 3 classes, as the model has. Received: 2"),
        ([scene(0), (scene(0)[0], scene(0)[1][:4])], NAMES, r"size of image 1, \(16, 24\). Received: \(4, 24\)"),
        ([(scene(0)[0], scene(0)[1] * 0 + 7)], NAMES, "Labels of image 0 must lie in .0, 2., or be 255. Received: 7"),
    ],
)
def test_data_that_do_not_fit_are_refused(segmenter, scenes, names, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        segmentation_report.evaluate_segmenter(segmenter, data_of(scenes, names)).write(tmp_path)
    assert not (tmp_path / "metrics.json").exists()


def test_images_of_any_size_are_counted_strip_by_strip(monkeypatch):
    labels, predicted = np.random.default_rng(0).integers(0, 4, (2, 37, 20))
    whole = segmentation_report.counted(labels, predicted, 4)
    monkeypatch.setattr(segmentation_report, "STRIP_NUMBERS", 500)
    np.testing.assert_array_equal(segmentation_report.counted(labels, predicted, 4), whole)
    assert whole.sum() == 37 * 20 and whole.dtype == "int64"


def test_the_page_finds_classes_that_are_called_by_numbers(tmp_path):
    (tmp_path / "class_scores.csv").write_text("class,iou,accuracy,share\n1,0.25,0.5,0.5\n2,0.75,1.0,0.5\n3,,,0.0\n")
    scores = run._pixel_metrics(tmp_path)
    history = pd.DataFrame({"epoch": [1], "val_mean_iou": [0.5]})
    config = {
        "settings": {"monitor": "val_mean_iou"},
        "model": {"name": "x", "parameters": 1},
        "arguments": {},
        "data": {"note": ""},
    }
    lines = summary.of_run(history, scores, np.eye(3, dtype=int), ["1", "2", "3"], config)
    assert any("Easiest class: 2 (IoU 0.75); hardest: 1 (IoU 0.25)" in line for line in lines)


def test_the_same_scenes_are_looked_at_before_training_every_few_epochs_and_at_the_end(segmenter, tmp_path):
    lapse = segmentation_report.SceneTimeLapse(tmp_path, [scene(0), scene(1)], every=2)
    lapse.set_model(segmenter.model)
    lapse.set_params({"epochs": 5})
    lapse.on_train_begin()
    for epoch in range(5):
        lapse.on_epoch_end(epoch)
    frames = json.loads((tmp_path / "scenes.json").read_text())
    assert [(frame["epoch"], frame["name"]) for frame in frames] == [
        (epoch, f"image {number}") for epoch in (0, 2, 4, 5) for number in (1, 2)
    ]
    assert all(frame["probability"] > 0.9 and frame["image"].startswith("data:image/png") for frame in frames)
    resumed = segmentation_report.SceneTimeLapse(tmp_path, [scene(0), scene(1)], every=2)
    resumed.set_model(segmenter.model)
    resumed.set_params({"epochs": 5})
    resumed.on_train_begin()  # goes on after epoch 3: what epochs 4 and 5 left is replaced, not doubled
    resumed.on_epoch_end(3)
    assert len(json.loads((tmp_path / "scenes.json").read_text())) == 6


def test_a_gallery_that_cannot_be_drawn_leaves_the_scores(segmenter, tmp_path, monkeypatch):
    monkeypatch.setattr(segmentation_report, "gallery", lambda *arguments: 1 / 0)
    with pytest.warns(UserWarning, match="gallery.png was not written.*ZeroDivisionError"):
        segmentation_report.evaluate_segmenter(segmenter, data_of([scene(0)])).write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"class_scores.csv", "metrics.json", "confusion_matrix.png"}


def test_scenes_without_an_end_are_refused(segmenter, tmp_path):
    data = data_of([scene(0)])
    data.test = data.test.repeat()
    with pytest.raises(ValueError, match=r"The test data must come to an end: leave out .repeat\(\)"):
        segmentation_report.evaluate_segmenter(segmenter, data).write(tmp_path)


def test_classes_of_one_name_and_a_class_called_none_stay_on_the_page(segmenter, tmp_path):
    segmentation_report.evaluate_segmenter(segmenter, data_of([scene(0)], names=("pole", "None", "pole"))).write(tmp_path)
    assert [*run._pixel_metrics(tmp_path).index] == ["pole (0)", "None", "pole (2)", "mean"]


def test_a_gallery_draws_the_image_beside_its_maps_with_shares():
    figure = gallery([IMAGE, IMAGE], [LABELS, LABELS], [LABELS * 0, LABELS * 0], ("road", "$sky"))
    assert [panel.get_title() for panel in figure.axes[:3]] == ["image", "annotation", "prediction"]
    assert len(figure.axes) == 6
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["road 71%", r"\$sky 29%", "no label"]  # drawn as $sky


@pytest.mark.parametrize(
    "maps, message",
    [
        (([IMAGE], [LABELS, LABELS], None), "one annotation per image, of 1. Received: 2"),
        (([IMAGE], None, [LABELS.T]), r"prediction of image 0 must have its size, \(4, 6\)"),
        (([], None, None), "one image per image, of 0. Received: 0"),
    ],
)
def test_maps_of_a_gallery_that_do_not_fit_are_refused(maps, message):
    with pytest.raises(ValueError, match=message):
        gallery(*maps, "ab")
