"""Figures of the lab `weights_by_hand`."""

from collections.abc import Sequence

import matplotlib.figure
import numpy as np
import seaborn
from jaxtyping import Float

from course_hw5.reports import plots


def steps(
    products: Float[np.ndarray, "words words"],
    scores: Float[np.ndarray, "words words"],
    weights: Float[np.ndarray, "words words"],
    words: Sequence[str],
) -> matplotlib.figure.Figure:
    figure = matplotlib.figure.Figure(figsize=(12, 3.8), layout="constrained")
    steps = (("1. query · key", products), ("2. divided by √3", scores), ("3. softmax: the weights", weights))
    for axes, (title, values) in zip(figure.subplots(1, 3), steps):
        seaborn.heatmap(
            values, annot=True, fmt=".2f", cmap="Blues", cbar=False, square=True, xticklabels=words, yticklabels=words, ax=axes
        )
        axes.set_title(title)
    return figure


def spread(spread: dict[str, list[float]], lengths: Sequence[int], words: Sequence[str]) -> matplotlib.figure.Figure:
    figure, axes = plots.subplots(figsize=(6, 4))
    for name, color in zip(spread, seaborn.color_palette("colorblind")):
        axes.plot(lengths, spread[name], "o-", color=color, label=name)
    axes.axhline(np.log2(len(words)), color="grey", linestyle=":", label="all words alike")
    axes.set(xscale="log", xlabel="length of queries and keys", ylabel="entropy of the weights (bits)", ylim=(0, None))
    axes.legend()
    return figure
