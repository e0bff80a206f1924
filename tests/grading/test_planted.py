"""The solution gets all points; each planted mistake loses those of its question, and is named."""

import numpy as np
import pytest

from course_hw5.exercises import NOT_YET
from course_hw5.grading import marking, public
from course_hw5.grading.variant import Variant, seed_of
from tests.grading import notebooks
from tests.grading.planted import PLANTED

QUESTIONS = marking.load_questions(notebooks.FOLDER)
SLOW = ("6a", "6b", "7c")  # they need a model


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    return notebooks.cells_of(tmp_path_factory.mktemp("solution") / "ada.ipynb", seed_of("ada"))


@pytest.fixture(scope="module")
def solved(cells):
    """The names of the solution, run once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HW5_GRADING", "1")
        return notebooks.run(cells)


@pytest.fixture(scope="module")
def marks(solved):
    return notebooks.marks_of(solved, Variant(seed_of("ada")), QUESTIONS)


def test_points_add_to_100():
    assert sum(one.points for one in QUESTIONS) == 100 and len({one.number for one in QUESTIONS}) == len(QUESTIONS) == 23


def test_the_solution_gets_all_points(marks):
    assert notebooks.lost(marks) == {}


def test_the_public_checks_call_the_solution_right(solved):
    functions = ("attention", "multi_head_attention", "sinusoidal_positions", "bert_input", "bert_embedding", "rollout")
    functions += ("confusion_matrix", "scores", "patch_embedding", "relative_position_bias", "beit_block", "mean_iou")
    for number, name in zip(public.CHECKS, (*functions, "convolution_by_heads"), strict=True):
        assert public.check(number, solved[name]).startswith("Right. "), number
        assert public.check(number, lambda *_: None) == NOT_YET
        assert public.check(number, lambda *_: np.ones(3)).startswith("Not right yet. "), number
    with pytest.raises(ValueError, match=r"`number` must be one of 1a, .*Received: '1c'"):
        public.check("1c", None)


@pytest.mark.parametrize("student", ["grace", "edsger", "barbara"])
def test_the_solution_of_each_variant_gets_all_points(student, tmp_path):
    quick = [cell for cell in notebooks.cells_of(tmp_path / "a.ipynb", seed_of(student)) if not needs_model(cell)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HW5_GRADING", "1")
        names = notebooks.run(quick)
    questions = [one for one in QUESTIONS if one.number not in SLOW]
    assert notebooks.lost(notebooks.marks_of(names, Variant(seed_of(student)), questions)) == {}


def needs_model(cell):
    return any(word in cell for word in ("load_model", "answer_6", "perceptron"))


@pytest.mark.parametrize(("number", "old", "new", "said"), PLANTED, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(PLANTED)])
def test_a_planted_mistake_costs_the_points_of_its_question(number, old, new, said, cells, solved, marks, monkeypatch):
    monkeypatch.setenv("COURSE_HW5_GRADING", "1")
    names = function_of(number)
    changed = [cell.replace(old, new) for cell in cells if old in cell and names in cell]
    assert len(changed) == 1, "the solution has changed: plant the mistake anew"
    if number == "7c":  # trained once
        changed = [line for line in changed[0].splitlines() if line.startswith("digit_predictions")]
    wrong = notebooks.run(changed, {**solved})
    variant = Variant(seed_of("ada"))
    found = {one.number: marking.mark(one, variant, notebooks.ask_in(wrong)) for one in QUESTIONS}
    assert notebooks.lost(found).keys() == {number}
    assert said in found[number].feedback, found[number].feedback
    assert sum(mark.points for mark in found.values()) == 100 - marks[number].points


def function_of(number):
    """What stands in the cell of a question alone."""
    names = {"1a": "def attention(", "2a": "def multi_head_attention", "3a": "def sinusoidal", "4a": "def bert_input"}
    names |= {"4b": "def bert_embedding", "5a": "def rollout", "7a": "def confusion_matrix", "7b": "def scores"}
    names |= {"7c": "digit_predictions", "8a": "def patch_embedding", "8b": "def relative_position_bias"}
    names |= {"8c": "def beit_block", "9": "def mean_iou", "10": "def convolution_by_heads"}
    return names.get(number, f"answer_{number} =")
