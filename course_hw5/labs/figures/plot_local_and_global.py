"""Figures of the lab `local_and_global`."""

from collections.abc import Sequence

import matplotlib.figure
import numpy as np
import seaborn
from jaxtyping import Float, UInt8

from course_hw5.labs.support.receptive_fields import PLACES, SHOWN, SIDE
from course_hw5.reports import plots


def distances(distances: Float[np.ndarray, "layers heads"], of_convolution: float, of_dense: float) -> matplotlib.figure.Figure:
    figure, axes = plots.subplots(figsize=(7.5, 4.2))
    blue, orange, green, *_ = seaborn.color_palette("colorblind")
    numbers = np.arange(len(distances))
    axes.plot(np.repeat(numbers, distances.shape[1]), distances.ravel(), "o", color=blue, alpha=0.5, label="head of BEiT")
    axes.plot(numbers, distances.mean(axis=1), color=blue, label="mean of heads")
    axes.axhline(of_dense, color=orange, linestyle="--", label="dense layer")
    axes.axhline(of_convolution, color=green, linestyle=":", linewidth=2, label="convolution 3x3")
    axes.set(xlabel="layer", ylabel="mean distance read (pixels)", ylim=(0, None), xticks=numbers)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def fields(
    fields: Sequence[Float[np.ndarray, "images places rows columns"]],
    weights: Float[np.ndarray, "images layers heads tokens tokens"],
    distances: Float[np.ndarray, "layers heads"],
    dense: Float[np.ndarray, "images places rows columns"],
    grid: tuple[int, int],
) -> matplotlib.figure.Figure:
    near, far = (np.unravel_index(pick(distances), distances.shape) for pick in (np.argmin, np.argmax))
    panels = {f"{index + 1} convolution{'s' * (index > 0)}": part[0, SHOWN] for index, part in enumerate(fields)}
    for name, (layer, head) in (("near", near), ("far", far)):
        panels[f"{name} head: layer {layer}, head {head}"] = _of_patch(weights[0, layer, head], grid)
    panels["dense layer"] = dense[0, SHOWN]
    columns = 5
    figure = matplotlib.figure.Figure(figsize=(12, 2.7 * -(-len(panels) // columns)), layout="constrained")
    axes = figure.subplots(-(-len(panels) // columns), columns).flat
    for (title, values), axis in zip(panels.items(), axes):
        _show(axis, values, title)
    for axis in [*axes]:  # those that are left
        axis.axis("off")
    return figure


def two_images(
    names: Sequence[str],
    images: UInt8[np.ndarray, "images rows columns 3"],
    convolution: Float[np.ndarray, "images places rows columns"],
    dense: Float[np.ndarray, "images places rows columns"],
    weights: Float[np.ndarray, "images layers heads tokens tokens"],
    grid: tuple[int, int],
) -> matplotlib.figure.Figure:
    moved = np.abs(weights[0] - weights[1]).sum(-1).mean(-1)
    layer, head = np.unravel_index(moved.argmax(), moved.shape)
    figure = matplotlib.figure.Figure(figsize=(11, 5.6), layout="constrained")
    for index, row in enumerate(figure.subplots(2, 4)):
        row[0].imshow(images[index])
        row[0].set(xticks=[], yticks=[])
        row[0].set_title(names[index], fontsize=10)
        _show(row[1], convolution[index, SHOWN], "convolution 3x3")
        _show(row[2], dense[index, SHOWN], "dense layer")
        _show(row[3], _of_patch(weights[index, layer, head], grid), f"attention: layer {layer}, head {head}")
    return figure


def _of_patch(weights, grid):
    """Attention of the patch that holds the place shown, spread over its pixels."""
    row, column = (place * size // SIDE for place, size in zip(PLACES[SHOWN], grid))
    patches = weights[1 + row * grid[1] + column, 1:].reshape(grid)
    return np.kron(patches, np.ones((SIDE // grid[0], SIDE // grid[1])))


def _show(axis, values, title):
    # the square root, since one pixel of a dense layer has a thousandth of what one of a convolution has
    axis.imshow(np.sqrt(values), cmap="Blues", vmin=0)
    axis.plot(
        PLACES[SHOWN][1], PLACES[SHOWN][0], "+", color=seaborn.color_palette("colorblind")[1], markersize=9, markeredgewidth=2
    )
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=10)


def moved(moved: dict[str, float]) -> matplotlib.figure.Figure:
    figure, axes = plots.subplots(figsize=(7.5, 0.8 + 0.36 * len(moved)))
    blue, orange, *_ = seaborn.color_palette("colorblind")
    bars = axes.barh([*moved], [*moved.values()], color=[blue if name.startswith("BEiT") else orange for name in moved])
    axes.bar_label(bars, fmt="{:.2f}", padding=3)
    axes.set(xlim=(0, 1), xlabel="0: none moves, 1: all move")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    return figure
