"""Noisy digits at random places, networks of one dense layer that read them, and how far apart lies what a unit reads."""

from typing import Any

import keras
import numpy as np
from jaxtyping import Float, Integer
from sklearn.datasets import load_digits

SIDE, DIGIT = 16, 8  # pixels of an image and of a digit
NOISE = 0.3  # standard deviation, where ink is 1
TEST_DIGITS = 360  # of scikit-learn's 1,797: no network is trained on them
BATCH = 100


class NoisyDigits(keras.utils.PyDataset):
    """Batches of digits, each at a random place of an empty image under Gaussian noise, and the digits' numbers.

    Args:
        steps: batches; no image comes twice.
        order: integer array `(256,)`; the pixel at place `i` of an image is pixel `order[i]` of the true one.
        seed: of which digits are for the test, and of all batches.
        is_test: whether the digits are those for the test.
    """

    def __init__(self, steps: int, order: np.ndarray, seed: int, is_test: bool = False):
        super().__init__()
        digits, shuffled = load_digits(), np.random.default_rng(seed).permutation(1797)
        chosen = shuffled[:TEST_DIGITS] if is_test else shuffled[TEST_DIGITS:]
        self.digits, self.labels = digits.images[chosen] / digits.images.max(), digits.target[chosen]
        self.steps, self.order, self.seed = steps, order, (seed, is_test)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[Float[np.ndarray, "images pixels"], Integer[np.ndarray, " images"]]:
        random = np.random.default_rng((*self.seed, index))
        images = random.normal(0, NOISE, (BATCH, SIDE, SIDE)).astype("float32")
        chosen = random.integers(len(self.digits), size=BATCH)
        places = random.integers(SIDE - DIGIT + 1, size=(BATCH, 2))
        for image, digit, (row, column) in zip(images, self.digits[chosen], places):
            image[row : row + DIGIT, column : column + DIGIT] += digit
        return images.reshape(BATCH, -1)[:, self.order], self.labels[chosen]


def dense_network(units: int, **options: Any) -> keras.Model:
    """A dense layer that reads all pixels, batch normalization, ReLU, and the head; options are those of the layer."""
    dense = keras.layers.Dense(units, use_bias=False, kernel_initializer="he_normal", **options)
    rest = (keras.layers.BatchNormalization(), keras.layers.ReLU(), keras.layers.Dense(10))
    return keras.Sequential([keras.Input((SIDE * SIDE,)), dense, *rest])


def train(model: keras.Model, data: NoisyDigits, learning_rate: float) -> np.ndarray:
    """Trains a network once through the data by SGD, at a rate that falls to 0 along a cosine.

    Returns:
        The weights of the dense layer that reads the image, float32 `(pixels, units)`.
    """
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, len(data))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(schedule), loss, metrics=["accuracy"])
    model.fit(data, verbose=0, shuffle=False)
    return keras.ops.convert_to_numpy(model.layers[0].kernel)


def distance_within(weights: Float[np.ndarray, "pixels units"]) -> Float[np.ndarray, " units"]:
    """Mean distance between two different pixels that a unit reads, each weighted by its squared weight.

    Args:
        weights: of square images.

    Returns:
        Float array `(units,)`, in pixels; NaN for a unit that reads one pixel, or none. If a unit's weights were put at random
        pixels, `distance_at_random` would be expected, however many of them are zero.

    Example:
        >>> distance_within(np.eye(9)[:, [0, 2, 4]] + np.eye(9)[:, [1, 8, 4]])
        array([ 1.,  2., nan])
    """
    shares = _shares(weights)
    pairs = 1 - (shares**2).sum(axis=0)
    has_pairs = ((weights != 0).sum(axis=0) > 1) & (pairs > 1e-9)
    summed = (shares * (_distances(len(weights)) @ shares)).sum(axis=0)
    return np.where(has_pairs, summed / np.where(has_pairs, pairs, 1), np.nan)


def distance_between(weights: Float[np.ndarray, "pixels units"]) -> float:
    """Mean distance between a pixel of one unit and a pixel of another: that within units, if all read the same region."""
    shares = _shares(weights).sum(axis=1) / weights.any(axis=0).sum() if weights.any() else np.full(len(weights), np.nan)
    return float(shares @ _distances(len(weights)) @ shares)


def distance_at_random(pixels: int) -> float:
    """Mean distance between two different pixels of a square image."""
    return float(_distances(pixels).sum() / pixels / (pixels - 1))


def _shares(weights):
    """Squared weights, as shares of those of the unit."""
    squares = weights.astype("float64") ** 2
    return squares / np.maximum(squares.sum(axis=0), 1e-30)


def _distances(pixels):
    """Distance of each pixel of a square image from each."""
    side = round(pixels**0.5)
    places = np.indices((side, side)).reshape(2, -1, 1)
    return np.hypot(*(places - places.swapaxes(1, 2)))
