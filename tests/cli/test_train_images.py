"""The recipes `beit` and `segmenter`."""

import json

import numpy as np
import pytest

import course_hw5
from course_hw5.models import beit
from course_hw5.training import train as training
from tests.cli.running import command, failure, train
from tests.data.own import write_class_folders
from tests.data.test_own_scenes import write_scenes
from tests.golden.beit import GOLDEN

pytestmark = pytest.mark.slow


@pytest.fixture
def handed_over(monkeypatch):
    """What recipes hand over to be trained: a list of (model, data, run folder, config), in place of training."""
    trained = []
    monkeypatch.setattr(training, "train", lambda *arguments: trained.append(arguments[:4]) or {})
    return trained


@pytest.fixture
def small_beit(monkeypatch):
    for name, value in (("hidden_dim", 12), ("num_layers", 4), ("num_heads", 3)):
        monkeypatch.setitem(beit.SIZES["tiny"], name, value)


def test_a_beit_is_trained_and_evaluated(small_beit, tmp_path, monkeypatch):
    monkeypatch.setitem(beit.SIZES["tiny"], "num_layers", 1)
    run = tmp_path / "run"
    train("beit", "--dataset", "digits", "--epochs", 2, "--batch-size", 256, "--image-size", 8, "--out", run)
    assert json.loads((run / "config.json").read_text())["settings"]["optimizer"] == "muon"
    frames = json.loads((run / "attention.json").read_text())
    assert {frame["epoch"] for frame in frames} == {0, 2} and len(frames) == 8
    assert "Attention during training" in (run / "index.html").read_text()
    command("evaluate", run, "--dataset", "digits", "--out", tmp_path / "evaluated")
    config = json.loads((tmp_path / "evaluated" / "config.json").read_text())
    assert config["settings"] == {} and config["arguments"]["dataset"] == "digits" and "scikit-learn" in config["data"]["note"]
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (run, tmp_path / "evaluated"))
    assert first["accuracy"] == second["accuracy"]


def test_a_cnn_is_trained_compared_with_a_beit_by_what_units_see_and_teaches_a_perceptron(small_beit, tmp_path, monkeypatch):
    monkeypatch.setitem(beit.SIZES["tiny"], "num_layers", 1)
    for name in ("cnn", "beit"):
        train(name, "--dataset", "digits", "--epochs", 1, "--image-size", 12, "--out", tmp_path / name)
    sees = json.loads((tmp_path / "cnn" / "config.json").read_text())["reach"]["receptive_fields"]
    assert (sees["whitening"], sees["residual_3"]) == (2, 51)
    command("evaluate", tmp_path / "cnn", "--dataset", "digits", "--out", tmp_path / "evaluated")
    first, second = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("cnn", "evaluated"))
    assert first["accuracy"] == second["accuracy"]
    taught = ("--dataset", "digits", "--epochs", 1, "--image-size", 12, "--teacher", tmp_path / "cnn" / "model.keras")
    train("mlp", *taught, "--out", tmp_path / "taught")
    config = json.loads((tmp_path / "taught" / "config.json").read_text())
    assert config["arguments"]["teacher"].endswith("model.keras") and "a teacher's probabilities" in config["data"]["note"]
    command("compare", *(tmp_path / name for name in ("cnn", "beit", "taught")), "--out", tmp_path / "compare.html")
    page = (tmp_path / "compare.html").read_text()
    assert '<th scope="row">residual_3</th><td>51</td>' in page and "attention distance, pixels: nearest head" in page
    assert "taught. Each unit of the first layer reads the whole image.</p>" in page
    assert "not tested on the same data" not in page  # though one run had a teacher


def test_a_beit_goes_on_with_larger_images_or_is_fine_tuned(handed_over, small_beit, tmp_path):
    small = course_hw5.beit_classifier(course_hw5.beit_backbone("tiny", (8, 8, 3)), 10, input_shape=(32, 32, 3))
    small.save(tmp_path / "small.keras")
    start = ("--dataset", "digits", "--preset", tmp_path / "small.keras")
    train("beit", *start, "--recipe", "enlarge", "--image-size", 12, "--drop-path-rate", 0.2, "--out", tmp_path / "larger")
    train("beit", "--dataset", "digits", "--preset", GOLDEN, "--out", tmp_path / "tuned")
    (larger, *_, enlarging), (tuned, *_, fine_tuning) = handed_over
    assert (larger.backbone.image_shape, enlarging.optimizer) == ((12, 12, 3), "muon")
    assert larger.backbone.drop_path_rate == 0.2
    np.testing.assert_array_equal(larger.get_layer("logits").kernel, small.get_layer("logits").kernel)
    assert (tuned.backbone.drop_path_rate, fine_tuning.optimizer) == (0.1, "adamw")
    assert tuned.output_shape == (None, 10)


