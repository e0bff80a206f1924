"""`check_run`: all checks of one run folder."""

import contextlib
import dataclasses
import textwrap
from typing import Any

from course_hw5.files import AnyPath
from course_hw5.reports import run_folder
from course_hw5.reports.checks import band_checks, class_checks, curve_checks, input_checks, model_checks, schedule_checks
from course_hw5.reports.checks.problem import CHECKS, Problem
from course_hw5.reports.checks.recorded_run import RecordedRun, read_run

# problems are listed in this order: causes before what follows from them
MODULES = (input_checks, schedule_checks, curve_checks, class_checks, band_checks, model_checks)
WIDTH = 100


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What `check_run` found.

    Attributes:
        run: what was read.
        problems: list of `Problem`, causes first; empty for a healthy run.
        not_checked: dict of reasons, such as "config.json is missing", to the names of the checks that were not made for it.
    """

    run: RecordedRun
    problems: list[Problem]
    not_checked: dict[str, list[str]]

    def as_dict(self) -> dict[str, Any]:
        """The same as an object that JSON can hold."""
        band = self.run.band
        return {
            "run": str(self.run.folder),
            "is_healthy": not self.problems,
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
            "band": band and {"key": band.key, "seeds": band.seeds},
            "not_checked": self.not_checked,
        }

    def __str__(self):
        count = f"{len(self.problems)} problem{'s' if len(self.problems) > 1 else ''}" if self.problems else "no problem found"
        lines = [f"{self.run.folder}: {count}", _compared(self.run), ""]
        for number, problem in enumerate(self.problems, start=1):
            lines += [f"{number}. {problem.name}"]
            for told in (problem.seen, f"Usually: {problem.means}", f"Try: {problem.advice}"):
                lines += textwrap.wrap(told, WIDTH, initial_indent="   ", subsequent_indent="   ", break_long_words=False)
            lines += [""]
        lines += [f"Not checked, because {reason}: {', '.join(names)}" for reason, names in self.not_checked.items()]
        return "\n".join(lines).rstrip()


def _compared(run: RecordedRun) -> str:
    if run.band is None:
        return "No band fits this run (its data, options or epochs are not those of a recipe that was measured)."
    seeds, told = run.band.seeds, f" in epoch {run.compared_epoch}" if run.compared_epoch < len(run.history) else ""
    return f"Compared{told} with {len(seeds)} runs of the same recipe, seeds {', '.join(map(str, seeds))}."


def check_run(run_dir: AnyPath, with_model: bool = True) -> Diagnosis:
    """Looks for what is off in a training, from its run folder.

    Args:
        run_dir: folder that `train` has filled, or `HistoryPlots` and `ClassificationReport` in a `fit` of your own. A
            training that was interrupted is checked, too.
        with_model: whether `model.keras` is loaded, in Keras's safe mode (3.11 or later), and run on a few examples.

    Returns:
        `Diagnosis`.

    Raises:
        FileNotFoundError: if it is no folder of a training.
        ValueError: if a file in it is damaged.
    """
    with _errors_of_files(run_dir):
        run = read_run(run_dir)
        lack = run_folder.lacks_safe_mode() if with_model else ""
        if with_model and not lack and (run.folder / "model.keras").exists():
            from course_hw5.reports.checks.examined_model import examine

            run = dataclasses.replace(run, model=examine(run.folder, run.training))
    with _errors_of_files(run_dir, ValueError):
        return Diagnosis(run, *_look(run, lack))


@contextlib.contextmanager
def _errors_of_files(run_dir, *more):
    """Says of errors that files of another program cause where these are."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, *more) as error:
        found = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"The files in {run_dir} must be those of `train`. Received: {found}") from error


def _look(run, lack):
    """Problems, and what was not checked; `lack` is why the model was not, if it was to be."""
    order, problems, not_checked = [module.__name__ for module in MODULES], [], {}
    for check in sorted(CHECKS, key=lambda check: order.index(check.look.__module__)):
        if missing := [need for need in check.needs if need not in run.present]:
            reason = f"model.keras needs {lack}" if missing[0] == "model" and lack else run.lack(missing[0])
            not_checked.setdefault(reason, []).append(check.name)
        elif problem := check.problem(run):
            problems.append(problem)
    return problems, not_checked
