"""`course-hw5 demo`: the recipe `mlp` on scikit-learn's digits, which needs no download."""

import argparse

from course_hw5.cli import train
from course_hw5.cli.arguments import Commands
from course_hw5.recipes.options import whole_number


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("demo", help="train the MLP on scikit-learn's digits: no download, about a minute")
    parser.add_argument("--out", default="runs/demo", help="run folder to write (default: %(default)s)")
    parser.add_argument("--epochs", type=whole_number(1), default=8, help="(default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="delete what is in --out first")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> str:
    from course_hw5.reports import run_folder

    run_folder.ensure_empty(args.out, args.overwrite, advice="add --overwrite to start anew")
    arguments = ["--dataset", "digits", "--batch-size", "128", "--epochs", str(args.epochs), "--out", args.out]
    return train.run(train.parse("mlp", [*arguments, *(["--overwrite"] if args.overwrite else [])]))
