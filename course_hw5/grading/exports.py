"""Grades as files: a table, those that Canvas, Moodle and Gradescope read, and a page for each student."""

import csv
import io
import json
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import jinja2

from course_hw5 import files
from course_hw5.attention.viewer import templates
from course_hw5.grading.grade import Grade
from course_hw5.grading.marking import Question

LOADERS = jinja2.PackageLoader("course_hw5.grading", "assets"), jinja2.PackageLoader("course_hw5.reports.pages", "assets")
ENVIRONMENT = templates.environment(*LOADERS)


def write(grades: Sequence[Grade], questions: Sequence[Question], out: pathlib.Path) -> None:
    """Writes all files.

    Args:
        grades: of the students.
        questions: of the assignment.
        out: path of the table; beside it are canvas.csv, moodle.csv, gradescope/, pages/ and index.html.
    """
    numbers, possible = [one.number for one in questions], sum(one.points for one in questions)
    rows = [[one.student, one.total, *(one.marks[number].points for number in numbers), "; ".join(one.notes)] for one in grades]
    write_table(out, [["student", "total", *numbers, "notes"], *rows])
    title = f"Attention ({possible} points)"
    canvas: list[list[object]] = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", title]]
    canvas += [["    Points Possible", "", "", "", "", possible]]
    write_table(out.with_name("canvas.csv"), canvas + [["", "", "", one.student, "", one.total] for one in grades])
    moodle: list[list[object]] = [["Username", "Grade", "Feedback comments"]]
    moodle += [[one.student, one.total, "\n".join(comments(one, questions))] for one in grades]
    write_table(out.with_name("moodle.csv"), moodle)
    names = file_names([one.student for one in grades])
    for folder in ("gradescope", "pages"):
        (out.parent / folder).mkdir(exist_ok=True)
    for one in grades:
        result = json.dumps(gradescope(one, questions), indent=1)
        files.write_text(out.parent / "gradescope" / f"{names[one.student]}.json", result)
        files.write_text(out.parent / "pages" / f"{names[one.student]}.html", page_of(one, questions))
    links = [(one, f"pages/{names[one.student]}.html") for one in grades]
    solved = [sum(one.marks[number].points > 0 for one in grades) / len(grades) for number in numbers]
    values = {"links": links, "questions": questions, "possible": possible, "solved": solved}
    files.write_text(out.with_name("index.html"), render("grades.html", **values))


def paths(out: pathlib.Path) -> list[str]:
    """All that `write` and `grade_all` write beside the table `out`, and the table."""
    names = (out.name, "canvas.csv", "moodle.csv", "index.html", "gradescope", "pages", "results")
    return [str(out.with_name(name)) for name in names]


def render(template: str, **values: Any) -> str:
    """Fills a template of this package."""
    return templates.render(ENVIRONMENT, template, style="page.css", **values)


def write_table(path: pathlib.Path, rows: Sequence[Sequence]) -> None:
    """Writes a CSV file; a text that a spreadsheet would compute is shown as it is."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([[harmless(cell) for cell in row] for row in rows])
    files.write_text(path, stream.getvalue())


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula: what a notebook raises is in it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def comments(grade: Grade, questions: Sequence[Question]) -> list[str]:
    """A line for each question that lost points, and one for each note."""
    lost = [
        f"{one.number} ({one.title}): {grade.marks[one.number].feedback}"
        for one in questions
        if grade.marks[one.number].feedback
    ]
    return [*lost, *grade.notes]


def gradescope(grade: Grade, questions: Sequence[Question]) -> dict:
    """What an autograder of Gradescope writes to results.json."""
    tests = [
        {
            "number": one.number,
            "name": one.title,
            "score": grade.marks[one.number].points,
            "max_score": one.points,
            "output": grade.marks[one.number].feedback or "Right.",
            "visibility": "after_published",
        }
        for one in questions
    ]
    return {"score": grade.total, "output": "\n".join(grade.notes), "tests": tests}


def page_of(grade: Grade, questions: Sequence[Question]) -> str:
    """The page that a student gets."""
    return render("student.html", grade=grade, questions=questions, possible=sum(one.points for one in questions))


def file_names(students: Sequence[str]) -> dict[str, str]:
    """A file name for each ID; never two alike."""
    names, taken = {}, set()
    for student in students:
        stem = re.sub(r"[^\w.@+-]", "_", student)[:100].lstrip(".") or "student"
        name = next(
            name
            for name in (stem, *(f"{stem}-{number}" for number in range(2, len(students) + 2)))
            if name.casefold() not in taken
        )
        taken.add(name.casefold())
        names[student] = name
    return names
