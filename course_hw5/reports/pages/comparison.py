"""Finished run folders to one page that puts them side by side, and one figure; the page opens offline."""

import os
import pathlib
import urllib.parse
from typing import NamedTuple

import pandas as pd

from course_hw5.reports import classification_metrics, comparison_plots, plots, run_folder, summary
from course_hw5.reports.pages import components

FILES = ("config.json", "history.csv", "metrics.json", "classification_report.json")
NUMBER = (int, float)
BETTER = {"test accuracy": max, "weighted F1": max, "median seconds per epoch": min, "training examples/s": max}


class Run(NamedTuple):
    """What a run folder says: its path, the dicts of its JSON files, `history.csv`, the FLOPs of one prediction or None."""

    path: pathlib.Path
    config: dict
    metrics: dict
    report: dict
    history: pd.DataFrame
    flops: int | None


def write_comparison(run_dirs: list[str | os.PathLike], out: str | os.PathLike) -> pathlib.Path:
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
    figure = comparison_plots.comparison_plot({name: run.history for name, run in runs.items()}, scores)
    page = comparison_page(runs, scores, out.parent)
    out.parent.mkdir(parents=True, exist_ok=True)
    run_folder.write_figure(out.with_suffix(".png"), figure)
    run_folder.write_text(out, page)
    return out


def read_run(run_dir: str | os.PathLike) -> Run:
    """Reads what is compared of a run folder.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, or the run is no classifier's of one label per example.
    """
    run_dir = run_folder.local_path(run_dir)
    if (run_dir / "class_scores.csv").exists():
        raise ValueError(f"Runs of classifiers can be compared. Received: {run_dir}, of a segmenter")
    run_folder.require_files(run_dir, FILES)
    parts = {"settings": {}, "arguments": {}, "data": {"class_names": list}, "model": {"name": str, "parameters": int}}
    config = run_folder.read_json(run_dir / "config.json", parts)
    classification_metrics.check_single_label(run_folder.read_json(run_dir / "classification_report.json"), run_dir)
    numbers = ("accuracy", "f1", "examples", "training_seconds", "training_examples_per_second")
    tested = run_folder.read_json(run_dir / "metrics.json", dict.fromkeys(numbers, NUMBER))
    config["data"]["class_names"] = classification_metrics.distinct_names(config["data"]["class_names"])
    f1 = {name: {"f1-score": NUMBER} for name in [*config["data"]["class_names"], "weighted avg"]}
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
        depth = 1
        while sum(other[-depth:] == own[-depth:] for other in parts) > 1:
            depth += 1
        names.append(pathlib.PurePath(*own[-depth:]).as_posix())
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
            different = sorted({*found} ^ {*expected})[:3]
            raise ValueError(
                f"Runs must have the same classes to be compared. Received: {len(expected)} in {first}, {len(found)} in "
                f"{name}, and not in both {', '.join(map(repr, different))}"
            )
    return pd.DataFrame({name: [run.report[c]["f1-score"] for c in expected] for name, run in runs.items()}, index=expected)


def comparison_page(runs: dict[str, Run], scores: pd.DataFrame, page_dir: str | os.PathLike = ".") -> str:
    """Writes the page as text, one HTML document that fetches nothing.

    Args:
        runs: name -> run.
        scores: what `class_scores` makes of them.
        page_dir: folder that the page will lie in, for links to the pages of the runs.
    """
    histories = {name: run.history for name, run in runs.items()}
    drawn = [m for m in ("accuracy", "loss") if any({m, f"val_{m}"} & {*history} for history in histories.values())]
    curves = {f"{metric} per epoch of all runs": comparison_plots.runs_plot(histories, metric) for metric in drawn}
    return components.render(
        "comparison.html",
        title=f"{len(runs)} runs side by side" if len(runs) > 3 else " · ".join(runs),
        runs=_shown_runs(runs, page_dir),
        summary=summary.of_comparison(runs, scores),
        curves={name: plots.figure_png(figure) for name, figure in curves.items()},
        loss_hint=summary.loss_hint(runs),
        class_figure=plots.figure_png(comparison_plots.class_scores_plot(scores)),
        rows=_rows(runs, scores),
    )


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
    values = {name: _metrics(run) for name, run in runs.items()}
    best = {
        card: better(own[card] for own in values.values())[1]
        for card, better in BETTER.items()
        if len({own[card][1] for own in values.values()}) > 1
    }
    return [
        {
            "name": name,
            "color": color,
            "link": _link(run, page_dir),
            "cards": {card: text for card, (_, text) in values[name].items()},
            "best": [card for card, text in best.items() if values[name][card][1] == text],
        }
        for (name, run), color in zip(runs.items(), comparison_plots.run_colors(len(runs)))
    ]


def _metrics(run):
    """Name of each metric card -> its number and how it is shown."""
    seconds, speed = run.history["seconds"].median(), run.metrics["training_examples_per_second"]
    return {
        "test accuracy": (run.metrics["accuracy"], f"{run.metrics['accuracy']:.4f}"),
        "weighted F1": (run.metrics["f1"], f"{run.metrics['f1']:.4f}"),
        "epochs": (len(run.history), str(len(run.history))),
        "median seconds per epoch": (seconds, f"{seconds:,.1f}"),
        "training examples/s": (speed, f"{speed:,.0f}"),
        "parameters": (run.config["model"]["parameters"], components.short_number(run.config["model"]["parameters"])),
        "FLOPs of one prediction": (run.flops, components.short_number(run.flops) if run.flops else "not counted"),
    }


def _link(run, page_dir):
    if not (run.path / "index.html").exists():
        return None
    link = os.path.relpath((run.path / "index.html").resolve(), pathlib.Path(page_dir).resolve())
    return urllib.parse.quote(pathlib.Path(link).as_posix())


def _rows(runs, scores):
    """The table of F1: a row per class, then the average."""
    average = pd.DataFrame({name: [run.report["weighted avg"]["f1-score"]] for name, run in runs.items()}, ["weighted average"])
    rows = []
    for name, row in [*scores.iterrows(), *average.iterrows()]:
        texts = [f"{score:.3f}" for score in row]
        best = max(texts) if len({*texts}) > 1 else None
        cells = [{"share": f"{score:.4f}", "text": text, "is_best": text == best} for score, text in zip(row, texts)]
        rows.append({"name": name, "cells": cells, "difference": f"{row.max() - row.min():.3f}"})
        rows[-1]["is_average"] = name in average.index
    return rows
