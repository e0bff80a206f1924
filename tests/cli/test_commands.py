"""What a terminal gives: arguments, names of files, full disks and Ctrl-C."""

import argparse
import contextlib
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import course_hw5
from course_hw5 import cli
from course_hw5.cli import arguments as shared
from course_hw5.cli import attend
from course_hw5.data import image_files
from course_hw5.reports import run_folder

ROOT = pathlib.Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "course_hw5.cli")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def run(*arguments, **options):
    """A command in a process of its own: exit code, stdout and stderr as lines."""
    finished = subprocess.run([*COMMAND, *map(os.fspath, arguments)], stderr=subprocess.PIPE, env=ENVIRONMENT, **options)
    return finished.returncode, (finished.stdout or b"").decode().splitlines(), finished.stderr.decode().splitlines()


def failure(capsys, *arguments):
    with pytest.raises(SystemExit) as error:
        cli.main([*map(str, arguments)])
    assert error.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.unit
@pytest.mark.parametrize(
    "arguments, text, other",
    [
        (["-awful"], "-awful", None),
        (["-hello"], "-hello", None),
        (["--awful film", "--out", "page.html"], "--awful film", None),
        (["--other", "-bad", "fine"], "fine", "-bad"),
        (["fine", "--oth", "-bad"], "fine", "-bad"),
        (["fine", "--other=-bad"], "fine", "-bad"),
        (["--", "--other"], "--other", None),
        (["a film"], "a film", None),
    ],
)
def test_texts_may_begin_with_a_dash(arguments, text, other, monkeypatch, capsys):
    monkeypatch.setattr(attend, "run", lambda args: f"{args.text} | {args.other}")
    cli.main(["attend", *arguments])
    assert capsys.readouterr().out == f"{text} | {other}\n"


@pytest.mark.unit
@pytest.mark.parametrize(
    "arguments, message",
    [
        (["a film", "--verbose"], "arguments: --verbose"),
        (["a", "film"], "arguments: film"),
        (["a film", "--out"], "argument --out"),
        ([], "required: TEXT"),
    ],
)
def test_wrong_arguments_of_attend_are_still_refused(arguments, message, capsys):
    assert message in failure(capsys, "attend", *arguments)


