"""Relative position bias: a learnt, content-independent term of the attention logits."""

import keras
import numpy as np
from jaxtyping import Float, Integer

from course_hw5.layers import kernels
from course_hw5.layers.layer import Grid, Layer, Registered, Shape, Start, Tensor


class RelativePositionBias(Layer):
    """A learnt number for each head and each offset between two patches of a grid; three more for [CLS].

    The table's rows are the offsets `(query row - key row, query column - key column)` in row-major order, then [CLS] to
    patch, patch to [CLS], [CLS] to itself, as in the published checkpoints.

    Args:
        num_heads: number of heads.
        grid: rows and columns of patches.
        initializer: of the table.

    Input: anything, or nothing; the output depends on the weights alone. Output: `(heads, tokens, tokens)`.
    """

    def __init__(self, num_heads: int, grid: Grid, initializer: Start = "zeros", **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.grid = num_heads, (grid[0], grid[1])
        self.initializer = keras.initializers.get(initializer)
        self.index = relative_position_index(self.grid)
        self.table = self.add_weight((self.index.max() + 1, self.num_heads), initializer=self.initializer, name="table")

    def build(self, *_: Shape | None) -> None:
        """Nothing is left to build, whatever the input: the table has its size from the start."""

    def call(self, _: Tensor | None = None) -> Tensor:
        return kernels.position_bias(keras.ops.convert_to_tensor(self.table), self.index)


def relative_position_index(grid: Grid) -> Integer[np.ndarray, "tokens tokens"]:
    """The row of the table for each pair of tokens: int array `(tokens, tokens)`, axis 0 the query, axis 1 the key."""
    rows, columns = grid
    row, column = np.divmod(np.arange(rows * columns), columns)
    offsets = (2 * rows - 1) * (2 * columns - 1)
    index = np.empty((rows * columns + 1,) * 2, "int32")
    index[1:, 1:] = (row[:, None] - row + rows - 1) * (2 * columns - 1) + column[:, None] - column + columns - 1
    index[0, :], index[:, 0], index[0, 0] = offsets, offsets + 1, offsets + 2
    return index


def interpolate_table(table: Float[np.ndarray, "rows heads"], grid: Grid, new_grid: Grid) -> Float[np.ndarray, "new heads"]:
    """Resizes a table to another grid: bilinear between offsets, as the reference does.

    Args:
        table: float array `(offsets + 3, heads)` for `grid`.
        grid, new_grid: `(rows, columns)`.

    Returns:
        Float array `(new offsets + 3, heads)`.
    """
    if tuple(grid) == tuple(new_grid):
        return table
    (rows, columns), new_shape = grid, tuple(2 * size - 1 for size in new_grid)
    offsets = np.reshape(table[:-3], (2 * rows - 1, 2 * columns - 1, -1))
    resized = keras.ops.image.resize(offsets, new_shape, interpolation="bilinear", data_format="channels_last")
    return np.concatenate([np.reshape(keras.ops.convert_to_numpy(resized), (-1, table.shape[1])), table[-3:]])


class ConvolutionLikeBias(Registered, keras.initializers.Initializer):
    """A start in which each head looks at one neighbour, as one weight of a convolution does.

    Cordonnier et al. 2020 (https://arxiv.org/abs/1911.03584) show that such heads express a convolution; d'Ascoli et al.
    2021 (https://arxiv.org/abs/2103.10697) start a transformer from them. Training is free to look elsewhere. The heads take
    the eight neighbours in turn, the nearest first, then the patch itself, then the ring of distance two.

    Args:
        grid: rows and columns of patches.
        sharpness: how fast the bias falls with the squared distance from the head's neighbour, above 0.
        floor: the lowest bias, below 0.
    """

    def __init__(self, grid: Grid, sharpness: float = 2.0, floor: float = -5.0):
        self.grid, self.sharpness, self.floor = tuple(grid), sharpness, floor

    def __call__(self, shape: Shape, dtype: str | None = None) -> Tensor:
        offsets = [(row, column) for row in range(-2, 3) for column in range(-2, 3)]
        neighbours = sorted(offsets, key=lambda offset: (max(map(abs, offset)) == 2, offset == (0, 0), np.hypot(*offset)))
        rows, columns = self.grid
        row, column = np.meshgrid(np.arange(1 - rows, rows), np.arange(1 - columns, columns), indexing="ij")
        table = np.full(shape, self.floor, "float32")
        for head in range(shape[1]):
            i, j = neighbours[head % len(neighbours)]
            table[:-3, head] = np.maximum(-self.sharpness * ((row - i) ** 2 + (column - j) ** 2), self.floor).reshape(-1)
        table[-3], table[-1] = 0, 0  # [CLS] sees all alike
        return keras.ops.convert_to_tensor(table, dtype or keras.config.floatx())

    def get_config(self) -> dict:
        return {"grid": self.grid, "sharpness": self.sharpness, "floor": self.floor}
