"""Arrays and histories to matplotlib figures. No global state: each function returns a `Figure` that the caller saves."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from jaxtyping import Float, Integer, UInt8
from matplotlib import colormaps, ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from course_hw5.errors import require
from course_hw5.reports import fonts

ROOM = 1.2  # inches beside the axes of a figure that names may take before it grows


def subplots(*shape: int, figsize: tuple[float, float], style: str | None = "whitegrid", **options: Any) -> tuple[Figure, Any]:
    """As `matplotlib.pyplot.subplots`, in a style of seaborn and without global state: a `Figure` and its axes."""
    with seaborn.axes_style(style):
        figure = Figure(figsize=figsize, layout="constrained")
        return figure, figure.subplots(*shape, **options)


def history_plot(history: pd.DataFrame, metric: str) -> Figure:
    """Draws a metric of training and validation against the epoch (figures 9, 10, 13 and 14 of the homework).

    Args:
        history: `pandas.DataFrame` with the columns `epoch`, `metric` and, if there was validation, `val_{metric}`.
        metric: name of the column, such as "accuracy" or "loss".

    Returns:
        `matplotlib.figure.Figure`; the best epoch by validation is marked, unless all its values are NaN.
    """
    figure, axes = subplots(figsize=(6, 4))
    training, validation = seaborn.color_palette("colorblind")[:2]
    marker = "o" if len(history) < 40 else None
    axes.plot(history["epoch"], history[metric], marker=marker, markersize=3, color=training, label="training")
    values = history.get(f"val_{metric}")
    if values is not None:
        axes.plot(history["epoch"], values, marker=marker, markersize=3, color=validation, label="validation")
    if values is not None and values.notna().any():
        best = values.idxmin() if "loss" in metric else values.idxmax()
        axes.plot(history["epoch"][best], values[best], "*", markersize=12, color=validation, label=f"best {values[best]:.4f}")
    axes.set(xlabel="epoch", ylabel=metric, title=f"{metric} per epoch")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend()
    return figure


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
    figure, axes = subplots(figsize=(6.4, 1.8 + 0.32 * min(len(scores), most)))
    dots = _draw_class_scores(axes, scores, most)
    names = [fonts.plain(name) for name in scores]
    figure.legend(dots, names, loc="outside lower center", ncols=fonts.columns_of_legend(names, 6.4, most=3))
    make_room(figure, figure.axes, 2 * ROOM)
    return figure


def comparison_plot(histories: dict[str, pd.DataFrame], scores: pd.DataFrame, most: int = 20) -> Figure:
    """Draws the accuracy curves of several runs and their scores per class side by side; arguments as above."""
    figure, (left, right) = subplots(1, 2, figsize=(12, max(4.4, 1.5 + 0.32 * min(len(scores), most))))
    _draw_runs(left, histories, "accuracy")
    _draw_class_scores(right, scores, most)
    make_room(figure, [right], 2 * ROOM)
    return figure


@seaborn.axes_style("whitegrid")  # which legends and lines read as they are drawn
def _draw_runs(axes, histories, metric):
    handles = []
    for (name, history), color in zip(histories.items(), run_colors(len(histories))):
        handles.append(Line2D([], [], color=color, linewidth=3, label=fonts.plain(name)))
        if metric in history:
            axes.plot(history["epoch"], history[metric], "--", color=color, linewidth=1.2, alpha=0.8, label=f"{name}, training")
        values = history.get(f"val_{metric}")
        if values is not None and values.notna().any():
            axes.plot(history["epoch"], values, color=color, linewidth=2, label=f"{name}, validation")
            best = values.idxmin() if "loss" in metric else values.idxmax()
            axes.plot(history["epoch"][best], values[best], "*", markersize=13, color=color, markeredgecolor="white")
    for style, label in (("-", "validation"), ("--", "training")):
        handles.append(Line2D([], [], linestyle=style, color="0.35", label=label))
    axes.set(xlabel="epoch", ylabel=metric, title=f"{metric} per epoch; ★ best by validation")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(handles=handles)


@seaborn.axes_style("whitegrid")
def _draw_class_scores(axes, scores, most):
    title = "F1 per class"
    if len(scores) > most:
        scores = scores.loc[(scores.max(axis=1) - scores.min(axis=1)).nlargest(most).index]
        title += f": the {most} on which the runs differ most"
    scores = scores.loc[scores.mean(axis=1).sort_values(kind="stable").index]
    rows = np.arange(len(scores))
    axes.hlines(rows, scores.min(axis=1), scores.max(axis=1), color="0.75", linewidth=3, zorder=1)
    columns = zip(scores, run_colors(scores.shape[1]))
    dots = [axes.scatter(scores[run], rows, s=70, color=color, edgecolor="white", zorder=2) for run, color in columns]
    axes.set_yticks(rows, [fonts.plain(name) for name in scores.index])
    axes.set(xlabel="F1", ylim=(-0.7, len(scores) - 0.3), title=title)
    axes.grid(axis="y", visible=False)
    return dots


def make_room(figure: Figure, axes: Iterable[Axes], room: float) -> None:
    """Gives names their fonts, and lets a figure grow by what the names at `axes` need beyond `room` inches."""
    fonts.use_installed_fonts(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()  # one for all: each label would make its own, and keep it
    with fonts.no_glyph_warnings():
        wide = [label.get_window_extent(renderer).width for axis in axes for label in axis.get_yticklabels()]
        high = [label.get_window_extent(renderer).height for axis in axes for label in axis.get_xticklabels()]
    more = np.array([max(wide, default=0), max(high, default=0)]) / figure.dpi - room
    width, height = figure.get_size_inches() + np.maximum(0, more)
    figure.set_size_inches(width, height)


def confusion_matrix_plot(matrix: Integer[np.ndarray, "classes classes"], class_names: Sequence[str]) -> Figure:
    """Draws a confusion matrix: colour for the share of the true class, counts as numbers (figure 12), or shares of millions.

    Beyond 30 classes the figure no longer grows with them: there are no numbers, and names are as small as their rows. Beyond
    300, where they could not be read, there are none.

    Args:
        matrix: integer `(classes, classes)`, truth in rows.
        class_names: one name per class.

    Returns:
        `matplotlib.figure.Figure`.
    """
    matrix, names = np.asarray(matrix), [fonts.plain(name) for name in class_names]
    most = 30
    side = 2.5 + 0.55 * min(len(class_names), most)
    figure, axes = subplots(figsize=(side + 1, side), style=None)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    are_few = len(class_names) <= most
    numbers, form = (matrix, "d") if matrix.max(initial=0) < 100_000 else (shares, ".2f")
    style = {"vmin": 0, "vmax": 1, "cmap": "Blues", "square": True, "linewidths": 0.5 if are_few else 0, "fmt": form}
    style |= {"xticklabels": False, "yticklabels": False, "cbar_kws": {"label": "share of the true class"}}
    axes.set(xlabel="predicted", ylabel="true", title="confusion matrix")
    if len(names) > 300:  # seaborn would draw millions of polygons
        figure.colorbar(axes.imshow(shares, "Blues", vmin=0, vmax=1), label="share of the true class")
        axes.set(xticks=[], yticks=[])
        return figure
    seaborn.heatmap(shares, annot=numbers if are_few else False, ax=axes, **style)
    size = min(10, 10 * most / len(class_names) * 1.2)  # points
    places, rotation = np.arange(len(names)) + 0.5, 45 if are_few else 90
    axes.set_xticks(places, names, rotation=rotation, ha="right", va="center", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(places, names, fontsize=size)
    make_room(figure, [axes], ROOM)
    return figure


def figure_png(figure: Figure, dpi: float = 144) -> bytes:
    """Renders a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    with fonts.no_glyph_warnings():
        figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def embedding_plot(
    tokens: Sequence[str], parts: dict[str, Float[np.ndarray, "tokens width"]], dimensions: int = 64, most: int = 64
) -> Figure:
    """Draws the vectors that BERT's input is the sum of (figures 4 and 5 of the homework).

    Args:
        tokens: one string per token.
        parts: dict of float arrays `(tokens, width)`, as `course_hw5.embedding_parts` gives them.
        dimensions: how many of the width to draw.
        most: how many tokens to draw.

    Returns:
        `matplotlib.figure.Figure` with one panel per part, each on a colour scale symmetric about 0.
    """
    require("tokens", tokens, lambda tokens: not isinstance(tokens, (str, bytes)) and len(tokens) > 0, "a list of strings")
    fits = lambda parts: parts and all(np.ndim(part) == 2 and len(part) == len(tokens) for part in parts.values())  # noqa: E731
    require("parts", parts, fits, f"a dict of arrays ({len(tokens)}, width)")
    shown = tokens[:most]
    size = (11, len(parts) * (0.22 * len(shown) + 0.5) + 0.4)
    figure, axes = subplots(len(parts), figsize=size, style=None, sharex=True, squeeze=False)
    cut = "" if len(shown) == len(tokens) else f", of the first {len(shown)} of {len(tokens)} tokens"
    for axis, (name, part) in zip(axes[:, 0], parts.items()):
        part = part[: len(shown), :dimensions]
        limit = np.abs(part).max() or 1.0
        image = axis.imshow(part, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
        figure.colorbar(image, ax=axis, pad=0.01)
        axis.set_yticks(range(len(shown)), map(fonts.plain, shown), fontsize=8)
        axis.tick_params(length=0)
        axis.set_title(name + cut, loc="left", fontsize=10)
    axes[-1, 0].set_xlabel(f"dimension, the first {part.shape[1]}")
    fonts.use_installed_fonts(figure)
    return figure


def heat_overlay(image: UInt8[np.ndarray, "height width 3"], weights: Float[np.ndarray, "rows columns"]) -> Image.Image:
    """An image in grey under the heat of its patches.

    Args:
        image: uint8 array `(height, width, 3)`.
        weights: float array `(rows, columns)` of a grid of patches; those below 0 are cold as 0 is.

    Returns:
        `PIL.Image.Image` of 96x96 pixels.
    """
    size = (96, 96)
    grey = Image.fromarray(image).convert("L").resize(size, Image.Resampling.BICUBIC)
    share = np.maximum(weights, 0) / max(weights.max(), 1e-9)
    heat = Image.fromarray(np.uint8(255 * colormaps["inferno"](share)[..., :3])).resize(size, 0)
    return Image.composite(heat, grey.convert("RGB"), Image.fromarray(np.uint8(30 + 170 * share)).resize(size, 0))
