"""Dense layers see the whole image, convolutions a part, attention either; only attention's weights depend on the image.

Source: question 4-2 (2), figure 15, and Dosovitskiy et al. 2021 (https://arxiv.org/abs/2010.11929), figure 7.

How far one layer reaches is measured in the same way for all, in pixels: the mean distance from where an output stands to what
it reads, weighted by attention, or by the gradient of the output by each pixel. Then the receptive field of six convolutions
is measured layer by layer, and how much weights move from one photograph to another.

It would be refuted if a dense layer left a pixel out, if n convolutions reached further than n pixels, if BEiT had only near
or only far heads, or if its weights stayed when the image changes. `attention="positions"` takes weights from the position
bias alone, so that they stay; `attention="uniform"` makes all heads far: either refutes it.

Loose in the homework: "local" attention is a matter of degree, since no softmax weight is zero, and a CNN becomes global
with depth. And although its kernels are fixed, how a pixel affects a deep unit depends on the image, because ReLU turns
units off.
"""

import keras
import numpy as np

import course_hw5
from course_hw5.attention.analysis import attention_distance
from course_hw5.errors import require
from course_hw5.labs.support import drawing, receptive_fields
from course_hw5.labs.support.receptive_fields import IMAGES, SHOWN, SIDE, change
from course_hw5.labs.support.result import LabResult, check_choice

ROW, COLUMN = receptive_fields.PLACES[SHOWN]  # of the unit that figures show


def run(seed: int = 0, attention: str = "trained", layers: int = 6) -> LabResult:
    """Runs the lab.

    Args:
        seed: of the weights of the CNN and the dense layer.
        attention: weights of the bundled BEiT: "trained"; "positions", of the position bias alone; or "uniform".
        layers: of the CNN, 2 to 12.
    """
    check_choice("attention", attention, ("trained", "positions", "uniform"))
    # more would reach beyond the border
    require("layers", layers, lambda layers: 2 <= layers <= ROW, f"in [2, {ROW}]")
    result, images = LabResult(__doc__), receptive_fields.photographs((SIDE, SIDE))
    models = (*receptive_fields.small_cnn(layers), receptive_fields.dense_layer())
    # each (images, places, rows, columns)
    *fields, of_dense = (receptive_fields.field(model, images.astype("float32") / 255) for model in models)
    beit = course_hw5.load_model("beit-cifar10")
    parts, grid = course_hw5.attention_model(beit, parts=True)(images), beit.backbone.grid
    without_content = keras.ops.softmax(parts["position_logits"] * float(attention == "positions"))  # or all alike
    weights = keras.ops.convert_to_numpy(parts["attention_weights"] if attention == "trained" else without_content)
    distances = SIDE // grid[0] * attention_distance(weights.mean(axis=0), grid)

    by_convolution, by_dense = receptive_fields.distance(fields[0]), receptive_fields.distance(of_dense)
    result.measure("distance_convolution", "mean distance read by a convolution", by_convolution, "pixels")
    nearest = result.measure("distance_nearest", "mean distance read by BEiT's nearest head", distances.min(), "pixels")
    farthest = result.measure("distance_farthest", "mean distance read by BEiT's farthest head", distances.max(), "pixels")
    result.measure("distance_dense", "mean distance read by a dense layer", by_dense, "pixels")
    sides = [int((part[:, SHOWN].sum(axis=0) > 0).any(axis=0).sum()) for part in fields]
    result.measure("sides", "width that a unit reads after each convolution", ", ".join(map(str, sides)), "pixels")
    result.check("dense_reads_all", "a unit of the dense layer reads every pixel", (of_dense > 0).all())
    label = "after n convolutions of 3x3, a unit reads exactly 2n + 1 pixels across"
    result.check("convolutions_widen", label, sides == [2 * n + 1 for n in range(1, layers + 1)])
    label = "the mean distance of BEiT's nearest head is less than two thirds of the dense layer's"
    result.check("nearest_head", label, nearest < 2 / 3 * by_dense)
    label = "the mean distance of its farthest head is more than four fifths of the dense layer's"
    result.check("farthest_head", label, farthest > 0.8 * by_dense)

    moved = {
        "a convolution": change(fields[0]),
        "a dense layer": change(of_dense),
        f"{layers} convolutions, through ReLU": change(fields[-1]),
        **{f"BEiT, layer {layer}": change(weights[:, layer]) for layer in range(weights.shape[1])},
    }
    convolution, dense, deep, *_ = moved.values()
    label = "share that changes with the image"
    result.measure("moved_convolution", f"{label}: weights of the convolution", convolution)
    result.measure("moved_dense", f"{label}: weights of the dense layer", dense)
    of_beit = result.measure("moved_attention", f"{label}: attention of BEiT", change(weights))
    result.measure("moved_gradient", f"{label}: gradient through {layers} convolutions with ReLU", deep)
    label = "the weights of the convolution and of the dense layer do not depend on the image"
    result.check("others_are_fixed", label, max(convolution, dense) < 1e-5)
    result.check("attention_follows", "more than 10 % of BEiT's attention changes from one image to the other", of_beit > 0.1)

    figure, axes = result.subplots("Mean distance that one layer reads", figsize=(7.5, 4.2))
    blue, orange, green, *_ = drawing.COLORS
    numbers = np.arange(len(distances))
    axes.plot(np.repeat(numbers, distances.shape[1]), distances.ravel(), "o", color=blue, alpha=0.5, label="head of BEiT")
    axes.plot(numbers, distances.mean(axis=1), color=blue, label="mean of heads")
    axes.axhline(by_dense, color=orange, linestyle="--", label="dense layer")
    axes.axhline(by_convolution, color=green, linestyle=":", linewidth=2, label="convolution 3x3")
    axes.set(xlabel="layer", ylabel="mean distance read (pixels)", ylim=(0, None), xticks=numbers)
    figure.legend(loc="outside lower center", ncols=4)
    _fields(result, fields, weights, distances, of_dense, grid)
    _two_images(result, images, fields[0], of_dense, weights, grid)
    caption = "Share of the weights that changes from one image to the other"
    _, axes = result.subplots(caption, figsize=(7.5, 0.8 + 0.36 * len(moved)))
    drawing.bars(axes, moved, [blue if name.startswith("BEiT") else orange for name in moved], "{:.2f}")
    axes.set(xlim=(0, 1), xlabel="0: none changes, 1: all change")
    result.pages["Where BEiT looks in the first image"] = course_hw5.explain(beit, images[0]).view(html_action="return")
    return result


