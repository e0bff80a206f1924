"""What is found among what students hand in, and what becomes of broken files."""

import json
import os
import zipfile

import numpy as np
import pytest

from course_hw5.grading import roster, submissions, wire

pytestmark = pytest.mark.unit


def notebook(*sources):
    return json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources]})


def write(path, text=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook("x = 1") if text is None else text)
    return path


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, notebook("x = 2"))


def students(found):
    return {one.student: one.problem for one in found}


def test_notebooks_folders_and_zip_files_are_found(tmp_path):
    write(tmp_path / "ada.ipynb")
    write(tmp_path / "alan" / "hw5.ipynb")
    write(tmp_path / ".ipynb_checkpoints" / "ada-checkpoint.ipynb")
    zipped(tmp_path / "grace.zip", "run/notebook.ipynb", "__MACOSX/run/._notebook.ipynb", "run/metrics.json")
    found = submissions.find([str(tmp_path)])
    assert students(found) == {"ada": "", "alan": "", "grace": ""}
    assert found[2].cells() == ["x = 2"]


def test_ids_of_a_roster_are_found_in_the_names_that_canvas_and_moodle_give(tmp_path):
    write(tmp_path / "lovelaceada_4711_99_notebook.ipynb")
    write(tmp_path / "Alan Turing_47110_assignsubmission_file" / "notebook.ipynb")
    found = submissions.find([str(tmp_path)], ["4711", "47110", "4712"])
    assert students(found) == {"4711": "", "47110": "", "4712": "nothing was handed in"}


def test_the_last_of_several_files_counts(tmp_path):
    write(tmp_path / "a" / "ada-4711.ipynb", notebook("x = 'old'"))
    write(tmp_path / "b" / "ada-4711-late.ipynb", notebook("x = 'new'"))
    os.utime(tmp_path / "a" / "ada-4711.ipynb", (1, 1))
    (found,) = submissions.find([str(tmp_path)], ["4711"])
    assert found.cells() == ["x = 'new'"]


def test_lines_for_ipython_are_left_out():
    text = notebook("%pip install x\n!ls\nif True:\n    %time\n    x = 1", ["y = 2\n", "z = 3"], "%%bash\nls")
    cells = submissions.Submission("", "", text.encode()).cells()
    assert cells == ["pass\npass\nif True:\n    pass\n    x = 1", "y = 2\nz = 3"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[" * 100_000, '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}', "\ud800"]
)
def test_what_is_no_notebook_is_named(text):
    one = submissions.Submission("ada", "", text.encode(errors="surrogatepass"))
    with pytest.raises(ValueError, match="it is no notebook"):
        one.cells()


def test_broken_zip_files_are_that_student_s_problem(tmp_path, monkeypatch):
    write(tmp_path / "ada.zip", "no zip file")
    zipped(tmp_path / "alan.zip")
    zipped(tmp_path / "grace.zip", "a.ipynb", "b.ipynb")
    problems = students(submissions.find([str(tmp_path)]))
    assert "not a zip file" in problems["ada"]
    assert problems["alan"] == "the zip file must hold one notebook. Received: 0"
    assert problems["grace"] == "the zip file must hold one notebook. Received: 2"
    monkeypatch.setattr(submissions, "LARGEST", 3)
    zipped(tmp_path / "alan.zip", "a.ipynb")
    write(tmp_path / "barbara.ipynb")
    problems = students(submissions.find([str(tmp_path)]))
    assert "it has more than" in problems["alan"] and "it has more than" in problems["barbara"]


def test_paths_without_submissions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        submissions.find([str(tmp_path / "nowhere")])
    with pytest.raises(ValueError, match="SUBMISSION must name notebooks"):
        submissions.find([str(tmp_path)])


@pytest.mark.parametrize(("text", "told"), [("id\n", "no ID"), ("ada\nAda\n", "ada twice"), ("", "no ID")])
def test_a_roster_has_each_student_once(tmp_path, text, told):
    with pytest.raises(ValueError, match=told):
        roster.read_roster(str(write(tmp_path / "roster.csv", text)))
    assert roster.read_roster(str(write(tmp_path / "roster.csv", "ada,Ada\n\nalan,Alan\n"))) == ["ada", "alan"]


def test_values_arrive_as_they_were_sent():
    sent = {"numbers": [1, 2.5, True, "text", -(2**70)], "array": np.arange(6.0).reshape(2, 3), "none": None, "dots": ...}
    found = wire.decode(wire.read(wire.write({"value": wire.encode(sent)}))["value"])
    assert found["numbers"] == [1, 2.5, True, "text", -(2.0**70)] and found["none"] is found["dots"] is None
    assert found["array"].tolist() == [[0, 1, 2], [3, 4, 5]] and found["array"].dtype == "float64"
    assert wire.decode(wire.encode(np.array(["a", "b"]))) == ["a", "b"]
    assert wire.decode(wire.encode(np.float32(0.5))) == 0.5


@pytest.mark.parametrize(
    "value",
    [
        {"array": ["<f8", [1 << 40], "AAAA"]},
        {"array": ["<f8", [-1, -1], "AAAAAAAAAAA="]},
        {"array": ["O", [1], "AAAAAAAAAAA="]},
        {"array": ["V8", [1], "AAAAAAAAAAA="]},
        {"array": ["nothing", [1], "AAAA"]},
        {"array": ["<f8", [True], "AAAAAAAAAAA="]},
        {"array": ["<f8", [1], "*"]},
        {"other": 1},
    ],
)
def test_values_of_no_known_form_are_refused(value):
    with pytest.raises(wire.NotSent):
        wire.decode(value)


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"[" * 100_000, b"1" * 5000, b"\xff"])
def test_lines_that_are_no_message_are_refused(line):
    with pytest.raises(wire.NotSent):
        wire.read(line)
