"""`course-hw5 compare`: put finished runs side by side on one page.

A figure of the same name is beside it.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders, two or more, with the same classes")
    parser.add_argument("--out", default="compare.html", help="page to write (default: %(default)s)")


def run(args: argparse.Namespace) -> str:
    from course_hw5.reports.pages import comparison

    page = comparison.write_comparison(args.runs, args.out)
    return f"Open {page}; the figure is {page.with_suffix('.png')}"
