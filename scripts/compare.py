"""Puts finished runs side by side on one page that opens offline, with a picture of the same name beside it.

    python scripts/compare.py runs/mlp-report runs/mlp-tuned --out runs/compare.html   # and runs/compare.png

It took 15 seconds for two runs on two cores, most of them to load TensorFlow and the models whose arithmetic is counted.
"""

import argparse

from course_hw5 import options


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders, two or more, with the same classes")
    parser.add_argument("--out", default="compare.html", help="page to write (default: %(default)s)")
    args = parser.parse_args(argv)
    with options.plain_errors(parser):
        from course_hw5.reports.pages import comparison

        page = comparison.write_comparison(args.runs, args.out)
    print(f"Open {page}; the picture is {page.with_suffix('.png')}")


if __name__ == "__main__":
    main()
