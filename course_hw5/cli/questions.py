"""What `attend` and `classify` ask beside what a model says: without some heads, and of which class."""

import argparse
from typing import Any

from course_hw5.errors import is_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --target, --without and --ablation."""
    help = "class to explain, or two to compare (default: what the model says)"
    parser.add_argument("--target", metavar="CLASS[:AGAINST]", help=help)
    help = "silence a head, or all heads of a layer; may be given again"
    parser.add_argument("--without", metavar="LAYER[.HEAD]", action="append", default=[], help=help)
    help = "what a silenced head gives: nothing, or its mean over all tokens (default: %(default)s)"
    parser.add_argument("--ablation", metavar="KIND", default="zero", choices=("zero", "mean"), help=f"zero or mean: {help}")


def read(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `explain` that these options stand for.

    Raises:
        ValueError: if one is not written as it must be.
    """
    target = None if args.target is None else [_number(name) for name in args.target.split(":")]
    if target is not None and (len(target) > 2 or "" in target):
        raise ValueError(f"--target must be CLASS or CLASS:AGAINST. Received: {args.target!a}")
    asked = None if target is None else target[0] if len(target) == 1 else tuple(target)
    return {"target": asked, "ablate": {_head(text) for text in args.without}, "ablation": args.ablation}


def _head(text):
    parts = [_number(part) for part in text.split(".")]
    if len(parts) > 2 or not all(map(is_whole, parts)):
        raise ValueError(f"--without must be LAYER.HEAD or LAYER, such as 3.5 or 4. Received: {text!a}")
    return parts[0] if len(parts) == 1 else tuple(parts)


def _number(text):
    return int(text) if text.isascii() and text.isdigit() else text
