import json
import os
import pathlib
import runpy
import sys

import pytest

from course_hw5 import cli

SCRIPTS = pathlib.Path(__file__).parents[1] / "scripts"


def run_script(name, *arguments):
    main = runpy.run_path(str(SCRIPTS / name))["main"]
    main([str(argument) for argument in arguments])


def failure(capsys, run, *arguments):
    """Runs something that must fail; returns its last line on stderr."""
    with pytest.raises(SystemExit) as error:
        run(*arguments)
    assert error.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_the_mlp_script_leaves_a_run_folder_with_its_arguments(tmp_path, capsys):
    run_script("train_mlp.py", "--dataset", "digits", "--recipe", "tuned", "--epochs", 3, "--out", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["arguments"] == {"dataset": "digits", "recipe": "tuned", "batch_size": 256, "strategy": "none"}
    assert config["settings"]["epochs"] == 3 and config["settings"]["optimizer"] == "adamw"
    assert (tmp_path / "run" / "index.html").exists()
    assert capsys.readouterr().out.splitlines()[-1].startswith("accuracy 0.")

    line = failure(capsys, run_script, "train_mlp.py", "--dataset", "digits", "--out", tmp_path / "run")
    assert "holds files: add --resume to go on or --overwrite" in line
    resume = ("--dataset", "digits", "--out", tmp_path / "run", "--resume", "--epochs", 3)
    assert "was started with " in failure(capsys, run_script, "train_mlp.py", *resume)
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
    assert message in failure(capsys, run_script, "train_mlp.py", "--dataset", "digits", "--out", out, *arguments)
    assert not out.exists()


@pytest.mark.skipif(os.geteuid() == 0 and sys.platform != "linux", reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_line(capsys):
    line = failure(capsys, run_script, "train_mlp.py", "--dataset", "digits", "--out", "/proc/run")
    assert line.startswith(("train_mlp.py: error:", "pytest: error:", "__main__.py: error:")) and "/proc/run" in line


def test_the_page_of_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    line = failure(capsys, cli.main, ["report", str(tmp_path)])
    assert line.startswith("course-hw5: error:") and "must hold a finished run. Received: no config.json" in line


def test_the_demo_leaves_a_page(tmp_path, capsys):
    cli.main(["demo", "--epochs", "1", "--out", str(tmp_path / "demo")])
    assert (tmp_path / "demo" / "index.html").exists()
    assert "Open " in capsys.readouterr().out
    cli.main(["report", str(tmp_path / "demo")])
