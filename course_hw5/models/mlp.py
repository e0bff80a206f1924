"""A multilayer perceptron for images: what a network reaches that sees every pixel at once and knows no place.

The sizes are those of the homework: 3072 inputs, then 4096, 2048, 1024, 512, 256, 64 and 10 units.
"""

from collections.abc import Sequence

import keras
import numpy as np

from course_hw5.errors import is_whole, require
from course_hw5.layers.layer import Registered

# === Blocks ===


class ConvolutionLikeKernels(Registered, keras.initializers.Initializer):
    """Random kernels that each see one neighbourhood of the image, for a dense layer on flattened pixels.

    A unit's weights are smoothed noise under a Gaussian window at a random place. Training is free to widen them: only
    the start is that of a locally connected layer (d'Ascoli et al. 2019, https://arxiv.org/abs/1906.06766, start from a
    convolution's weights instead).

    Args:
        image_shape: `(height, width, channels)` of the flattened images.
        widths: smallest and largest standard deviation of the windows, in pixels; drawn log-uniformly.
        seed: integer.
    """

    def __init__(self, image_shape: tuple[int, int, int], widths: tuple[float, float] = (1.2, 4.0), seed: int = 0):
        self.image_shape, self.widths, self.seed = tuple(image_shape), tuple(widths), seed

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> keras.KerasTensor:
        height, width, channels = self.image_shape
        inputs, units = shape
        if inputs != height * width * channels:
            raise ValueError(f"`shape` must start with {height * width * channels}, the pixels. Received: {shape}")
        random = np.random.default_rng(self.seed)
        row, column = random.uniform(0, height - 1, units), random.uniform(0, width - 1, units)
        low, high = np.log(self.widths)
        spread = np.exp(random.uniform(low, high, units))
        noise = random.standard_normal((height + 2, width + 2, channels, units), dtype="float32")
        smooth = sum(noise[i : height + i, j : width + j] for i in range(3) for j in range(3))
        distance = (np.arange(height)[:, None, None] - row) ** 2 + (np.arange(width)[None, :, None] - column) ** 2
        kernels = (smooth * np.exp(-distance / (2 * spread**2))[:, :, None]).reshape(shape)
        kernels *= np.sqrt(2 / np.sum(kernels**2, axis=0))  # as He et al. 2015: a variance of 2 / inputs
        return keras.ops.convert_to_tensor(kernels, dtype or keras.config.floatx())

    def get_config(self) -> dict:
        return {"image_shape": self.image_shape, "widths": self.widths, "seed": self.seed}


# === Model ===


def mlp_classifier(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    hidden_units: Sequence[int] = (4096, 2048, 1024, 512, 256, 64),
    num_classes: int = 10,
    dropout: float = 0.0,
    batch_normalization: bool = False,
    convolution_like_initialization: bool = False,
) -> keras.Model:
    """Builds the Functional model: rescaling, `Flatten`, hidden layers with ReLU, softmax in float32.

    Args:
        input_shape: `(height, width, channels)` of uint8 images in [0, 255].
        hidden_units: units of each hidden layer, from input to output.
        num_classes: number of classes.
        dropout: share of units dropped after each hidden layer, in [0, 1).
        batch_normalization: whether to normalise before each ReLU (Ioffe and Szegedy 2015).
        convolution_like_initialization: whether the first layer starts from `ConvolutionLikeKernels` in place of He's normal
            distribution.

    Returns:
        `keras.Model`: uint8 `(batch, height, width, channels)` to float32 probabilities `(batch, classes)`.

    Raises:
        ValueError: if a size is below 1, or `dropout` is outside [0, 1).

    Example:
        >>> mlp_classifier().count_params()
        23749066
    """
    for name, sizes in (("input_shape", input_shape), ("hidden_units", hidden_units), ("num_classes", (num_classes,))):
        require(name, sizes, lambda sizes: all(is_whole(size, 1) for size in tuple(sizes)), "whole numbers, 1 or more")
    require("input_shape", input_shape, lambda shape: len(shape) == 3, "(height, width, channels)")
    require("dropout", dropout, lambda rate: 0 <= rate < 1, "in [0, 1)")

    images = keras.Input(input_shape, dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(images)
    x = keras.layers.Flatten(name="flatten")(x)
    for index, units in enumerate(hidden_units, start=1):
        start = ConvolutionLikeKernels(input_shape) if convolution_like_initialization and index == 1 else "he_normal"
        # a normalisation brings its own bias
        x = keras.layers.Dense(units, use_bias=not batch_normalization, kernel_initializer=start, name=f"hidden_{index}")(x)
        if batch_normalization:
            x = keras.layers.BatchNormalization(name=f"normalization_{index}")(x)
        x = keras.layers.Activation("relu", name=f"relu_{index}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout_{index}")(x)
    probabilities = keras.layers.Dense(num_classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(images, probabilities, name="mlp_classifier")
