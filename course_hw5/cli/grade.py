"""`course-hw5 grade`: grade what students hand in, each notebook in a process of its own.

It needs Linux and a checkout of the repository. The same command after an interruption goes on where it was.
"""

import argparse
import pathlib

from course_hw5.cli import assignment
from course_hw5.recipes.recipe import whole_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    help = "notebooks, zip files or folders of them, named by the students' IDs"
    parser.add_argument("submissions", metavar="SUBMISSION", nargs="+", help=help)
    assignment.add_folder(parser)
    parser.add_argument("--roster", metavar="FILE", help="CSV file with an ID in the first column of each line")
    help = "table of all grades; other tables and a page per student are written beside it (default: %(default)s)"
    parser.add_argument("--out", metavar="FILE.csv", default="runs/grades/grades.csv", help=help)
    help = "of one cell or one call (default: %(default)s)"
    parser.add_argument("--seconds", metavar="N", type=whole_number(1), default=120, help=help)
    help = "of one submission (default: %(default)s)"
    parser.add_argument("--total-seconds", metavar="N", type=whole_number(10), default=900, help=help)
    help = "of one submission, in GB of address space (default: %(default)s)"
    parser.add_argument("--memory", metavar="GB", type=whole_number(1), default=8, help=help)
    parser.add_argument(
        "--jobs", metavar="N", type=whole_number(1), default=1, help="submissions at a time (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> str:
    from course_hw5.grading import exports, grade, marking, roster, sandbox, submissions

    folder, out = pathlib.Path(args.assignment), pathlib.Path(args.out)
    if out.suffix != ".csv":
        raise ValueError(f"--out must name a CSV file. Received: {out}")
    questions = marking.load_questions(folder)
    found = submissions.find(args.submissions, roster.read_roster(args.roster) if args.roster else ())
    isolation = sandbox.best_isolation()
    limits = sandbox.Limits(args.seconds, args.total_seconds, args.memory * 10**9)
    handed_in = [one.source for one in found if one.source]
    hidden = sandbox.coverable([*solutions(folder), *args.submissions, *handed_in, str(out.parent), *exports.paths(out)])
    grader = grade.Grader(questions, hidden, isolation, limits)
    print(f"{len(found)} submissions; isolation: {isolation}", flush=True)
    version = marking.version_of(folder)
    grades = grade.grade_all(grader, found, out.parent / "results", version, args.jobs, lambda line: print(line, flush=True))
    exports.write(grades, questions, out)
    mean = sum(one.total for one in grades) / len(grades)
    return (
        f"Open {out.with_name('index.html')}: {len(grades)} grades, mean {mean:.1f} of {sum(one.points for one in questions)}"
    )


def solutions(folder: pathlib.Path) -> list[str]:
    """Where solutions are: the folder of the assignment, and the history of its repository."""
    histories = [parent / ".git" for parent in folder.resolve().parents if (parent / ".git").is_dir()]
    return [str(folder), *map(str, histories)]
