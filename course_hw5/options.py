"""The command-line options that all training scripts share, and errors in one line. Loads no TensorFlow."""

import argparse
import contextlib
import os
import sys

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
STRATEGIES = ("none", "mirrored", "multiworker")


def whole_number(at_least):
    """Makes an argparse type that takes whole numbers from `at_least` on."""

    def parse(text):
        if not text.isdecimal() or int(text) < at_least:
            raise argparse.ArgumentTypeError(f"must be a whole number, {at_least} or more. Received: {text}")
        return int(text)

    return parse


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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is loaded: less of its chatter
    try:
        yield
    except KeyboardInterrupt:
        is_resumable = "--resume" in parser.format_usage()
        advice = "; the same command with --resume goes on after the last whole epoch" if is_resumable else ""
        sys.exit(f"\n{parser.prog}: interrupted{advice}")
    except (ValueError, OSError, FloatingPointError) as error:
        if os.environ.get("COURSE_HW5_TRACEBACK"):
            raise
        line = " ".join(str(error).split())
        print(f"{parser.prog}: error: {line}", file=sys.stderr)
        sys.exit(2)