@pytest.mark.parametrize("blank", ["", " \n", "\u200b", "\ufeff\u00a0", "\u0301"])
def test_a_text_with_nothing_to_read_is_refused_before_a_model_is_loaded(blank, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(course_hw5, "load_model", None)
    line = failure(capsys, "attend", blank, "--out", tmp_path / "page.html")
    assert "TEXT" in line and f"Received: {blank!a}" in line
    line = failure(capsys, "attend", "a film", "--other", blank, "--out", tmp_path / "page.html")
    assert "--other" in line and f"Received: {blank!a}" in line


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
@pytest.mark.parametrize("command", ["classify", "segment"])
def test_a_name_that_is_no_text_neither_stops_a_command_nor_is_lost(command, tmp_path):
    image = Image.new("RGB", (40, 40), "red")
    odd, broken, good = (os.path.join(os.fsencode(tmp_path), name) for name in (b"od\xffd.png", b"bad\xff.png", b"good.png"))
    for path in (odd, good):
        with open(path, "wb") as file:
            image.save(file, "PNG")
    pathlib.Path(os.fsdecode(broken)).write_bytes(b"no image")
    arguments = [
        *(os.fsencode(part) for part in (*COMMAND, command)),
        odd,
        broken,
        good,
        b"--out",
        os.fsencode(tmp_path / "out"),
    ]
    finished = subprocess.run(arguments, capture_output=True, env=ENVIRONMENT)
    lines, errors = finished.stdout.decode().splitlines(), finished.stderr.decode().splitlines()
    assert finished.returncode == 2 and len(lines) == 2 and "od\\udcffd.png: " in lines[0] and "good.png: " in lines[1]
    assert "bad\\udcff.png" in errors[0] and "1 of 3" in errors[1]
    assert {path.name for path in (tmp_path / "out").glob("*.html")} == {"odd.html", "good.html"}


@pytest.mark.unit
def test_a_page_and_a_file_of_json_take_names_that_are_no_text(tmp_path):
    name = os.fsdecode(b"bad\xff")
    course_hw5.head_view(np.ones((1, 1, 1, 1)), [name], title=name, html_action="return", path=tmp_path / "page.html")
    run_folder.write_json(tmp_path / "config.json", {"preset": name})
    assert run_folder.read_json(tmp_path / "config.json") == {"preset": name}


@pytest.fixture
def largest_file():
    """Sets, for a process, the bytes that a file may have: writing more fails as on a full disk, and names no file either."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))


@pytest.mark.parametrize(
    "command, path",
    [
        (("attend", "a film", "--out", "page.html"), "page.html"),
        (("segment", "image.png", "--out", "out"), "out/image-overlay.png"),
        (("lab", "weights_by_hand", "--samples", "50", "--out", "out"), "out/figure-1.png"),
    ],
)
def test_a_full_disk_is_said_with_the_name_of_the_file(command, path, tmp_path, largest_file):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")
    Image.fromarray(noise).save(tmp_path / "image.png")
    code, _, errors = run(*command, cwd=tmp_path, preexec_fn=largest_file)
    assert code == 2 and any(line.endswith(f"File too large: '{path}'") for line in errors), errors
    assert not (tmp_path / path).exists() and not [*(tmp_path / path).parent.glob("*partial*")]


@pytest.mark.unit
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux alone has it")
def test_output_that_cannot_be_written_is_one_line():
    with open("/dev/full", "w") as full:
        code, _, errors = run("lab", "--list", stdout=full)
    assert code == 2 and errors == ["course-hw5: error: [Errno 28] No space left on device: 'standard output'"]


@pytest.mark.unit
def test_a_reader_that_has_read_enough_is_no_error():
    process = subprocess.Popen([*COMMAND, "lab", "--list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 1


def is_importing(process):
    return b"libtensorflow" in pathlib.Path(f"/proc/{process.pid}/maps").read_bytes()


def is_training(process):
    return b"Epoch" in process.stdout.readline()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells what a process has loaded")
@pytest.mark.parametrize("is_there", [is_importing, is_training])
def test_ctrl_c_ends_a_command_in_one_line(is_there, tmp_path):
    command = [*COMMAND, "demo", "--epochs", "200", "--out", str(tmp_path / "demo")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs start with SIGINT ignored
    )
    while not is_there(process):
        assert process.poll() is None
        time.sleep(0.05)
    errors = None
    while errors is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):  # Python swallows an interruption within a finalizer
            errors = process.communicate(timeout=20)[1].decode().strip().splitlines()
    assert (process.returncode, errors) == (1, ["course-hw5: interrupted"])


@pytest.mark.unit
def test_texts_that_a_terminal_cannot_show_are_escaped(tmp_path):
    code = (
        "from course_hw5.cli import arguments\nimport argparse\n"
        "with arguments.user_errors(argparse.ArgumentParser()): print('ж')"
    )
    environment = ENVIRONMENT | {"PYTHONIOENCODING": "ascii"}
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert finished.stdout == b"\\u0436\n"


@pytest.mark.unit
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_image_without_a_number_is_refused(value, tmp_path):
    Image.fromarray(np.full((4, 4), value, "float32")).save(tmp_path / "nothing.tiff")
    with pytest.raises(ValueError, match=r"nothing\.tiff .*Received: no finite pixel"):
        image_files.open_image(tmp_path / "nothing.tiff")


@pytest.mark.unit
def test_options_are_told_from_texts_by_the_usage_alone():
    parser = argparse.ArgumentParser(prog="course-hw5 attend")
    parser.add_argument("text")
    parser.add_argument("--flag", action="store_true")
    assert shared.with_dashed_texts(parser, ["--flag", "-awful", "-h"]) == ["--flag", "-h", "--", "-awful"]
    assert shared.with_dashed_texts(parser, ["--help"]) == ["--help", "--"]
