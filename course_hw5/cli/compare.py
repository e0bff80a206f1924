"""`course-hw5 compare`: puts finished runs side by side on one page, with a figure of the same name beside it."""

import argparse

from course_hw5.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("compare", help="put finished runs side by side on one page")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders, two or more, with the same classes")
    parser.add_argument("--out", default="compare.html", help="page to write (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> str:
    from course_hw5.reports.pages import comparison

    page = comparison.write_comparison(args.runs, args.out)
    return f"Open {page}; the figure is {page.with_suffix('.png')}"
