import json
import os
import pathlib
import re
import runpy
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

import course_hw5
from course_hw5 import cli
from course_hw5.cli import classify
from course_hw5.data import reviews, scenes
from course_hw5.models import beit
from course_hw5.models.bert_classifier import with_precision
from course_hw5.recipes import mlp as mlp_recipe
from course_hw5.text.tokenizer import SPECIAL_TOKENS, bert_tokenizer
from course_hw5.training import runtime, tasks
from tests.golden import beit as golden_beit
from tests.golden import text_heads
from tests.golden.bert import GOLDEN

pytestmark = pytest.mark.slow

SCRIPTS = pathlib.Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def small_perceptron(monkeypatch):
    """Few units: TensorFlow keeps the weights of each model that was trained. `tests/test_wheel.py` trains the real size."""
    for options in mlp_recipe.MODELS.values():
        monkeypatch.setitem(options, "hidden_units", (64, 32))


def command(*arguments):
    """Runs `course-hw5` in this process."""
    cli.main([str(argument) for argument in arguments])


def train(recipe, *arguments):
    command("train", recipe, *arguments)


@pytest.mark.parametrize("script", ["train_segmenter.py", "train_beit.py"])
def test_a_script_trains_on_digits_and_leaves_figures_report_and_model(script, tmp_path, monkeypatch):
    for name, value in (("hidden_dim", 12), ("num_heads", 3)):
        monkeypatch.setitem(beit.SIZES["tiny"], name, value)
    arguments = ["--dataset", "digits", "--epochs", "1", "--out", str(tmp_path)]
    if script == "train_segmenter.py":
        patch_digit_scenes(monkeypatch)
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(str(SCRIPTS / script), run_name="__main__")
    report = "class_scores.csv" if script == "train_segmenter.py" else "classification_report.txt"
    assert {"history.csv", "loss.png", "metrics.json", "confusion_matrix.png", report, "model.keras"} <= {
        path.name for path in tmp_path.iterdir()
    }
    saved = course_hw5.load_model(tmp_path / "model.keras")
    assert saved.count_params() > 0


def patch_digit_scenes(monkeypatch):
    """Few scenes: the script is what is tested."""
    monkeypatch.setitem(scenes.DIGIT_SCENES, "train", 20)
    monkeypatch.setitem(scenes.DIGIT_SCENES, "validation", 4)


def test_scripts_fit_on_one_screen():
    for script in SCRIPTS.glob("train_*.py"):
        lines = script.read_text().splitlines()
        assert len(lines) <= 75 and any("model.compile(" in line for line in lines), script


def failure(capsys, run, *arguments):
    """Runs something that must fail; returns its last line on stderr."""
    with pytest.raises(SystemExit) as error:
        run(*arguments)
    assert error.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_the_recipe_mlp_leaves_a_run_folder_with_its_arguments(tmp_path, capsys, monkeypatch):
    train("mlp", "--dataset", "digits", "--recipe", "tuned", "--epochs", 1, "--out", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["arguments"] == {"dataset": "digits", "recipe": "tuned", "batch_size": 256, "strategy": "none"}
    assert config["settings"]["epochs"] == 1 and config["settings"]["optimizer"] == "adamw"
    assert config["settings"]["warmup_epochs"] == 0.5  # not the recipe's two
    assert (tmp_path / "run" / "index.html").exists()
    assert capsys.readouterr().out.splitlines()[-1].startswith("accuracy 0.")

    line = failure(capsys, train, "mlp", "--dataset", "digits", "--out", tmp_path / "run")
    assert "holds files: add --resume to go on or --overwrite" in line
    monkeypatch.setattr(course_hw5, "load_images", None)  # refused before data are read
    resume = ("--dataset", "digits", "--recipe", "tuned", "--out", tmp_path / "run", "--resume")
    for option, now, before in (("epochs", 2, 1), ("seed", 1, 0), ("batch-size", 8, 256)):
        line = failure(capsys, train, "mlp", *resume, f"--{option}", now)
        assert f"was started with {option.replace('-', '_')} = {before}. Received: {now}" in line
    assert (tmp_path / "run" / "index.html").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--dataset", "mnist"], "invalid choice: 'mnist' (choose from"),
        (["--recipe", "best"], "invalid choice: 'best' (choose from"),
        (["--precision", "float8"], "invalid choice: 'float8' (choose from"),
        (["--epochs", "0"], "must be a whole number, 1 or more. Received: 0"),
        (["--epochs", "many"], "must be a whole number, 1 or more. Received: many"),
        (["--batch-size", "-1"], "must be a whole number, 1 or more. Received: -1"),
        (["--resume", "--overwrite"], "not allowed with argument"),
    ],
)
def test_wrong_arguments_end_in_one_line_before_anything_is_written(arguments, message, tmp_path, capsys):
    out = tmp_path / "run"
    assert message in failure(capsys, train, "mlp", "--dataset", "digits", "--out", out, *arguments)
    assert not out.exists()


