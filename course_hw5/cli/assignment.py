"""`course-hw5 assignment`: make the notebooks of an assignment, a variant for each student.

It needs the extra `classroom` and a checkout of the repository, where the assignments are.
"""

import argparse
import pathlib
import re


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="build")
    build = commands.add_parser("build", help="write notebooks")
    add_folder(build)
    build.add_argument("--student", metavar="ID", action="append", default=[], help="student; may be given again")
    build.add_argument("--roster", metavar="FILE", help="CSV file with an ID in the first column of each line")
    build.add_argument("--solution", action="store_true", help="leave the answers in")
    build.add_argument("--out", metavar="FOLDER", default="runs/assignment", help="folder to write (default: %(default)s)")


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Adds the folder of an assignment."""
    default = "assignments/attention"
    parser.add_argument(
        "--assignment", metavar="FOLDER", default=default, help="folder of the assignment (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> str:
    from course_hw5.grading import assignment
    from course_hw5.grading.roster import read_roster
    from course_hw5.grading.variant import seed_of

    students = [*args.student, *(read_roster(args.roster) if args.roster else [])]
    if not students:
        raise ValueError("--student or --roster must name students. Received: neither")
    out, kind = pathlib.Path(args.out), "-solution" if args.solution else ""
    names = {student: re.sub(r"[^\w.@+-]", "_", student.strip()) for student in students}
    if len({*names.values()}) < len({*students}):
        raise ValueError("Each ID must give another file name. Received: some that differ only in special characters")
    for student, name in names.items():
        path = out / f"{name}{kind}.ipynb"
        assignment.build(pathlib.Path(args.assignment), path, seed_of(student), args.solution)
    return f"Open {path}" if len(names) == 1 else f"{len(names)} notebooks are in {out}"
