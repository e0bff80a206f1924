"""What `classify` and `segment` share: they go through image files, one after the other, and refuse bad ones in a line each."""

import argparse
import os
import pathlib
import sys
from collections.abc import Callable


def check_paths(args: argparse.Namespace) -> None:
    """Refuses what can be refused before a model is loaded, which takes seconds."""
    if pathlib.Path(args.out).is_file():
        raise ValueError(f"--out must name a folder. Received: the file {args.out}")
    if not any(pathlib.Path(image).exists() for image in args.images):
        raise ValueError(f"IMAGE must name files. Received: {', '.join(args.images)}, of which there is none")


def each_image(args: argparse.Namespace, use: Callable, longest: int | None = None) -> str:
    """Prints what `use` says of each image, given its name, its pixels and the stem of its files; goes on after bad ones."""
    from course_hw5.data import image_files

    out, refused, taken = pathlib.Path(args.out), 0, set()
    out.mkdir(parents=True, exist_ok=True)
    for image in args.images:
        # 200 bytes at most, so that suffixes fit; bytes that are not UTF-8 are dropped
        stem = os.fsencode(pathlib.Path(image).stem)[:200].decode(errors="ignore")
        candidates = [stem, *(f"{stem}-{number}" for number in range(1, len(args.images)))]
        name = next(candidate for candidate in candidates if candidate not in taken)
        try:
            print(f"{image}: {use(image, image_files.open_image(image, longest), out / name)}")
            taken.add(name)
        except (ValueError, OSError) as error:
            print(f"course-hw5: {error}", file=sys.stderr)
            refused += 1
    if refused:
        raise ValueError(f"{refused} of {len(args.images)} images were refused")
    return f"{len(args.images)} of {len(args.images)} images done"
