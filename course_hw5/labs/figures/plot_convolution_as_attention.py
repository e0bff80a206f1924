"""Figures of the lab `convolution_as_attention`."""

import matplotlib.figure
import numpy as np
import seaborn
from jaxtyping import Float

from course_hw5.labs.support.heads_as_convolution import OFFSETS
from course_hw5.reports import plots


def outputs(
    images: Float[np.ndarray, "images rows columns 3"],
    by_convolution: Float[np.ndarray, "images rows columns channels"],
    by_heads: Float[np.ndarray, "images rows columns channels"],
) -> matplotlib.figure.Figure:
    figure = matplotlib.figure.Figure(figsize=(11, 5.6), layout="constrained")
    axes = figure.subplots(2, 4)
    for row, (image, expected, made) in enumerate(zip(images, by_convolution[..., 0], by_heads[..., 0])):
        limit, difference = np.abs(expected).max(), np.abs(made - expected)
        panels = (
            ("image", {"X": image}),
            ("convolution, one channel", {"X": expected, "cmap": "RdBu", "vmin": -limit, "vmax": limit}),
            ("nine heads, the same channel", {"X": made, "cmap": "RdBu", "vmin": -limit, "vmax": limit}),
            (f"difference, {difference.max():.0e} at most", {"X": difference, "cmap": "Blues", "vmin": 0, "vmax": limit}),
        )
        for axis, (title, shown) in zip(axes[row], panels):
            axis.imshow(**shown)
            axis.set(xticks=[], yticks=[])
            axis.set_title(title, fontsize=10)
    return figure


def heads(weights: Float[np.ndarray, "heads tokens tokens"], side: int) -> matplotlib.figure.Figure:
    figure = matplotlib.figure.Figure(figsize=(12, 3.4), layout="constrained")
    axes = figure.subplots(2, len(OFFSETS))
    for (i, j), row, middle in zip(((side // 2, side // 2), (0, 0)), axes, (True, False)):
        for head, axis in enumerate(row):
            cls, pixels = weights[head, 1 + i * side + j, 0], weights[head, 1 + i * side + j, 1:].reshape(side, side)
            top, left = max(0, i - 3), max(0, j - 3)
            axis.imshow(
                pixels[top : top + 7, left : left + 7],
                cmap="Blues",
                vmin=0,
                vmax=1,
                extent=(left - 0.5, min(side, left + 7) - 0.5, min(side, top + 7) - 0.5, top - 0.5),
            )
            axis.plot(j, i, "+", color="black")
            axis.set(xticks=[], yticks=[])
            axis.set_title(f"head {head}" if middle else f"[CLS] {cls:.0%}", fontsize=9)
    return figure


def needs(missing: Float[np.ndarray, "10"], moved: dict[str, float]) -> matplotlib.figure.Figure:
    figure, (left, right) = plots.subplots(1, 2, figsize=(11, 3.8))
    blue, orange, *_ = seaborn.color_palette("colorblind")
    left.plot(missing, "o-", color=blue)
    left.set(xticks=range(10), xlabel="heads", ylabel="share of the kernel out of reach", ylim=(0, None))
    bars = right.barh([*moved], [*moved.values()], color=[blue, blue, orange])
    right.bar_label(bars, fmt="{:.2g}", padding=3)
    right.set(xlim=(0, 1), xlabel="share of the weights that move from one image to the other")
    right.invert_yaxis()
    right.grid(axis="y", visible=False)
    return figure
