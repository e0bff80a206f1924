"""Masked image modelling: the task, a run of it, and what is fine-tuned from it."""

import json
import pathlib

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.special
import tensorflow as tf

import course_hw5
from course_hw5.models import beit, beit_tasks
from course_hw5.models.visual_tokens import VisualTokenizer
from course_hw5.reports import pretraining_report
from course_hw5.reports.checks.diagnosis import check_run
from course_hw5.training import train as training
from tests.cli.running import command, failure, train
from tests.training.resuming import check_resumed_is_equal

pytestmark = pytest.mark.slow

TASK = course_hw5.MaskedImageModeling()
CONFIG = course_hw5.TrainingConfig(epochs=3, optimizer="muon", learning_rate=1e-2, monitor="val_loss")
OPTIONS = ("beit", "--dataset", "digits", "--pretrain", "--image-size", 16)


def make_model(seed=0):
    keras.utils.set_random_seed(seed)
    sizes = {"hidden_dim": 24, "num_layers": 2, "num_heads": 6, "convolution_like_initialization": True}
    backbone = course_hw5.beit_backbone("tiny", (16, 16, 3), **sizes, use_mask_token=True)
    images = np.concatenate([images for images, _ in make_data().validation])
    tokenizer = VisualTokenizer.learn(images, 4, 24)
    return beit_tasks.beit_masked_image_model(backbone, tokenizer=tokenizer)


