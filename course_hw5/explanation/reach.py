"""How much of an image a unit sees, layer by layer: receptive fields of convolutions, distances of attention, all of it."""

import keras
import numpy as np
from jaxtyping import UInt8

from course_hw5.attention.analysis import attention_distance
from course_hw5.explanation.extract import attention_model
from course_hw5.layers.convolution_block import ConvolutionBlock
from course_hw5.layers.patch_whitening import PatchWhitening
from course_hw5.models.beit_tasks import BeitTask

OF_ONE_UNIT = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ReLU,
    keras.layers.Rescaling,
)


def receptive_fields(model: keras.Model) -> dict[str, int]:
    """Side of the square of pixels that a unit of each layer reads (Araujo et al. 2019, https://doi.org/10.23915/distill.00021).

    Args:
        model: functional `keras.Model` of images, built of convolutions, pooling, sums, and layers that treat each unit alone.

    Returns:
        Dict of the names of layers of convolution or pooling, in the order of their calls, to pixels. Near the border a
        field reaches beyond the image. Empty where the first layer that mixes pixels reads them all.

    Raises:
        ValueError: if a layer is none of these, or looks at what is no square.

    Example:
        >>> from course_hw5 import cnn_classifier
        >>> receptive_fields(cnn_classifier(widths=(8, 16)))
        {'whitening': 2, 'stage_1': 5, 'residual_1': 9, 'stage_2': 15, 'residual_2': 23}
    """
    fields = {id(tensor): (1, 1) for tensor in model.inputs}  # of each tensor, side and distance of neighbours, in pixels
    sides = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer) or len(layer.output.shape) != 4:
            continue
        known = [fields[id(tensor)] for tensor in keras.tree.flatten(layer.input)]
        side, step = (max(values) for values in zip(*known))
        size, stride = _window(layer)
        fields[id(layer.output)] = side + (size - 1) * step, step * stride
        if size > 1:
            sides[layer.name] = fields[id(layer.output)][0]
    return sides


def _window(layer):
    """Side and stride of the square that a layer looks at."""
    if isinstance(layer, PatchWhitening):
        return layer.patch_size, 1
    if isinstance(layer, ConvolutionBlock):
        return layer.kernel_size + layer.pool_size - 1, layer.pool_size
    if type(layer) is keras.layers.Conv2D:
        sizes, strides = [1 + (n - 1) * wide for n, wide in zip(layer.kernel_size, layer.dilation_rate)], layer.strides
    elif isinstance(layer, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)):
        sizes, strides = layer.pool_size, layer.strides
    elif isinstance(layer, OF_ONE_UNIT):
        return 1, 1
    else:
        raise ValueError(f"Layers must be convolutions, pooling, or treat each unit alone. Received: {layer.name}")
    if len({*sizes}) > 1 or len({*strides}) > 1:
        raise ValueError(f"Layers must look at squares. Received: {layer.name}, {tuple(sizes)} in steps of {tuple(strides)}")
    return sizes[0], strides[0]


def reach(model: keras.Model, images: UInt8[np.ndarray, "batch height width channels"]) -> dict:
    """What a unit of each layer sees, in pixels.

    Args:
        model: a classifier of images.
        images: a few of them, that attention is averaged over.

    Returns:
        Of a BEiT {"attention": [[nearest head, mean, farthest head], ...]}, the distances of `attention_distance` in pixels for
        each layer; of a model with convolutions {"receptive_fields": {name: side, ...}}; of one that flattens images first
        {"receptive_fields": {}}.

    Raises:
        ValueError: if the model is none of these.
    """
    if isinstance(model, BeitTask):
        weights = keras.ops.convert_to_numpy(attention_model(model)(images)).mean(axis=0)
        distances = attention_distance(weights, model.backbone.grid) * model.backbone.patch_size
        return {"attention": [[float(row.min()), float(row.mean()), float(row.max())] for row in distances]}
    sides = receptive_fields(model)
    if not sides and not any(isinstance(layer, keras.layers.Flatten) for layer in model.layers):
        raise ValueError(f"`model` must be a BEiT, or made of convolutions or dense layers. Received: {model.name}")
    return {"receptive_fields": sides}
