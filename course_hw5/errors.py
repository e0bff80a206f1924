"""Errors about arguments, in one line: what was expected, what was received."""

import numbers
import reprlib
from collections.abc import Callable
from typing import Any


def require(name: str, value: Any, is_valid: Callable[[Any], Any], expected: str) -> None:
    """Raises ValueError unless `is_valid(value)` is true; a value for which that check itself fails is refused, too.

    Args:
        name: of the argument.
        value: what was received.
        is_valid: function of the value that returns whether it is accepted.
        expected: description of valid values, for "`name` must be {expected}".
    """
    try:
        taken = bool(is_valid(value))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        taken = False
    if not taken:
        raise ValueError(f"`{name}` must be {expected}. Received: {' '.join(reprlib.repr(value).split())}")


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its name where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def printable(text: str) -> str:
    """A text of somebody else's file in one line, without what a terminal would obey: such characters are escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def is_whole(value: object, least: int = 0) -> bool:
    """Whether a value is an integer of Python or NumPy (but no bool), `least` or more."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= least
