import types

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

import course_hw5
from course_hw5.data.dataset import Dataset
from course_hw5.training import tasks

FIRST, SECOND = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]), np.array([[0.5, 0.4, 0.1], [0.3, 0.3, 0.4]])


def rows(first, second):
    return np.stack([first, second], axis=1).reshape(-1, first.shape[-1]).astype("float32")


def divergences(first, second):
    return (scipy.special.rel_entr(first, second) + scipy.special.rel_entr(second, first)).sum(-1) / 2


def test_r_drop_adds_both_divergences_of_two_answers_to_the_loss():
    labels = rows(np.eye(3)[[0, 1]], np.eye(3)[[0, 1]])
    plain = keras.losses.CategoricalCrossentropy()
    loss = tasks.RDropLoss(plain, weight=0.5)
    predicted = rows(FIRST, SECOND)
    expected = float(plain(labels, predicted)) + 0.5 * divergences(FIRST, SECOND).mean()
    assert float(loss(labels, predicted)) == pytest.approx(expected, rel=1e-5)
    assert float(loss(labels, rows(FIRST, FIRST))) == pytest.approx(float(plain(labels, rows(FIRST, FIRST))), rel=1e-5)


def test_r_drop_of_one_sigmoid_unit_counts_both_classes():
    labels = np.array([1, 1, 0, 0])
    plain = keras.losses.BinaryCrossentropy()
    first, second = FIRST[:, :1], SECOND[:, :1]
    both = divergences(*(np.concatenate([1 - p, p], axis=1) for p in (first, second))).mean()
    expected = float(plain(labels, rows(first, second))) + 2 * both
    assert float(tasks.RDropLoss(plain, weight=2)(labels, rows(first, second))) == pytest.approx(expected, rel=1e-5)


def test_r_drop_stays_finite_where_answers_are_sure():
    predicted = np.array([[1.0], [0.0]], "float32")
    assert np.isfinite(float(tasks.RDropLoss(keras.losses.BinaryCrossentropy(), 1.0)(np.array([1, 1]), predicted)))


def test_r_drop_validates_as_plain_classification_does(tmp_path, digits):
    model = course_hw5.mlp_classifier(hidden_units=(16,), dropout=0.5)
    settings = course_hw5.TrainingConfig(epochs=1, learning_rate=2e-3)
    course_hw5.train(model, digits, tmp_path / "run", settings, task=course_hw5.RDrop(1.0))
    saved = course_hw5.load_model(tmp_path / "run" / "model.keras")
    scores = []
    for task in (tasks.CLASSIFICATION, course_hw5.RDrop(1.0)):
        saved.compile(**task.losses(saved, settings))
        scores.append(saved.evaluate(task.prepare(digits.validation, saved), return_dict=True, verbose=0))
    assert scores[1] == pytest.approx(scores[0], rel=1e-5)


def test_weights_of_classes_hold_for_both_heads_and_must_be_one_per_class():
    backbone = course_hw5.beit_backbone("tiny", (16, 24, 3), patch_size=8, feature_layers=(0, 1, 2, 3))
    model = course_hw5.upernet_segmenter(backbone, 3, channels=8)
    task = course_hw5.Segmentation(class_weights=[1.0, 2.0, 3.0])
    assert [loss.class_weights for loss in task.losses(model, course_hw5.TrainingConfig())["loss"]] == [[1.0, 2.0, 3.0]] * 2
    data = types.SimpleNamespace(class_names=["a", "b", "c"])
    with pytest.raises(ValueError, match="`class_weights` must be 3 floats, one per class. Received: 2"):
        course_hw5.Segmentation(class_weights=[1.0, 2.0]).check(model, data)
    with pytest.raises(ValueError, match="`class_weights` must be floats above 0, one per class, or None. Received: "):
        course_hw5.Segmentation(class_weights=[1.0, 0.0])


def test_a_weight_of_r_drop_that_does_nothing_is_refused():
    with pytest.raises(ValueError, match="`weight` must be above 0.* Received: 0"):
        tasks.RDrop(0)


def test_accuracy_rounds_the_probabilities_of_a_teacher():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    (metric,) = tasks.CLASSIFICATION.losses(model, course_hw5.TrainingConfig())["metrics"]
    assert float(metric(np.array([[0.9], [0.2], [0.6], [0.0]]), np.array([[0.7], [0.6], [0.2], [0.1]]))) == 0.5


def test_a_classifier_of_one_unit_is_watched_and_saved_as_keras_does(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="sgd", **tasks.CLASSIFICATION.losses(model, course_hw5.TrainingConfig()))
    x, labels = np.eye(3), np.array([0.9, 0.2, 0.6])
    model.fit(x, labels, validation_data=(x, labels), callbacks=[keras.callbacks.EarlyStopping("val_accuracy")], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(x, labels, verbose=0) == pytest.approx(model.evaluate(x, labels, verbose=0))


def test_probabilities_of_a_teacher_serve_two_classes_too():
    data = tf.data.Dataset.from_tensor_slices((np.zeros((2, 3)), np.array([0.75, 0.0], "float32"))).batch(2)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    ((_, labels),) = tasks.CLASSIFICATION.prepare(data, model)
    assert labels.numpy().tolist() == [[0.25, 0.75], [1, 0]]


def test_with_flip_the_mean_of_an_image_and_its_mirror_image_is_scored(random):
    images = keras.Input((4, 4, 3), dtype="uint8")
    model = keras.Model(
        images, keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images)))
    )
    pixels = random.integers(0, 256, (64, 4, 4, 3), dtype="uint8")
    predicted = sum(model.predict(each, verbose=0) for each in (pixels, pixels[:, :, ::-1])).argmax(axis=1)
    plain = model.predict(pixels, verbose=0).argmax(axis=1)
    assert (plain != predicted).any()
    batches = tf.data.Dataset.from_tensor_slices((pixels, predicted)).batch(32)
    data = Dataset(batches, batches, batches, ["a", "b"], "", 32)
    assert tasks.Classification(flip=True).evaluate(model, data).metrics["accuracy"] == 1
    found = tasks.CLASSIFICATION.evaluate(model, data).metrics["accuracy"]
    assert found == pytest.approx((plain == predicted).mean())
