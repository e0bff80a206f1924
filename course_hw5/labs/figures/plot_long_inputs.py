"""Figures of the lab `long_inputs`."""

from collections.abc import Sequence

import matplotlib.figure
import numpy as np
import seaborn
from jaxtyping import Float, Integer

from course_hw5.reports import plots


def curves(lengths: Integer[np.ndarray, " lengths"], accuracy: dict[str, list[float]]) -> matplotlib.figure.Figure:
    figure, axes = plots.subplots(figsize=(7, 4.2))
    for (name, values), marker, color in zip(accuracy.items(), "ovs", seaborn.color_palette("colorblind")):
        axes.plot(lengths, values, f"{marker}-", color=color, label=name)
    axes.axhline(0.1, color="grey", linestyle=":", label="chance")
    axes.set(xlabel="letters of the input", ylabel="accuracy by letter", ylim=(0, 1.03), xticks=lengths)
    axes.legend(loc="lower left")
    return figure


def alignments(
    weights: dict[str, Float[np.ndarray, "examples heads steps letters"]], letters: Sequence[str]
) -> matplotlib.figure.Figure:
    figure = matplotlib.figure.Figure(figsize=(12, 5.6), layout="constrained")
    for axes, (name, values) in zip(figure.subplots(1, 2), weights.items()):
        labels = {"xticklabels": letters, "yticklabels": letters[::-1]}
        seaborn.heatmap(values.mean((0, 1)), vmin=0, vmax=1, cmap="Blues", square=True, cbar=False, ax=axes, **labels)
        axes.set(title=name + ("" if len(values[0]) == 1 else ", mean of heads"), xlabel="letter read", ylabel="letter written")
        axes.tick_params(axis="y", rotation=0)
    return figure