def make_data(grid=(4, 4)):
    return course_hw5.load_images("digits", 64, seed=3, augmentation="shift", image_size=16, mask_grid=grid)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of three epochs, with all its backups."""
    run = tmp_path_factory.mktemp("runs") / "pretrained"
    course_hw5.train(make_model(), make_data(), run, CONFIG, task=TASK, keep_backups=3)
    return run


def test_targets_are_tokens_and_count_where_patches_are_hidden():
    model, data = make_model(), make_data()
    (images, masks), (inputs, tokens, weights) = (next(iter(part)) for part in (data.test, TASK.prepare(data.test, model)))
    np.testing.assert_array_equal(inputs["images"], images)
    np.testing.assert_array_equal(inputs["mask"], np.reshape(masks, (64, 16)))
    np.testing.assert_array_equal(weights, np.reshape(masks, (64, 16)).astype("float32"))
    np.testing.assert_array_equal(tokens, model.tokenizer.encode(images))


def test_loss_and_accuracy_are_those_of_hidden_patches_alone():
    model, data = make_model(), make_data()
    training.compile_model(model, CONFIG, 10, None, TASK)
    inputs, tokens, weights = next(iter(TASK.prepare(data.test, model)))
    found = model.evaluate(inputs, tokens, sample_weight=weights, batch_size=64, verbose=0, return_dict=True)
    hidden, logits = np.asarray(weights, bool), model.predict(inputs, verbose=0)
    log_probabilities, tokens = scipy.special.log_softmax(logits[hidden], axis=-1), np.asarray(tokens)[hidden]
    assert found["loss"] == pytest.approx(-log_probabilities[np.arange(len(tokens)), tokens].mean(), rel=1e-4)
    assert found["masked_accuracy"] == pytest.approx((log_probabilities.argmax(1) == tokens).mean(), abs=1e-6)


def test_the_model_does_not_see_hidden_patches():
    model, images = make_model(), np.zeros((1, 16, 16, 3))
    mask = np.zeros((1, 16), int)
    mask[0, 5] = 1
    changed = images.copy()
    changed[0, 4:8, 4:8] = 255  # the patch in row 1, column 1
    first, second = (np.asarray(model({"images": pixels, "mask": mask})) for pixels in (images, changed))
    np.testing.assert_array_equal(first, second)
    first, second = (np.asarray(model({"images": pixels, "mask": 0 * mask})) for pixels in (images, changed))
    assert np.abs(first - second).max() > 1e-4


def test_a_run_learns_and_says_what_it_learnt(finished):
    history, metrics = pd.read_csv(finished / "history.csv"), json.loads((finished / "metrics.json").read_text())
    assert history["loss"].is_monotonic_decreasing and history["val_loss"].is_monotonic_decreasing
    assert metrics["masked_loss"] < metrics["baseline_loss"] and metrics["examples"] == 359
    assert metrics["masked_accuracy"] >= metrics["baseline_accuracy"] > 1 / metrics["tokens"]
    assert {"masked_accuracy.png", "loss.png", "reconstructions.png"} <= {path.name for path in finished.iterdir()}
    assert json.loads((finished / "config.json").read_text())["data"]["class_names"] == []


def test_scores_of_a_saved_model_are_those_of_the_run(finished):
    model, metrics = course_hw5.load_model(finished), json.loads((finished / "metrics.json").read_text())
    data = make_data()
    found = TASK.evaluate(model, data)
    assert {name: metrics[name] for name in found.scores} == pytest.approx(found.scores)
    for mask, (image, seen, tokens, predicted) in zip(next(iter(data.validation))[1].numpy(), found.shown, strict=False):
        is_hidden = mask.astype(bool).repeat(4, axis=0).repeat(4, axis=1)
        np.testing.assert_array_equal(seen[~is_hidden], image[~is_hidden])
        np.testing.assert_array_equal(predicted[~is_hidden], tokens[~is_hidden])
        assert (seen[is_hidden] == pretraining_report.GREY).all() and image.shape == tokens.shape == (16, 16, 3)
    assert len(found.shown) == pretraining_report.SHOWN


def test_baselines_are_those_of_the_tokens_that_are_hidden():
    model = make_model()
    inputs = {"images": np.zeros((2, 16, 16, 3), "uint8"), "mask": np.ones((2, 16), "int32")}
    tokens, weights = np.arange(32).reshape(2, 16) % 2, np.zeros((2, 16), "float32")
    tokens[0, :4], weights[0, :4] = (3, 3, 3, 5), 1
    test = tf.data.Dataset.from_tensors((inputs, tokens, weights))
    scores = pretraining_report.evaluate_masked_images(model, test, make_data().validation).scores
    assert scores["baseline_accuracy"] == 0.75
    assert scores["baseline_loss"] == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))


def test_reconstructions_are_a_row_of_four_for_each_image():
    pixels = np.zeros((2, 4, 8, 8, 3), "uint8")
    figure = pretraining_report.reconstructions(pixels)
    assert len(figure.axes) == 8 and [axes.get_title() for axes in figure.axes[:4]] == [*pretraining_report.COLUMNS]


def test_a_run_that_goes_on_ends_as_one_that_was_never_stopped(finished, tmp_path):
    check_resumed_is_equal(finished, tmp_path / "run", make_model(), make_data(), CONFIG, TASK)


def test_the_page_shows_curves_scores_and_reconstructions(finished):
    page = (finished / "index.html").read_text()
    for text in (
        "Accuracy of what was hidden, per epoch",
        "Loss per epoch",
        "Reconstructions",
        "always the most frequent token",
    ):
        assert text in page
    assert page.count('src="data:image/') == 3
    assert "Confusion matrix" not in page and "Metrics of each class" not in page
    (finished / "index.html").unlink()
    command("page", finished)
    assert (finished / "index.html").read_text() == page


def test_a_run_is_checked_and_neither_compared_nor_verified(finished, capsys, tmp_path):
    found = check_run(finished)
    assert found.problems == [] and "model.keras takes neither one batch of images nor texts" in str(found)
    line = failure(capsys, command, "compare", finished, tmp_path / "other", "--out", tmp_path / "compare.html")
    assert "Runs of classifiers can be compared. Received" in line and "of pre-training" in line
    line = failure(capsys, command, "verify", finished)
    assert "must be of a classifier or a segmenter to be verified. Received" in line and "of pre-training" in line
    line = failure(capsys, command, "evaluate", finished, "--dataset", "digits", "--out", tmp_path / "evaluated")
    assert "must be a classifier or a segmenter" in line


@pytest.mark.parametrize(
    "model, data, config, message",
    [
        (lambda: course_hw5.mlp_classifier(), make_data, CONFIG, "`model` must be a beit_masked_image_model with a tokenizer"),
        (make_model, lambda: make_data((2, 2)), CONFIG, r"`data` must be of load_images, with mask_grid=\(4, 4\)"),
        (make_model, make_data, course_hw5.TrainingConfig(), "`monitor` must be one of epoch, loss, val_loss, masked_accuracy"),
    ],
)
def test_what_does_not_fit_is_refused(model, data, config, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        course_hw5.train(model(), data(), tmp_path / "run", config, task=TASK)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def tiny(monkeypatch):
    for name, value in (("hidden_dim", 12), ("num_layers", 1), ("num_heads", 3)):
        monkeypatch.setitem(beit.SIZES["tiny"], name, value)


def test_a_beit_is_pretrained_and_fine_tuned(tiny, tmp_path, capsys):
    pretrained, tuned = tmp_path / "pretrained", tmp_path / "tuned"
    train(*OPTIONS, "--epochs", 1, "--out", pretrained)
    assert "masked accuracy" in capsys.readouterr().out
    config = json.loads((pretrained / "config.json").read_text())
    assert config["arguments"]["pretrain"] is True and config["settings"]["monitor"] == "val_loss"
    train(*OPTIONS, "--epochs", 1, "--out", pretrained, "--resume")
    train("beit", "--dataset", "digits", "--preset", pretrained, "--epochs", 1, "--out", tuned)
    first, second = (course_hw5.load_model(run).backbone for run in (pretrained, tuned))
    assert second.image_shape == (16, 16, 3) and (second.use_mask_token, first.use_mask_token) == (False, True)
    assert "accuracy" in json.loads((tuned / "metrics.json").read_text())


@pytest.mark.parametrize("option, value", [("--preset", "beit-cifar10"), ("--recipe", "finetune")])
def test_pretraining_starts_from_nothing(option, value, tmp_path, capsys):
    line = failure(capsys, train, *OPTIONS, option, value, "--out", tmp_path / "run")
    assert f"{option} must be left out with --pretrain, which makes a new model without classes. Received: {value}" in line
    assert not pathlib.Path(tmp_path / "run").exists()
