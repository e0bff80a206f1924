"""Arguments that are refused in one line: what was expected, and what came."""

import numbers
import reprlib


def require(name, value, is_valid, expected):
    """Raises ValueError unless `is_valid(value)`; a value of which that cannot even be asked is refused too.

    Args:
        name: of the argument.
        value: what was received.
        is_valid: function of the value, to whether it is taken.
        expected: what goes on "`name` must be".
    """
    try:
        taken = bool(is_valid(value))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        taken = False
    if not taken:
        raise ValueError(f"`{name}` must be {expected}. Received: {' '.join(reprlib.repr(value).split())}")


def is_whole(value, least=0):
    """Whether a value is a whole number, `least` or more, of Python or NumPy, and no bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= least
