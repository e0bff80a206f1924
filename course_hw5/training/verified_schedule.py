"""Whether steps and learning rates of a run that was handed in are those of its schedule."""

import math

import keras

from course_hw5.reports.submitted_run import DIFFERS, FOLLOWS, SubmittedRun, Verdict
from course_hw5.training import optimizers
from course_hw5.training.config import TrainingConfig


def skipped(run: SubmittedRun, steps: int) -> int:
    """How many of so many steps a run may have skipped.

    In float16 the loss is scaled by 2**15 at first, and by twice as much after every 2,000 steps. A gradient that overflows
    halves the scale, and its step is skipped.
    """
    return min(steps, 16 + steps // 1000) if run.config["model"]["precision"] == "mixed_float16" else 0


def check_steps(run: SubmittedRun, model: keras.Model, config: TrainingConfig, batches: int, epoch: int) -> Verdict:
    """After a backup is restored: as many steps as epochs, and the learning rate that config.json gives there.

    Args:
        run: of `read_run`.
        model: with the weights and the optimizer's state of the backup.
        config: of the training.
        batches: in an epoch.
        epoch: number of the backup.
    """
    steps, expected = int(model.optimizer.iterations), epoch * batches
    rate, found = _rate(config, batches, steps), float(model.optimizer.learning_rate)
    is_right = 0 <= expected - steps <= (most := skipped(run, expected)) and _are_equal(rate, found)
    detail = f"{steps} of {expected} steps, learning rate {found:.6g} of {rate:.6g} by config.json"
    detail += f"; float16 may skip {most}" if most else ""
    return Verdict(f"epoch-{epoch:04d}.npz, schedule", FOLLOWS if is_right else DIFFERS, detail)


def check_rates(run: SubmittedRun, config: TrainingConfig, batches: int, checked: dict[int, set[str]]) -> Verdict:
    """The learning rate in `history.csv`, at the end of each epoch.

    Args:
        run: of `read_run`; its history must have the column.
        config: of the training.
        batches: in an epoch.
        checked: columns that were checked, by epoch; this one is added.
    """
    wrong = []
    for epoch, (number, found) in enumerate(zip(run.history["epoch"], run.history["learning_rate"]), start=1):
        if number != epoch or epoch > config.epochs:
            continue  # the row itself differs
        checked.setdefault(epoch, set()).add("learning_rate")
        steps = epoch * batches
        if not any(_are_equal(_rate(config, batches, steps - fewer), found) for fewer in range(skipped(run, steps) + 1)):
            wrong.append(f"that of epoch {epoch} must be {_rate(config, batches, steps):.6g}. Received: {found:.6g}")
    detail = "; ".join(wrong[:3]) or "at the end of each epoch that of config.json"
    detail += ", of some steps fewer where float16 skipped them" if skipped(run, batches) and not wrong else ""
    return Verdict("history.csv, learning_rate", DIFFERS if wrong else FOLLOWS, detail)


def _rate(config, batches, steps):
    """The learning rate after so many steps."""
    rate = optimizers.learning_rate(config, batches)
    return float(rate(steps)) if callable(rate) else rate


def _are_equal(expected, received):
    return math.isclose(expected, received, rel_tol=1e-5, abs_tol=1e-12)
