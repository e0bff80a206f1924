"""What the figures of one run, or of several, show, in sentences."""

import numpy as np
import pandas as pd

from course_hw5.reports.pages.components import short_number

OVERFITTING = 0.1  # accuracy in training above that in validation


def of_run(history: pd.DataFrame, classes: pd.DataFrame, matrix: np.ndarray, class_names: list[str], config: dict) -> list[str]:
    """Says in a few sentences what a reader would find in the figures of a run.

    Args:
        history: `history.csv`.
        classes: a row per class, whose score is in the column "F1" or "IoU"; averages follow.
        matrix: integer array `(classes, classes)`, truth in rows.
        class_names: one name per class.
        config: dict of `config.json`.
    """
    lines = _best_epoch(history, config["settings"]["monitor"])
    measure = "F1" if "F1" in classes else "IoU"
    scores = classes[measure].iloc[: len(class_names)]
    if scores.notna().any():
        easy, hard = (f"{name} ({measure} {scores[name]:.2f})" for name in (scores.idxmax(), scores.idxmin()))
        lines.append(f"Easiest class: {easy}; hardest: {hard}.")
    errors = matrix * (1 - np.eye(len(matrix), dtype=int))
    if errors.any():
        true, predicted = np.unravel_index(errors.argmax(), errors.shape)
        share = errors[true, predicted] / matrix[true].sum()
        lines.append(f"Most frequent error: {share:.0%} of {class_names[true]} are classified as {class_names[predicted]}.")
    if config["data"]["note"]:
        lines.append(f"Data: {config['data']['note']}.")
    return lines


def _best_epoch(history, monitor):
    values = history[monitor]
    if values.isna().all():
        return [f"{monitor} was not a number in any epoch; the first was tested."]
    best = history.loc[values.idxmin() if monitor.endswith("loss") else values.idxmax()]
    lines = [f"Epoch {int(best['epoch'])} of {len(history)} was the best by {monitor} ({best[monitor]:.4f}); it was tested."]
    if {"accuracy", "val_accuracy"} <= {*history}:
        gap = best["accuracy"] - best["val_accuracy"]
        side, verdict = "below", "training is the harder task here (augmentation or dropout act only there)."
        if gap > 0:
            side, verdict = "above", "the model is overfitting." if gap > OVERFITTING else "no sign of overfitting."
        lines.append(f"There the training accuracy was {abs(gap):.3f} {side} the validation accuracy: {verdict}")
    return lines


def of_comparison(runs: dict, scores: pd.DataFrame) -> list[str]:
    """Says in a few sentences how the most accurate run differs from the next, and what to mind when comparing them.

    Args:
        runs: name -> run, two or more.
        scores: F1, classes in rows and runs in columns.
    """
    best, second = sorted(runs, key=lambda name: -runs[name].metrics["accuracy"])[:2]
    lines = [_compare_accuracy(runs, best, second), _compare_class(scores, best, second)]
    lines += [_compare_cost(runs, best, second), *_compare_overtaking(runs, best, second), *_compare_gap(runs)]
    if len({(run.config["data"].get("note"), run.metrics["examples"]) for run in runs.values()}) > 1:
        lines.append("Mind that the runs were not tested on the same data: their scores may not be comparable.")
    return lines


def loss_hint(runs: dict) -> str:
    """Says, where runs smooth labels differently, that their losses cannot be compared; "" where they can."""
    smoothing = {name: run.config["settings"].get("label_smoothing", 0) for name, run in runs.items()}
    if len({*smoothing.values()}) == 1:
        return ""
    given = ", ".join(f"{value} in {name}" for name, value in smoothing.items())
    return f"These losses cannot be compared with each other: label smoothing raises them ({given})."


def _compare_accuracy(runs, best, second):
    first, other = runs[best].metrics, runs[second].metrics
    gain = first["accuracy"] - other["accuracy"]
    if gain == 0:
        return f"{best} and {second} are as accurate: {first['accuracy']:.4f} of the test examples."
    error = np.sqrt(sum(m["accuracy"] * (1 - m["accuracy"]) / max(1, m["examples"]) for m in (first, other)))
    verdict, examples = "more than chance explains" if gain > 2 * error else "which can be chance", f"{first['examples']:,}"
    line = f"{best} is the most accurate: {first['accuracy']:.4f}, {gain:.4f} above {second}"
    return f"{line}, {verdict} with {examples} test examples."


def _compare_class(scores, best, second):
    gains = scores[best] - scores[second]
    most, least = gains.idxmax(), gains.idxmin()
    if gains[most] <= 0:
        return f"No class has a higher F1 in {best} than in {second}."
    behind = f"{(gains < 0).sum()} of {len(gains)} classes, most on" if gains[least] < 0 else "no class, and gains least on"
    line = f"{best} beats {second} most on '{most}': {gains[most]:+.2f} F1, from {scores[second][most]:.2f} to "
    return f"{line}{scores[best][most]:.2f}; it is behind on {behind} '{least}' ({gains[least]:+.2f})."


def _compare_cost(runs, best, second):
    ours, theirs = runs[best], runs[second]
    spent = [f"{run.metrics['training_seconds'] / 60:.1f} min ({len(run.history)} epochs)" for run in (ours, theirs)]
    line = f"{best} trained {spent[0]}, {second} {spent[1]}"
    if not (ours.flops and theirs.flops):
        return f"{line}."
    ratio = ours.flops / theirs.flops
    cost = "as much arithmetic" if 0.98 < ratio < 1.02 else f"{ratio:.2g} times the arithmetic"
    given = f"{short_number(ours.flops)} and {short_number(theirs.flops)} FLOPs"
    return f"{line}; a prediction of {best} takes {cost} ({given})."


def _compare_overtaking(runs, best, second):
    ours, theirs = runs[best].history, runs[second].history
    if "val_accuracy" not in ours or "val_accuracy" not in theirs:
        return []
    highest = theirs["val_accuracy"].max()
    above = ours.loc[ours["val_accuracy"] > highest, "epoch"]
    return [f"{best} passes {second}'s best validation accuracy ({highest:.4f}) in epoch {epoch}." for epoch in above[:1]]


def _compare_gap(runs):
    last = {name: run.history.iloc[-1] for name, run in runs.items() if "val_accuracy" in run.history}
    gaps = {name: epoch["accuracy"] - epoch["val_accuracy"] for name, epoch in last.items()}
    if len(gaps) < 2:
        return []
    given = ", ".join(f"{gap:+.3f} in {name}" for name, gap in gaps.items())
    overfitting = [name for name, gap in gaps.items() if gap > OVERFITTING]
    verdict = f"{' and '.join(overfitting) or 'none'} {'are' if len(overfitting) > 1 else 'is'} overfitting"
    return [f"Training accuracy minus validation accuracy after the last epoch: {given}; {verdict}."]
