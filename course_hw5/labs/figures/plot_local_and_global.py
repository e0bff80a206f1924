"""Figures of the lab `local_and_global`."""

import matplotlib.figure
import numpy as np
import seaborn

from course_hw5.labs.support.receptive_fields import PLACES, SHOWN, SIDE
from course_hw5.reports import plots


def distances(distances, of_convolution, of_dense):
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


def fields(fields, weights, distances, dense, grid):
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


def two_images(names, images, convolution, dense, weights, grid):
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


def moved(moved):
    figure, axes = plots.subplots(figsize=(7.5, 0.8 + 0.36 * len(moved)))
    blue, orange, *_ = seaborn.color_palette("colorblind")
    bars = axes.barh([*moved], [*moved.values()], color=[blue if name.startswith("BEiT") else orange for name in moved])
    axes.bar_label(bars, fmt="{:.2f}", padding=3)
    axes.set(xlim=(0, 1), xlabel="0: none moves, 1: all move")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    return figure
