"""A dense layer can learn the locality that a convolution has built in: with beta-LASSO it does, with plain SGD it does not.

Source: question 4-2 (2), and Neyshabur 2020 (https://arxiv.org/abs/2007.13657), algorithm 1.

Two networks learn to read noisy digits, each at another place of its image. Their first layer is dense: nothing tells it which
pixels are neighbours. One is trained by SGD; the other by beta-LASSO, which pulls all weights to zero and sets small ones to
zero. How local a unit is: the mean distance between two pixels that it reads, weighted by their squared weights. It is compared
with that of pixels at random, and with that from pixels of one unit to those of others, since all might read the middle alone.

It would be refuted if beta-LASSO set fewer than three quarters of the weights to zero, if two pixels of a unit lay no closer
together than those of different units, if that cost accuracy, or if SGD did as well. `regularization="none"` is SGD again.
With `regularization="l1"` no weight is set to zero: units are nearly as local, but dense. `pixels="shuffled"` puts the pixels
of all images into one other order: units are as local as before where the pixels came from, but not where they are now. Each
refutes it.

Loose: a convolution has more built in. It shares its weights over places, which no penalty on single weights brings about.
"""

import numpy as np

from course_hw5.labs.support import drawing, locality
from course_hw5.labs.support.locality import SIDE, NoisyDigits
from course_hw5.labs.support.result import LabResult, check_at_least, check_choice
from course_hw5.layers.beta_lasso import beta_lasso

# the paper trains longer, with a smaller rate and penalty and a beta of 50
RATE, STRENGTH, BETA = 1.0, 4e-4, 10.0
NAMES = {"beta_lasso": "beta-LASSO", "l1": "L1", "none": "SGD again"}
KERNEL = 5  # of the convolution that a unit is compared with, pixels
SHOWN = 10  # units of a figure


def run(
    seed: int = 0, regularization: str = "beta_lasso", pixels: str = "ordered", units: int = 400, steps: int = 2500
) -> LabResult:
    """Runs the lab.

    Args:
        seed: of images, weights and shuffled pixels.
        regularization: of the second network: "beta_lasso", "l1" or "none".
        pixels: "ordered", or "shuffled": in a random order, the same for all images.
        units: of each dense layer, 10 or more.
        steps: of training, each with 100 new images.
    """
    check_choice("regularization", regularization, NAMES)
    check_choice("pixels", pixels, ("ordered", "shuffled"))
    check_at_least(SHOWN, units=units)
    check_at_least(1, steps=steps)
    result, order = LabResult(__doc__), np.arange(SIDE**2)
    if pixels == "shuffled":
        order = np.random.default_rng(seed).permutation(order)
    training, test = NoisyDigits(steps, order, seed), NoisyDigits(50, order, seed, is_test=True)
    options = beta_lasso(0.0 if regularization == "none" else STRENGTH, BETA if regularization == "beta_lasso" else 0.0)
    name = NAMES[regularization]
    networks = {"sgd": ("SGD", {}), "regularized": (name, options)}
    kernels, accuracy = {}, {}
    for key, (method, arguments) in networks.items():
        network = locality.dense_network(units, **arguments)
        kernels[key] = locality.train(network, training, RATE)
        accuracy[key] = network.evaluate(test, verbose=0)[1]
        result.measure(f"accuracy_{key}", f"accuracy on digits that were not trained on, {method}", accuracy[key])
    for key, (method, _) in networks.items():
        label = f"mean distance between two pixels of one unit, {method}"
        result.measure(f"within_{key}", label, _mean_distance(kernels[key]), "pixels")
        label = f"mean distance between a pixel of one unit and one of another, {method}"
        result.measure(f"between_{key}", label, locality.distance_between(kernels[key]), "pixels")
    sgd, found = kernels.values()
    for key, label, side in (
        ("random", "two pixels at random", SIDE),
        ("window", f"two pixels of a {KERNEL}x{KERNEL} kernel", KERNEL),
    ):
        result.measure(key, f"mean distance between {label}", locality.distance_at_random(side**2), "pixels")
    nonzero = result.measure("nonzero", f"share of the dense layer's weights that are not zero, {name}", (found != 0).mean())
    result.measure("units", f"units that still read something, {name}", int(found.any(axis=0).sum()))

    result.check("sparse", "the second network keeps less than a quarter of its dense layer's weights", nonzero < 0.25)
    label = "it is as accurate as by SGD, or less than 0.01 below"
    result.check("accurate", label, accuracy["regularized"] > accuracy["sgd"] - 0.01)
    label = "two pixels of one of its units are less than two thirds as far apart as pixels at random"
    result.check("local", label, result["within_regularized"] < 2 / 3 * result["random"])
    label = "they are less than four fifths as far apart as a pixel of one unit and one of another"
    result.check("places_differ", label, result["within_regularized"] < 0.8 * result["between_regularized"])
    label = "by SGD, they are more than 0.9 times as far apart as a pixel of one unit and one of another"
    result.check("sgd_does_not", label, result["within_sgd"] > 0.9 * result["between_sgd"])

    shown = {"SGD": sgd, name: found}
    if pixels == "shuffled":
        shown[f"{name}, pixels put back"] = put_back = found[np.argsort(order)]
        label = f"mean distance between two pixels of one unit, {name}, in the true images"
        result.measure("within_put_back", label, _mean_distance(put_back), "pixels")
    _draw_images(result, *training[0])
    _draw_units(result, shown)
    _draw_distances(result, shown, {"pixels at random": result["random"], f"{KERNEL}x{KERNEL} kernel": result["window"]})
    return result


