"""Images of what networks are made of: the layers of a transformer, heads that are copies, heads that make a convolution."""

import collections

import keras
import numpy as np

from course_hw5.labs import heads
from course_hw5.labs.convolution_as_attention import OFFSETS, HeadsAsConvolution
from course_hw5.labs.support import drawing, sequence_models
from course_hw5.quiz.questions import Drawing
from course_hw5.reports import plots


def layers() -> Drawing:
    """How many layers of each kind the lab's transformer has."""
    model = sequence_models.transformer((8, 8), (20, 20), width=16, blocks=2)
    kinds = ("Embedding", "SinePositionEncoding", "TransformerEncoder", "TransformerDecoder", "Dense")
    counts = collections.Counter(type(layer).__name__ for layer in model.layers)
    figure, axes = plots.subplots(figsize=(5.8, 2.8))
    drawing.bars(axes, {name: counts[name] for name in kinds}, [drawing.COLORS[0]] * len(kinds), "{:.0f}")
    axes.set(xlabel="layers", xlim=(0, 2.4), xticks=range(3))
    recurrent = sequence_models.recurrent_layers(model)
    told = ", ".join(f"{name} {counts[name]}" for name in kinds)
    return Drawing(figure, {"recurrent": recurrent > 0, "not_recurrent": recurrent == 0, "counts": told})


def dense_heads() -> Drawing:
    """Outputs of four heads, and of one attention with four dense layers, beside those of one head with the same weights."""
    keras.utils.set_random_seed(0)
    width, x = 32, np.random.default_rng(0).normal(scale=2, size=(2, 7, 32)).astype("float32")
    one, copies, several = heads.SeveralHeads(1, width), heads.SeveralHeads(4, 8, copies=True), heads.SeveralHeads(4, 8)
    for layer in (one, copies, several):
        layer(x)
    weights = [2 * weight for weight in copies.get_weights()]  # so that attention is sharper than at the start
    for layer in (one, copies, several):
        layer.set_weights([np.reshape(part, own.shape) for part, own in zip(weights, layer.weights)])
    outputs = {name: np.ravel(layer(x)) for name, layer in (("four heads", several), ("one attention, four dense", copies))}
    expected = np.ravel(one(x))
    figure, axes = plots.subplots(figsize=(4.6, 3.6))
    for (name, output), marker, color in zip(outputs.items(), "ox", drawing.COLORS):
        axes.plot(expected, output, marker, color=color, markersize=5, linestyle="", label=name)
    axes.set(xlabel="outputs of one head", ylabel="outputs, the same weights")
    axes.legend()
    of_several, of_copies = outputs.values()
    facts = {
        "same": np.allclose(of_several, of_copies, atol=1e-4),
        "copies_are_one": np.allclose(of_copies, expected, atol=1e-4),
    }
    return Drawing(figure, facts | {"differ": not np.allclose(of_several, of_copies, atol=1e-4)})


def nine_heads() -> Drawing:
    """Where each of the nine heads looks that compute a convolution of 3x3."""
    keras.utils.set_random_seed(0)
    side, middle = 7, 3
    convolution = keras.layers.Conv2D(3, 3, padding="same")
    convolution.build((1, side, side, 3))
    weights = HeadsAsConvolution(convolution, (side, side)).weights(np.zeros((1, side, side, 3), "float32"))[0]
    figure, panels = plots.subplots(3, 3, figsize=(4.2, 4.2), style=None)
    for axes, maps in zip(panels.flat, weights[:, 1 + middle * side + middle, 1:]):
        axes.imshow(maps.reshape(side, side), cmap="Blues", vmin=0, vmax=1)
        axes.plot(middle, middle, "+", color=drawing.COLORS[1], markersize=11, markeredgewidth=2)
        axes.set(xticks=[], yticks=[])
    kernel = np.random.default_rng(0).normal(size=(5, 5, 8, 8))  # each offset of it has a matrix of channels of its own
    needed = np.linalg.matrix_rank(kernel.reshape(25, -1))
    return Drawing(figure, {"needed": int(needed), "nine": len(OFFSETS), "side": kernel.shape[0]})
