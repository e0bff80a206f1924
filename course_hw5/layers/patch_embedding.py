"""Images to tokens."""

import keras
import numpy as np
from jaxtyping import Float


@keras.saving.register_keras_serializable("course_hw5")
class PatchEmbedding(keras.layers.Layer):
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
        self,
        patch_size: int,
        hidden_dim: int,
        use_mask_token: bool = False,
        use_absolute_positions: bool = False,
        initializer_range: float = 0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.use_mask_token = use_mask_token
        self.use_absolute_positions = use_absolute_positions
        self.initializer_range = initializer_range

    def build(self, images_shape: tuple[int, ...], mask_shape: tuple[int, ...] | None = None) -> None:
        _, height, width, channels = images_shape
        if not height or not width or height % self.patch_size or width % self.patch_size:
            raise ValueError(
                f"Image height and width must be divisible by `patch_size` {self.patch_size}. Received: {height} x {width}"
            )
        self.grid = (height // self.patch_size, width // self.patch_size)
        start = keras.initializers.TruncatedNormal(stddev=self.initializer_range)
        self.kernel = self.add_weight((self.patch_size**2 * channels, self.hidden_dim), initializer=start, name="kernel")
        self.bias = self.add_weight((self.hidden_dim,), initializer="zeros", name="bias")
        self.cls_token = self.add_weight((1, 1, self.hidden_dim), initializer="zeros", name="cls_token")
        if self.use_mask_token:
            self.mask_token = self.add_weight((1, 1, self.hidden_dim), initializer="zeros", name="mask_token")
        if self.use_absolute_positions:
            tokens = 1 + self.grid[0] * self.grid[1]
            self.positions = self.add_weight((1, tokens, self.hidden_dim), initializer="zeros", name="positions")

    def call(self, images: keras.KerasTensor, mask: keras.KerasTensor | None = None) -> keras.KerasTensor:
        (rows, columns), side, channels = self.grid, self.patch_size, images.shape[-1]
        x = keras.ops.reshape(images, (-1, rows, side, columns, side, channels))
        x = keras.ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (batch, rows, columns, side, side, channels)
        x = keras.ops.reshape(x, (-1, rows * columns, side * side * channels))
        x = keras.ops.matmul(x, self.kernel) + self.bias
        if mask is not None:
            x = keras.ops.where(keras.ops.cast(mask, "bool")[..., None], self.mask_token, x)
        cls = keras.ops.broadcast_to(self.cls_token, (keras.ops.shape(x)[0], 1, self.hidden_dim))
        x = keras.ops.concatenate([cls, x], axis=1)
        return x + self.positions if self.use_absolute_positions else x

    def get_config(self) -> dict:
        names = ("patch_size", "hidden_dim", "use_mask_token", "use_absolute_positions", "initializer_range")
        return super().get_config() | {name: getattr(self, name) for name in names}


def enlarge_patches(
    kernel: Float[np.ndarray, "inputs hidden_dim"], side: int, new_side: int
) -> Float[np.ndarray, "new_inputs hidden_dim"]:
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
    hidden_dim = kernel.shape[-1]
    kernel = kernel.reshape(side, side, -1, hidden_dim).repeat(times, axis=0).repeat(times, axis=1)
    return kernel.reshape(-1, hidden_dim) / times**2


def interpolate_positions(
    positions: Float[np.ndarray, "1 tokens hidden_dim"], grid: tuple[int, int], new_grid: tuple[int, int]
) -> Float[np.ndarray, "1 new_tokens hidden_dim"]:
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
        patches = np.moveaxis(np.tensordot(_cubic_weights(grid[axis], new_grid[axis]), patches, (1, axis)), 0, axis)
    return np.concatenate([positions[:, :1], patches.reshape(1, -1, positions.shape[-1])], axis=1).astype("float32")


def _cubic_weights(size, new_size):
    """Cubic convolution (Keys 1981) with PyTorch's a = -0.75, which Keras does not offer: float array `(new_size, size)`."""
    centre = (np.arange(new_size) + 0.5) * size / new_size - 0.5
    weights = np.zeros((new_size, size))
    for step in range(-1, 3):
        source = np.floor(centre) + step
        x = np.abs(centre - source)
        near = 1.25 * x**3 - 2.25 * x**2 + 1
        far = -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)
        np.add.at(weights, (np.arange(new_size), np.clip(source, 0, size - 1).astype(int)), np.where(x <= 1, near, far))
    return weights