@pytest.mark.skipif(os.geteuid() == 0 and sys.platform != "linux", reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_line(capsys):
    line = failure(capsys, train, "mlp", "--dataset", "digits", "--out", "/proc/run")
    assert line.startswith("course-hw5: error:") and "/proc/run" in line


def test_the_page_of_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    line = failure(capsys, cli.main, ["page", str(tmp_path)])
    assert line.startswith("course-hw5: error:") and "must hold a finished run. Received: no config.json" in line


def test_labs_with_other_parameters_have_folders_of_their_own(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cli.main(["lab", "weights_by_hand", "--samples", "50"])
    cli.main(["lab", "weights_by_hand", "--samples", "50", "--weights", "uniform"])
    names = {path.name for path in (tmp_path / "runs" / "labs").iterdir()}
    assert names == {"weights_by_hand-samples-50", "weights_by_hand-weights-uniform-samples-50"}


def test_finished_runs_are_compared_and_others_refused(tmp_path, capsys, digits, small_mlp):
    out, first, second = tmp_path / "pages" / "compare.html", tmp_path / "first", tmp_path / "second"
    course_hw5.train(small_mlp, digits, first, course_hw5.TrainingConfig(epochs=1))
    assert "two or more run folders. Received: " in failure(capsys, command, "compare", first, "--out", out)
    assert "no config.json" in failure(capsys, command, "compare", first, second, "--out", out)
    assert not out.parent.exists()
    shutil.copytree(first, second)
    capsys.readouterr()
    command("compare", first, second, "--out", out)
    assert capsys.readouterr().out == f"Open {out}; the figure is {out.with_suffix('.png')}\n"
    assert "first and second are as accurate" in out.read_text()


# === BERT ===


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    """A folder with a BERT of sixty words."""
    words = [*SPECIAL_TOKENS, "good", "bad", "film", "story", *(f"word{i}" for i in range(51))]
    folder = shutil.copytree(GOLDEN, tmp_path_factory.mktemp("preset") / "bert")
    (folder / "vocab.txt").write_text("\n".join(words))
    return folder


def made_up_reviews():
    """Sixty reviews in place of SST-2."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    texts = np.array([f"{'good' if label else 'bad'} film word{random.integers(51)}".encode() for label in labels], object)
    return (texts, labels), (texts[:20], labels[:20]), "made up", reviews.split_indices


@pytest.fixture
def small_bert(bert_folder, monkeypatch):
    monkeypatch.setitem(reviews.SOURCES, "sst2", made_up_reviews)
    return bert_folder


def bert_arguments(folder, out, *more):
    return ("--preset", folder, "--max-length", 16, "--batch-size", 8, "--out", out, *more)


@pytest.fixture(scope="module")
def trained_bert(bert_folder, tmp_path_factory):
    """The run folder of two epochs."""
    out = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(reviews.SOURCES, "sst2", made_up_reviews)
        train("bert", *bert_arguments(bert_folder, out, "--epochs", 2, "--learning-rate", 5e-3))
    return out


def test_the_recipe_bert_leaves_a_run_folder_with_a_time_lapse(trained_bert, small_bert, tmp_path):
    accuracy = json.loads((trained_bert / "metrics.json").read_text())["accuracy"]
    frames = json.loads((trained_bert / "attention.json").read_text())
    assert [frame["epoch"] for frame in frames] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert {frame["answer"] for frame in frames} == {"positive"}  # by the data, whatever the labels were called before
    assert all(len(frame["tokens"]) == len(frame["relevance"]) and 0 < frame["probability"] < 1 for frame in frames)
    assert all((trained_bert / frame["page"]).read_text().startswith("<!DOCTYPE html>") for frame in frames)
    page = (trained_bert / "index.html").read_text()
    assert "Attention during training" in page and "attention/epoch-0002-0.html" in page

    command("evaluate", trained_bert, "--max-length", 16, "--out", tmp_path / "again")
    assert json.loads((tmp_path / "again" / "metrics.json").read_text())["accuracy"] == accuracy


def test_the_recipe_bert_learns_from_a_teacher_and_reads_batches_twice(trained_bert, small_bert, tmp_path, monkeypatch):
    texts = np.array([b"A warm film. A dull story.", b"A cold ending!<br />A film"], object)
    monkeypatch.setattr(reviews, "_read", lambda *_: [(texts, np.array([1, 0])), None])
    weights, call = [], tasks.RDropLoss.call
    monkeypatch.setattr(tasks.RDropLoss, "call", lambda loss, *pair: weights.append(loss.weight) or call(loss, *pair))
    more = ("--epochs", 1, "--teacher", trained_bert / "model.keras", "--r-drop", 0.5)
    train("bert", *bert_arguments(small_bert, tmp_path / "run", *more))
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data"]["note"].endswith("and 3 sentences of IMDB's training reviews, labelled by a teacher")
    assert config["arguments"]["teacher"].endswith("model.keras") and config["arguments"]["r_drop"] == 0.5
    assert set(weights) == {0.5}
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["examples"] == 20


def test_the_recipe_bert_trains_a_new_model_embeddings_included(small_bert, tmp_path):
    arguments = ("--size", "tiny", "--max-length", 16, "--batch-size", 8, "--epochs", 1)
    train("bert", *arguments, "--out", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["arguments"]["size"] == "tiny"
    runtime.seed_everything(0)
    start, end = course_hw5.bert_backbone("tiny"), course_hw5.load_model(tmp_path / "run" / "model.keras").backbone
    before, after = (backbone.token_embedding.get_weights()[0] for backbone in (start, end))
    seen, unseen = (bert_tokenizer().token_to_id(word) for word in ("film", "zebra"))
    moved = np.abs(after - before).max(axis=1)
    assert moved[seen] > 1e-4 > moved[unseen]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--max-length", 32), "--max-length must lie in [8, 24]. Received: 32"),
        (("--learning-rate", 0, "--max-length", 16), "`learning_rate` must be above 0. Received: 0.0"),
        (("--teacher", "sentiment-minilm", "--dataset", "imdb"), "--teacher adds sentences of IMDB to another data set"),
        (
            ("--teacher", "minilm", "--max-length", 16),
            "--teacher must be a classifier. Received: minilm, which is bert_backbone",
        ),
        (
            ("--teacher", "sentiment-minilm", "--max-length", 16),
            "--teacher must have the vocabulary of --preset. Received: sentiment-minilm",
        ),
        (
            ("--num-pseudo-labels", 10),
            "--num-pseudo-labels needs a --teacher. Received: 10",
        ),
        (("--r-drop", 0), "`weight` must be above 0, for R-Drop. Received: 0.0"),
    ],
)
def test_the_recipe_bert_refuses_before_it_reads_data(small_bert, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.delitem(reviews.SOURCES, "sst2")
    last = failure(capsys, train, "bert", "--preset", small_bert, "--out", tmp_path / "run", *arguments)
    assert message in last


@pytest.mark.parametrize(
    "shape, layers",
    [
        ((6, 4, 65, 65), [0, 1, 2, 3, 4, 5]),
        ((12, 12, 197, 197), [*range(12)]),
        ((12, 12, 577, 577), [2, 5, 8, 11]),
        ((24, 16, 1025, 1025), [23]),
    ],
)
def test_the_page_of_an_image_holds_as_many_layers_as_it_can(shape, layers):
    assert classify.layers_of_page(shape) == layers


@pytest.mark.parametrize("command", ["classify", "segment"])
def test_images_that_are_not_there_are_refused_before_a_model_is_loaded(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(course_hw5, "load_model", None)
    line = failure(capsys, cli.main, [command, "a.jpg", "b.png", "--out", str(tmp_path / "out")])
    assert line == "course-hw5: error: IMAGE must name files. Received: a.jpg, b.png, of which there is none"


def test_attend_refuses_a_folder_in_place_of_a_page(tmp_path, capsys):
    line = failure(capsys, cli.main, ["attend", "a film", "--out", str(tmp_path)])
    assert "--out must name a page. Received: the folder" in line and not [*tmp_path.iterdir()]


def test_a_folder_with_files_is_refused_before_anything_is_read(tmp_path, capsys):
    (tmp_path / "metrics.json").write_text("{}")
    assert "holds files: add --overwrite" in failure(capsys, command, "evaluate", "nothing", "--out", tmp_path)
    assert (tmp_path / "metrics.json").read_text() == "{}"
    (tmp_path / "history.csv").write_text("epoch\n1\n")
    line = failure(capsys, command, "evaluate", "nothing", "--out", tmp_path, "--overwrite")
    assert "--out must be a folder of its own. Received: " in line


@pytest.mark.parametrize("preset", ["model.keras", ""])
@pytest.mark.parametrize("recipe", ["bert", "beit", "segmenter"])
def test_what_a_training_starts_from_is_not_overwritten(recipe, preset, tmp_path, capsys):
    (tmp_path / "model.keras").write_text("years of work")
    line = failure(capsys, train, recipe, "--preset", tmp_path / preset, "--out", tmp_path, "--overwrite")
    assert "--preset must lie elsewhere than --out, which --overwrite deletes" in line
    assert (tmp_path / "model.keras").read_text() == "years of work"


def test_a_bert_of_one_length_is_not_trained(small_bert, tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(reviews.SOURCES, "sst2")
    fixed = course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", hidden_dim=16, mlp_dim=16), max_length=16)
    fixed.save(tmp_path / "fixed.keras")
    line = failure(capsys, train, "bert", "--preset", tmp_path / "fixed.keras", "--out", tmp_path / "run")
    assert "--preset must read texts of any length, not of 16 tokens alone" in line


def test_what_is_no_classifier_is_not_evaluated(tmp_path, capsys):
    line = failure(capsys, command, "evaluate", "minilm", "--out", tmp_path / "run")
    assert "PRESET_OR_RUN must be " in line and "Received: minilm, which is bert_backbone" in line


def test_a_saved_model_goes_on_in_the_precision_that_is_asked_for(trained_bert, small_bert, tmp_path):
    more = ("--epochs", 1, "--precision", "mixed_bfloat16")
    train("bert", *bert_arguments(trained_bert / "model.keras", tmp_path / "run", *more))
    before, after = (course_hw5.load_model(folder / "model.keras") for folder in (trained_bert, tmp_path / "run"))
    assert [model.backbone.compute_dtype for model in (before, after)] == ["float32", "bfloat16"]
    vocabularies = [model.tokenizer.get_vocabulary() for model in (before, after)]
    assert vocabularies[0] == vocabularies[1]
    ids = np.array([[2, 5, 7, 9, 3, 0]])
    np.testing.assert_allclose(with_precision(after, "float32")(ids), after(ids), atol=0.02)


def test_a_new_bert_takes_no_lora(tmp_path, capsys):
    line = failure(capsys, train, "bert", "--size", "tiny", "--lora", 4, "--out", tmp_path / "run")
    assert "--lora" in line and line.endswith("Received: tiny")


def test_a_lora_that_was_stopped_goes_on_to_the_same_weights(small_bert, tmp_path, monkeypatch):
    arguments = ("--epochs", 2, "--lora", 2)
    train("bert", *bert_arguments(small_bert, tmp_path / "whole", *arguments))

    def stop(self, epoch, logs=None, begin=course_hw5.AttentionTimeLapse.on_epoch_end):
        if epoch == 1:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(course_hw5.AttentionTimeLapse, "on_epoch_end", stop)
        train("bert", *bert_arguments(small_bert, tmp_path / "stopped", *arguments))
    train("bert", *bert_arguments(small_bert, tmp_path / "stopped", *arguments, "--resume"))
    start = course_hw5.load_model(small_bert).get_weights()
    whole, stopped = (course_hw5.load_model(tmp_path / name / "model.keras").get_weights() for name in ("whole", "stopped"))
    for before, expected, found in zip(start, whole, stopped):
        np.testing.assert_array_equal(found, expected)
        assert found.shape == before.shape  # the factors are merged
    changed = sum(not np.array_equal(before, after) for before, after in zip(start, whole))
    assert 0 < changed < len(start)
    rows = (tmp_path / "whole" / "attention.json").read_text(), (tmp_path / "stopped" / "attention.json").read_text()
    assert rows[0] == rows[1]


def test_attend_prints_the_probability_and_writes_the_page(tmp_path, capsys):
    out = tmp_path / "pages" / "page.html"
    cli.main(["attend", "I liked this movie because of its genre", "--out", str(out)])
    assert re.fullmatch(rf"positive 0\.9[5-9]\d\d\. Open {out}\n", capsys.readouterr().out)
    assert '"whatIf"' in out.read_text()


def test_attend_says_how_much_of_a_long_text_was_read(tmp_path, capsys):
    small = course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", hidden_dim=16, mlp_dim=16), max_length=16)
    small.save(tmp_path / "small.keras")
    out = tmp_path / "page.html"
    cli.main(["attend", "a dull film " * 200, "--preset", str(tmp_path / "small.keras"), "--out", str(out)])
    assert re.fullmatch(rf"positive 0\.\d{{4}}, of the first 16 of 602 tokens\. Open {out}\n", capsys.readouterr().out)


def test_attend_speaks_of_the_label_of_the_model_and_reads_special_tokens(tmp_path, capsys):
    folder, out = (
        text_heads.Case(config={"id2label": {"0": "other", "1": "paraphrase"}}).write(tmp_path / "model"),
        tmp_path / "p.html",
    )
    for more, tokens in ([], '"[CLS]", "[UNK]"'), (["--special-tokens"], '"[CLS]", "[MASK]", "word7", "[SEP]"'):
        cli.main(["attend", "[MASK] word7", "--preset", str(folder), "--out", str(out), *more])
        assert re.fullmatch(rf"paraphrase 0\.\d{{4}}\. Open {out}\n", capsys.readouterr().out)
        assert tokens in out.read_text() and '"className": "paraphrase"' in out.read_text()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([" "], "TEXT must hold a word. Received: ' '"),
        (["good", "--preset", "nothing"], "`preset` must be sentiment-minilm, beit-cifar10, segmenter-camvid, minilm, a "),
        (["good", "--preset", "minilm"], "--preset must be a classifier of texts. Received: minilm, which is bert_backbone"),
    ],
)
def test_attend_refuses_what_it_cannot_read(arguments, message, tmp_path, capsys):
    assert message in failure(capsys, cli.main, ["attend", *arguments, "--out", str(tmp_path / "page.html")])
    assert not (tmp_path / "page.html").exists()


def test_images_are_classified_and_bad_ones_refused_in_a_line_each(tmp_path, capsys):
    from sklearn.datasets import load_sample_image

    (tmp_path / "other").mkdir()
    paths = [tmp_path / "a.jpg", tmp_path / "broken.png", tmp_path / "other" / "a.png", tmp_path / "missing.png"]
    paths.append(tmp_path / f"{'long' * 62}.png")
    Image.fromarray(load_sample_image("china.jpg")).save(paths[0])
    paths[1].write_bytes(b"no image")
    Image.new("LA", (1, 1)).save(paths[2])
    Image.new("L", (9, 9)).save(paths[4])
    with pytest.raises(SystemExit) as error:
        cli.main(["classify", *map(str, paths), "--out", str(tmp_path / "out")])
    assert error.value.code == 2
    printed = capsys.readouterr()
    pages = {page.name for page in (tmp_path / "out").iterdir()}
    assert printed.out.count("Open ") == 3 and pages == {"a.html", "a-1.html", f"{'long' * 50}.html"}
    lines = [line for line in printed.err.splitlines() if line.startswith("course-hw5: ")]
    assert "broken.png must be an image" in lines[0] and "missing.png must be an image" in lines[1]
    assert lines[2] == "course-hw5: error: 2 of 5 images were refused"


def test_a_preset_that_does_not_see_is_refused(tmp_path, capsys):
    line = failure(capsys, cli.main, ["classify", __file__, "--preset", str(GOLDEN), "--out", str(tmp_path)])
    assert "--preset must be a classifier of images" in line


def test_a_beit_is_trained_enlarged_fine_tuned_and_evaluated(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(beit.SIZES["tiny"], "num_layers", 1)
    monkeypatch.setitem(beit.SIZES["tiny"], "hidden_dim", 16)
    common = ("--dataset", "digits", "--epochs", 1, "--batch-size", 256)
    train("beit", *common, "--image-size", 8, "--out", tmp_path / "small")
    start = ("--preset", tmp_path / "small" / "model.keras")
    train("beit", *common, *start, "--recipe", "enlarge", "--image-size", 12, "--out", tmp_path / "larger")
    train("beit", *common, "--preset", golden_beit.GOLDEN, "--out", tmp_path / "tuned")
    settings = [json.loads((tmp_path / name / "config.json").read_text())["settings"] for name in ("small", "larger", "tuned")]
    assert [part["optimizer"] for part in settings] == ["muon", "muon", "adamw"]
    frames = json.loads((tmp_path / "larger" / "attention.json").read_text())
    assert {frame["epoch"] for frame in frames} == {0, 1} and len(frames) == 8
    assert "Attention during training" in (tmp_path / "larger" / "index.html").read_text()
    command("evaluate", tmp_path / "larger", "--dataset", "digits", "--out", tmp_path / "evaluated")
    config = json.loads((tmp_path / "evaluated" / "config.json").read_text())
    assert config["settings"] == {} and config["arguments"]["dataset"] == "digits" and "scikit-learn" in config["data"]["note"]
    first, second = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("larger", "evaluated"))
    assert first["accuracy"] == second["accuracy"]


def test_fine_tuning_without_a_start_is_refused(tmp_path, capsys):
    line = failure(capsys, train, "beit", "--recipe", "finetune", "--out", tmp_path / "run")
    assert "--preset is needed for the recipe finetune" in line and not (tmp_path / "run").exists()


# === Segmentation ===


@pytest.mark.parametrize(
    "more, message",
    [
        (
            ("--dataset", "digits"),
            "The model must have the classes of digits. Received: airplane, automobile, bird, cat, deer, ...",
        ),
        (("--dataset", "sst2"), "--dataset must be one of cifar10, digits for beit_classifier. Received: sst2"),
        (("--max-length", 16), "--max-length is not for beit_classifier. Received: 16"),
        (("--flip",), "--flip is not for beit_classifier. Received: True"),
        (("--split", "test"), "--split is not for beit_classifier. Received: test"),
    ],
)
def test_evaluation_refuses_what_makes_no_sense(more, message, tmp_path, capsys):
    assert message in failure(capsys, command, "evaluate", "beit-cifar10", "--out", tmp_path / "run", *more)


def test_a_segmenter_is_trained_resumed_enlarged_and_evaluated(small_camvid, tmp_path, capsys, monkeypatch):
    for name, value in (("hidden_dim", 12), ("num_layers", 4), ("num_heads", 3)):
        monkeypatch.setitem(beit.SIZES["tiny"], name, value)
    small, larger = tmp_path / "small", tmp_path / "larger"
    common = ("--batch-size", 4, "--epochs", 1)
    train("segmenter", *common, "--image-size", "16x24", "--out", small)
    names = {path.name for path in small.iterdir()}
    assert {"class_scores.csv", "confusion_matrix.png", "gallery.png", "mean_iou.png", "scenes.json", "index.html"} <= names
    page = (small / "index.html").read_text()
    assert "Segmentation masks during training" in page and "mean IoU" in page and "pedestrian" in page
    assert [*course_hw5.load_model(small / "model.keras").class_names][:4] == [
        "sky",
        "building",
        "pole",
        "road",
    ]
    train("segmenter", *common, "--image-size", "16x24", "--out", small, "--resume")
    assert len((small / "history.csv").read_text().splitlines()) == 2

    start = ("--preset", small / "model.keras")
    train("segmenter", *common, *start, "--recipe", "enlarge", "--image-size", "24x32", "--out", larger)
    capsys.readouterr()
    command("evaluate", larger, "--out", tmp_path / "evaluated")
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (larger, tmp_path / "evaluated"))
    assert first["mean_iou"] == second["mean_iou"] and f"mIoU {first['mean_iou']:.4f}" in capsys.readouterr().out
    line = failure(capsys, command, "evaluate", larger, "--split", "test", "--out", tmp_path / "test")
    assert "camvid must have the split test" in line  # this small CamVid has none


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--recipe", "enlarge"], "--preset is needed for the recipe enlarge. Received: none"),
        (["--image-size", "96"], "must be HEIGHTxWIDTH in pixels, such as 96x128. Received: 96"),
        (["--scales", "0.5", "1"], "`scales` must be (1.0,), or sliding"),
        (["--preset", "sentiment-minilm"], "--preset must be built on a BEiT. Received: bert_classifier"),
    ],
)
def test_a_segmenter_that_cannot_be_is_refused(arguments, message, small_camvid, tmp_path, capsys):
    assert message in failure(capsys, train, "segmenter", *arguments, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_images_are_segmented_and_bad_ones_refused_in_a_line_each(tmp_path, capsys):
    from sklearn.datasets import load_sample_image

    paths = [tmp_path / name for name in ("street.jpg", "empty.png", "deep.png")]
    Image.fromarray(load_sample_image("china.jpg")[:200]).save(paths[0])
    paths[1].write_bytes(b"")
    Image.fromarray(np.arange(6, dtype="uint16").reshape(2, 3) * 9999).save(paths[2])
    with pytest.raises(SystemExit) as error:
        cli.main(["segment", *map(str, paths), "--out", str(tmp_path / "out")])
    assert error.value.code == 2
    printed = capsys.readouterr()
    assert printed.out.count("Open ") == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"{stem}{ending}" for stem in ("street", "deep") for ending in (".html", "-labels.png", "-overlay.png")
    }
    assert "empty.png must be an image" in printed.err and "1 of 3 images were refused" in printed.err
    line = failure(capsys, cli.main, ["segment", str(paths[0]), "--preset", "beit-cifar10", "--out", str(tmp_path / "other")])
    assert "--preset must be a segmenter of images. Received: beit-cifar10, which is beit_classifier" in line
    assert not (tmp_path / "other").exists()
