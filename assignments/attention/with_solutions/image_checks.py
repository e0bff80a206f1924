"""Parts 8 and 10: from patches to a block of BEiT, a convolution by heads."""

import numpy as np
from reference import beit_block_of, bias_of, block_weights
from telling import asked, pair_error

from course_hw5.exercises import error_in_numbers
from course_hw5.grading.marking import call


@asked("8a", 3, "Patch embedding")
def check_patches(variant):
    random = variant.random("hidden 8a")
    image, kernel, bias = random.normal(size=(6, 9, 2)), random.normal(size=(3, 3, 2, 5)), random.normal(size=5)
    found = yield call("patch_embedding", image, kernel, bias)
    cut = image.reshape(2, 3, 3, 3, 2)
    right = np.einsum("rycxi,yxid->rcd", cut, kernel) + bias
    wrong = {
        "The bias is missing.": (right - bias).reshape(6, 5),
        "Patches must be taken row by row.": right.transpose(1, 0, 2).reshape(6, 5),
        "Return (patches, dim), not a map.": right,
        "`reshape` alone cuts across patches: split both axes, then transpose.": image.reshape(6, -1) @ kernel.reshape(-1, 5)
        + bias,
        "Within a patch, rows and columns are swapped.": np.einsum("rycxi,xyid->rcd", cut, kernel).reshape(6, 5) + bias,
    }
    return error_in_numbers(found, right.reshape(6, 5), wrong)


@asked("8b", 4, "Relative position bias")
def check_bias(variant):
    rows, columns = variant.grid
    table = variant.random("hidden 8b").normal(size=((2 * rows - 1) * (2 * columns - 1) + 3, 3))
    found = yield call("relative_position_bias", table, rows, columns)
    right = bias_of(table, rows, columns)
    offsets = right.copy()
    offsets[:, 0, 1:], offsets[:, 1:, 0] = right[:, 1:, :1].transpose(0, 2, 1)[:, 0], right[:, 0, 1:]
    wrong = {
        "Query and key are swapped: axis 1 is the query.": right.transpose(0, 2, 1),
        "[CLS] to a patch and a patch to [CLS] are swapped.": offsets,
        "The rows for [CLS] are missing.": right[:, 1:, 1:],
        "The heads must come first.": right.transpose(1, 2, 0),
    }
    return error_in_numbers(found, right, wrong)


@asked("8c", 5, "A block of BEiT")
def check_block(variant):
    random = variant.random("hidden 8c")
    x, weights, bias = random.normal(size=(7, 12)), block_weights(random, 12, 20), random.normal(size=(3, 7, 7))
    found = yield call("beit_block", x, weights, bias, 3)
    no_scale = weights | {"lambda_1": np.ones(12), "lambda_2": np.ones(12)}
    wrong = {
        "The position bias is missing.": beit_block_of(x, weights, 0 * bias, 3),
        "LayerScale, lambda_1 and lambda_2, is missing.": beit_block_of(x, no_scale, bias, 3),
        "GELU must be the exact one, not the approximation by tanh.": beit_block_of(x, weights, bias, 3, gelu="tanh"),
        "The skip connections are missing.": beit_block_of(x, weights, bias, 3, skip=False),
        "Normalization comes before attention and before the dense layers.": beit_block_of(x, weights, bias, 3, pre_norm=False),
        "The logits must be divided by the square root of the length of a head's key.": beit_block_of(
            x, weights, bias, 3, scaled=12
        ),
        "The position bias is added to logits that are already divided by the square root.": beit_block_of(
            x, weights, bias / 2, 3
        ),
    }
    return error_in_numbers(found, beit_block_of(x, weights, bias, 3), wrong)


@asked("10", 7, "Convolution as attention")
def check_convolution(variant):
    random, (rows, columns) = variant.random("hidden 10"), variant.grid
    image, kernel = random.normal(size=(rows, columns, 2)), random.normal(size=(3, 3, 2, 4))
    found = yield call("convolution_by_heads", image, kernel)

    def convolved(kernel, mode="constant"):
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode)
        return sum(padded[r : r + rows, c : c + columns] @ kernel[r, c] for r in range(3) for c in range(3))

    weights = np.zeros((9, rows * columns, rows * columns))
    for head in range(9):
        for pixel in range(rows * columns):
            row, column = pixel // columns + head // 3 - 1, pixel % columns + head % 3 - 1
            if 0 <= row < rows and 0 <= column < columns:
                weights[head, pixel, row * columns + column] = 1
    wrong = {
        "a pixel at the border looks into the next row: its neighbour lies outside, so its weights are 0.": wrapped(
            rows, columns
        ),
        "queries and keys are swapped.": weights.transpose(0, 2, 1),
        "the heads go row by row: head 3 * r + c.": weights.reshape(3, 3, *weights.shape[1:])
        .swapaxes(0, 1)
        .reshape(weights.shape),
    }
    outputs = {
        "the kernel is flipped: a layer's convolution is a correlation.": convolved(kernel[::-1, ::-1]),
        "the border is padded with its own values, not with zeros.": convolved(kernel, "edge"),
        "this is the mean of the heads, not their sum.": convolved(kernel) / 9,
    }
    return pair_error(found, (weights, convolved(kernel)), ("attention weights", "output"), (wrong, outputs))


def wrapped(rows, columns):
    """Weights of heads that count pixels in one row only."""
    pixels, weights = np.arange(rows * columns), np.zeros((9, rows * columns, rows * columns))
    for head in range(9):
        seen = pixels + (head // 3 - 1) * columns + head % 3 - 1
        inside = (seen >= 0) & (seen < rows * columns)
        weights[head, pixels[inside], seen[inside]] = 1
    return weights
