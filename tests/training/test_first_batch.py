"""What `training.json` records of a model and its data before the first step."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import course_hw5
from course_hw5.training import first_batch
from course_hw5.training.first_batch import training_facts


def dataset(inputs, labels, batch_size=4):
    split = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(batch_size)
    return types.SimpleNamespace(train=split, validation=split, test=split.take(1), batch_size=batch_size)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3)).astype("uint8")


def test_a_first_layer_that_is_a_model_is_seen_with_what_it_reads(images):
    backbone = course_hw5.beit_backbone("tiny", (8, 8, 3), patch_size=4, hidden_dim=12, num_layers=1, num_heads=3)
    model = course_hw5.beit_classifier(backbone, input_shape=(8, 8, 3))
    facts = training_facts(model, dataset(images, np.arange(10)))
    first = facts["first_layer"]
    assert first["name"] == backbone.name and first["shape"] == [4, 8, 8, 3]
    assert -1 <= first["min"] < -0.9 and 0.9 < first["max"] <= 1
    assert facts["inputs"]["channel_means"] == pytest.approx(images[:4].mean((0, 1, 2)), abs=1e-3)
    assert facts["labels"] == facts["labels_of_second_pass"] == [*range(10)]
    assert facts["overlap"]["validation"] == {"read": 10, "in_training": 10}
    assert model(images).shape == (10, 10), "the model is as it was"


@pytest.mark.parametrize(
    "lost, part",
    [("_first_layer", "first_layer"), ("_statistics", "inputs"), ("_label_facts", "labels"), ("_overlap", "overlap")],
)
def test_what_cannot_be_found_is_no_loss_for_the_rest(lost, part, images, monkeypatch):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    whole = training_facts(model, dataset(images, np.arange(10)))
    monkeypatch.setattr(first_batch, lost, lambda *args: 1 / 0)
    names = {"labels": {"labels", "labels_of_second_pass", "labels_are_mixed"}, "inputs": {"inputs", "first_layer"}}
    expected = {name: value for name, value in whole.items() if name not in names.get(part, {part})}
    assert len(expected) < len(whole) and training_facts(model, dataset(images, np.arange(10))) == expected


def test_a_first_layer_that_normalises_is_left_out(images):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.BatchNormalization(), keras.layers.Flatten()])
    assert "first_layer" not in training_facts(model, dataset(images, np.arange(10)))


def test_texts_of_batches_of_other_lengths_are_recognised():
    tokens = np.array([[101, 7, 102, 0], [101, 8, 102, 0]], "int32")
    held_out = tf.data.Dataset.from_tensor_slices((tokens[:1, :3], [0])).batch(1)
    data = dataset(tokens, np.array([0.2, 1.0], "float32"))
    data.validation = held_out
    facts = training_facts(course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", num_layers=1)), data)
    assert facts["overlap"]["validation"] == {"read": 1, "in_training": 1}
    assert facts["labels"] == [0, 1] and facts["labels_are_mixed"] is True and "first_layer" not in facts


def test_masks_are_no_labels_and_data_that_cannot_be_read_end_nothing(images):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 1)])
    facts = training_facts(model, dataset(images, np.zeros((10, 8, 8), "uint8")))
    assert "labels" not in facts and facts["first_layer"]["max"] > 200
    model.layers[0].trainable = False
    unreadable = types.SimpleNamespace(train=None)
    assert training_facts(model, unreadable) == {"parameters": 8, "trainable_parameters": 0}
