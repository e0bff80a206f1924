"""What a reader would find in the figures of several runs, in sentences."""

import numpy as np

from course_hw5.evaluation import elements


def differences(runs, scores):
    """Says in a few sentences how the most accurate run differs from the next, and what to mind when comparing.

    Args:
        runs: dict of name -> `course_hw5.evaluation.comparison.Run`, two or more.
        scores: F1 as a `pandas.DataFrame`, classes in rows and runs in columns.

    Returns:
        List of sentences.
    """
    best, second = sorted(runs, key=lambda name: -runs[name].metrics["accuracy"])[:2]
    lines = [_accuracy_finding(runs, best, second), _class_finding(scores, best, second)]
    lines += [_cost_finding(runs, best, second), *_overtaking_finding(runs, best, second), *_gap_finding(runs)]
    if len({(run.config["data"].get("note"), run.metrics["examples"]) for run in runs.values()}) > 1:
        lines.append("Mind that the runs were not tested on the same data: their scores may not be comparable.")
    return lines


def loss_hint(runs):
    """Says, where runs smooth labels differently, that their losses cannot be compared; "" where they can."""
    smoothing = {name: run.config["settings"].get("label_smoothing", 0) for name, run in runs.items()}
    if len({*smoothing.values()}) == 1:
        return ""
    given = ", ".join(f"{value} in {name}" for name, value in smoothing.items())
    return f"These losses cannot be compared with each other: label smoothing raises them ({given})."


def _accuracy_finding(runs, best, second):
    first, other = runs[best].metrics, runs[second].metrics
    gain = first["accuracy"] - other["accuracy"]
    if gain == 0:
        return f"{best} and {second} are as accurate: {first['accuracy']:.4f} of the test examples."
    error = np.sqrt(sum(m["accuracy"] * (1 - m["accuracy"]) / max(1, m["examples"]) for m in (first, other)))
    verdict = (
        f"more than chance explains with {first['examples']:,} test examples"
        if gain > 2 * error
        else f"which can be chance with {first['examples']:,} test examples"
    )
    return f"{best} is the most accurate: {first['accuracy']:.4f}, {gain:.4f} above {second}, {verdict}."


def _class_finding(scores, best, second):
    gains = scores[best] - scores[second]
    most, least = gains.idxmax(), gains.idxmin()
    if gains[most] <= 0:
        return f"No class has a higher F1 in {best} than in {second}."
    line = f"{best} beats {second} most on '{most}': {gains[most]:+.2f} F1, from {scores[second][most]:.2f}"
    line += f" to {scores[best][most]:.2f}"
    if gains[least] < 0:
        return f"{line}; it is behind on {(gains < 0).sum()} of {len(gains)} classes, most on '{least}' ({gains[least]:+.2f})."
    return f"{line}; it is behind on no class, and gains least on '{least}' ({gains[least]:+.2f})."


def _cost_finding(runs, best, second):
    ours, theirs = runs[best], runs[second]
    spent = [f"{run.metrics['training_seconds'] / 60:.1f} min ({len(run.history)} epochs)" for run in (ours, theirs)]
    line = f"{best} trained {spent[0]}, {second} {spent[1]}"
    if not (ours.flops and theirs.flops):
        return f"{line}."
    ratio = ours.flops / theirs.flops
    cost = "as much arithmetic" if 0.98 < ratio < 1.02 else f"{ratio:.2g} times the arithmetic"
    given = f"{elements.short_number(ours.flops)} and {elements.short_number(theirs.flops)} FLOPs"
    return f"{line}; a prediction of {best} takes {cost} ({given})."


def _overtaking_finding(runs, best, second):
    ours, theirs = (runs[name].history for name in (best, second))
    if "val_accuracy" not in ours or "val_accuracy" not in theirs:
        return []
    above = ours.loc[ours["val_accuracy"] > theirs["val_accuracy"].max(), "epoch"]
    if above.empty:
        return []
    return [f"{best} passes {second}'s best validation accuracy ({theirs['val_accuracy'].max():.4f}) in epoch {above.iloc[0]}."]


def _gap_finding(runs):
    gaps = {
        name: run.history["accuracy"].iloc[-1] - run.history["val_accuracy"].iloc[-1]
        for name, run in runs.items()
        if "val_accuracy" in run.history
    }
    if len(gaps) < 2:
        return []
    given = ", ".join(f"{gap:+.3f} in {name}" for name, gap in gaps.items())
    learners = [name for name, gap in gaps.items() if gap > 0.1]
    verb = "learn" if len(learners) > 1 else "learns"
    verdict = f"{' and '.join(learners) or 'none'} {verb} the training data by heart"
    return [f"Training accuracy less validation accuracy after the last epoch: {given}; {verdict}."]
