"""Figures of the lab `order`."""

from collections.abc import Sequence

import matplotlib.figure
import numpy as np
import seaborn
from jaxtyping import Float

from course_hw5.reports import plots


def bars(accuracy: dict[str, list[float]], questions: Sequence[str], chances: Sequence[float]) -> matplotlib.figure.Figure:
    figure, axes = plots.subplots(figsize=(8, 4.2))
    places, width = np.arange(len(questions)), 0.26
    for i, ((name, shares), color) in enumerate(zip(accuracy.items(), seaborn.color_palette("colorblind"))):
        bars = axes.bar(places + (i - 1) * width, shares, width, color=color, label=name)
        for bar, share in zip(bars, shares):
            axes.text(bar.get_x() + width / 2, 0.12, f"{share:.2f}", ha="center", color="white", weight="bold")
    for place, chance in zip(places, chances):
        axes.hlines(chance, place - 0.42, place + 0.42, "black", "dashed", label="" if place else "a guess without order")
    axes.set(xticks=places, xticklabels=questions, ylabel="accuracy on unseen sentences", ylim=(0, 1.03))
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def moves(moved: dict[str, Float[np.ndarray, " words"]], sentence: Sequence[str]) -> matplotlib.figure.Figure:
    figure, axes = plots.subplots(figsize=(8, 4))
    for (name, change), marker, color in zip(moved.items(), "ovs", seaborn.color_palette("colorblind")):
        axes.plot(np.maximum(change, 1e-8), marker, markersize=8, color=color, label=name)
    axes.set(yscale="log", ylabel="largest change of its output", ylim=(5e-9, 50))
    axes.set_xticks(range(len(sentence)), sentence)
    axes.axhline(1e-4, color="grey", linestyle=":", label="taken for float rounding below")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure
