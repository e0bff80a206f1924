"""What is no run that can be verified is refused in one line, before TensorFlow is loaded."""

import json

import numpy as np
import pandas as pd
import pytest

from course_hw5 import cli
from course_hw5.reports import classification_metrics

pytestmark = pytest.mark.unit
NAMES = ["cat", "dog"]
SETTINGS = {"epochs": 2, "optimizer": "adam", "learning_rate": 1e-3, "seed": 0}
ARGUMENTS = {"batch_size": 8, "strategy": "none", "dataset": "digits", "recipe": "homework", "image_size": None}


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
    assert "must hold backups of two epochs in a row: `train --keep-backups 2` keeps them. Received: epoch-0002.npz" in line
    (run / "backup" / "epoch-0002.npz").unlink()
    assert "keeps them. Received: none" in failure(capsys, run)


@pytest.mark.parametrize(
    "part, changes, message",
    [
        ("arguments", {"dataset": "/home/ada/photos"}, "--data must say where the data of the run are on this computer."),
        ("arguments", {"strategy": "mirrored"}, "must be a run of --strategy none. Received: mirrored"),
        ("arguments", {"recipe": "best"}, "config.json must hold what `course-hw5 train` wrote. Received: argument --recipe"),
        ("arguments", {"batch_size": "many"}, "must hold what `course-hw5 train` wrote. Received: argument --batch-size"),
        ("settings", {"epochs": 0}, "`epochs` must be a whole number, 1 or more. Received: 0"),
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
        ("history.csv", "epoch,seconds\n,1\n2,1\n", "must number its epochs. Received: [nan, 2.0]"),
        ("confusion_matrix.csv", "true,cat,dog\ncat,1.5,0\ndog,1,1\n", "must hold counts, as many rows as columns"),
        ("confusion_matrix.csv", "cat,dog\n1,0\n", "must hold a confusion matrix. Received: "),
        ("confusion_matrix.csv", f"true,cat,dog\ncat,{10**9},0\ndog,1,1\n", "must count 100 million examples or fewer"),
        ("metrics.json", "[1]", "must hold a JSON object. Received: list"),
    ],
)
def test_a_damaged_file_is_refused(name, text, message, run, capsys):
    (run / name).write_text(text)
    assert message in failure(capsys, run)
