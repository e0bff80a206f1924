"""Questions of an assignment, and what is wrong with an answer. No Keras."""

import dataclasses
import hashlib
import importlib.util
import pathlib
import sys
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import numpy as np

from course_hw5.exercises import NOT_YET
from course_hw5.grading.variant import Variant


class Request(NamedTuple):
    """What a check wants of a submission: the value of a name, or what the function of that name returns."""

    name: str
    arguments: tuple | None


def call(name: str, *arguments: Any) -> Request:
    """Asks for what the function `name` returns."""
    return Request(name, arguments)


def value(name: str) -> Request:
    """Asks for the value of `name`."""
    return Request(name, None)


Check = Callable[[Variant], Generator[Request, Any, str]]


@dataclasses.dataclass(frozen=True)
class Question:
    """One graded question.

    Attributes:
        number: such as "1a".
        points: all of them or none.
        title: in a few words.
        check: generator function of a `Variant`, which yields requests, gets answers, and returns what is wrong, or "".
    """

    number: str
    points: int
    title: str
    check: Check


def question(number: str, points: int, title: str) -> Callable[[Check], Question]:
    """Makes a question of its check."""
    return lambda check: Question(number, points, title, check)


@dataclasses.dataclass(frozen=True)
class Mark:
    """What a question got: points, and what is wrong, "" if nothing is."""

    points: int
    feedback: str


def mark(asked: Question, variant: Variant, ask: Callable[[str, tuple | None], Any]) -> Mark:
    """Checks one question.

    Args:
        asked: the question.
        variant: of the student.
        ask: function of a name and arguments, or None, that gives the submission's answer. A ValueError of it is the
            answer's fault; other errors that it raises are passed on.
    """
    steps, reply = asked.check(variant), None
    while True:
        try:
            request = steps.send(reply)
        except StopIteration as end:
            return Mark(0 if end.value else asked.points, end.value or "")
        except Exception as error:  # by an answer of another type or shape
            return Mark(0, f"The answer has another form than it must have ({type(error).__name__}: {error}).")
        try:
            reply = ask(*request)
        except ValueError as error:
            return Mark(0, f"`{request.name}`: {error}")
        if is_missing(reply):
            return Mark(0, NOT_YET)


def is_missing(reply: Any) -> bool:
    """Whether there is no answer, or only a part of it."""
    return reply is None or (isinstance(reply, list) and any(part is None for part in reply))


def array(answer: Any) -> np.ndarray:
    """An answer as an array of floats."""
    return np.asarray(answer, "float64")


def load_questions(folder: pathlib.Path) -> list[Question]:
    """The questions of an assignment: `QUESTIONS` of checks.py in its folder with solutions.

    Raises:
        ValueError: if there is no such file.
    """
    path = folder / "with_solutions" / "checks.py"
    if not path.is_file():
        raise ValueError(f"An assignment must be a folder with with_solutions/checks.py. Received: {folder}")
    spec = importlib.util.spec_from_file_location(f"course_hw5_checks_{folder.name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # it may have modules beside it
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return list(module.QUESTIONS)


def version_of(folder: pathlib.Path) -> str:
    """A hash of the checks and of the code that grades."""
    paths = [*(folder / "with_solutions").glob("*.py"), *pathlib.Path(__file__).parent.glob("*.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()[:16]
