"""What is no run that can be verified is refused in one line, before TensorFlow is loaded."""

import json
import types

import numpy as np
import pandas as pd
import pytest

from course_hw5 import cli
from course_hw5.cli import train, verify
from course_hw5.recipes import RECIPES
from course_hw5.reports import classification_metrics, run_folder, submitted_run
from course_hw5.reports.checks import diagnosis
from course_hw5.training.config import TrainingConfig

pytestmark = pytest.mark.unit
NAMES = ["cat", "dog"]
SETTINGS = {"epochs": 2, "optimizer": "adam", "learning_rate": 1e-3, "seed": 0}
ARGUMENTS = {"batch_size": 8, "strategy": "none", "dataset": "digits", "recipe": "homework"}
ARGUMENTS |= {"image_size": None, "validation_split": 0.1, "teacher": None}


@pytest.fixture
def run(tmp_path):
    """The files of a run of the recipe `mlp`, with backups that hold nothing."""
    result = classification_metrics.classification_result(np.array([0, 1, 1]), np.array([0, 1, 0]), NAMES)
    config = {"settings": SETTINGS, "arguments": ARGUMENTS, "data": {"class_names": NAMES}}
    config["model"] = {"name": "mlp_classifier", "parameters": 1, "precision": "float32"}
    files = {
        "config.json": json.dumps(config),
        "metrics.json": json.dumps(result.metrics),
        "classification_report.json": json.dumps(result.report),
        "confusion_matrix.csv": pd.DataFrame(result.matrix, index=NAMES, columns=NAMES).to_csv(index_label="true"),
        "history.csv": "epoch,accuracy,seconds\n1,0.5,1.0\n2,1.0,1.0\n",
        "model.keras": "",
        "backup/epoch-0001.npz": "",
        "backup/epoch-0002.npz": "",
    }
    (tmp_path / "backup").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def failure(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(["verify", *map(str, arguments)])
    assert end.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def with_config(run, part, **changes):
    config = json.loads((run / "config.json").read_text())
    config[part] |= changes
    (run / "config.json").write_text(json.dumps(config))


def test_what_is_no_run_folder_is_refused(run, tmp_path, capsys):
    assert "must hold a finished run. Received: no config.json" in failure(capsys, tmp_path / "nothing")
    assert "--out must name a file that ends in .json. Received: found.txt" in failure(capsys, run, "--out", "found.txt")
    (run / "model.keras").unlink()
    assert "must hold a finished run. Received: no model.keras" in failure(capsys, run)


def test_a_run_without_two_backups_is_told_what_to_run(run, capsys):
    (run / "backup" / "epoch-0001.npz").unlink()
    line = failure(capsys, run)
    message = "must hold the backups of its last epochs, 1 and 2: `train --keep-backups 2` keeps them. Received: epoch-0002.npz"
    assert message in line
    (run / "backup" / "epoch-0002.npz").unlink()
    assert "keeps them. Received: none" in failure(capsys, run)


@pytest.mark.parametrize(
    "part, changes, message",
    [
        ("arguments", {"dataset": "/home/ada/photos"}, "--data must say where the data of the run are on this computer."),
        ("arguments", {"strategy": "mirrored"}, "must be a run of --strategy none. Received: mirrored"),
        ("arguments", {"recipe": "best"}, "config.json must hold what `course-hw5 train` wrote. Received: argument --recipe"),
        ("arguments", {"image_size": "--data=/etc"}, "must hold a value of --image-size. Received: '--data=/etc'"),
        ("arguments", {"image_size": {"a": 1}}, "must hold a value of --image-size. Received: {'a': 1}"),
        ("arguments", {"batch_size": "many"}, "must hold what `course-hw5 train` wrote. Received: argument --batch-size"),
        ("settings", {"epochs": 0}, "`epochs` must be a whole number, 1 or more. Received: 0"),
        ("settings", {"epochs": 10**30}, "must hold 9,999 epochs or fewer. Received: 1e+30"),
        ("settings", {"made_up": 1}, "must hold settings of a training. Received: "),
        ("model", {"precision": "float8"}, "must have a precision of float32, mixed_bfloat16, mixed_float16."),
        ("model", {"parameters": "many"}, "must hold model.parameters as int. Received: 'many'"),
    ],
)
def test_a_config_that_cannot_be_followed_is_refused(part, changes, message, run, capsys):
    with_config(run, part, **changes)
    assert message in failure(capsys, run)


def test_a_run_of_python_s_train_is_refused(run, capsys):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"arguments": {}}))
    assert "must be a run of `course-hw5 train`. Received: " in failure(capsys, run)
    (run / "config.json").write_text(json.dumps(config | {"arguments": {"units": 3}}))
    assert "must be a run of `course-hw5 train`. Received: arguments units" in failure(capsys, run)


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("history.csv", "epoch,accuracy\n1,0.5\n", "must hold a row per epoch with numbers for epoch, seconds"),
        (
            "history.csv",
            "epoch,seconds\n,1\n2,1\n",
            "must number its epochs, with seconds above 0. Received: {'epoch': nan, 'seconds': 1.0}",
        ),
        ("history.csv", "epoch,seconds\n1,1\n2,0\n", "with seconds above 0. Received: {'epoch': 2, 'seconds': 0}"),
        (
            "confusion_matrix.csv",
            "true,cat,dog\ncat,1.5,0\ndog,1,1\n",
            "must hold counts from 0 to 1e12, as many rows as columns. Received: another",
        ),
        ("confusion_matrix.csv", "cat,dog\n1,0\n", "must hold a confusion matrix. Received: "),
        ("confusion_matrix.csv", f"true,cat,dog\ncat,{10**9},0\ndog,1,1\n", "must count 100 million examples or fewer"),
        ("metrics.json", "[1]", "must hold a JSON object. Received: list"),
    ],
)
def test_a_damaged_file_is_refused(name, text, message, run, capsys):
    (run / name).write_text(text)
    assert message in failure(capsys, run)


