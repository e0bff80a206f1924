"""Checks that students see: each compares an answer with a library, on data that are the same for all."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from course_hw5 import exercises

CHECKS: dict[str, Callable[..., str]] = {}


def check(number: str, answer: Any) -> str:
    """Says whether an answer agrees with a library on one example; the grader checks more.

    Args:
        number: of the question, such as "1a".
        answer: the function that was to be written.

    Returns:
        A sentence; an empty one while a submission is graded, where nobody reads it.

    Raises:
        ValueError: if there is no such question.
    """
    if os.environ.get("COURSE_HW5_GRADING"):
        return ""
    if number not in CHECKS:
        raise ValueError(f"`number` must be one of {', '.join(CHECKS)}. Received: {number!r}")
    return CHECKS[number](answer)


def shown(number: str, why: str) -> Callable:
    """Makes a check of a function that returns what is wrong with an answer."""

    def add(error_in):
        CHECKS[number] = exercises.exercise(why)(error_in)
        return CHECKS[number]

    return add


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Random numbers that are the same in every notebook."""
    return np.random.default_rng(seed).normal(size=shape)


def error(found: Any, expected: Any) -> str:
    """What is wrong with an array that a library computes in float32."""
    if found is None:
        return exercises.NOT_YET
    found, expected = np.asarray(found, "float64"), np.asarray(expected, "float64")
    if found.shape == expected.shape and np.allclose(found, expected, rtol=1e-3, atol=1e-4):
        return ""
    return exercises.error_in_numbers(found, expected, {})


@shown("1a", "It agrees with `keras.ops.nn.dot_product_attention`, without a mask.")
def check_attention(attention):
    import keras

    query, key, value = normal(5, 4), normal(7, 4, seed=1), normal(7, 4, seed=2)
    answer = attention(query, key, value)
    if answer is None:
        return exercises.NOT_YET
    if not isinstance(answer, (list, tuple)) or len(answer) != 2:
        return "It must return the output and the attention weights."
    one = (keras.ops.convert_to_tensor(part[None, :, None], "float32") for part in (query, key, value))
    expected = keras.ops.convert_to_numpy(keras.ops.nn.dot_product_attention(*one))[0, :, 0]
    if not np.allclose(np.sum(answer[1], -1), 1):
        return "The weights of each query must sum to 1."
    return error(answer[0], expected)


@shown("2a", "It agrees with `keras.layers.MultiHeadAttention`.")
def check_multi_head(multi_head_attention):
    import keras

    layer, x = keras.layers.MultiHeadAttention(3, 5), normal(6, 8).astype("float32")
    layer.build(query_shape=(1, 6, 8), value_shape=(1, 6, 8))
    values = [normal(*weight.shape, seed=index) / 2 for index, weight in enumerate(layer.weights)]
    layer.set_weights(values)
    names = [f"{part}{kind}" for part in ("query", "key", "value", "output") for kind in ("", "_bias")]
    expected = keras.ops.convert_to_numpy(layer(x[None], x[None]))[0]
    return error(multi_head_attention(x, dict(zip(names, values))), expected)


@shown("3a", "Positions have the right shape, and the distance of two depends on how far apart they are alone.")
def check_positions(sinusoidal_positions):
    found = sinusoidal_positions(12, 6)
    if found is None:
        return exercises.NOT_YET
    found = np.asarray(found, "float64")
    if found.shape != (12, 6):
        return f"Its shape must be (12, 6). Received: {found.shape}."
    if not np.allclose(found[0], [0, 1] * 3):
        return "Position 0 must be 0, 1, 0, 1, ..."
    return "" if np.allclose(np.diag(found @ found.T, 3), found[0] @ found[3]) else "The numbers are not right."


@shown("4a", "Each list has the right length, and the ids begin with [CLS].")
def check_bert_input(bert_input):
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "b": 5}
    found = bert_input("a b", "b", vocabulary, 8)
    if found is None:
        return exercises.NOT_YET
    if [len(part) for part in found] != [8, 8, 8]:
        return "It must return three lists of `length` integers."
    return "" if next(iter(found[0])) == 2 else "The ids must begin with that of [CLS]."


@shown("4b", "It agrees with `keras.layers.LayerNormalization` of the sum.")
def check_bert_embedding(bert_embedding):
    import keras

    tables = {name: normal(6, 8, seed=index) for index, name in enumerate(("token", "position", "segment"))}
    weights = tables | {"gamma": normal(8, seed=4), "beta": normal(8, seed=5)}
    norm = keras.layers.LayerNormalization(epsilon=1e-12)
    norm.build((1, 8))
    norm.set_weights([weights["gamma"], weights["beta"]])
    summed = keras.ops.convert_to_tensor(
        tables["token"][[3, 1]] + tables["position"][:2] + tables["segment"][[0, 1]], "float32"
    )
    return error(bert_embedding([3, 1], [0, 1], weights), keras.ops.convert_to_numpy(norm(summed)))


