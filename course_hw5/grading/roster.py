"""The list of a course's students."""

import csv

from course_hw5 import files


def read_roster(path: str) -> list[str]:
    """IDs in the first column of a CSV file; a first line that begins with "id" or "student" is a heading.

    Raises:
        ValueError: if there is none, or one is there twice.
    """
    text = files.local_path(path).read_text(encoding="utf-8-sig")
    rows = [row[0].strip() for row in csv.reader(text.splitlines()) if row and row[0].strip()]
    students = rows[1:] if rows and rows[0].casefold().startswith(("id", "student")) else rows
    folded = [student.casefold() for student in students]
    if not students or len({*folded}) < len(folded):
        what = "no ID" if not students else f"{next(one for one in students if folded.count(one.casefold()) > 1)} twice"
        raise ValueError(f"--roster must be a CSV file with each student's ID once. Received: {what}")
    return students
