"""Checks against what runs of several seeds reached with the same recipe."""

from course_hw5.reports.checks.problem import check, percent
from course_hw5.reports.checks.recorded_run import RecordedRun


@check(
    "band",
    means="Part of the training labels are wrong: they cannot be fitted, while validation, whose labels are right, goes well.",
    advice="Look at training examples whose label the model finds least likely; correct or remove them.",
)
def noisy_training_labels(run: RecordedRun) -> str | None:
    usual, lead = run.usual_if_low(run.score), run.band.interval("lead", run.compared_epoch)
    ahead = run.compared(f"val_{run.score}", 1) - run.compared(run.score) if run.compared_epoch > 1 else 0.0
    if not usual or not lead or ahead <= max(lead.high, 0.03):
        return None
    share = 1 - 2 * run.compared(run.score) / (usual.low + usual.high)
    train, validation = run.compared(run.score), run.compared(f"val_{run.score}", 1)
    scores = f"{train:.3f} in training, where {usual} is usual, and {validation:.3f} in validation"
    return f"{run.score} is {scores}: as if {percent(share)} of the training labels were wrong."


@check(
    "band",
    means="This recipe reaches more by this epoch; other problems in this list, or settings that differ, may say why.",
    advice="Mend the other problems first, then repeat the run with the recipe's own settings.",
)
def score_too_low(run: RecordedRun) -> str | None:
    names = (f"val_{run.score}", run.score)
    low = [f"{name} is {run.compared(name):.3f}, where {usual} is usual" for name in names if (usual := run.usual_if_low(name))]
    if not low:
        return None
    others = [f"{name} {value} ({usual})" for name, (value, usual) in run.band.differences(run.settings).items()]
    told = f" Settings that differ, with the usual ones: {', '.join(others)}." if others else ""
    return f"After epoch {run.compared_epoch} {' and '.join(low)}.{told}"


@check(
    "band",
    "settings",
    means="This recipe cannot be so good: validation data are in the training data, or the data are not the recipe's.",
    advice="Make sure that no example is in two splits, and that the labels are no part of the inputs.",
)
def better_than_usual(run: RecordedRun) -> str | None:
    name, epoch = f"val_{run.score}", run.compared_epoch
    usual = run.band.interval(name, epoch)
    if usual is None or run.band.differences(run.settings) or run.compared(name) <= usual.high:
        return None
    return f"After epoch {epoch} {name} is {run.compared(name):.3f}, where {usual} is usual with the same settings."
