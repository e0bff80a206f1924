"""A problem of a run, and the registry of the checks that find them."""

import dataclasses
from collections.abc import Callable, Sequence

from course_hw5.reports.checks.recorded_run import RecordedRun


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is off in a run.

    Attributes:
        name: of the check that found it.
        seen: the numbers, in a sentence.
        means: what that usually means, in a sentence.
        advice: what to try, in a sentence.
    """

    name: str
    seen: str
    means: str
    advice: str


@dataclasses.dataclass(frozen=True)
class Check:
    """One check: a function that says what it has seen, or None; texts; and what it needs of a run."""

    name: str
    look: Callable[[RecordedRun], str | None]
    needs: tuple[str, ...]
    means: str
    advice: str

    def problem(self, run: RecordedRun) -> Problem | None:
        """The problem of a run that has all that the check needs; None where there is none."""
        seen = self.look(run)
        return Problem(self.name, seen, self.means, self.advice) if seen else None


CHECKS: list[Check] = []


def check(*needs: str, means: str, advice: str) -> Callable:
    """Registers a function as a check; its name is the problem's.

    Args:
        *needs: what a run must have, keys of `recorded_run.NEEDS`.
        means: what the problem usually means.
        advice: what to try.
    """

    def register(look):
        CHECKS.append(Check(look.__name__, look, needs, means, advice))
        return look

    return register


def listed(names: Sequence[str], shown: int = 5) -> str:
    """A few names, and how many more there are."""
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


def percent(share: float, digits: int = 0) -> str:
    """A share in percent."""
    return f"{100 * share:.{digits}f} %"
