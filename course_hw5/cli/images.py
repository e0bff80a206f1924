"""What `classify` and `segment` share: they go through image files, one after the other, and refuse bad ones in a line each."""

import argparse
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from course_hw5.cli import arguments


def add_arguments(parser: argparse.ArgumentParser, preset: str, out: str, purpose: str) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="files in any format that Pillow opens")
    parser.add_argument("--preset", default=preset, help="what `load_model` takes (default: %(default)s)")
    parser.add_argument("--out", default=out, help=f"{purpose} (default: %(default)s)")


def load_model(args: argparse.Namespace, recipe: str, expected: str) -> Any:
    """`arguments.load_model`, which takes seconds, after what can be refused at once."""
    if pathlib.Path(args.out).is_file():
        raise ValueError(f"--out must name a folder. Received: the file {args.out}")
    if not any(pathlib.Path(image).exists() for image in args.images):
        raise ValueError(f"IMAGE must name files. Received: {', '.join(args.images)}, of which there is none")
    return arguments.load_model(args, recipe, expected)


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
