"""`course-hw5 page`: writes the page of a finished run anew."""

import argparse

from course_hw5.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("page", help="write the page of a finished run anew")
    parser.add_argument("run_dir", metavar="RUN", help="run folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> str:
    from course_hw5.reports.pages import run as run_page

    return f"Open {run_page.write_page(args.run_dir)}"
