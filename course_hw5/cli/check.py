"""`course-hw5 check`: say what is off in a training, and what to try.

It reads the run folder: the history against runs of other seeds, the confusion matrix, what was recorded as the training began,
and the model on a few examples. It ends with 0 where no problem is found, with 1 where there is one.
"""

import argparse
import sys

from course_hw5.cli.arguments import json_file
from course_hw5.errors import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", metavar="RUN", help="run folder, of a finished or an interrupted training")
    parser.add_argument("--out", metavar="FILE.json", help="also write the problems as JSON")
    parser.add_argument("--no-model", action="store_true", help="do not load model.keras: files alone, which takes a second")


def run(args: argparse.Namespace) -> str:
    out = json_file(args.out)
    from course_hw5.reports import run_folder
    from course_hw5.reports.checks.diagnosis import check_run

    found = check_run(args.run_dir, with_model=not args.no_model)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        run_folder.write_json(out, found.as_dict())
    text = "\n".join(map(printable, str(found).splitlines()))
    if found.problems:
        print(text)
        sys.exit(1)
    return text