def _mean_distance(kernel):
    """Mean of the units that read at least two pixels."""
    distances = locality.distance_within(kernel)
    return distances[np.isfinite(distances)].mean() if np.isfinite(distances).any() else np.nan


def _draw_images(result, images, labels):
    caption = "What the networks read: digits at random places, under noise"
    _, panels = result.subplots(caption, 1, SHOWN, figsize=(12, 1.7), style=None)
    for axes, image, label in zip(panels, images, labels):
        drawing.image(axes, image.reshape(SIDE, SIDE), str(label), cmap="Greys")


def _draw_units(result, kernels):
    caption = "Weights of ten units of a dense layer, from the most local one to the least (blue: positive, red: negative)"
    _, panels = result.subplots(caption, len(kernels), SHOWN, figsize=(12, 1.5 * len(kernels)), style=None)
    for row, (name, kernel) in zip(panels, kernels.items()):
        distances = locality.distance_within(kernel)
        units = np.argsort(distances)[: np.isfinite(distances).sum()]  # units without a distance come last
        for axes, unit in zip(row, units[np.linspace(0, len(units) - 1, SHOWN).astype(int)] if len(units) else ()):
            limit = np.abs(kernel[:, unit]).max()
            weights = kernel[:, unit].reshape(SIDE, SIDE)
            drawing.image(axes, weights, f"{distances[unit]:.1f} pixels", 8, cmap="RdBu", vmin=-limit, vmax=limit)
        row[0].set_ylabel(name.replace(", ", ",\n"))


def _draw_distances(result, kernels, lines):
    figure, axes = result.subplots("How far apart two pixels of a unit are", figsize=(7.5, 4))
    bins = np.linspace(0, SIDE, 4 * SIDE + 1)
    for (name, kernel), color in zip(kernels.items(), drawing.COLORS):
        distances = locality.distance_within(kernel)
        axes.hist(distances[np.isfinite(distances)], bins, color=color, alpha=0.6, label=name)
    for (name, distance), style in zip(lines.items(), ("--", ":")):
        axes.axvline(distance, color="black", linestyle=style, label=name)
    axes.set(xlabel="mean distance between two pixels of one unit", ylabel="units", xlim=(0, 10))
    figure.legend(loc="outside lower center", ncols=2)
