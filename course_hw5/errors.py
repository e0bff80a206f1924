"""Errors about arguments, in one line: what was expected, what was received."""

import numbers
import reprlib


def require(name, value, is_valid, expected):
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


def is_whole(value, least=0):
    """Whether a value is an integer of Python or NumPy (but no bool), `least` or more."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= least
