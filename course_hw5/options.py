"""The command-line options that all training scripts share, and errors in one line. Loads no TensorFlow."""

import argparse
import contextlib
import errno
import os
import re
import sys

from course_hw5 import loading

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
STRATEGIES = ("none", "mirrored", "multiworker")


def whole_number(at_least):
    """Makes an argparse type that takes whole numbers from `at_least` on."""

    def parse(text):
        if not text.isdecimal() or int(text) < at_least:
            raise argparse.ArgumentTypeError(f"must be a whole number, {at_least} or more. Received: {text}")
        return int(text)

    return parse


def with_dashed_texts(parser, arguments):
    """Rewrites the arguments of a command so that `parser` accepts texts that begin with a dash.

    Whatever is no option of the parser becomes a text; so does, as its value, what follows an option that takes one.
    """
    usage = re.sub(r"\x1b\[[\d;]*m", "", parser.format_usage())  # Python 3.14 colours it
    known = re.findall(r"(?<=\[)--?[a-z][\w-]*", usage)
    take_value = {*re.findall(r"\[(--[\w-]+) [A-Z]", usage)}
    read, texts, rest = [], [], [*arguments]
    while rest:
        argument = rest.pop(0)
        name = argument.split("=")[0]
        meant = {
            option for option in known if option == name or (name.startswith("--") and option.startswith(name) and name[2:])
        }
        if argument == "--":
            texts, rest = [*texts, *rest], []
        elif not meant:
            texts.append(argument)
        elif "=" not in argument and rest and meant <= take_value:
            read.append(f"{argument}={rest.pop(0)}")
        else:
            read.append(argument)
    return [*read, "--", *texts]


def run_parser(description, batch_size=256):
    """Makes a parser with the options of a run; a script adds its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--out", required=True, help="run folder to write")
    add("--epochs", type=whole_number(1), help="passes over the training data (default: the recipe's)")
    add("--batch-size", type=whole_number(1), default=batch_size, help="examples per step (default: %(default)s)")
    add("--precision", choices=PRECISIONS, default="float32", help="policy of the layers (default: %(default)s)")
    add("--strategy", choices=STRATEGIES, default="none", help="tf.distribute strategy (default: %(default)s)")
    add("--seed", type=whole_number(0), default=0, help="makes a run repeatable (default: %(default)s)")
    add("--deterministic", action="store_true", help="also use deterministic kernels only")
    exclusive = parser.add_mutually_exclusive_group()
    exclusive.add_argument("--resume", action="store_true", help="go on with the run in --out, after its last whole epoch")
    exclusive.add_argument("--overwrite", action="store_true", help="delete what is in --out first")
    return parser


def recorded(args):
    """What `config.json` says of a run's options: all that decide data or model and are in no setting."""
    elsewhere = {"epochs", "learning_rate", "seed", "precision", "deterministic", "out", "resume", "overwrite", "evaluate"}
    return {name: value for name, value in vars(args).items() if name not in elsewhere}


@contextlib.contextmanager
def plain_errors(parser):
    """Turns what a user can mend into one line on stderr and exit code 2; COURSE_HW5_TRACEBACK=1 shows the whole error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may not be valid in the terminal's encoding
            stream.reconfigure(errors="backslashreplace")
    try:
        with loading.quiet():
            yield
            sys.stdout.flush()
    except KeyboardInterrupt:
        is_resumable = "--resume" in parser.format_usage()
        advice = "; the same command with --resume goes on after the last whole epoch" if is_resumable else ""
        sys.exit(f"\n{parser.prog}: interrupted{advice}")
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        _give_up_stdout()
        sys.exit(1)
    except (ValueError, OSError, FloatingPointError) as error:
        if os.environ.get("COURSE_HW5_TRACEBACK"):
            raise
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EFBIG) and error.filename is None:  # our files are named
            error.filename = "standard output"
            _give_up_stdout()
        line = " ".join(str(error).split())
        print(f"{parser.prog}: error: {line}", file=sys.stderr)
        sys.exit(2)


def _give_up_stdout():
    """Discards the rest of the output: flushing it at exit would raise again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
