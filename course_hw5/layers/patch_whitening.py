"""A first layer of fixed filters: what is common in small patches of the training images, each at the same strength."""

import keras
import numpy as np

from course_hw5.layers.keras_layers import exact_gelu
from course_hw5.layers.layer import Layer, Shape, Tensor


class PatchWhitening(Layer):
    """Convolution with the principal components of patches, each of variance 1, and with their negatives; then GELU.

    Neighbouring pixels and colours say nearly the same. After this layer, channels are uncorrelated and equally strong, and
    the layers above learn faster (Page 2018, "How to train your ResNet", part 8; Jordan 2024, https://arxiv.org/abs/2404.00498).
    The components come from `adapt`, as those of Keras's preprocessing layers do; training leaves them as they are.

    Args:
        patch_size: side of the patches. Images are not padded.

    Input: `(batch, rows, columns, channels)`. Output: `(batch, rows - patch_size + 1, columns - patch_size + 1, filters)`,
    where there are `2 * channels * patch_size**2` filters.
    """

    def __init__(self, patch_size: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size

    def build(self, images_shape: Shape) -> None:
        shape = (self.patch_size, self.patch_size, images_shape[-1], self.patch_size**2 * images_shape[-1])
        self.components = self.add_weight(shape, "orthogonal", name="components", trainable=False)

    def adapt(self, images: np.ndarray, epsilon: float = 1e-4) -> None:
        """Takes the components of images.

        Args:
            images: float `(batch, rows, columns, channels)`, scaled as the layer's input is.
            epsilon: added to variances, so that noise of the weakest components stays weak.
        """
        windows = np.lib.stride_tricks.sliding_window_view(images, (self.patch_size, self.patch_size), axis=(1, 2))
        patches = np.moveaxis(windows, 3, -1).reshape(-1, np.prod(self.components.shape[:-1]))
        variances, vectors = np.linalg.eigh(np.cov(patches, rowvar=False))
        vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(vectors))])  # LAPACK leaves the sign open
        self.components.assign((vectors / np.sqrt(variances + epsilon)).reshape(self.components.shape))

    def call(self, images: Tensor) -> Tensor:
        kernel = keras.ops.cast(self.components, images.dtype)
        maps = keras.ops.conv(images, keras.ops.concatenate([kernel, -kernel], axis=-1), padding="valid")
        return exact_gelu(maps)

    def compute_output_shape(self, images_shape: Shape) -> Shape:
        sides = [None if side is None else side - self.patch_size + 1 for side in images_shape[1:-1]]
        return (images_shape[0], *sides, 2 * self.patch_size**2 * images_shape[-1])
