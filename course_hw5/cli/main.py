"""`course-hw5`: one command per file of this folder. Loads TensorFlow after arguments are read and checked."""

import argparse
import sys
from collections.abc import Sequence

from course_hw5.cli import arguments, attend, classify, compare, demo, evaluate, lab, page, segment, train


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a command.

    Args:
        argv: arguments after the program's name; None for those of the process.
    """
    parser = argparse.ArgumentParser(prog="course-hw5", description="What attention does, learnt by running it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    texts = attend.add_parser(commands)
    for command in (classify, segment, train, evaluate, compare, page, demo, lab):
        command.add_parser(commands)

    is_program, argv = argv is None, sys.argv[1:] if argv is None else [*argv]
    if argv[:1] == ["attend"]:
        argv = ["attend", *arguments.with_dashed_texts(texts, argv[1:])]
    args, rest = parser.parse_known_args(argv)
    args.rest = rest
    if rest and args.run is not lab.run:  # each lab has options of its own
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.is_program = is_program
    with arguments.user_errors(parser, is_resumable=hasattr(args, "resume")):
        print(args.run(args))
