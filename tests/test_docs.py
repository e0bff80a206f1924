"""Links, commands and addresses in README.md, CONTRIBUTING.md and docs/ are right."""

import configparser
import os
import pathlib
import re
import runpy
import shlex
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from course_hw5 import cli, labs
from course_hw5.cli import arguments as shared

pytestmark = pytest.mark.unit

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = [*PAGES, *sorted((ROOT / "notebooks").glob("*"))]


def text_of(page):
    return page.read_text(encoding="utf-8")


def name_of(page):
    return page.name


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)


def anchors(page):
    """Ids that GitHub gives to headings."""
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page):
    """Every command line of ours: lines of shell blocks, and code in the text; there a bare name stands for its help."""
    text = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    mentioned = re.findall(r"`((?:course-hw5|python (?:scripts|benchmarks|tests)/)[^`]*)`", text)
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", "").splitlines()]
    lines += [f"{line} --help" if len(line.split()) <= 2 else line for line in mentioned]
    for line in lines:
        words = shlex.split(line.replace(".venv/bin/", ""), comments=True)
        if words[:1] == ["course-hw5"] or (words[:1] == ["python"] and words[1].endswith(".py")):
            yield words[words[0] == "python" :]


class ParsedError(Exception):
    """Raised where a command would start to work: its arguments have been read."""


def stop(*_, **__):
    raise ParsedError


def parse(command, monkeypatch):
    """Reads the command line as the program does, and stops before anything is run."""
    program, *arguments = command
    with monkeypatch.context() as patch:
        is_lab = arguments[:1] == ["lab"]
        patch.setattr(*(labs, "run_lab") if is_lab else (shared, "user_errors"), stop)
        main = cli.main if program == "course-hw5" else runpy.run_path(str(ROOT / program))["main"]
        try:
            main(arguments)
        except ParsedError:
            return True
        except SystemExit as end:
            return end.code in (0, None)  # --help
    return is_lab  # --list


def test_the_readme_is_a_front_page():
    readme = ROOT / "README.md"
    assert len(text_of(readme).split()) <= 600
    assert {"attend", "classify", "segment", "demo", "lab"} <= {command[1] for command in commands(readme)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page):
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_is_understood(page, monkeypatch, capsys):
    for command in commands(page):
        program = ROOT / command[0]
        if program.parent.name in ("benchmarks", "golden"):  # they need PyTorch
            used = [word for word in command if word.startswith("--")]
            source = text_of(program) + text_of(ROOT / "benchmarks" / "sides.py")
            assert all(f'"{option}"' in source for option in used), command
        else:
            assert parse(command, monkeypatch), (command, capsys.readouterr().err)


@pytest.mark.parametrize("command", ["attend a --nothing", "nothing", "lab nothing", "lab heads --nothing 1", "classify"])
def test_a_command_with_a_mistake_is_noticed(command, monkeypatch, capsys):
    assert not parse(["course-hw5", *command.split()], monkeypatch)
    capsys.readouterr()


def prepare_homework(names, digits, small_mlp):
    exec(blocks(ROOT / "docs" / "homework.md", "python")[-1], names)  # the page shows the homework's cell before its imports


def prepare_segmentation(names, digits, small_mlp):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), "uint8")).save("STREET.jpg")


def prepare_training(names, digits, small_mlp):
    """CamVid's folders with an image each, and a model with data."""
    for folder in ("train", "val"):
        for name, shape in ((folder, (360, 480, 3)), (f"{folder}annot", (360, 480))):
            os.mkdir(name)
            Image.fromarray(np.zeros(shape, "uint8")).save(f"{name}/0.png")
    small_mlp.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    (x, y), (x_test, y_test) = (next(iter(part.as_numpy_iterator())) for part in (digits.train, digits.test))
    names |= {"model": small_mlp, "x": x, "y": y, "x_test": x_test, "y_test": y_test, "class_names": digits.class_names}


PREPARED = {"homework.md": prepare_homework, "segmentation.md": prepare_segmentation, "training.md": prepare_training}


@pytest.mark.model
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_python_in_the_docs_runs(page, tmp_path, monkeypatch, digits, small_mlp):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    shutil.copytree(ROOT / "docs" / "drawings", tmp_path / "docs" / "drawings")
    names = {"__name__": "docs"}
    PREPARED.get(page.name, lambda *_: None)(names, digits, small_mlp)
    for block in blocks(page, "python"):
        exec(compile(block.replace("epochs=10", "epochs=1"), page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_for_a_shell_are_a_shell_s_and_targets_of_make_exist(page):
    targets = re.findall(r"^([\w-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    for block in blocks(page, "sh"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)
        assert {*re.findall(r"^make ([\w-]+)", block, re.MULTILINE)} <= {*targets}, block


def test_the_labs_of_the_docs_are_those_of_the_package():
    for page in (ROOT / "README.md", ROOT / "docs" / "labs.md"):
        rows = re.findall(r"^\| ?`(\w+)` ?\|.*\| ?confirmed ?\|", text_of(page), re.MULTILINE)
        assert rows == list(labs.LABS), page


@pytest.mark.parametrize("page", SOURCES, ids=name_of)
def test_the_address_of_the_repository_is_that_of_setup_cfg(page):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    address = config["metadata"]["url"].removeprefix("https://github.com/")
    ours = r"(?:git\+https://github\.com|colab\.research\.google\.com/github)/([\w.-]+/[\w.-]+)"
    found = re.findall(ours, text_of(page)) + re.findall(r"github\.com/([\w.-]+/course_hw5)\b", text_of(page))
    assert set(found) <= {address}
    if page.suffix in (".py", ".ipynb"):
        assert found, "a notebook opens in Colab and installs the package there"