@pytest.mark.parametrize("scales", [["1.0", "-h"], ["1.0", "--preset=/path"], ["1.0", "--pre", "/path"], ["1.0", "--"]])
def test_a_value_in_a_config_is_no_option(scales, run, capsys):
    values = {option.name: None for option in RECIPES["segmenter"].options} | {"scales": scales, "dataset": "camvid"}
    with_config(run, "arguments", **values)
    line = failure(capsys, run, "--preset", "mine.keras")
    assert f"config.json must hold a value of --scales. Received: '{scales[1]}'" in line


def test_a_config_ends_no_program_and_abbreviates_no_option():
    parser = verify._Parser()
    train.add_arguments(parser)
    for word in ("-h", "--help", "--see=1"):
        with pytest.raises(ValueError, match="Received: unrecognized arguments"):
            parser.parse_args(["mlp", "--out=run", word])
    with pytest.raises(ValueError, match="Received: the end"):
        parser.exit(0, "the end")


def test_the_last_epoch_is_that_of_the_config_and_not_of_the_backups(run, capsys):
    with_config(run, "settings", epochs=8)
    for epoch in ("last", "all"):
        line = failure(capsys, run, "--epoch", epoch)
        assert "must hold the backups of its last epochs, 7 and 8: `train --keep-backups 2` keeps them. Received: " in line
        assert line.endswith("Received: epoch-0001.npz, epoch-0002.npz")
    assert "--epoch must be one of 1, 2, whose backups are there. Received: 8" in failure(capsys, run, "--epoch", 8)


def test_a_run_whose_first_epoch_alone_can_be_trained_again_needs_its_start(run):
    (run / "backup" / "epoch-0002.npz").unlink()
    submitted, config = submitted_run.read_run(run), TrainingConfig(epochs=1)
    assert verify._epochs("last", submitted, config) == verify._epochs(1, submitted, config) == [1]
    with pytest.raises(ValueError, match="^Only the first epoch of .* `--preset` must name what .* started from.$"):
        verify._epochs("last", submitted, config, knows_start=False)


def test_a_model_of_others_is_not_loaded_where_safe_mode_had_gaps(run, capsys, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "3.10.0")
    assert "needs Keras 3.11 or later: before, a model could run code in safe mode. Received: 3.10.0" in failure(capsys, run)
    found = diagnosis.check_run(run)
    assert "dead_heads" in found.not_checked[f"model.keras needs {run_folder.lacks_safe_mode()}"]
    assert "because model.keras needs Keras 3.11 or later" in str(found)


def test_what_a_terminal_would_obey_is_escaped(run, capsys):
    verdict = submitted_run.Verdict("a\x1b[2Jb", "follows", "one\ntwo \u202e\x9b é")
    assert str(verdict) == "follows      a\\x1b[2Jb: one\\ntwo \\u202e\\x9b é"
    with_config(run, "arguments", strategy="\x1b[31mmirrored")
    assert "Received: \\x1b[31mmirrored" in failure(capsys, run)


def test_the_numbers_that_are_compared_are_read_once(monkeypatch):
    count, flat = [], submitted_run._flat
    monkeypatch.setattr(submitted_run, "_flat", lambda value, names=(): count.append(names) or flat(value, names))
    values = {str(number): {"f1": number} for number in range(100)}
    assert submitted_run.difference("part", values, values | {"more": 1}, "of all").verdict == "follows"
    assert count.count(()) == 2


def test_more_epochs_than_rows_differ_and_take_no_memory(run):
    rows = next(submitted_run.check_files(submitted_run.read_run(run), 10**15, 8))
    assert rows.part == "history.csv, rows" and rows.verdict == "differs"
    assert f"must be {10**15} rows, epochs 1 to {10**15}. Received: [1, 2]" in rows.detail
    rows = next(submitted_run.check_files(submitted_run.read_run(run), 2, 8))
    assert rows == ("history.csv, rows", "follows", "2 rows, one for each epoch in order")


@pytest.mark.parametrize("share, least, verdict", [(0.01, 0, "differs"), (0.01, 1, "follows"), (0.4, 0, "follows")])
def test_as_many_predictions_as_rounding_allows_may_be_others(share, least, verdict, run):
    found = types.SimpleNamespace(metrics={"examples": 3}, class_names=NAMES, matrix=np.array([[1, 0], [0, 2]]))
    checks = {check.part: check for check in submitted_run.check_evaluation(submitted_run.read_run(run), found, share, least)}
    assert checks["confusion_matrix.csv"].verdict == verdict
