"""What the figures of labs are drawn with. Each function draws on one axes of matplotlib, in colours for the colour-blind."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import seaborn
from matplotlib.axes import Axes

Series: TypeAlias = Mapping[str, Sequence[float] | np.ndarray]

COLORS = seaborn.color_palette("colorblind")


def image(axes: Axes, values: np.ndarray, title: str, fontsize: int = 10, **options: Any) -> None:
    """Shows an image, `(rows, columns)` or `(rows, columns, 3)`; options are those of `imshow`."""
    axes.imshow(values, **options)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=fontsize)


def heatmap(axes: Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str], **options: Any) -> None:
    """Shows a matrix `(rows, columns)` with the names of its rows and columns; options are those of `seaborn.heatmap`."""
    seaborn.heatmap(values, cmap="Blues", square=True, cbar=False, ax=axes, yticklabels=rows, xticklabels=columns, **options)


def lines(axes: Axes, x: Sequence[float] | np.ndarray, series: Series, markers: str, **options: Any) -> None:
    """Draws each of several series with a marker and a colour of its own; options are those of `plot`."""
    for (name, values), marker, color in zip(series.items(), markers, COLORS):
        axes.plot(x, values, marker=marker, color=color, label=name, **options)


def changes(axes: Axes, x: Sequence[str], series: Series, markers: str, rounding: float, **options: Any) -> None:
    """Draws how far the outputs for each word of `x` moved, and the line below which that is float rounding.

    Options are those of `set_xticks`.
    """
    shown = {name: np.maximum(change, 1e-8) for name, change in series.items()}
    lines(axes, range(len(x)), shown, markers, markersize=8, linestyle="")
    axes.set_xticks(range(len(x)), x, **options)
    axes.axhline(rounding, color="grey", linestyle=":", label="below: float rounding")
    axes.set(yscale="log", ylim=(5e-9, 50))


def bars(axes: Axes, values: Mapping[str, float], colors: Sequence, form: str, padding: float = 3, **options: Any) -> None:
    """Draws bars to the right, from top to bottom, with their numbers; options are those of `bar_label`."""
    axes.bar_label(axes.barh([*values], [*values.values()], color=colors), fmt=form, padding=padding, **options)
    axes.yaxis.set_inverted(True)
    axes.grid(axis="y", visible=False)
