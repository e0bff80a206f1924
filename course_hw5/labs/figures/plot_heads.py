"""Figures of the lab `heads`."""

import matplotlib.figure
import numpy as np
import seaborn
from jaxtyping import Float

from course_hw5.reports import plots


def task(one: Float[np.ndarray, "2"], several: Float[np.ndarray, "2"], heads: str, chance: float) -> matplotlib.figure.Figure:
    figure, axes = plots.subplots(figsize=(6.4, 3.6))
    for shift, values, color, name in zip(
        (-0.19, 0.19),
        (one, several),
        seaborn.color_palette("colorblind"),
        ("one head", "four heads" if heads == "several" else "four copies"),
    ):
        bars = axes.bar(np.arange(2) + shift, values, 0.36, color=color, label=name)
        axes.bar_label(bars, fmt="{:.2f}", padding=2)
    axes.axhline(chance, color="0.3", linestyle=":", label="by chance")
    axes.set(xticks=[0, 1], xticklabels=["symbol on the left", "symbol pointed to"], ylabel="reported rightly", ylim=(0, 1.12))
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def grids(
    accuracy: Float[np.ndarray, "layers heads"], probability: Float[np.ndarray, "layers heads"], sentence: str
) -> matplotlib.figure.Figure:
    figure = matplotlib.figure.Figure(figsize=(12, 4.2), layout="constrained")
    titles = ("change of accuracy (percentage points)", f"change of the probability of “{sentence}”")
    for axes, values, title, form in zip(figure.subplots(1, 2), (100 * accuracy, probability), titles, (".1f", ".2f")):
        limit = max(np.abs(values).max(), 1e-6)
        colors = {"cmap": "RdBu", "vmin": -limit, "vmax": limit}
        seaborn.heatmap(
            values, annot=True, fmt=form, annot_kws={"size": 8}, linewidths=0.5, cbar_kws={"pad": 0.01}, ax=axes, **colors
        )
        axes.set(xlabel="head", ylabel="layer", title=title)
        axes.tick_params(axis="y", rotation=0)
    return figure
