"""Grades submissions: each in processes of its own, each question for itself; goes on where it was interrupted."""

import concurrent.futures
import dataclasses
import hashlib
import json
import pathlib
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from course_hw5 import files
from course_hw5.grading.marking import Mark, Question, mark
from course_hw5.grading.sandbox import Ended, Limits, Sandbox
from course_hw5.grading.submissions import Submission
from course_hw5.grading.variant import Variant, seed_of

RESTARTS = 8  # of a submission whose cells or answers end its process


@dataclasses.dataclass(frozen=True)
class Grade:
    """What a submission got.

    Attributes:
        student, source: as in `Submission`.
        marks: dict from the number of a question to its `Mark`.
        notes: of the whole submission: cells with errors, another student's variant, what ended the process.
        words: the text `why`, for the teacher to read.
    """

    student: str
    source: str
    marks: dict[str, Mark]
    notes: list[str]
    words: str = ""

    @property
    def total(self) -> int:
        return sum(one.points for one in self.marks.values())


@dataclasses.dataclass
class Grader:
    """Grades submissions of one assignment.

    Attributes:
        questions: of the assignment.
        hidden: folders that no submission may read.
        isolation: a key of `sandbox.ISOLATIONS`.
        limits: of each submission.
    """

    questions: Sequence[Question]
    hidden: Sequence[str]
    isolation: str
    limits: Limits = dataclasses.field(default_factory=Limits)

    def grade(self, submission: Submission) -> Grade:
        """Grades one submission; never raises because of what is in it."""
        seed = seed_of(submission.student)
        try:
            if submission.problem:
                raise ValueError(submission.problem)
            cells = submission.cells()
        except ValueError as error:
            nothing = Mark(0, f"There is nothing to be graded: {error}.")
            marks = {one.number: nothing for one in self.questions}
            return Grade(submission.student, submission.source, marks, [f"It could not be read: {error}."])
        marks, notes, words = self._marks(cells, Variant(seed))
        seeds = {int(found) for cell in cells for found in re.findall(r"^SEED = (\d{1,20})\s*(?:#.*)?$", cell, re.MULTILINE)}
        if seeds and seeds != {seed}:
            notes.insert(0, "Its SEED is another student's; it was graded as the variant of this ID.")
        return Grade(submission.student, submission.source, marks, notes, words)

    def _marks(self, cells, variant):
        """Marks of all questions. What ends the process is left out, and the rest is graded in a new one."""
        marks, skipped, errors = {}, {}, {}
        until, ended, words = time.monotonic() + self.limits.total_seconds, "", ""
        for _ in range(RESTARTS):
            left = [one for one in self.questions if one.number not in marks]
            seconds = until - time.monotonic()
            if not left or seconds < 1:
                break
            limits = dataclasses.replace(self.limits, total_seconds=seconds)
            with Sandbox(cells, [*skipped], limits, self.hidden, self.isolation) as sandbox:
                asked = None
                try:
                    sandbox.run()
                    for asked in left:
                        marks[asked.number] = mark(asked, variant, sandbox.ask)
                    words = words_of(sandbox)
                except Ended as end:
                    ended = str(end)
                    if asked is not None:
                        marks[asked.number] = Mark(0, f"The answer ended its process: {ended}.")
                    elif sandbox.running is None:
                        break
                    else:
                        skipped[sandbox.running] = ended
                errors = sandbox.errors
        for one in self.questions:
            marks.setdefault(one.number, Mark(0, f"It was not graded: {ended or 'the time for all cells was used up'}."))
        told = errors | {number: f"ended the process and was left out: {why}" for number, why in skipped.items()}
        return marks, [f"Cell {number + 1}: {why}" for number, why in sorted(told.items())], words


def words_of(sandbox: Sandbox) -> str:
    """The text `why`, 5,000 characters at most; "" where there is none."""
    try:
        words = sandbox.ask("why", None)
    except (Ended, ValueError):
        return ""
    return words[:5000] if isinstance(words, str) else ""


def grade_all(
    grader: Grader, submissions: Sequence[Submission], folder: pathlib.Path, version: str, jobs: int, tell: Callable[[str], Any]
) -> list[Grade]:
    """Grades submissions, several at a time. Each result is written at once, and read in place of grading it again.

    Args:
        grader: of the assignment.
        submissions: of students, each once.
        folder: for results, a JSON file per student.
        version: of the assignment and of what grades it; a result of another is not used.
        jobs: how many at a time.
        tell: gets a line per student.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def one(submission):
        name = hashlib.sha256(submission.student.encode()).hexdigest()[:16]
        path, key = folder / f"{name}.json", f"{version} {submission.student} {submission.digest}"
        if (grade := read_result(path, key)) is None:
            grade = grader.grade(submission)
            files.write_text(path, json.dumps({"key": key, **dataclasses.asdict(grade)}, indent=1))
            tell(f"{grade.student}: {grade.total}" + (f" ({'; '.join(grade.notes)})" if grade.notes else ""))
        return grade

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return [*pool.map(one, submissions)]


def read_result(path: pathlib.Path, key: str) -> Grade | None:
    """A result that was written before; None if there is none, or it is of something else."""
    try:
        stored = files.read_object(path)
        if stored.pop("key", None) != key:
            return None
        marks = {number: Mark(**one) for number, one in stored.pop("marks").items()}
        return Grade(marks=marks, **stored)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
