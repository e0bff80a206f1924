"""What a network's outputs depend on: words, and the order in which its steps are computed."""

from collections.abc import Sequence

import keras
import numpy as np
from jaxtyping import Float, Integer

from course_hw5.labs.support import sequences


def influence_of_words(
    model: keras.Model, example: Sequence[Integer[np.ndarray, "1 words"]]
) -> Float[np.ndarray, "steps words"]:
    """Puts every other word in the place of each written one.

    Returns:
        Float array `(steps, words)`: the largest change of a step's logits by a change of a word.
    """
    source, written = example
    words, length = len(sequences.GERMAN_WORDS), written.shape[1]
    changed = np.tile(written, (length, words - 1, 1))
    changed[np.arange(length), :, np.arange(length)] = np.arange(1, words)
    changed = changed.reshape(-1, length)
    before, after = model(example), model([np.repeat(source, len(changed), 0), changed])
    change = np.abs(keras.ops.convert_to_numpy(after - before)).max(-1)
    return change.reshape(length, words - 1, length).max(1).T


def change_by_shuffling(
    layers: Sequence[keras.layers.Layer],
    arguments: Sequence[keras.KerasTensor],
    random: np.random.Generator,
    shuffles: int = 20,
) -> Float[np.ndarray, " steps"]:
    """Largest change of each step's output when the steps come in another order, and are put back into theirs.

    Args:
        layers: that come after each other: decoder blocks or RNNs.
        arguments: of the first: its input `(1, steps, width)`, and the encoder's output.
        random: `numpy.random.Generator`.
        shuffles: orders to try.
    """
    x, memory = arguments[:2]
    expected, *others = (
        _in_order(layers, x, memory, order)
        for order in [np.arange(x.shape[1]), *(random.permutation(x.shape[1]) for _ in range(shuffles))]
    )
    return np.max([np.abs(other - expected).max(-1) for other in others], axis=0)


def _in_order(layers, x, memory, order):
    x = keras.ops.take(x, order, axis=1)
    mask = order[None, :, None] >= order  # a step sees itself and those that come before it in the sentence
    for layer in layers:
        if isinstance(layer, keras.layers.RNN):
            x = layer(x)
        else:
            x = layer(x, memory, decoder_attention_mask=mask, use_causal_mask=False)
    return keras.ops.convert_to_numpy(x)[0, np.argsort(order)]
