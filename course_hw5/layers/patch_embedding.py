"""Images to tokens."""

import keras
import numpy as np
from jaxtyping import Float

from course_hw5.layers.layer import Grid, Layer, Shape, Tensor
from course_hw5.layers.resampling import interpolation_weights


class PatchEmbedding(Layer):
    """Cuts images into patches, projects each to a vector and puts [CLS] before them (BEiT, section 2.1).

    Args:
        patch_size: side of a patch, in pixels.
        hidden_dim: length of a token's vector.
        use_mask_token: whether the layer takes a mask and has a learnt vector that stands for masked patches (section 2.3).
        use_absolute_positions: whether a learnt vector of its own is added to each token.
        initializer_range: standard deviation of the projection's start.

    Input: floats `(batch, height, width, channels)`, both divisible by `patch_size`; with a mask also `(batch, patches)`, 1
    where masked. Output: `(batch, 1 + patches, hidden_dim)`, patches row by row.
    """

    def __init__(
        self, patch_size, hidden_dim, use_mask_token=False, use_absolute_positions=False, initializer_range=0.02, **kwargs
    ):
        super().__init__(**kwargs)
        self.patch_size, self.hidden_dim, self.initializer_range = patch_size, hidden_dim, initializer_range
        self.use_mask_token, self.use_absolute_positions = use_mask_token, use_absolute_positions

    def build(self, images_shape: Shape, mask_shape: Shape | None = None) -> None:
        (_, height, width, channels), side = images_shape, self.patch_size
        if not height or not width or height % side or width % side:
            raise ValueError(f"Image height and width must be divisible by `patch_size` {side}. Received: {height} x {width}")
        self.grid = (height // side, width // side)
        start = keras.initializers.TruncatedNormal(stddev=self.initializer_range)
        self.kernel = self.add_weight((side**2 * channels, self.hidden_dim), initializer=start, name="kernel")
        self.bias = self.add_weight((self.hidden_dim,), initializer="zeros", name="bias")
        self.cls_token = self.add_weight((1, 1, self.hidden_dim), initializer="zeros", name="cls_token")
        if self.use_mask_token:
            self.mask_token = self.add_weight((1, 1, self.hidden_dim), initializer="zeros", name="mask_token")
        if self.use_absolute_positions:
            tokens = 1 + self.grid[0] * self.grid[1]
            self.positions = self.add_weight((1, tokens, self.hidden_dim), initializer="zeros", name="positions")

    def call(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        x = keras.ops.matmul(cut_into_patches(images, self.patch_size), self.kernel) + self.bias
        if mask is not None:
            x = keras.ops.where(keras.ops.cast(mask, "bool")[..., None], self.mask_token, x)
        cls = keras.ops.broadcast_to(self.cls_token, (keras.ops.shape(x)[0], 1, self.hidden_dim))
        x = keras.ops.concatenate([cls, x], axis=1)
        return x + self.positions if self.use_absolute_positions else x


def cut_into_patches(images: Tensor, side: int) -> Tensor:
    """The pixels of each patch, row by row: `(batch, height, width, channels)` to `(batch, patches, side**2 * channels)`."""
    _, height, width, channels = images.shape
    rows, columns = height // side, width // side
    x = keras.ops.reshape(images, (-1, rows, side, columns, side, channels))
    x = keras.ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (batch, rows, columns, side, side, channels)
    return keras.ops.reshape(x, (-1, rows * columns, side * side * channels))


def enlarge_patches(kernel: Float[np.ndarray, "inputs dim"], side: int, new_side: int) -> Float[np.ndarray, "new_inputs dim"]:
    """Makes a projection of larger patches that gives for an enlarged image what the old one gives for the image.

    Args:
        kernel: float array `(side * side * channels, hidden_dim)`.
        side, new_side: of a patch, in pixels; the new one a multiple of the old one.

    Returns:
        Float array `(new_side * new_side * channels, hidden_dim)`.
    """
    times = new_side // side
    if new_side != side * times:
        raise ValueError(f"`new_side` must be a multiple of {side}. Received: {new_side}")
    kernel = kernel.reshape(side, side, -1, kernel.shape[-1]).repeat(times, axis=0).repeat(times, axis=1)
    return kernel.reshape(-1, kernel.shape[-1]) / times**2


def interpolate_positions(positions: Float[np.ndarray, "1 tokens hidden_dim"], grid: Grid, new_grid: Grid) -> np.ndarray:
    """Resizes absolute positions to another grid: bicubic between patches, [CLS] as it is.

    Args:
        positions: float array `(1, 1 + patches, hidden_dim)` for `grid`.
        grid, new_grid: `(rows, columns)`.

    Returns:
        Float array `(1, 1 + new patches, hidden_dim)`.
    """
    if tuple(grid) == tuple(new_grid):
        return positions
    patches = np.reshape(positions[:, 1:], (*grid, -1))
    for axis in (0, 1):
        weights = interpolation_weights(grid[axis], new_grid[axis], range(-1, 3), _cubic)
        patches = np.moveaxis(np.tensordot(weights, patches, (1, axis)), 0, axis)
    return np.concatenate([positions[:, :1], patches.reshape(1, -1, positions.shape[-1])], axis=1).astype("float32")


def _cubic(x):
    """Cubic convolution (Keys 1981) with PyTorch's a = -0.75, which Keras does not offer: weights of pixels by distance."""
    return np.where(x <= 1, 1.25 * x**3 - 2.25 * x**2 + 1, -0.75 * (x**3 - 5 * x**2 + 8 * x - 4))
