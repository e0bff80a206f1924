"""Checks of the learning rate and of the epochs that a history holds."""

import numpy as np

from course_hw5.reports.checks.problem import check
from course_hw5.reports.checks.recorded_run import RecordedRun

FAR = 3.0  # factor between learning rates
NOTHING = 1e-6  # of the highest rate
TOLERANCE = 0.06  # of the highest rate: warm-ups are rounded to whole steps


@check(
    "history",
    means="Rows of two trainings are in one history: it was resumed with other epochs, or written twice.",
    advice="Train again into an empty folder, and change no setting between a training and its --resume.",
)
def history_mixed(run: RecordedRun) -> str | None:
    epochs, expected = run.history["epoch"].tolist(), run.settings.get("epochs") or len(run.history)
    if epochs == [*range(1, len(epochs) + 1)] and len(epochs) <= expected:
        return None
    told = ", ".join(f"{epoch:g}" for epoch in epochs[:12]) + (", ..." if len(epochs) > 12 else "")
    return f"The history has the epochs {told}; it should have 1 to {expected}."


@check(
    "learning rate",
    means="The schedule ended before the training: it was made for fewer steps, so the last epochs changed nothing.",
    advice="Give the schedule epochs * batches per epoch as its number of steps.",
)
def learning_rate_zero(run: RecordedRun) -> str | None:
    rates = run.history["learning_rate"].to_numpy()
    idle = rates[:-1] <= NOTHING * rates.max()  # at the end of an epoch, so for all of the next
    if not idle.any():
        return None
    return f"The learning rate is 0 in {int(idle.sum())} of {len(rates)} epochs, from epoch {int(idle.argmax()) + 2} on."


@check(
    "learning rate",
    "settings",
    means="The learning rate did not follow the recorded settings: another schedule, or a run resumed with other settings.",
    advice="Train again into an empty folder, with the same epochs in the schedule and in `fit`.",
)
def other_schedule(run: RecordedRun) -> str | None:
    rates = run.history["learning_rate"].to_numpy()
    expected = _expected_rates(run.settings, run.history["epoch"].to_numpy())
    wrong = np.flatnonzero(np.abs(rates - expected) > TOLERANCE * expected.max()) if expected.max() > 0 else []
    if not len(wrong):
        return None
    first, schedule = wrong[0], f"a {run.settings['schedule']} schedule of {run.settings['epochs']} epochs"
    return f"After epoch {first + 1} the learning rate was {rates[first]:.3g}; in {schedule} it is {expected[first]:.3g}."


def _expected_rates(settings, epochs):
    """Of `training.optimizers.learning_rate`, at the end of each epoch."""
    highest, warmup = settings["learning_rate"], settings.get("warmup_epochs") or 0.0
    if settings.get("schedule") == "constant":
        return np.full(len(epochs), float(highest))
    progress = np.clip((epochs - warmup) / max(settings["epochs"] - warmup, 1e-9), 0, 1)
    fall = highest * (1 + np.cos(np.pi * progress)) / 2
    return np.where(epochs < warmup, highest * epochs / max(warmup, 1e-9), fall)


def _rate(run):
    """The learning rate over the usual one."""
    found, usual = run.settings.get("learning_rate"), run.band.settings.get("learning_rate")
    return found / usual if found and usual else 1.0


def _is_low(run):
    return run.usual_if_low(run.score) or run.usual_if_low(f"val_{run.score}")


@check(
    "band",
    "settings",
    means="The learning rate is too high for this recipe: steps jump over what is to be learnt.",
    advice="Leave out --learning-rate, or divide it by 3 until the training loss falls in every epoch.",
)
def learning_rate_too_high(run: RecordedRun) -> str | None:
    if _rate(run) < FAR or not _is_low(run):
        return None
    return f"The learning rate is {run.settings['learning_rate']:g}, {_rate(run):.3g} times the usual one, and scores are low."


@check(
    "band",
    "settings",
    means="The learning rate is too low for this recipe: the epochs end before much is learnt.",
    advice="Leave out --learning-rate, or multiply it by 3 as long as the training loss falls faster.",
)
def learning_rate_too_low(run: RecordedRun) -> str | None:
    if _rate(run) > 1 / FAR or not _is_low(run):
        return None
    usual = run.band.settings["learning_rate"]
    return f"The learning rate is {run.settings['learning_rate']:g}, where {usual:g} is usual, and scores are low."