def test_images_of_one_s_own_are_trained_on_and_scored(small_beit, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(beit.SIZES["tiny"], "num_layers", 1)
    own = write_class_folders(tmp_path / "colors", 10)
    (own / "red" / "x.png").write_text("no image")
    line = failure(capsys, train, "beit", "--data", own, "--out", tmp_path / "run")
    assert "red/x.png must be an image" in line and "--skip-broken" in line and not (tmp_path / "run").exists()
    options, run = ("--data", own, "--skip-broken"), tmp_path / "run"
    train("beit", *options, "--image-size", 16, "--batch-size", 8, "--epochs", 1, "--out", run)
    page, config = (run / "index.html").read_text(), json.loads((run / "config.json").read_text())
    assert "1 that cannot be read are left out" in page and config["data"]["class_names"] == ["blue", "green", "red"]
    assert config["arguments"]["dataset"] == str(own) and config["arguments"]["skip_broken"] is True
    assert course_hw5.load_model(run).input_shape == (None, 16, 16, 3)
    command("evaluate", run, *options, "--out", tmp_path / "evaluated")
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (run, tmp_path / "evaluated"))
    assert first["accuracy"] == second["accuracy"] and second["examples"] == 6


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("train", "mlp", "--skip-broken"), "--skip-broken is for --data. Received: True without it"),
        (("train", "mlp", "--data", "nothing"), "tfds:NAME, a folder of class folders, or a table of paths and labels"),
        (("evaluate", "beit-cifar10", "--label-column", "kind"), "--label-column is for --data. Received: kind without it"),
    ],
)
def test_options_of_own_data_are_refused_without_data(arguments, message, tmp_path, capsys):
    assert message in failure(capsys, command, *arguments, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option, recipe", [("--preset", "finetune"), ("--teacher", "distilled")])
def test_recipes_are_refused_without_the_model_that_they_need(option, recipe, tmp_path, capsys):
    line = failure(capsys, train, "beit", "--recipe", recipe, "--out", tmp_path / "run")
    assert f"{option} is needed for the recipe {recipe}. Received: none" in line and not (tmp_path / "run").exists()


def test_every_training_of_a_beit_takes_a_drop_path_rate(handed_over, small_beit, tmp_path):
    small = course_hw5.beit_classifier(course_hw5.beit_backbone("tiny", (8, 8, 3), drop_path_rate=0.25), 10)
    small.save(tmp_path / "small.keras")
    given, preset = ("--drop-path-rate", 0.5), ("--preset", tmp_path / "small.keras")
    for number, options in enumerate([given, ("--pretrain", *given), (*preset, *given), (*preset, "--recipe", "enlarge")]):
        train("beit", "--dataset", "digits", "--image-size", 8, *options, "--out", tmp_path / str(number))
    rates = [model.backbone.drop_path_rate for model, *_ in handed_over]
    assert rates == [0.5, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("kind", [(), ("--pretrain",)])
def test_a_drop_path_rate_that_drops_everything_is_refused(kind, tmp_path, capsys):
    line = failure(capsys, train, "beit", *kind, "--drop-path-rate", 1, "--out", tmp_path / "run")
    assert "--drop-path-rate must be in [0, 1). Received: 1.0" in line and not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["mlp", "cnn", "beit"])
def test_training_images_are_augmented_as_named_in_place_of_the_recipe_s_way(kind, handed_over, small_beit, tmp_path):
    options = ("--dataset", "digits", "--image-size", 12, "--augmentation")
    for number, names in enumerate(("flip,mixup", "")):
        train(kind, *options, names, "--out", tmp_path / str(number))
    mixed, plain = (data.train.element_spec[1].shape.rank for _, data, *_ in handed_over)
    assert (mixed, plain) == (2, 1)  # shares of classes, and a class


def test_an_augmentation_that_does_not_exist_is_refused(tmp_path, capsys):
    options = ("--dataset", "digits", "--augmentation")
    line = failure(capsys, train, "cnn", *options, "flip,mirror", "--out", tmp_path / "run")
    assert "`augmentation` must be made of flip, shift, mixup, cutmix. Received: ['flip', 'mirror']" in line
    line = failure(capsys, train, "beit", "--pretrain", *options, "flip", "--out", tmp_path / "run")
    assert "--augmentation must be left out with --pretrain" in line and not (tmp_path / "run").exists()


def test_a_segmenter_is_trained_resumed_and_evaluated(small_beit, small_camvid, tmp_path, capsys):
    run, evaluated = tmp_path / "run", tmp_path / "evaluated"
    arguments = ("segmenter", "--batch-size", 4, "--epochs", 1, "--image-size", "16x24", "--out", run)
    train(*arguments)
    names = {path.name for path in run.iterdir()}
    assert {"class_scores.csv", "confusion_matrix.png", "gallery.png", "mean_iou.png", "scenes.json", "index.html"} <= names
    page = (run / "index.html").read_text()
    assert "Segmentation masks during training" in page and "mean IoU" in page and "pedestrian" in page
    assert [*course_hw5.load_model(run / "model.keras").class_names][:4] == ["sky", "building", "pole", "road"]
    train(*arguments, "--resume")
    assert len((run / "history.csv").read_text().splitlines()) == 2
    capsys.readouterr()
    command("evaluate", run, "--out", evaluated)
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (run, evaluated))
    assert first["mean_iou"] == second["mean_iou"] and f"mIoU {first['mean_iou']:.4f}" in capsys.readouterr().out
    line = failure(capsys, command, "evaluate", run, "--split", "test", "--out", tmp_path / "test")
    assert "camvid must have the split test" in line  # this small CamVid has none