def _fields(result, fields, weights, distances, dense, grid):
    caption = "What the unit at + reads: convolutions, the nearest and the farthest head of BEiT, a dense layer"
    panels = {f"{index + 1} convolution{'s' * (index > 0)}": part[0, SHOWN] for index, part in enumerate(fields)}
    for name, pick in (("near", distances.argmin()), ("far", distances.argmax())):
        layer, head = np.unravel_index(pick, distances.shape)
        panels[f"{name} head: layer {layer}, head {head}"] = _of_patch(weights[0, layer, head], grid)
    panels["dense layer"] = dense[0, SHOWN]
    columns = 5
    rows = -(-len(panels) // columns)
    figure, _ = result.subplots(caption, rows, columns, figsize=(12, 2.7 * rows), style=None)
    for (title, values), axis in zip(panels.items(), figure.axes):
        _show(axis, values, title)
    for axis in figure.axes[len(panels) :]:
        axis.axis("off")


def _two_images(result, images, convolution, dense, weights, grid):
    caption = "What the unit at + reads of two images: fixed for a convolution and a dense layer, not for attention"
    moved = np.abs(weights[0] - weights[1]).sum(-1).mean(-1)
    layer, head = np.unravel_index(moved.argmax(), moved.shape)
    _, axes = result.subplots(caption, 2, 4, figsize=(11, 5.6), style=None)
    for index, row in enumerate(axes):
        drawing.image(row[0], images[index], IMAGES[index])
        _show(row[1], convolution[index, SHOWN], "convolution 3x3")
        _show(row[2], dense[index, SHOWN], "dense layer")
        _show(row[3], _of_patch(weights[index, layer, head], grid), f"attention: layer {layer}, head {head}")


def _of_patch(weights, grid):
    """Attention of the patch that holds the place shown, spread over its pixels."""
    row, column = ROW * grid[0] // SIDE, COLUMN * grid[1] // SIDE
    return np.kron(weights[1 + row * grid[1] + column, 1:].reshape(grid), np.ones((SIDE // grid[0], SIDE // grid[1])))


def _show(axis, values, title):
    # the square root, since one pixel of a dense layer has a thousandth of what one of a convolution has
    drawing.image(axis, np.sqrt(values), title, cmap="Blues", vmin=0)
    axis.plot(COLUMN, ROW, "+", color=drawing.COLORS[1], markersize=9, markeredgewidth=2)
