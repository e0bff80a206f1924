"""A small residual network for images: units see neighbours first, and the whole image last.

Its form is that of fast networks for CIFAR-10 (Page 2018, "How to train your ResNet"; Jordan 2024, https://arxiv.org/abs/2404.00498):
few wide convolutions, each stage at half the resolution of the one before.
"""

from collections.abc import Sequence

import keras
import numpy as np
from jaxtyping import UInt8

from course_hw5.errors import is_whole, require
from course_hw5.layers.convolution_block import ConvolutionBlock
from course_hw5.layers.keras_layers import exact_gelu
from course_hw5.layers.layer import Tensor
from course_hw5.layers.patch_whitening import PatchWhitening


def cnn_classifier(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    widths: Sequence[int] = (64, 256, 256),
    num_classes: int = 10,
    images: UInt8[np.ndarray, "batch height width channels"] | None = None,
) -> keras.Model:
    """Builds the Functional model: whitening, stages of convolutions, the largest value of each channel, softmax in float32.

    Args:
        input_shape: `(height, width, channels)` of uint8 images in [0, 255].
        widths: channels of each stage, from input to output.
        num_classes: number of classes.
        images: some of the training images, whose patches the filters of the first layer are made of; None for random filters.

    Returns:
        `keras.Model`: uint8 `(batch, height, width, channels)` to float32 probabilities `(batch, classes)`.

    Raises:
        ValueError: if a size is below 1, or the image has too few pixels for the stages.

    Example:
        >>> cnn_classifier().count_params()
        1974938
    """
    for name, sizes in (("input_shape", input_shape), ("widths", widths), ("num_classes", (num_classes,))):
        require(name, sizes, lambda sizes: all(is_whole(size, 1) for size in tuple(sizes)), "whole numbers, 1 or more")
    require("input_shape", input_shape, lambda shape: len(shape) == 3, "(height, width, channels)")
    require("widths", widths, len, "one or more")
    least = 2 ** len(widths) + 1
    require("input_shape", input_shape, lambda shape: min(shape[:2]) >= least, f"{least} rows and columns or more")

    inputs = keras.Input(input_shape, dtype="uint8", name="images")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    whitening = PatchWhitening(name="whitening")
    x = whitening(scaled)
    if images is not None:
        whitening.adapt(images / 127.5 - 1)
    *_, x = stages(x, widths)
    x = keras.layers.GlobalMaxPooling2D(name="pooling")(x)
    x = keras.layers.Rescaling(1 / 9, name="scaling")(x)  # or Adam's first steps, of one size per weight, are far too long
    probabilities = keras.layers.Dense(num_classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, probabilities, name="cnn_classifier")


def stages(x: Tensor, widths: Sequence[int], dtype: str | keras.DTypePolicy | None = None) -> list[Tensor]:
    """Maps of images, each at half the resolution of the one before.

    A stage halves rows and columns and adds to the result what one more convolution finds (He et al. 2015,
    https://arxiv.org/abs/1512.03385).

    Args:
        x: images or maps, `(batch, rows, columns, channels)`.
        widths: channels of each stage.
        dtype: policy of the layers.

    Returns:
        A tensor for each stage: the first `(batch, rows // 2, columns // 2, widths[0])`.
    """
    maps = []
    for index, width in enumerate(widths, start=1):
        options = {"activation": exact_gelu, "dtype": dtype}
        x = ConvolutionBlock(width, pool_size=2, **options, name=f"stage_{index}")(x)
        residual = ConvolutionBlock(width, **options, name=f"residual_{index}")(x)
        x = keras.layers.Add(dtype=dtype, name=f"sum_{index}")([x, residual])
        maps.append(x)
    return maps
