"""`course-hw5 page`: write the page of a finished run anew."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", metavar="RUN", help="run folder")


def run(args: argparse.Namespace) -> str:
    from course_hw5.reports.pages import run as run_page

    return f"Open {run_page.write_page(args.run_dir)}"
