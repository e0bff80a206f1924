"""What a lab found."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import matplotlib.figure
import numpy as np

from course_hw5.attention.viewer.page import Page, head_view
from course_hw5.errors import is_whole, require
from course_hw5.reports import plots
from course_hw5.reports.pages import lab


class Measurement(NamedTuple):
    """A number, or a short text, that a lab measured.

    Args:
        key: short name that stays as it is, for programs.
        label: what was measured, for readers.
        value: a number or a short text.
        unit: of the number, if it has one.
    """

    key: str
    label: str
    value: float | str
    unit: str = ""

    @property
    def text(self) -> str:
        """Numbers with four digits, texts and whole numbers as they are, then the unit.

        Example:
            >>> [Measurement("", "", value, "s").text for value in (0.123456, 3e-07, 1200, "never")]
            ['0.1235 s', '3e-07 s', '1,200 s', 'never s']
        """
        return f"{self.value:{self.form}} {self.unit}".rstrip()

    @property
    def form(self) -> str:
        """How the value is formatted."""
        return "" if isinstance(self.value, str) else "," if is_whole(self.value) else ".4g"


class Check(NamedTuple):
    """A statement that could be false.

    Args:
        key: short name that stays as it is, for programs.
        label: the statement.
        held: whether it was true.
    """

    key: str
    label: str
    held: bool


class LabResult:
    """A claim, what was measured, and what follows. In a notebook it shows itself as a page.

    A lab fills it in the order of the page: `checks` by `check`, `measurements` by `measure`, `figures`, a dict of caption ->
    `matplotlib.figure.Figure`, by `subplots`, and `pages`, a dict of caption -> page of the attention viewer.

    `result["key"]` is the value of a measurement, `result.held("key")` what became of a check.

    Args:
        text: the lab's docstring, whose first line is the claim: one sentence that could be false, and stands if all checks
            hold.
    """

    def __init__(self, text: str):
        self.claim = text.splitlines()[0]
        self.checks: list[Check] = []
        self.measurements: list[Measurement] = []
        self.figures: dict[str, matplotlib.figure.Figure] = {}
        self.pages: dict[str, Page | None] = {}

    def check(self, key: str, label: str, held: bool | np.bool_) -> None:
        """Adds a `Check`."""
        self.checks.append(Check(key, label, bool(held)))

    def measure(self, key: str, label: str, value: Any, unit: str = "") -> Any:
        """Adds a `Measurement`, and returns its value: a scalar of NumPy as Python's own."""
        value = value.item() if isinstance(value, np.generic) else value
        self.measurements.append(Measurement(key, label, value, unit))
        return value

    def subplots(self, caption: str, *shape: int, **options: Any) -> tuple[matplotlib.figure.Figure, Any]:
        """Adds a figure, and returns it with its axes; other arguments are those of `reports.plots.subplots`."""
        self.figures[caption], axes = plots.subplots(*shape, **options)
        return self.figures[caption], axes

    def show_attention(self, caption: str, attention: Any, *tokens: Sequence[str], **options: Any) -> None:
        """Adds a page of attention; what follows the caption is for `head_view`."""
        self.pages[caption] = head_view(attention, *tokens, html_action="return", **options)

    @property
    def verdict(self) -> str:
        """ "confirmed" or "refuted"."""
        return "confirmed" if all(check.held for check in self.checks) else "refuted"

    def __getitem__(self, key: str) -> Any:
        return {measurement.key: measurement.value for measurement in self.measurements}[key]

    def held(self, key: str) -> bool:
        """Whether the check of that key held."""
        return {check.key: check.held for check in self.checks}[key]

    def _repr_html_(self) -> str:
        return Page(lab.lab_html(self))._repr_html_()


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raises ValueError unless a parameter has one of its values."""
    require(name, value, lambda value: value in choices, f"one of {', '.join(choices)}")


def check_at_least(least: int, **parameters: int) -> None:
    """Raises ValueError unless each parameter is a whole number of `least` or more."""
    for name, value in parameters.items():
        require(name, value, lambda value: is_whole(value, least), f"{least} or more")
