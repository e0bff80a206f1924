"""How a check becomes a question, and what is said of arrays and numbers.

`wrong` is a dict from what is said of a mistake to what it would give.
"""

from course_hw5.exercises import error_in_numbers
from course_hw5.grading.marking import array, question

ALL = []


def asked(number, points, title):
    """Adds a question to the assignment."""

    def add(check):
        ALL.append(question(number, points, title)(check))
        return ALL[-1]

    return add


def pair_error(found, expected, names, wrong):
    """What is wrong with a pair of arrays."""
    if not isinstance(found, (list, tuple)) or len(found) != 2:
        return f"It must return two arrays, {names[0]} and {names[1]}."
    for name, one, right, slips in zip(names, found, expected, wrong):
        if error := error_in_numbers(one, right, slips):
            return f"The {name}: {error}"
    return ""


def number_error(found, expected, wrong, tolerance=2e-3):
    """What is wrong with one number, which may be rounded."""
    found = float(array(found))
    for text, number in {"": expected, **wrong}.items():
        if abs(found - number) <= tolerance * max(1e-9, abs(number)):
            return text
    return f"The number is not right. Received: {found:.6g}."
