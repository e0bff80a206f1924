"""Checks of the trained model: its weights, its answers and its attention heads on a few examples."""

import numpy as np

from course_hw5.reports.checks.problem import check, listed
from course_hw5.reports.checks.recorded_run import RecordedRun

SAME = 1e-3  # difference between outputs
UNIFORM, UNCHANGED = 0.02, 1e-3  # distances of a head's attention, up to which it is dead
MOST = 0.5  # share of the heads of a layer


@check(
    "model",
    means="Training went on after the loss became NaN, or the file was damaged: its outputs are NaN.",
    advice="Divide the learning rate by 10 and train again.",
)
def weights_not_finite(run: RecordedRun) -> str | None:
    broken = run.model.broken
    return f"NaN or infinity is in {len(broken)} weights of the model: {listed(broken, 3)}." if broken else None


@check(
    "model",
    "outputs",
    means="The output does not depend on the input: units of a layer are dead (ReLU), or the data were all alike.",
    advice="Divide the learning rate by 10, and look at the range of the inputs.",
)
def same_answer(run: RecordedRun) -> str | None:
    difference = run.model.difference
    if not difference < SAME:
        return None
    return f"For different examples the outputs of the model differ by {difference:.1g} at most."


@check(
    "model",
    "outputs",
    means="Heads that attend to all tokens alike, or in the same way whatever they read, choose nothing: they only average.",
    advice="Use a smaller learning rate or a longer warm-up, and train the layers below the head, too.",
)
def dead_heads(run: RecordedRun) -> str | None:
    uniform, change = run.model.uniform <= UNIFORM, run.model.change <= UNCHANGED
    dead = uniform | change
    layers = [index for index, layer in enumerate(dead) if layer.mean() > MOST]
    if not layers:
        return None
    kinds = {"uniform": int(uniform.sum()), "the same for all examples": int((change & ~uniform).sum())}
    told = " and ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    names = listed([str(index + 1) for index in layers])
    return f"Of {dead.size} attention heads {int(np.sum(dead))} are dead ({told}); layers in which most are: {names}."
