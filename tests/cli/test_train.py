"""What all recipes share, the recipe `mlp`, the scripts that train, and the commands that read runs."""

import errno
import json
import os
import pathlib
import runpy
import shutil
import sys

import numpy as np
import pytest

import course_hw5
from course_hw5 import cli
from course_hw5.data import known_scenes
from course_hw5.models import beit
from course_hw5.recipes import mlp as mlp_recipe
from tests.cli.running import command, failure, train

pytestmark = pytest.mark.slow

SCRIPTS = pathlib.Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def small_perceptron(monkeypatch):
    """Few units: TensorFlow keeps the weights of each model that was trained. `tests/test_wheel.py` trains the real size."""
    for options in mlp_recipe.MODELS.values():
        monkeypatch.setitem(options, "hidden_units", (64, 32))


@pytest.mark.parametrize("script", ["train_segmenter.py", "train_beit.py", "train_cnn.py"])
def test_a_script_trains_on_digits_and_leaves_figures_report_and_model(script, tmp_path, monkeypatch):
    num_layers = 6 if script == "train_segmenter.py" else 1
    for name, value in (("hidden_dim", 12), ("num_heads", 3), ("num_layers", num_layers)):
        monkeypatch.setitem(beit.SIZES["tiny"], name, value)
    arguments = ["--dataset", "digits", "--epochs", "1", "--out", str(tmp_path)]
    if script == "train_segmenter.py":
        patch_digit_scenes(monkeypatch)
    arguments += ["--widths", "4", "4"] if script == "train_cnn.py" else []
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
    monkeypatch.setattr(known_scenes, "DIGIT_SCENES", (20, 4))


def test_scripts_fit_on_one_screen():
    for script in SCRIPTS.glob("train_*.py"):
        lines = script.read_text().splitlines()
        assert len(lines) <= 75 and any("model.compile(" in line for line in lines), script


def test_the_recipe_mlp_leaves_a_run_folder_with_its_arguments(tmp_path, capsys, monkeypatch):
    train("mlp", "--dataset", "digits", "--recipe", "tuned", "--epochs", 1, "--out", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["arguments"] == {
        "dataset": "digits",
        "recipe": "tuned",
        "image_size": None,
        "validation_split": 0.1,
        "teacher": None,
        "augmentation": None,
        "batch_size": 256,
        "strategy": "none",
    }
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
        (["--recipe", "distilled"], "--teacher is needed for the recipe distilled. Received: none"),
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


def test_an_error_after_a_progress_bar_stands_on_a_line_of_its_own(tmp_path, capsys, monkeypatch):
    def fill_disk(file, **arrays):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", fill_disk)
    with pytest.raises(SystemExit):
        command("demo", "--epochs", 1, "--out", tmp_path / "demo")
    printed = capsys.readouterr()
    assert "/step" in printed.out and printed.out.endswith("\n")
    line = printed.err.splitlines()[-1]
    assert line.startswith("course-hw5: error: ") and "No space left on device" in line and "demo/backup" in line
    assert "add --overwrite to start anew" in failure(capsys, command, "demo", "--out", tmp_path / "demo")


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


def test_what_is_no_classifier_is_not_evaluated(tmp_path, capsys):
    line = failure(capsys, command, "evaluate", "minilm", "--out", tmp_path / "run")
    assert "PRESET_OR_RUN must be " in line and "Received: minilm, which is bert_backbone" in line


@pytest.mark.parametrize(
    "more, message",
    [
        (
            ("--dataset", "digits"),
            "The model must have the classes of digits. Received: airplane, automobile, bird, cat, deer, ...",
        ),
        (("--dataset", "sst2"), "--dataset must be one of cifar10, digits for beit_classifier. Received: sst2"),
        (("--max-length", 16), "--max-length is not for beit_classifier. Received: 16"),
        (("--sliding",), "--sliding is not for beit_classifier. Received: True"),
        (("--split", "test"), "--split is not for beit_classifier. Received: test"),
    ],
)
def test_evaluation_refuses_what_makes_no_sense(more, message, tmp_path, capsys):
    assert message in failure(capsys, command, "evaluate", "beit-cifar10", "--out", tmp_path / "run", *more)
