"""`course-hw5 quiz`: write thirty questions with images, as a page for a lecture or as a file for Moodle.

All images and numbers are computed, which takes seconds. It needs no network.
"""

import argparse
import pathlib

SUFFIXES = {"page": ".html", "moodle": ".xml"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    help = "a page that opens offline, or Moodle XML (default: %(default)s)"
    parser.add_argument("--format", choices=SUFFIXES, default="page", help=help)
    parser.add_argument("--out", metavar="FILE", help="file to write (default: quiz.html, or quiz.xml for Moodle)")


def run(args: argparse.Namespace) -> str:
    suffix = SUFFIXES[args.format]
    out = pathlib.Path(args.out or f"quiz{suffix}")
    if out.suffix != suffix or out.is_dir():
        kind = "the folder " if out.is_dir() else ""
        raise ValueError(f"--out must name a {suffix} file for --format {args.format}. Received: {kind}{out}")
    out.parent.mkdir(parents=True, exist_ok=True)
    from course_hw5 import files
    from course_hw5.quiz import questions

    made = questions.make_questions()
    if args.format == "moodle":
        from course_hw5.quiz import moodle

        files.write_text(out, moodle.moodle_xml(made))
        how = "In Moodle: Question bank, Import, Moodle XML format"
    else:
        from course_hw5.reports.pages import quiz

        files.write_text(out, quiz.quiz_html(made))
        how = f"Open {out}"
    return f"{len(made)} questions, {out.stat().st_size / 1e6:.1f} MB in {out}. {how}"
