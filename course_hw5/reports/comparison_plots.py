"""Several runs to matplotlib figures; as in `plots`, each function returns a `Figure` that the caller saves."""

import matplotlib.lines
import matplotlib.ticker
import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from course_hw5.reports import fonts
from course_hw5.reports.plots import ROOM, make_room, subplots


def run_colors(count: int) -> list[str]:
    """One colour per run, the same in all figures: hexadecimal strings such as "#0173b2"."""
    return seaborn.color_palette("colorblind" if count <= 10 else "husl", count).as_hex()


def runs_plot(histories: dict[str, pd.DataFrame], metric: str) -> Figure:
    """Draws a metric of several runs against the epoch: validation solid, training dashed.

    Args:
        histories: dict of name -> `pandas.DataFrame` with the column `epoch` and, where the run has them, `metric` and
            `val_{metric}`; of any lengths.
        metric: name of the column, such as "accuracy" or "loss".

    Returns:
        `Figure`; the best epoch by validation of each run is marked.
    """
    with seaborn.axes_style("whitegrid"):
        figure, axes = subplots(figsize=(6.4, 4.4))
        _draw_runs(axes, histories, metric)
    fonts.use_installed_fonts(figure)
    return figure


def class_scores_plot(scores: pd.DataFrame, most: int = 30) -> Figure:
    """Draws one score per class and run as dots on a line per class, the class with the highest mean on top.

    Args:
        scores: `pandas.DataFrame`, classes in rows and runs in columns, values in [0, 1].
        most: of more classes than this, those are drawn on which the runs differ most.

    Returns:
        `Figure`.
    """
    with seaborn.axes_style("whitegrid"):
        figure, axes = subplots(figsize=(6.4, 1.8 + 0.32 * min(len(scores), most)))
        dots = _draw_class_scores(axes, scores, most)
    names = [fonts.plain(name) for name in scores]
    figure.legend(dots, names, loc="outside lower center", ncols=fonts.columns_of_legend(names, 6.4, most=3))
    make_room(figure, figure.axes, 2 * ROOM)
    return figure


def comparison_plot(histories: dict[str, pd.DataFrame], scores: pd.DataFrame, most: int = 20) -> Figure:
    """Draws the accuracy curves of several runs and their scores per class side by side; arguments as above."""
    height = max(4.4, 1.5 + 0.32 * min(len(scores), most))
    with seaborn.axes_style("whitegrid"):  # which legends and lines read as they are drawn
        figure, (left, right) = subplots(1, 2, figsize=(12, height))
        _draw_runs(left, histories, "accuracy")
        _draw_class_scores(right, scores, most)
    make_room(figure, [right], 2 * ROOM)
    return figure


def _draw_runs(axes, histories, metric):
    handles = []
    for (name, history), color in zip(histories.items(), run_colors(len(histories))):
        handles.append(matplotlib.lines.Line2D([], [], color=color, linewidth=3, label=fonts.plain(name)))
        if metric in history:
            axes.plot(history["epoch"], history[metric], "--", color=color, linewidth=1.2, alpha=0.8)
        values = history.get(f"val_{metric}")
        if values is not None and values.notna().any():
            axes.plot(history["epoch"], values, color=color, linewidth=2)
            best = values.idxmin() if "loss" in metric else values.idxmax()
            axes.plot(history["epoch"][best], values[best], "*", markersize=13, color=color, markeredgecolor="white")
    for style, label in (("-", "validation"), ("--", "training")):
        handles.append(matplotlib.lines.Line2D([], [], linestyle=style, color="0.35", label=label))
    axes.set(xlabel="epoch", ylabel=metric, title=f"{metric} per epoch; ★ best by validation")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(handles=handles)


def _draw_class_scores(axes, scores, most):
    title = "F1 per class"
    if len(scores) > most:
        spread = scores.max(axis=1) - scores.min(axis=1)
        scores = scores.loc[spread.nlargest(most).index]
        title += f": the {most} on which the runs differ most"
    scores = scores.loc[scores.mean(axis=1).sort_values(kind="stable").index]
    rows = np.arange(len(scores))
    axes.hlines(rows, scores.min(axis=1), scores.max(axis=1), color="0.75", linewidth=3, zorder=1)
    colors = run_colors(scores.shape[1])
    dots = [
        axes.scatter(scores[run], rows, s=70, color=color, edgecolor="white", zorder=2) for run, color in zip(scores, colors)
    ]
    axes.set_yticks(rows, [fonts.plain(name) for name in scores.index])
    axes.set(xlabel="F1", ylim=(-0.7, len(scores) - 0.3), title=title)
    axes.grid(axis="y", visible=False)
    return dots
