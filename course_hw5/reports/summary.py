"""What the figures of one run, or of several, show, in sentences."""

import numpy as np
import pandas as pd

from course_hw5.data.dataset import IN_TRAINING
from course_hw5.reports.pages import components

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
    words = components.language("run")
    lines = _best_epoch(words, history, config["settings"]["monitor"])
    measure = "F1" if "F1" in classes else "IoU"
    scores = classes[measure].iloc[: len(class_names)]
    if scores.notna().any():
        both = (scores.idxmax(), scores.idxmin())
        told = {"measure": words.say(f"column.{measure}")}
        easy, hard = (words.say("class_score", name=name, value=words.number(scores[name], ".2f"), **told) for name in both)
        lines.append(words.say("easiest", easy=easy, hard=hard))
    errors = matrix * (1 - np.eye(len(matrix), dtype=int))
    if errors.any():
        true, predicted = np.unravel_index(errors.argmax(), errors.shape)
        share = words.number(100 * errors[true, predicted] / matrix[true].sum(), ".0f")
        lines.append(words.say("most_frequent_error", share=share, true=class_names[true], predicted=class_names[predicted]))
    if config["data"]["note"]:
        lines.append(words.say("data", note=config["data"]["note"]))
    return lines


def of_pretraining(history: pd.DataFrame, tested: dict, config: dict) -> list[str]:
    """The same of a run of pre-training, of images or texts; `tested` is the dict of `metrics.json`."""
    words = components.language("run")
    lines = _best_epoch(words, history, config["settings"]["monitor"])
    told = {name: words.number(100 * tested[name], ".1f") for name in ("masked_accuracy", "baseline_accuracy")}
    numbers = [name for name in ("masked_loss", "baseline_loss", "perplexity") if name in tested]
    told |= {name: words.number(tested[name], ".2f") for name in numbers}
    key = "predicted_words" if "perplexity" in tested else "predicted_patches"
    lines.append(words.say(key, tokens=words.number(tested["tokens"]), **told))
    return lines + ([words.say("data", note=config["data"]["note"])] if config["data"]["note"] else [])


def _best_epoch(words, history, monitor):
    values = history[monitor]
    if values.isna().all():
        return [words.say("no_best_epoch", monitor=monitor)]
    best = history.loc[values.idxmin() if monitor.endswith("loss") else values.idxmax()]
    told = {"epoch": int(best["epoch"]), "monitor": monitor, "value": words.number(best[monitor], ".4f")}
    key = "last_epoch" if monitor == "epoch" else "best_epoch"
    lines = [words.say(key, epochs=len(history), **told)]
    if {"accuracy", "val_accuracy"} <= {*history}:
        gap = best["accuracy"] - best["val_accuracy"]
        key = "overfitting" if gap > OVERFITTING else "not_overfitting" if gap > 0 else "harder_training"
        told = {"gap": words.number(abs(gap), ".3f"), "verdict": words.say(key)}
        lines.append(words.say("gap_above" if gap > 0 else "gap_below", **told))
    return lines


def of_comparison(runs: dict, scores: pd.DataFrame) -> list[str]:
    """Says in a few sentences how the most accurate run differs from the next, and what to mind when comparing them.

    Args:
        runs: name -> run, two or more.
        scores: F1, classes in rows and runs in columns.
    """
    words = components.language("comparison")
    best, second = sorted(runs, key=lambda name: -runs[name].metrics["accuracy"])[:2]
    lines = [_compare_accuracy(words, runs, best, second), _compare_class(words, scores, best, second)]
    lines += [_compare_cost(words, runs, best, second), *_compare_overtaking(words, runs, best, second)]
    lines += _compare_gap(words, runs)
    notes = ((run.config["data"].get("note") or "").partition(IN_TRAINING)[0] for run in runs.values())
    if len({*zip(notes, (run.metrics["examples"] for run in runs.values()))}) > 1:
        lines.append(words.say("other_data"))
    return lines


def loss_hint(runs: dict) -> str:
    """Says, where runs smooth labels differently, that their losses cannot be compared; "" where they can."""
    words = components.language("comparison")
    smoothing = {name: run.config["settings"].get("label_smoothing", 0) for name, run in runs.items()}
    if len({*smoothing.values()}) == 1:
        return ""
    given = [words.say("of_run", value=words.number(value, ""), name=name) for name, value in smoothing.items()]
    return words.say("smoothing", given=words.say("comma").join(given))


def _compare_accuracy(words, runs, best, second):
    first, other = runs[best].metrics, runs[second].metrics
    gain = first["accuracy"] - other["accuracy"]
    told = {"best": best, "second": second, "accuracy": words.number(first["accuracy"], ".4f")}
    if gain == 0:
        return words.say("as_accurate", **told)
    error = np.sqrt(sum(m["accuracy"] * (1 - m["accuracy"]) / max(1, m["examples"]) for m in (first, other)))
    verdict = words.say("certain" if gain > 2 * error else "uncertain", count=first["examples"])
    return words.say("most_accurate", gain=words.number(gain, ".4f"), verdict=verdict, **told)


def _compare_class(words, scores, best, second):
    gains = scores[best] - scores[second]
    most, least = gains.idxmax(), gains.idxmin()
    if gains[most] <= 0:
        return words.say("no_class_gains", best=best, second=second)
    behind = int((gains < 0).sum())
    losses = words.say("behind", count=behind, all=len(gains)) if behind else words.say("not_behind")
    told = {"best": best, "second": second, "most": str(most), "least": str(least), "losses": losses}
    told |= {name: words.number(gains[which], "+.2f") for name, which in (("gain", most), ("loss", least))}
    told |= {name: words.number(scores[which][most], ".2f") for name, which in (("low", second), ("high", best))}
    return words.say("gains", **told)


def _compare_cost(words, runs, best, second):
    both = [runs[best], runs[second]]
    minutes = [words.number(run.metrics["training_seconds"] / 60, ".1f") for run in both]
    ours, theirs = (words.say("spent", minutes=spent, count=len(run.history)) for spent, run in zip(minutes, both))
    told = {"best": best, "second": second, "ours": ours, "theirs": theirs}
    if not (both[0].flops and both[1].flops):
        return words.say("cost", **told)
    ratio = both[0].flops / both[1].flops
    told |= {name: components.short_number(run.flops, words) for name, run in zip(("first", "other"), both)}
    return words.say("cost_same" if 0.98 < ratio < 1.02 else "cost_ratio", ratio=words.number(ratio, ".2g"), **told)


def _compare_overtaking(words, runs, best, second):
    ours, theirs = runs[best].history, runs[second].history
    if "val_accuracy" not in ours or "val_accuracy" not in theirs:
        return []
    highest = theirs["val_accuracy"].max()
    told = {"best": best, "second": second, "accuracy": words.number(highest, ".4f")}
    return [words.say("passes", epoch=int(epoch), **told) for epoch in ours.loc[ours["val_accuracy"] > highest, "epoch"][:1]]


def _compare_gap(words, runs):
    last = {name: run.history.iloc[-1] for name, run in runs.items() if "val_accuracy" in run.history}
    gaps = {name: epoch["accuracy"] - epoch["val_accuracy"] for name, epoch in last.items()}
    if len(gaps) < 2:
        return []
    given = [words.say("of_run", value=words.number(gap, "+.3f"), name=name) for name, gap in gaps.items()]
    names = [name for name, gap in gaps.items() if gap > OVERFITTING]
    verdict = words.say("overfitting", names=words.say("and").join(names), count=len(names)) if names else None
    return [words.say("gaps", gaps=words.say("comma").join(given), verdict=verdict or words.say("not_overfitting"))]
