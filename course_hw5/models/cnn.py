"""A small residual network for images: what a network reaches that looks at neighbours first, and at all of the image last.

Its form is that of fast networks for CIFAR-10 (Page 2018, "How to train your ResNet"; Jordan 2024, https://arxiv.org/abs/2404.00498):
few wide convolutions, each stage at half the resolution of the one before.
"""

from collections.abc import Sequence

import keras

from course_hw5.errors import is_whole, require
from course_hw5.layers.convolution_block import ConvolutionBlock


def cnn_classifier(
    input_shape: tuple[int, int, int] = (32, 32, 3), widths: Sequence[int] = (64, 256, 256), num_classes: int = 10
) -> keras.Model:
    """Builds the Functional model: rescaling, stages of convolutions, the largest value of each channel, softmax in float32.

    A stage halves rows and columns and adds to the result what one more convolution finds (He et al. 2015,
    https://arxiv.org/abs/1512.03385).

    Args:
        input_shape: `(height, width, channels)` of uint8 images in [0, 255].
        widths: channels of each stage, from input to output.
        num_classes: number of classes.

    Returns:
        `keras.Model`: uint8 `(batch, height, width, channels)` to float32 probabilities `(batch, classes)`.

    Raises:
        ValueError: if a size is below 1, or the image has too few pixels for the stages.

    Example:
        >>> cnn_classifier().count_params()
        1980394
    """
    for name, sizes in (("input_shape", input_shape), ("widths", widths), ("num_classes", (num_classes,))):
        require(name, sizes, lambda sizes: all(is_whole(size, 1) for size in tuple(sizes)), "whole numbers, 1 or more")
    require("input_shape", input_shape, lambda shape: len(shape) == 3, "(height, width, channels)")
    require("widths", widths, lambda widths: len(widths) and widths[0] > 1, "one or more, the first 2 or more")
    least = 2 ** len(widths)
    require("input_shape", input_shape, lambda shape: min(shape[:2]) >= least, f"{least} rows and columns or more")

    images = keras.Input(input_shape, dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(images)
    x = ConvolutionBlock(widths[0] // 2, name="stem")(x)
    for index, width in enumerate(widths, start=1):
        x = ConvolutionBlock(width, name=f"stage_{index}")(x)
        x = keras.layers.MaxPooling2D(name=f"pooling_{index}")(x)
        x = keras.layers.Add(name=f"sum_{index}")([x, ConvolutionBlock(width, name=f"residual_{index}")(x)])
    x = keras.layers.GlobalMaxPooling2D(name="pooling")(x)
    probabilities = keras.layers.Dense(num_classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(images, probabilities, name="cnn_classifier")
