"""The command line: one command per file of this folder. `course_hw5.cli:main` is the program `course-hw5`."""

import argparse
import sys
from collections.abc import Sequence

from course_hw5.cli import (
    arguments,
    assignment,
    attend,
    check,
    classify,
    compare,
    data,
    demo,
    evaluate,
    export,
    grade,
    lab,
    live,
    page,
    prepare_camvid,
    quiz,
    segment,
    train,
    verify,
)

# What --help says of a command is the first line of its docstring.
COMMANDS = (
    attend,
    classify,
    segment,
    live,
    train,
    evaluate,
    check,
    verify,
    compare,
    page,
    data,
    export,
    prepare_camvid,
    demo,
    lab,
    quiz,
    assignment,
    grade,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a command. TensorFlow is loaded after arguments are read and checked.

    Args:
        argv: arguments after the program's name; None for those of the process.
    """
    parser = argparse.ArgumentParser(prog="course-hw5", description="What attention does, learnt by running it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        name, purpose = (command.__doc__ or "").splitlines()[0].removeprefix("`course-hw5 ").split("`: ")
        one = commands.add_parser(name, help=purpose.removesuffix("."))
        command.add_arguments(one)
        one.set_defaults(run=command.run, is_program=argv is None)

    argv = sys.argv[1:] if argv is None else [*argv]
    if argv[:1] == ["attend"]:
        argv[1:] = arguments.with_dashed_texts(commands.choices["attend"], argv[1:])
    if argv[:1] == ["lab"]:
        argv.insert(1, "--")  # each lab has options of its own
    args = parser.parse_args(argv)
    with arguments.user_errors(parser, is_resumable=hasattr(args, "resume"), is_program=args.is_program):
        print(args.run(args))
