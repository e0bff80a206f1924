"""Nine heads that compute a given 3x3 convolution (Cordonnier et al. 2020, https://arxiv.org/abs/1911.03584)."""

import keras
import numpy as np
from jaxtyping import Float

from course_hw5.layers.beit_attention import BeitAttention
from course_hw5.layers.relative_position_bias import RelativePositionBias

OFFSETS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
SURE = 200.0  # a bias beside which a softmax in float32 leaves nothing, nor does half of it


class HeadsAsConvolution:
    """One layer of `BeitAttention` with the weights that make it a 3x3 convolution with zero padding.

    Args:
        convolution: a built `keras.layers.Conv2D` of 3x3, stride 1, padding "same".
        grid: rows and columns of pixels, 2 or more.
        attention: "positions", or "uniform" for heads without them.

    Called on images `(batch, *grid, channels)` it gives those of the convolution.
    """

    def __init__(self, convolution: keras.layers.Conv2D, grid: tuple[int, int], attention: str = "positions"):
        kernel, bias = (keras.ops.convert_to_numpy(weights) for weights in convolution.weights)
        kernel = kernel.reshape(len(OFFSETS), *kernel.shape[2:])
        _, read, self.written = kernel.shape
        (rows, columns), self.grid = grid, grid
        # Heads together are as long as a token, which must hold what is read and what is written.
        self.size = max(min(read, self.written), -(-max(read, self.written) // len(OFFSETS)))
        self.hidden_dim = len(OFFSETS) * self.size

        self.positions = RelativePositionBias(len(OFFSETS), grid)
        self.positions.build()
        table = np.zeros(self.positions.table.shape, "float32")
        for head, (row, column) in enumerate(OFFSETS):  # the table counts from key to query
            table[(rows - 1 - row) * (2 * columns - 1) + columns - 1 - column, head] = SURE
        table[-2] = SURE / 2  # [CLS] for a head whose neighbour lies beyond the border
        self.positions.table.assign(table if attention == "positions" else 0 * table)

        self.attention = BeitAttention(len(OFFSETS))
        self.attention.build((1, rows * columns + 1, self.hidden_dim))
        values = np.zeros((self.hidden_dim, len(OFFSETS), self.size), "float32")
        output = np.zeros((len(OFFSETS), self.size, self.hidden_dim), "float32")
        if read <= self.size:  # values are the pixel, the output kernel convolves
            values[:read, :, :read] = np.eye(read)[:, None]
            output[:, :read, : self.written] = kernel
        else:  # values convolve, the output kernel adds
            values[:read, :, : self.written] = kernel.swapaxes(0, 1)
            output[:, : self.written, : self.written] = np.eye(self.written)
        silent = np.zeros((self.hidden_dim, 2 * self.hidden_dim))  # no query, no key: no content
        self.attention.qkv_kernel.assign(np.concatenate([silent, values.reshape(self.hidden_dim, self.hidden_dim)], axis=1))
        self.attention.output_kernel.assign(output.reshape(self.hidden_dim, self.hidden_dim))
        self.attention.output_bias.assign(np.pad(bias, (0, self.hidden_dim - self.written)))

    def __call__(
        self, images: Float[np.ndarray, "images rows columns channels"]
    ) -> Float[np.ndarray, "images rows columns written"]:
        tokens = keras.ops.convert_to_numpy(self.attention(self._tokens(images), self.positions()))
        return tokens[:, 1:, : self.written].reshape(-1, *self.grid, self.written)

    def weights(
        self, images: Float[np.ndarray, "images rows columns channels"]
    ) -> Float[np.ndarray, "images heads tokens tokens"]:
        """Attention weights `(batch, heads, tokens, tokens)`, [CLS] first."""
        _, parts = self.attention(self._tokens(images), self.positions(), return_attention_scores=True)
        return keras.ops.convert_to_numpy(parts["attention_weights"])

    def _tokens(self, images):
        tokens = np.reshape(images, (len(images), -1, images.shape[-1]))
        padding = ((0, 0), (1, 0), (0, self.hidden_dim - tokens.shape[-1]))  # zeros: [CLS], and channels to be written
        return np.pad(tokens, padding)


def missing_with_heads(kernel: Float[np.ndarray, "3 3 read written"]) -> Float[np.ndarray, "10"]:
    """What 0, 1, ... 9 heads must leave out of a kernel `(3, 3, read, written)`, as a share of its norm.

    A head adds one map of weights over the offsets times one matrix of channels: as a matrix of offsets by channels, what
    heads sum up to has no higher rank than there are heads. The nearest such matrix is known (Eckart and Young 1936).
    """
    squares = np.linalg.svd(kernel.reshape(len(OFFSETS), -1), compute_uv=False) ** 2
    left = np.append(np.cumsum(squares[::-1])[::-1], 0)
    return np.sqrt(left / left[0])
