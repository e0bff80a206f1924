"""Inputs on which an exported model is compared with the one that it was made of."""

from collections.abc import Iterator

import keras
import numpy as np

from course_hw5.errors import require

TOKENS = (12, 7)  # of the two batches, where a model takes any number


def sample_inputs(model: keras.Model) -> list[list[np.ndarray]]:
    """Two batches of random inputs of a model, of 1 and 3 examples, and of different lengths where any is accepted.

    Token ids are of the whole vocabulary and end with padding; images have coarse and fine structure, in [0, 255] where the
    model scales them.

    Args:
        model: functional model.

    Returns:
        List of batches: arrays `(batch, ...)`, one for each of the model's inputs.
    """
    random, layers = np.random.default_rng(0), [*_layers(model)]
    rows = [layer.input_dim for layer in layers if isinstance(layer, keras.layers.Embedding)]
    is_raw = any(isinstance(layer, keras.layers.Rescaling) for layer in layers)
    return [
        [_array(random, each, (batch, *_sizes(each, tokens)), max(rows, default=2), is_raw) for each in model.inputs]
        for batch, tokens in zip((1, 3), TOKENS)
    ]


def as_batches(model: keras.Model, samples: object) -> list[list[np.ndarray]]:
    """What a user gives to compare on, in the form of `sample_inputs`; raises ValueError unless it is what the model takes."""
    names, arrays = [each.name for each in model.inputs], keras.tree.flatten(samples)
    shapes = ", ".join(str(tuple(each.shape)) for each in model.inputs)
    require("samples", arrays, lambda arrays: len(arrays) == len(names), f"an array for each input of the model: {shapes}")
    for array, each in zip(arrays, model.inputs):
        fits = getattr(array, "ndim", 0) == len(each.shape) and len(array) > 0
        if not fits or any(size not in (None, found) for size, found in zip(each.shape[1:], array.shape[1:])):
            raise ValueError(f"`samples` must have the shape {tuple(each.shape)}. Received: {getattr(array, 'shape', array)}")
    return [[np.asarray(array).astype(each.dtype) for array, each in zip(arrays, model.inputs)]]


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """All layers of a model and of the models within it."""
    for layer in model.layers:
        yield from _layers(layer) if isinstance(layer, keras.Model) else [layer]


def _sizes(each, tokens):
    """The sizes of an example; those that are free are `tokens`, or 48 of an image."""
    free = 48 if len(each.shape) == 4 else tokens
    return tuple(free if size is None else size for size in each.shape[1:])


def _array(random, each, shape, rows, is_raw):
    if "int" not in each.dtype and each.dtype != "bool":
        if len(shape) != 4:
            return random.normal(size=shape).astype(each.dtype)
        coarse = random.uniform(size=(shape[0], 4, 4, shape[-1])).repeat(-(-shape[1] // 4), 1).repeat(-(-shape[2] // 4), 2)
        pixels = 0.8 * coarse[:, : shape[1], : shape[2]] + 0.2 * random.uniform(size=shape)
        return (255 * pixels if is_raw else 4 * pixels - 2).astype(each.dtype)
    words = np.arange(shape[1]) < shape[1] - np.arange(shape[0])[:, None] % 3 if len(shape) == 2 else np.ones(shape)
    if each.name == "padding_mask":
        return words.astype(each.dtype)
    is_place = each.name in ("masked_positions", "mask_positions")  # of a token: below the number of tokens
    largest = 2 if each.name in ("segment_ids", "mask") else shape[1] if is_place else rows
    return (random.integers(min(1, largest - 1), largest, shape) * words).astype(each.dtype)
