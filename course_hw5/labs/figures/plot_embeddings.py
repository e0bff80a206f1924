"""Figures of the lab `embeddings`."""

import matplotlib.figure
import numpy as np
import seaborn
from jaxtyping import Float

from course_hw5.reports import plots


def losses(accuracy: dict[str, float], whole: float, moved: dict[str, float]) -> matplotlib.figure.Figure:
    figure, (left, right) = plots.subplots(1, 2, sharey=True, figsize=(11, 3.6))
    blue, orange, *_ = seaborn.color_palette("colorblind")
    colors = [blue] * 3 + [orange] * 3
    left.bar_label(left.barh([*accuracy], [*accuracy.values()], color=colors), fmt="{:.3f}", label_type="center", color="white")
    left.axvline(whole, color="0.3", linestyle=":")
    left.set(xlim=(0, 1), xlabel="accuracy; dotted, with nothing left out", title="without …")
    right.bar_label(right.barh([*moved], [*moved.values()], color=colors), fmt="{:.3f}", padding=3)
    right.set(xlim=(0, 1.2 * max(moved.values(), default=1) or 1), xlabel="mean change of the probability of “positive”")
    left.invert_yaxis()
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
    return figure


def attention_shares(shares: dict[str, dict[str, Float[np.ndarray, " layers"]]]) -> matplotlib.figure.Figure:
    figure, panels = plots.subplots(1, 2, sharey=True, figsize=(9, 3.6))
    for axes, (name, share) in zip(panels, shares.items()):
        bottom = np.zeros(len(share["rest"]))
        labels = {"first": "what stands first", "[SEP]": "[SEP]", "rest": "other words"}
        for (kind, values), color in zip(share.items(), seaborn.color_palette("colorblind")):
            axes.bar(np.arange(len(values)), values, bottom=bottom, color=color, label=labels[kind])
            bottom = bottom + values
        axes.set(xlabel="layer", ylim=(0, 1), title=f"{name} [CLS]")
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("share of the attention")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
