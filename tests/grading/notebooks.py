"""The assignment's notebooks in the test's own process, where running one question takes milliseconds."""

import json
import pathlib

from course_hw5.grading import assignment, marking, wire, worker
from course_hw5.grading.submissions import Submission

FOLDER = pathlib.Path(__file__).parents[2] / "assignments" / "attention"


def cells_of(path, seed, with_solutions=True):
    """The code of the cells of a notebook that is built."""
    assignment.build(FOLDER, path, seed, with_solutions)
    return Submission("", "", path.read_bytes()).cells()


def run(cells, names=None):
    """Runs cells; returns their names."""
    names = {"__name__": "__main__", "display": print} if names is None else names
    for cell in cells:
        exec(compile(cell, "<cell>", "exec"), names)
    return names


def ask_in(names):
    """Asks these names as a grader asks a submission, through JSON."""

    def ask(name, arguments):
        sent = None if arguments is None else json.loads(json.dumps(wire.encode(arguments)))
        try:
            answer = wire.encode(worker.answer(names, {"name": name, "arguments": sent}))
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        return wire.decode(json.loads(json.dumps(answer)))

    return ask


def marks_of(names, variant, questions):
    """What each question gets: dict from its number to its mark."""
    return {one.number: marking.mark(one, variant, ask_in(names)) for one in questions}


def lost(marks):
    """Numbers of the questions without points, and what is said of each."""
    return {number: mark.feedback for number, mark in marks.items() if not mark.points}
