"""Notebooks of an assignment: without answers, each student's own, and nothing of a solution in the package."""

import json

import nbformat
import numpy as np
import pytest

from course_hw5 import cli
from course_hw5.grading import assignment
from course_hw5.grading.statements import REASONS, STATEMENTS
from course_hw5.grading.variant import Variant, seed_of
from tests.grading import notebooks

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def for_students(tmp_path_factory):
    folder = tmp_path_factory.mktemp("students")
    return {name: notebooks.cells_of(folder / f"{name}.ipynb", seed_of(name), False) for name in ("ada", "alan")}


def test_a_student_s_notebook_has_a_todo_in_place_of_each_answer(for_students, monkeypatch):
    monkeypatch.setenv("COURSE_HW5_GRADING", "1")  # without the public checks, which load Keras
    solved = [cell.source for cell in assignment.read_source(notebooks.FOLDER).cells if cell.cell_type == "code"]
    for number, (cell, solution) in enumerate(zip(for_students["ada"], solved, strict=True)):
        assert cell.count(assignment.TODO) == solution.count("### BEGIN SOLUTION"), number
        assert "SOLUTION" not in cell
    assert sum(cell.count(assignment.TODO) for cell in for_students["ada"]) == 24  # 23 questions, and the words
    assert notebooks.run(for_students["ada"][1:3])["attention"](1, 2, 3) is None


def test_no_line_of_an_answer_is_left(for_students):
    text = "\n".join(for_students["ada"])
    for cell in assignment.read_source(notebooks.FOLDER).cells:
        for found in assignment.SOLUTION.finditer(cell.source):
            lines = [line.strip() for line in found[0].splitlines()[1:-1] if len(line.strip()) > 20]
            assert not [line for line in lines if line in text]


def test_a_notebook_is_valid_and_needs_no_metadata(tmp_path):
    path = assignment.build(notebooks.FOLDER, tmp_path / "a" / "ada.ipynb", 5)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert path.read_bytes() == assignment.build(notebooks.FOLDER, tmp_path / "b.ipynb", 5).read_bytes()


def test_the_id_itself_is_nowhere_in_the_notebook(tmp_path):
    path = assignment.build(notebooks.FOLDER, tmp_path / "x.ipynb", seed_of("lovelace-1815"))
    assert "lovelace" not in path.read_text() and f"SEED = {seed_of('lovelace-1815')}" in path.read_text()


def test_an_id_has_one_seed_however_it_is_written():
    assert seed_of(" Ada ") == seed_of("ada") != seed_of("alan")
    with pytest.raises(ValueError, match="`student` must be an ID that is not empty"):
        seed_of("  ")


def test_two_students_get_other_data():
    ada, alan = Variant(seed_of("ada")), Variant(seed_of("alan"))
    for name in ("queries", "keys", "model_dim", "length", "attention", "sentences", "predictions", "mask", "reasons"):
        assert not np.array_equal(getattr(ada, name), getattr(alan, name)), name
    assert not np.array_equal(ada.digits["test_images"], alan.digits["test_images"])
    assert np.array_equal(ada.mask, Variant(seed_of("ada")).mask)


def test_every_variant_has_what_its_questions_need():
    for seed in range(40):
        variant = Variant(seed)
        assert {*variant.reasons} == {*REASONS} and {*variant.mask.ravel()} == {0, 1, 2, 255}
        assert all(variant.statements[topic] in STATEMENTS[topic] for topic in "abcd")
        assert {word for text in variant.pair for word in text.split()} <= {*variant.vocabulary}
        assert len({*variant.vocabulary.values()}) == len(variant.vocabulary)
        assert {*variant.truth} == {*range(5)} and len({*variant.sentences}) == 4
    with pytest.raises(ValueError, match="`seed` must be a whole number"):
        Variant(-1)


def test_the_command_writes_a_notebook_for_each_student(tmp_path, capsys):
    roster = tmp_path / "roster.csv"
    roster.write_text("student,name\nada,Ada\nalan,Alan\n")
    options = ["--assignment", str(notebooks.FOLDER), "--out", str(tmp_path / "out")]
    cli.main(["assignment", "build", *options, "--roster", str(roster), "--student", "grace"])
    assert capsys.readouterr().out == f"3 notebooks are in {tmp_path / 'out'}\n"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"ada.ipynb", "alan.ipynb", "grace.ipynb"}
    cli.main(["assignment", "build", *options, "--student", "ada", "--solution"])
    assert "logits = query" in json.dumps(nbformat.read(tmp_path / "out" / "ada-solution.ipynb", 4))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "--student or --roster must name students"),
        (["--student", "a b", "--student", "a_b"], "Each ID must give another file name"),
        (["--student", "ada", "--assignment", "nowhere"], "with with_solutions/notebook.py. Received: nowhere"),
        (["--student", " "], "`student` must be an ID that is not empty"),
    ],
)
def test_wrong_arguments_are_one_line(options, told, tmp_path, capsys):
    given = ["--assignment", str(notebooks.FOLDER), "--out", str(tmp_path), *options]
    with pytest.raises(SystemExit):
        cli.main(["assignment", "build", *given])
    assert told in capsys.readouterr().err


def test_marks_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="solutions are marked at begin and end"):
        assignment.without_solution("### BEGIN SOLUTION\nx = 1\n")
