"""`course-hw5 demo`: train the MLP on scikit-learn's digits: no download, about a minute.

By the recipe `mlp`.
"""

import argparse

from course_hw5.cli import train
from course_hw5.recipes.recipe import whole_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="runs/demo", help="run folder to write (default: %(default)s)")
    parser.add_argument("--epochs", type=whole_number(1), default=8, help="(default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="delete what is in --out first")


def run(args: argparse.Namespace) -> str:
    from course_hw5.reports import run_folder

    run_folder.ensure_empty(args.out, args.overwrite, advice="add --overwrite to start anew")
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    options = ["--dataset", "digits", "--batch-size", "128", "--epochs", str(args.epochs), f"--out={args.out}"]
    return train.run(parser.parse_args(["mlp", *options, *(["--overwrite"] if args.overwrite else [])]))
