"""Finished run folders to one page that puts them side by side, and one figure; the page opens offline."""

import os
import pathlib
import urllib.parse
from typing import NamedTuple

import pandas as pd

from course_hw5.reports import classification_metrics, figure_tables, plots, run_folder, summary
from course_hw5.reports.pages import components
from course_hw5.reports.run_folder import is_pretraining

FILES = ("config.json", "history.csv", "metrics.json", "classification_report.json")
NUMBER = (int, float)
BETTER = {"accuracy": max, "f1": max, "seconds": min, "speed": max}


class Run(NamedTuple):
    """What a run folder says: its path, the dicts of its JSON files, `history.csv`, the FLOPs of one prediction or None."""

    path: pathlib.Path
    config: dict
    metrics: dict
    report: dict
    history: pd.DataFrame
    flops: int | None


def write_comparison(run_dirs: list[run_folder.AnyPath], out: run_folder.AnyPath) -> pathlib.Path:
    """Writes the page `out` and, beside it, the figure of the same name with the suffix `.png`.

    Args:
        run_dirs: two or more run folders whose test data have the same classes.
        out: path that ends in `.html`, outside the run folders; its folder is created when missing.

    Returns:
        Path of the page.

    Raises:
        FileNotFoundError: if a file of a run is missing.
        ValueError: if there are fewer than two runs, one comes twice, a file is damaged, or classes differ.
        OSError: if `out` cannot be written.
    """
    folders, out = [run_folder.local_path(run_dir) for run_dir in run_dirs], run_folder.local_path(out)
    _check_paths(folders, out)
    runs = dict(zip(run_names(folders), [read_run(folder) for folder in folders]))
    scores = class_scores(runs)
    histories = {name: run.history for name, run in runs.items()}
    drawn = [m for m in ("accuracy", "loss") if any({m, f"val_{m}"} & {*history} for history in histories.values())]
    say = components.language("comparison").say
    figures = {say(f"curve.{metric}"): plots.runs_plot(histories, metric) for metric in drawn}
    page = components.render(
        "comparison.html",
        title=say("title", count=len(runs)) if len(runs) > 3 else " · ".join(runs),
        runs=_shown_runs(runs, out.parent),
        summary=summary.of_comparison(runs, scores),
        curves={name: (plots.figure_png(figure), figure_tables.figure_tables(figure)) for name, figure in figures.items()},
        loss_hint=summary.loss_hint(runs),
        sees=_sees(runs),
        class_figure=plots.figure_png(plots.class_scores_plot(scores)),
        rows=_rows(runs, scores),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    run_folder.write_figure(out.with_suffix(".png"), plots.comparison_plot(histories, scores))
    run_folder.write_text(out, page)
    return out


def read_run(run_dir: run_folder.AnyPath) -> Run:
    """Reads what is compared of a run folder.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, or the run is no classifier's of one label per example.
    """
    run_dir = run_folder.local_path(run_dir)
    for kind, is_there in (("a segmenter", (run_dir / "class_scores.csv").exists()), ("pre-training", is_pretraining(run_dir))):
        if is_there:
            raise ValueError(f"Runs of classifiers can be compared. Received: {run_dir}, of {kind}")
    run_folder.require_files(run_dir, FILES)
    parts: dict = {("settings",): dict, ("arguments",): dict, ("data", "class_names"): list}
    parts |= {("model", "name"): str, ("model", "parameters"): int}
    config = run_folder.read_json(run_dir / "config.json", parts)
    classification_metrics.check_single_label(run_folder.read_json(run_dir / "classification_report.json"), run_dir)
    numbers = ("accuracy", "f1", "examples", "training_seconds", "training_examples_per_second")
    tested = run_folder.read_json(run_dir / "metrics.json", {(name,): NUMBER for name in numbers})
    config["data"]["class_names"] = classification_metrics.distinct_names(config["data"]["class_names"])
    f1 = {(name, "f1-score"): NUMBER for name in [*config["data"]["class_names"], "weighted avg"]}
    report = run_folder.read_json(run_dir / "classification_report.json", f1)
    history = run_folder.read_history(run_dir, ("epoch", "accuracy", "seconds"))
    return Run(run_dir, config, tested, report, history, config.get("prediction_flops"))


def run_names(run_dirs: list[pathlib.Path]) -> list[str]:
    """Names runs after their folders, with as many parents as tell them apart.

    Example:
        >>> run_names([pathlib.Path("/a/tuned"), pathlib.Path("/b/tuned"), pathlib.Path("/b/homework")])
        ['a/tuned', 'b/tuned', 'homework']
    """
    parts = [run_dir.resolve().parts for run_dir in run_dirs]
    names = []
    for own in parts:
        tails = (own[-depth:] for depth in range(1, len(own) + 1))
        tail = next(tail for tail in tails if sum(other[-len(tail) :] == tail for other in parts) == 1)
        names.append(pathlib.PurePath(*tail).as_posix())
    return names


def class_scores(runs: dict[str, Run]) -> pd.DataFrame:
    """Puts the F1 of each class side by side: classes in rows (in the first run's order), runs in columns.

    Raises:
        ValueError: if the runs have different classes.
    """
    classes = {name: run.config["data"]["class_names"] for name, run in runs.items()}
    (first, expected), *others = classes.items()
    for name, found in others:
        if sorted(found) != sorted(expected):
            different = ", ".join(map(repr, sorted({*found} ^ {*expected})[:3]))
            received = f"{len(expected)} in {first}, {len(found)} in {name}, and not in both {different}"
            raise ValueError(f"Runs must have the same classes to be compared. Received: {received}")
    return pd.DataFrame({name: [run.report[c]["f1-score"] for c in expected] for name, run in runs.items()}, index=expected)


def _check_paths(run_dirs, out):
    if len(run_dirs) < 2:
        raise ValueError(f"A comparison needs two or more run folders. Received: {', '.join(map(str, run_dirs)) or 'none'}")
    folders = [run_dir.resolve() for run_dir in run_dirs]
    for index, folder in enumerate(folders):
        if folder in folders[:index]:
            raise ValueError(f"Each run folder must be given once. Received twice: {run_dirs[index]}")
        if folder in out.resolve().parents:
            raise ValueError(f"The page must lie outside the run folders. Received: {out}")
    if out.suffix != ".html" or out.is_dir():
        raise ValueError(f"The page must be a file that ends in .html. Received: {out}{'/' if out.is_dir() else ''}")


def _shown_runs(runs, page_dir):
    """Name, colour, link, metric cards and names of the best ones, for each run."""
    values = [_metrics(run) for run in runs.values()]
    best = {card: better(own[card] for own in values)[1] for card, better in BETTER.items()}
    best = {card: text for card, text in best.items() if any(own[card][1] != text for own in values)}
    label = lambda card: components.language("comparison").say(f"metric.{card}")  # noqa: E731
    shown = []
    for (name, run), color, own in zip(runs.items(), plots.run_colors(len(runs)), values):
        framed = [label(card) for card, text in best.items() if own[card][1] == text]
        cards = {label(card): text for card, (_, text) in own.items()}
        shown.append({"name": name, "color": color, "link": _link(run, page_dir), "cards": cards, "best": framed})
    return shown


def _sees(runs):
    """What units of each run's model see, if that is known of all of them: name, colour, headings, rows of name and numbers."""
    words, shown = components.language("comparison"), []
    if not all("reach" in run.config for run in runs.values()):
        return shown
    for (name, run), color in zip(runs.items(), plots.run_colors(len(runs))):
        reach = run.config["reach"]
        rows = [(layer, [words.number(side, "")]) for layer, side in reach.get("receptive_fields", {}).items()]
        distances = reach.get("attention", ())
        rows += [(words.number(layer, ""), [words.number(x, ".1f") for x in row]) for layer, row in enumerate(distances, 1)]
        columns = [words.say(f"sees.{part}") for part in (("nearest", "mean", "farthest") if distances else ("field",))]
        shown.append({"name": name, "color": color, "columns": columns, "rows": rows})
    return shown


def _metrics(run):
    """Name of each metric card -> its number and how it is shown."""
    words, parameters = components.language("comparison"), run.config["model"]["parameters"]
    forms = {
        "accuracy": (run.metrics["accuracy"], ".4f"),
        "f1": (run.metrics["f1"], ".4f"),
        "epochs": (len(run.history), ""),
        "seconds": (run.history["seconds"].median(), ",.1f"),
        "speed": (run.metrics["training_examples_per_second"], ",.0f"),
    }
    flops = components.short_number(run.flops, words) if run.flops else words.say("not_counted")
    shown = {name: (value, words.number(value, form)) for name, (value, form) in forms.items()}
    return shown | {"parameters": (parameters, components.short_number(parameters, words)), "flops": (run.flops, flops)}


def _link(run, page_dir):
    if not (run.path / "index.html").exists():
        return None
    link = os.path.relpath((run.path / "index.html").resolve(), pathlib.Path(page_dir).resolve())
    return urllib.parse.quote(pathlib.Path(link).as_posix())


def _rows(runs, scores):
    """The table of F1: a row per class, then the average."""
    words = components.language("comparison")
    average = {name: [run.report["weighted avg"]["f1-score"]] for name, run in runs.items()}
    average = pd.DataFrame(average, [words.say("average")])
    rows = []
    for name, row in pd.concat([scores, average]).iterrows():
        texts = [words.number(score, ".3f") for score in row]
        best = max(texts) if len({*texts}) > 1 else None
        cells = [{"share": f"{score:.4f}", "text": text, "is_best": text == best} for score, text in zip(row, texts)]
        spread = words.number(row.max() - row.min(), ".3f")
        rows.append({"name": name, "cells": cells, "difference": spread, "is_average": name in average.index})
    return rows
