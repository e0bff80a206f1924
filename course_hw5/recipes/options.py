"""Command-line options of recipes: what they take, and what they refuse. Loads no TensorFlow."""

import argparse
from collections.abc import Callable

Arguments = argparse.Namespace


class Option:
    """A command-line option of a recipe.

    Args:
        flag: "--max-length".
        *refusals: pairs of a condition, a function of the arguments, and what is said where it holds. The message names
            arguments in braces: "{max_length}".
        **keywords: of `argparse`'s `add_argument`.
    """

    def __init__(self, flag: str, *refusals: tuple[Callable[[Arguments], bool], str], **keywords):
        self.flag, self.refusals, self.keywords = flag, refusals, keywords
        self.name = flag.removeprefix("--").replace("-", "_")

    def check(self, args: Arguments) -> None:
        """Raises ValueError where the arguments are refused."""
        for is_wrong, message in self.refusals:
            if is_wrong(args):
                raise ValueError(message.format(**vars(args)))


def whole_number(at_least: int) -> Callable[[str], int]:
    """Makes an argparse type that takes whole numbers from `at_least` on."""

    def parse(text):
        if not text.isdecimal() or int(text) < at_least:
            raise argparse.ArgumentTypeError(f"must be a whole number, {at_least} or more. Received: {text}")
        return int(text)

    return parse


def height_and_width(text: str) -> tuple[int, int]:
    """The argparse type of a size: "96x128" to `(96, 128)`."""
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH in pixels, such as 96x128. Received: {text}")
    height, width = map(int, sides)
    return height, width
