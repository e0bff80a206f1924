"""Figures of the lab `anatomy`."""

from collections.abc import Sequence

import keras
import matplotlib.figure
import matplotlib.patches
import numpy as np
import seaborn
from jaxtyping import Float

from course_hw5.reports import plots

PARTS = {  # from input to output, with the height at which each is drawn
    "TransformerEncoder": (("self-attention", 0.5), ("feed-forward", 1.5)),
    "TransformerDecoder": (("causal self-attention", 0), ("cross-attention", 1), ("feed-forward", 2)),
    "LSTM": (("LSTM: each step waits\nfor the one before", 1),),
}
COLORS = dict(zip(("self", "causal", "cross", "feed", "LSTM:"), seaborn.color_palette("colorblind")))


def diagram(encoder: Sequence[keras.layers.Layer], decoder: Sequence[keras.layers.Layer]) -> matplotlib.figure.Figure:
    height = 3.6
    top = height * len(encoder) - 0.8
    figure = matplotlib.figure.Figure(figsize=(7, 2 + 1.7 * len(encoder)), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-0.1, 7.5), ylim=(-1.6, top + 1.3))
    axes.axis("off")

    def box(x, y, width, height, text="", **style):
        axes.add_patch(matplotlib.patches.FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.02", **style))
        axes.text(x + width / 2, y + height / 2, text, ha="center", va="center")

    def arrow(*points, color="black"):
        axes.plot(*zip(*points[:-1]), color=color, lw=1.3)
        axes.annotate("", points[-1], points[-2], arrowprops={"arrowstyle": "->", "lw": 1.3, "color": color, "shrinkA": 0})

    for x, stack, below in ((0, encoder, "English words"), (4.4, decoder, "German words so far")):
        box(x, -1.5, 3, 0.7, below, facecolor="white", edgecolor="grey")
        for i, block in enumerate(stack):
            arrow((x + 1.5, i * height - 0.8), (x + 1.5, i * height - 0.02))
            box(x, i * height, 3, 2.75, facecolor="whitesmoke", edgecolor="grey")
            for text, level in PARTS[type(block).__name__]:
                color = (*COLORS[text.replace("-", " ").split()[0]], 0.35)
                box(x + 0.15, i * height + 0.1 + 0.9 * level, 2.7, 0.7, text, facecolor=color, edgecolor="none")
    arrow((5.9, top), (5.9, top + 0.7))
    axes.text(5.9, top + 0.95, "next word of each step", ha="center", va="center")
    for i, block in enumerate(decoder):
        into = (4.52, i * height + 1.35)
        if isinstance(block, keras.layers.RNN):
            arrow((2.88, into[1]), into, color="grey")  # the last state of the encoder's LSTM
        else:
            arrow((1.5, top), (1.5, top + 0.4), (3.7, top + 0.4), (3.7, into[1]), into, color="grey")
    return figure


def dependences(
    influence: Float[np.ndarray, "steps words"],
    shuffled: dict[str, Float[np.ndarray, " steps"]],
    written: Sequence[str],
    answer: Sequence[str],
    rounding: float,
) -> matplotlib.figure.Figure:
    figure, (left, right) = plots.subplots(1, 2, figsize=(12.5, 5.2))
    share = influence / influence.max(1, keepdims=True)
    seaborn.heatmap(share, cmap="Blues", square=True, ax=left, xticklabels=written, yticklabels=answer, cbar=False)
    left.set(
        title="change of a step's output (row)\nwhen a word (column) is changed",
        xlabel="word already written, changed",
        ylabel="step: the word to write",
    )
    for (name, change), marker, color in zip(shuffled.items(), "os", seaborn.color_palette("colorblind")):
        right.plot(np.maximum(change, 1e-8), marker, markersize=8, color=color, label=name)
    right.axhline(rounding, color="grey", linestyle=":", label="taken for float rounding below")
    right.set(yscale="log", ylim=(5e-9, 50), title="change of a step's output\nwhen the steps are computed in shuffled order")
    right.set_xticks(range(len(answer)), answer, rotation=90)
    right.legend(loc="center", bbox_to_anchor=(0.5, 0.62))
    return figure
