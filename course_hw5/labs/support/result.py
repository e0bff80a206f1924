"""What a lab found."""

import dataclasses

from course_hw5.attention.viewer.page import Page
from course_hw5.evaluation import lab_page


@dataclasses.dataclass(frozen=True)
class LabResult:
    """A claim, what was measured, and what follows. In a notebook it shows itself as a page.

    Args:
        claim: one sentence that could be false, the first line of the lab's docstring.
        checks: dict of statement -> whether it held; the claim stands if all do.
        numbers: dict of what was measured -> number or short text.
        figures: dict of caption -> `matplotlib.figure.Figure`.
        pages: dict of caption -> page of the attention viewer.
    """

    claim: str
    checks: dict
    numbers: dict
    figures: dict
    pages: dict = dataclasses.field(default_factory=dict)

    @property
    def verdict(self):
        """ "confirmed" or "refuted"."""
        return "confirmed" if all(self.checks.values()) else "refuted"

    def _repr_html_(self):
        return Page(lab_page.lab_html(self, "Lab"))._repr_html_()


def check_choice(name, value, choices):
    """Raises ValueError unless a knob has one of its values."""
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}. Received: {value!r}")