@shown("5a", "It agrees with `course_hw5.attention_rollout`.")
def check_rollout(rollout):
    from course_hw5 import attention_rollout

    weights = np.exp(normal(3, 2, 4, 4))
    weights /= weights.sum(-1, keepdims=True)
    return error(rollout(weights), attention_rollout(weights))


@shown("7a", "It agrees with scikit-learn.")
def check_confusion(confusion_matrix):
    from sklearn import metrics

    truth, predictions = [0, 1, 2, 2, 1, 0, 2], [0, 2, 2, 1, 1, 0, 2]
    return error(confusion_matrix(np.array(truth), np.array(predictions), 3), metrics.confusion_matrix(truth, predictions))


@shown("7b", "It agrees with scikit-learn.")
def check_scores(scores):
    from sklearn import metrics

    truth, predictions = [0, 1, 2, 2, 1, 0, 2], [0, 2, 2, 1, 1, 0, 2]
    found = scores(metrics.confusion_matrix(truth, predictions))
    if found is None:
        return exercises.NOT_YET
    expected = metrics.precision_recall_fscore_support(truth, predictions, average="weighted")[:3]
    names = ("precision", "recall", "f1")
    return error([found["accuracy"], *(found[name] for name in names)], [5 / 7, *expected])


@shown("8a", "It agrees with `keras.ops.conv`.")
def check_patches(patch_embedding):
    import keras

    image, kernel, bias = normal(4, 6, 3), normal(2, 2, 3, 5, seed=1), normal(5, seed=2)
    image, kernel = image.astype("float32"), kernel.astype("float32")
    expected = keras.ops.convert_to_numpy(keras.ops.conv(image[None], kernel, 2, data_format="channels_last"))
    return error(patch_embedding(image, kernel, bias), expected.reshape(6, 5) + bias)


@shown("8b", "It agrees with `course_hw5.layers.relative_position_bias.RelativePositionBias`.")
def check_bias(relative_position_bias):
    import keras

    from course_hw5.layers.relative_position_bias import RelativePositionBias

    layer = RelativePositionBias(2, (2, 2))
    layer.set_weights([normal(12, 2)])
    return error(relative_position_bias(normal(12, 2), 2, 2), keras.ops.convert_to_numpy(layer()))


@shown("8c", "It agrees with `course_hw5.layers.beit_block.BeitBlock`.")
def check_block(beit_block):
    block, weights = block_of_beit(8, 12, 2)
    x, bias = normal(5, 8).astype("float32"), normal(2, 5, 5, seed=3)
    expected = block(x[None], bias.astype("float32"))
    return error(beit_block(x, weights, bias, 2), np.asarray(expected)[0])


def block_of_beit(dim: int, mlp_dim: int, num_heads: int) -> tuple[Any, dict[str, np.ndarray]]:
    """A block of this package with random weights, and these by the assignment's names."""
    from course_hw5.layers.beit_block import BeitBlock

    block = BeitBlock(num_heads, mlp_dim)
    block.build((1, 5, dim))
    attention, (scale_1, scale_2) = block.attention, block.scales
    variables = {
        "qkv": attention.qkv_kernel,
        "query_bias": attention.query_bias,
        "value_bias": attention.value_bias,
        "output": attention.output_kernel,
        "output_bias": attention.output_bias,
        "lambda_1": scale_1.weights[0],
        "lambda_2": scale_2.weights[0],
    }
    for number, norm, dense in ((1, block.norm_before, block.dense_1), (2, block.norm_after, block.dense_2)):
        variables |= {f"gamma_{number}": norm.gamma, f"beta_{number}": norm.beta}
        variables |= {f"dense_{number}": dense.kernel, f"dense_{number}_bias": dense.bias}
    weights = {name: normal(*variable.shape, seed=index) / 2 for index, (name, variable) in enumerate(variables.items())}
    for name, variable in variables.items():
        variable.assign(weights[name])
    return block, weights


@shown("9", "It agrees with `course_hw5.segmentation.metrics.pixel_scores`.")
def check_iou(mean_iou):
    from course_hw5.segmentation import metrics

    truth, predictions = np.random.default_rng(0).integers(0, 3, (2, 6, 8))
    truth[0, :4] = 255
    matrix = np.asarray(metrics.confusion_matrix(truth, predictions, 3))
    return error(mean_iou(truth, predictions, 3), metrics.pixel_scores(matrix)["mean_iou"])


@shown("10", "It agrees with `keras.ops.conv`.")
def check_convolution(convolution_by_heads):
    import keras

    image, kernel = normal(4, 5, 2).astype("float32"), normal(3, 3, 2, 3, seed=1).astype("float32")
    found = convolution_by_heads(image, kernel)
    if found is None:
        return exercises.NOT_YET
    expected = keras.ops.conv(image[None], kernel, padding="same", data_format="channels_last")
    return error(found[1], keras.ops.convert_to_numpy(expected)[0])