def test_a_segmenter_is_trained_on_all_scenes_with_weights_of_classes_and_averaged(small_beit, small_camvid, tmp_path, capsys):
    run = tmp_path / "run"
    options = ("--class-weights", "sqrt", "--ema", 0.9, "--no-validation", "--keep-backups", 2)
    head = ("--image-size", "16x24", "--channels", 8, "--detail-channels", 3, 4)
    train("segmenter", "--batch-size", 5, "--epochs", 2, *head, *options, "--out", run)
    config = json.loads((run / "config.json").read_text())
    assert (config["settings"]["ema"], config["settings"]["monitor"]) == (0.9, "epoch")
    assert config["data"]["class_pixels"] == [0, 0, 0, 39 * 30 * 10, 0, 0, 30 * 10, 0, 0, 0, 0]
    assert config["data"]["note"].endswith("; all 10 train, none validates")
    segmenter = course_hw5.load_model(run / "model.keras")
    assert (segmenter.detail_channels, segmenter.channels, segmenter.backbone.patch_size) == ((3, 4), 8, 8)
    command("verify", run)
    assert ", 0 differs" in capsys.readouterr().out.splitlines()[-1]


def test_a_segmenter_goes_on_with_larger_images(handed_over, small_beit, small_camvid, tmp_path):
    backbone = course_hw5.beit_backbone("tiny", (16, 24, 3), patch_size=8, feature_layers=(0, 1, 2, 3))
    small = course_hw5.upernet_segmenter(backbone, 11, channels=8)
    small.save(tmp_path / "small.keras")
    options = ("--preset", tmp_path / "small.keras", "--recipe", "enlarge", "--image-size", "24x32")
    train("segmenter", *options, "--out", tmp_path / "larger")
    [(larger, data, _, config)] = handed_over
    assert larger.backbone.image_shape == next(iter(data.train))[0].shape[1:] == (24, 32, 3)
    assert (config.learning_rate, config.warmup_epochs) == (1.5e-3, 0.5)
    weights = [model.get_layer("logits").get_weights()[0] for model in (small, larger)]
    np.testing.assert_array_equal(*weights)


def test_a_segmenter_that_goes_on_keeps_its_patches_and_refuses_others(handed_over, small_camvid, tmp_path, capsys):
    backbone = course_hw5.beit_backbone("tiny", (16, 24, 3), patch_size=4, num_layers=4, feature_layers=(0, 1, 2, 3))
    course_hw5.upernet_segmenter(backbone, 11, channels=8, detail_channels=(3, 4)).save(tmp_path / "fine.keras")
    going_on = ("segmenter", "--preset", tmp_path / "fine.keras", "--image-size", "16x24", "--out", tmp_path / "run")
    train(*going_on)
    [(model, *_)] = handed_over
    assert (model.backbone.patch_size, model.channels, model.detail_channels) == (4, 8, (3, 4))
    message = "--channels must be left out: a segmenter of --preset keeps its own. Received: 16"
    assert message in failure(capsys, train, *going_on, "--channels", 16)


def test_scenes_of_one_s_own_give_a_segmenter_its_classes(handed_over, small_beit, tmp_path):
    own = write_scenes(tmp_path / "garden", 12)
    train("segmenter", "--data", own, "--image-size", "16x24", "--batch-size", 2, "--out", tmp_path / "run")
    [(model, data, *_)] = handed_over
    assert [*model.class_names] == data.class_names == ["ground", "wall"] and data.train.cardinality() == 4


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--recipe", "enlarge"], "--preset is needed for the recipe enlarge. Received: none"),
        (["--data", ".", "--no-validation"], "--no-validation is for --dataset. Received: --data ."),
        (["--ema", "1"], "`ema` must be in [0, 1). Received: 1.0"),
        (["--calibrate"], "--calibrate is for classifiers. Received: a segmenter"),
        (["--image-size", "96"], "must be HEIGHTxWIDTH in pixels, such as 96x128. Received: 96"),
        (["--scales", "0.5", "1"], "`scales` must be (1.0,), or sliding"),
        (["--preset", "sentiment-minilm"], "--preset must be built on a BEiT. Received: bert_classifier"),
    ],
)
def test_a_segmenter_that_cannot_be_is_refused(arguments, message, small_camvid, tmp_path, capsys):
    assert message in failure(capsys, train, "segmenter", *arguments, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()
