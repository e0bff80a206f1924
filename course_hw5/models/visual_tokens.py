"""Visual tokens: each patch of an image as the number of the nearest patch of a vocabulary that k-means finds."""

from collections.abc import Sequence

import keras
import numpy as np
from jaxtyping import Float, Integer, UInt8

from course_hw5.errors import is_whole, require
from course_hw5.layers.layer import Tensor
from course_hw5.layers.patch_embedding import cut_into_patches

EPOCHS, BATCH = 20, 4096  # of k-means: passes over the patches, and patches in a step


class VisualTokenizer:
    """Turns images into visual tokens and back.

    The token of a patch is the nearest patch of the vocabulary, by the squared distance of pixels. BEiT's tokens come from
    DALL-E's discrete VAE (Bao et al. 2022, section 2.2), which sees more of an image than a patch and was trained on 250
    million of them; these say what colours a patch has.

    Args:
        patches: the vocabulary, uint8 array `(vocabulary_size, patch_size, patch_size, channels)`.

    Raises:
        ValueError: if `patches` has another shape or fewer than 2 patches.
    """

    def __init__(self, patches: UInt8[np.ndarray, "vocabulary side side channels"] | Sequence):
        self.patches = np.asarray(patches, "uint8")
        is_valid = lambda shape: len(shape) == 4 and shape[0] > 1 and shape[1] == shape[2]  # noqa: E731
        require("patches", self.patches.shape, is_valid, "an array (2 or more, patch_size, patch_size, channels)")
        self._centres = self.patches.reshape(len(self.patches), -1).astype("float32")

    @classmethod
    def learn(
        cls,
        images: UInt8[np.ndarray, "count height width channels"] | Float[np.ndarray, "count height width channels"],
        patch_size: int,
        vocabulary_size: int = 512,
        seed: int = 0,
    ) -> "VisualTokenizer":
        """Finds a vocabulary for images by k-means on their patches (scikit-learn's `MiniBatchKMeans`).

        Args:
            images: pixels in [0, 255], `(count, height, width, channels)`; both sides divisible by `patch_size`.
            patch_size: side of a patch, in pixels.
            vocabulary_size: how many tokens there are, 2 or more; fewer where images have fewer different patches.
            seed: whole number; the same images and seed give the same vocabulary.

        Raises:
            ValueError: if an argument is not one of those above, or all patches are equal.
        """
        from sklearn.cluster import MiniBatchKMeans  # here, since its import takes a second

        require("vocabulary_size", vocabulary_size, lambda size: is_whole(size, 2), "a whole number, 2 or more")
        _check_images(images, patch_size)
        patches = np.asarray(cut_into_patches(keras.ops.cast(images, "float32"), patch_size))
        patches = patches.reshape(-1, patches.shape[-1])
        different = len(np.unique(np.round(patches), axis=0))
        if different < 2:
            raise ValueError("`images` must have patches that differ. Received: patches that are all equal")
        # it stops after a fixed number of steps, not by a sum, which may depend on the number of threads
        options = {"batch_size": BATCH, "max_iter": EPOCHS, "max_no_improvement": None, "n_init": 1, "random_state": seed}
        found = MiniBatchKMeans(min(vocabulary_size, different), **options).fit(patches)
        centres = np.unique(np.round(found.cluster_centers_).astype("uint8"), axis=0)
        return cls(centres.reshape(len(centres), patch_size, patch_size, -1))

    @property
    def vocabulary_size(self) -> int:
        return len(self.patches)

    @property
    def patch_size(self) -> int:
        return self.patches.shape[1]

    def encode(self, images: Tensor) -> Tensor:
        """The token of each patch.

        Args:
            images: pixels in [0, 255], `(batch, height, width, channels)`; also a symbolic tensor of `tf.data`.

        Returns:
            int32 tensor `(batch, patches)`, row by row.

        Raises:
            ValueError: if images have other channels, or no whole number of patches.
        """
        _check_images(images, self.patch_size, self.patches.shape[3])
        x = cut_into_patches(keras.ops.cast(images, "float32"), self.patch_size)
        distances = (self._centres**2).sum(axis=1) - 2 * keras.ops.matmul(x, self._centres.T)  # but for what all have
        return keras.ops.argmin(distances, axis=-1)

    def decode(self, tokens: Integer[np.ndarray, "batch rows columns"]) -> UInt8[np.ndarray, "batch height width channels"]:
        """The image of each grid of tokens.

        Args:
            tokens: integers `(batch, rows, columns)`.
        """
        batch, rows, columns = np.shape(tokens)
        patches = self.patches[np.asarray(tokens)]  # (batch, rows, columns, side, side, channels)
        side = self.patch_size
        return patches.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows * side, columns * side, -1)

    def get_config(self) -> dict:
        return {"patches": self.patches.tolist()}


def _check_images(images, side, channels=None):
    require("patch_size", side, lambda side: is_whole(side, 1), "a whole number, 1 or more")
    expected = f"(batch, height, width, {channels or 'channels'}), height and width divisible by the patch, {side} pixels"
    fits = lambda shape: len(shape) == 4 and not shape[1] % side and not shape[2] % side and channels in (None, shape[3])  # noqa: E731
    require("images", tuple(images.shape), fits, f"an array {expected}")
