"""Grading of whole folders: nothing a submission does costs more than its own points, and nothing is graded twice."""

import csv
import json
import os
import pathlib
import re
import socket
import zipfile

import pytest

from course_hw5 import cli
from course_hw5.grading import exports, grade, marking, sandbox
from course_hw5.grading.marking import Mark, Question
from course_hw5.grading.submissions import Submission
from course_hw5.grading.variant import seed_of
from tests.grading import notebooks

pytestmark = pytest.mark.slow
LIMITS = sandbox.Limits(seconds=2, total_seconds=120, memory=4_000_000_000, processes=60)
linux = pytest.mark.skipif(not pathlib.Path("/proc/self").exists(), reason="grading needs Linux")


def submission(cells, student="ada"):
    text = json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})
    return Submission(student, "here", text.encode())


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The solution without what needs a model."""
    every = notebooks.cells_of(tmp_path_factory.mktemp("solution") / "ada.ipynb", seed_of("ada"))
    return [cell for cell in every if not re.search("load_model|answer_6|perceptron", cell)]


@pytest.fixture(scope="module")
def questions():
    return [one for one in marking.load_questions(notebooks.FOLDER) if one.number not in ("6a", "6b", "7c")]


WRITES_EVERYWHERE = """
import contextlib, os
for number in range(3, 20):
    with contextlib.suppress(OSError):
        os.write(number, b'{"value": 1}\\n')
