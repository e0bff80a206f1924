"""Arrays to matplotlib figures. No global state: each function returns a `Figure` that the caller saves."""

import io

import matplotlib.figure
import matplotlib.image
import matplotlib.ticker
import numpy as np
import seaborn


def history_plot(history, metric):
    """Draws a metric of training and validation against the epoch (figures 9, 10, 13 and 14 of the report).

    Args:
        history: `pandas.DataFrame` with the columns `epoch`, `metric` and, if there was validation, `val_{metric}`.
        metric: name of the column, such as "accuracy" or "loss".

    Returns:
        `matplotlib.figure.Figure`; the best epoch by validation is marked.
    """
    with seaborn.axes_style("whitegrid"):
        figure = matplotlib.figure.Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
    training, validation = seaborn.color_palette("colorblind")[:2]
    marker = "o" if len(history) < 40 else None
    axes.plot(history["epoch"], history[metric], marker=marker, markersize=3, color=training, label="training")
    values = history.get(f"val_{metric}")
    if values is not None:
        axes.plot(history["epoch"], values, marker=marker, markersize=3, color=validation, label="validation")
        best = values.idxmin() if "loss" in metric else values.idxmax()
        axes.plot(history["epoch"][best], values[best], "*", markersize=12, color=validation, label=f"best {values[best]:.4f}")
    axes.set(xlabel="epoch", ylabel=metric, title=f"{metric} per epoch")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend()
    return figure


def confusion_matrix_plot(matrix, class_names):
    """Draws a confusion matrix: colour for the share of the true class, and the counts as numbers (figure 12).

    Args:
        matrix: integer `(classes, classes)`, truth in rows.
        class_names: one name per class.

    Returns:
        `matplotlib.figure.Figure`.
    """
    matrix = np.asarray(matrix)
    side = 2.5 + 0.55 * len(class_names)
    figure = matplotlib.figure.Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    seaborn.heatmap(
        shares,
        annot=matrix if len(class_names) <= 30 else False,
        fmt="d",
        vmin=0,
        vmax=1,
        cmap="Blues",
        square=True,
        linewidths=0.5,
        xticklabels=class_names,
        yticklabels=class_names,
        cbar_kws={"label": "share of the true class"},
        ax=axes,
    )
    axes.set(xlabel="predicted", ylabel="true", title="confusion matrix")
    axes.tick_params(axis="x", rotation=45)
    axes.tick_params(axis="y", rotation=0)
    return figure


def figure_pixels(figure):
    """Renders a figure as TensorBoard wants an image: uint8 `(1, height, width, 4)`."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    buffer.seek(0)
    return (matplotlib.image.imread(buffer)[None] * 255).round().astype("uint8")


def embedding_plot(tokens, parts, dimensions=64):
    """Draws the vectors that BERT's input is the sum of (figures 4 and 5 of the report).

    Args:
        tokens: one string per token.
        parts: dict of float arrays `(tokens, width)`, as `course_hw5.embedding_parts` gives them.
        dimensions: how many of the width to draw.

    Returns:
        `matplotlib.figure.Figure` with one panel per part, each on a colour scale symmetric about 0.
    """
    figure = matplotlib.figure.Figure(figsize=(11, len(parts) * (0.22 * len(tokens) + 0.5) + 0.4), layout="constrained")
    axes = figure.subplots(len(parts), sharex=True, squeeze=False)[:, 0]
    for axis, (name, part) in zip(axes, parts.items()):
        part = part[:, :dimensions]
        limit = np.abs(part).max() or 1.0
        colors = {"cmap": "RdBu", "vmin": -limit, "vmax": limit}
        seaborn.heatmap(part, ax=axis, yticklabels=tokens, xticklabels=8, cbar_kws={"pad": 0.01}, **colors)
        axis.tick_params(axis="y", rotation=0, labelsize=8)
        axis.set_title(name, loc="left", fontsize=10)
    axes[-1].set_xlabel(f"dimension, the first {part.shape[1]}")
    return figure
