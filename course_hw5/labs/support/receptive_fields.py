"""What units of a small CNN and of a dense layer read of an image, by gradients."""

import keras
import numpy as np
from jaxtyping import Float, UInt8
from sklearn.datasets import load_sample_image

from course_hw5.data.image_files import fit_image

IMAGES = ("china.jpg", "flower.jpg")  # of scikit-learn
SIDE = 32
PLACES = [(row, column) for row in range(4, SIDE, 8) for column in range(4, SIDE, 8)]  # where outputs stand
SHOWN = 5  # of them


def photographs(size: tuple[int, int]) -> UInt8[np.ndarray, "2 rows columns 3"]:
    """Two photographs in a size `(rows, columns)`: uint8 array `(2, rows, columns, 3)`."""
    return np.stack([fit_image(load_sample_image(name), size) for name in IMAGES])


def small_cnn(layers: int) -> list[keras.Model]:
    """Models from images to what each of 3x3 convolutions gives, before its ReLU."""
    x = images = keras.Input((SIDE, SIDE, 3))
    outputs = []
    for index in range(layers):
        outputs.append(keras.layers.Conv2D(16, 3, padding="same", kernel_initializer="he_normal")(x))
        x = keras.layers.ReLU(name=f"relu_{index}")(outputs[-1])
    return [keras.Model(images, output) for output in outputs]


def dense_layer() -> keras.Model:
    """A dense layer whose units stand where pixels do, so that they have a place."""
    images = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Dense(SIDE * SIDE)(keras.layers.Flatten()(images))
    return keras.Model(images, keras.layers.Reshape((SIDE, SIDE, 1))(x))


def field(model: keras.Model, pixels: Float[np.ndarray, "images side side 3"]) -> Float[np.ndarray, "images places side side"]:
    """What outputs at `PLACES` read: absolute gradients by each pixel, rows summing to 1: `(images, places, side, side)`."""
    import tensorflow as tf  # here, since labs are otherwise neutral

    pixels = tf.constant(pixels)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(pixels)
        outputs = model(pixels)
        units = [outputs[:, row, column, 0] for row, column in PLACES]
    gradients = np.stack([np.abs(tape.gradient(unit, pixels)).sum(-1) for unit in units], axis=1)
    return gradients / gradients.sum((-2, -1), keepdims=True)


def distance(fields: Float[np.ndarray, "images places side side"]) -> float:
    """Mean distance from where outputs stand to the pixels that they read, in pixels."""
    rows, columns = np.indices((SIDE, SIDE))
    distances = np.stack([np.hypot(rows - row, columns - column) for row, column in PLACES])
    return float((fields * distances).sum((-2, -1)).mean())


def change(weights: Float[np.ndarray, "2 ..."]) -> float:
    """Share of the weights that moved between two images, the first axis: 0 for none, 1 for all."""
    return float(np.abs(weights[0] - weights[1]).sum() / weights.sum())