"""


def hostile(victim, port):
    """What a submission does in place of the answer to a question."""
    checks = notebooks.FOLDER / "with_solutions" / "checks.py"
    return {
        "answer_1b": "import os\nwhile True:\n    os.fork()",
        "answer_2b": "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        "answer_3b": "answer_3b = np.ones(1_300_000_000)",
        "answer_11a": f"import shutil\nshutil.rmtree({str(victim)!r})",
        "answer_11b": f"answer_11b = open({str(checks)!r}).read()",
        "answer_11c": f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)",
        "answer_11d": "import os\nos._exit(0)",
        "def attention": "def attention(*_):\n    while True:\n        pass",
        "def rollout": WRITES_EVERYWHERE,
        "def scores": "def scores(_):\n    import sys\n    sys.exit('no')",
        "def patch_embedding": "def patch_embedding(*_):\n    return np.zeros(10**8)",
        "def bert_embedding": "def bert_embedding(*_):\n    return object()",
        "def beit_block": "this is no Python",
    }  # fmt: skip


@linux
@pytest.mark.parametrize("isolation", ["best", "limits"])
def test_hostile_cells_cost_their_own_points_alone(isolation, cells, questions, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "GRACE", 1)
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file.txt").write_text("whole")
    with socket.create_server(("127.0.0.1", 0)) as server:
        acts = hostile(victim, server.getsockname()[1])
        planted = [next((act for name, act in acts.items() if re.search(rf"\b{name}\b", cell)), cell) for cell in cells]
        assert sum(cell in acts.values() for cell in planted) == len(acts)
        chosen = sandbox.best_isolation() if isolation == "best" else isolation
        grader = grade.Grader(questions, [str(notebooks.FOLDER)], chosen, LIMITS)
        found = grader.grade(submission(planted))
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    assert (victim / "file.txt").read_text() == "whole" and (notebooks.FOLDER / "with_solutions" / "checks.py").exists()
    lost = notebooks.lost(found.marks)
    expected = {"1b", "2b", "3b", "11a", "11b", "11c", "11d", "1a", "5a", "7b", "8a", "4b", "8c"}
    assert lost.keys() == expected, (lost, found.notes)
    notes = "\n".join(found.notes)
    assert "MemoryError" in notes and "SyntaxError" in notes and "ended the process and was left out" in notes
    assert "it took more than 2 seconds" in lost["1a"] and "SystemExit: no" in lost["7b"] and "too large" in lost["8a"]
    assert re.search(r"FileNotFoundError|PermissionError", notes), notes


@linux
def test_a_submission_sees_no_variable_of_the_grader_s_environment(questions, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    with sandbox.Sandbox(["import os\nseen = dict(os.environ)"], [], LIMITS, [], sandbox.best_isolation()) as process:
        process.run()
        assert "SECRET_TOKEN" not in process.ask("seen", None)
        folder = process.folder
    assert not os.path.exists(folder)


@linux
def test_files_and_folders_are_hidden_but_not_what_python_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "grades.csv").write_text("secret")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "ada.json").write_text("secret")
    hidden = sandbox.coverable([str(tmp_path), *exports.paths(tmp_path / "grades.csv"), str(notebooks.FOLDER.parents[1])])
    assert str(tmp_path) not in hidden and str(notebooks.FOLDER.parents[1]) not in hidden
    cells = [
        f"seen = open({str(tmp_path / 'grades.csv')!r}).read()",
        f"import os\nnames = os.listdir({str(tmp_path / 'results')!r})",
    ]
    with sandbox.Sandbox(cells, [], LIMITS, hidden, sandbox.best_isolation()) as process:
        process.run()
        assert not process.ask("seen", None) and not process.ask("names", None)


@linux
def test_a_whole_folder_is_graded_and_exported(tmp_path, capsys):
    folder, out = tmp_path / "handed_in", tmp_path / "out" / "grades.csv"
    options = ["--assignment", str(notebooks.FOLDER)]
    cli.main(["assignment", "build", *options, "--out", str(folder), "--student", "empty"])
    cli.main(["assignment", "build", *options, "--out", str(folder), "--student", "ada", "--solution"])
    with zipfile.ZipFile(folder / "ada.zip", "w") as archive:
        archive.write(folder / "ada-solution.ipynb", "hw5.ipynb")
    (folder / "ada-solution.ipynb").unlink()
    (folder / "broken.ipynb").write_text("{")
    capsys.readouterr()
    command = ["grade", str(folder), *options, "--out", str(out)]
    cli.main(command)
    told = capsys.readouterr().out
    assert "ada: 100\n" in told and "empty: 0\n" in told and "broken: 0 (It could not be read: it is no notebook" in told
    with open(out, newline="", encoding="utf-8") as file:
        assert [row["total"] for row in csv.DictReader(file)] == ["100", "0", "0"]
    cli.main(command)
    assert "ada: " not in capsys.readouterr().out, "graded twice"
    assert json.loads((out.parent / "gradescope" / "ada.json").read_text())["score"] == 100
    assert "Nothing in a transformer is recurrent" in (out.parent / "pages" / "ada.html").read_text()


def nothing(variant):
    yield marking.value("answer")
    return ""


ASKED = [Question("1", 3, "a question", nothing), Question("2", 4, "another", nothing)]


def graded(student, feedback="", notes=()):
    marks = {"1": Mark(3, ""), "2": Mark(0 if feedback else 4, feedback)}
    return grade.Grade(student, f"{student}.ipynb", marks, [*notes])


class Counting:
    """A grader that counts what it grades."""

    def __init__(self):
        self.seen = []

    def grade(self, submission):
        self.seen.append(submission.student)
        return graded(submission.student)


@pytest.mark.unit
def test_grading_goes_on_where_it_was_interrupted(tmp_path):
    grader, handed_in = Counting(), [submission(["x = 1"], name) for name in ("ada", "alan")]

    def run(version="1", submissions=handed_in):
        grader.seen.clear()
        grades = grade.grade_all(grader, submissions, tmp_path, version, 2, lambda _: None)
        assert [one.total for one in grades] == [7] * len(submissions)
        return sorted(grader.seen)

    assert run() == ["ada", "alan"] and run() == []
    assert run(submissions=[submission(["x = 2"], "ada"), handed_in[1]]) == ["ada"]
    assert run("2") == ["ada", "alan"]
    next(tmp_path.glob("*.json")).write_text('{"key": ')
    assert len(run("2")) == 1


@pytest.mark.unit
def test_tables_for_other_programs(tmp_path):
    grades = [graded("ada"), graded("=HYPERLINK(1)", "It is wrong.", ["Cell 3: <b>no</b>"])]
    exports.write(grades, ASKED, tmp_path / "grades.csv")
    rows = {path.stem: list(csv.reader(path.read_text().splitlines())) for path in tmp_path.glob("*.csv")}
    assert rows["grades"][1] == ["ada", "7", "3", "4", ""]
    assert rows["canvas"][0][:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert rows["canvas"][1][0].strip() == "Points Possible" and rows["canvas"][2][3::2] == ["ada", "7"]
    assert rows["moodle"][2][0] == "'=HYPERLINK(1)", "a spreadsheet would compute it"
    result = json.loads((tmp_path / "gradescope" / "ada.json").read_text())
    assert [test["score"] for test in result["tests"]] == [3, 4] and result["score"] == 7
    page = (tmp_path / "pages" / "_HYPERLINK_1_.html").read_text()
    assert "It is wrong." in page and "&lt;b&gt;no" in page and "<b>no" not in page
    assert "50 %" in (tmp_path / "index.html").read_text()


@pytest.mark.unit
def test_file_names_never_meet():
    names = exports.file_names(["a b", "a_b", "A_B", "../x", ".", "é" * 300])
    assert len({name.casefold() for name in names.values()}) == 6
    assert not any("/" in name or name.startswith(".") or len(name) > 110 for name in names.values())


@pytest.mark.unit
def test_wrong_arguments_are_refused_before_anything_is_graded(tmp_path, capsys):
    for options, told in (
        (["nowhere"], "nowhere, which does not exist"),
        ([str(tmp_path)], "SUBMISSION must name notebooks"),
        ([str(tmp_path), "--out", "grades.txt"], "--out must name a CSV file"),
        ([str(tmp_path), "--assignment", "elsewhere"], "checks.py. Received: elsewhere"),
    ):
        with pytest.raises(SystemExit):
            cli.main(["grade", "--assignment", str(notebooks.FOLDER), *options])
        assert told in capsys.readouterr().err
