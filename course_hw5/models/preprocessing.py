"""What a model does to raw images before its network."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """Resizing, a crop of the centre and normalization of raw images, floats in [0, 255] or uint8.

    Attributes:
        mean, std: of all channels, or one of each, of pixels scaled to [0, 1].
        input_shape: of the raw images where they are to be resized, `(None, None, 3)` for any size; None where they have the
            shape that the network reads.
        interpolation: of the resizing, with antialiasing where images may have any size.
        crop_fraction: side of the centre that is used, as a fraction of the side of the resized image.
    """

    mean: float | Sequence[float] = 0.5
    std: float | Sequence[float] = 0.5
    input_shape: tuple[int | None, int | None, int] | None = None
    interpolation: str = "bilinear"
    crop_fraction: float = 1.0

    def __post_init__(self):
        for name in ("mean", "std", "input_shape"):  # a saved model's file holds lists
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))

    def __call__(
        self, images: keras.KerasTensor, image_shape: tuple[int, int, int], dtype: str | keras.DTypePolicy | None = None
    ) -> keras.KerasTensor:
        """Makes of raw images what the network reads.

        Args:
            images: symbolic tensor `(batch, height, width, channels)`.
            image_shape: `(height, width, channels)` that the network reads.
            dtype: policy that the normalization computes in.

        Returns:
            Tensor `(batch, *image_shape)`.
        """
        height, width, channels = image_shape
        if images.shape[1:3] != (height, width):
            resized = (round(height / self.crop_fraction), round(width / self.crop_fraction))
            # Operations, not Keras's layers Resizing and CenterCrop: those switch the layers after them to training.
            antialias = None in images.shape[1:3]  # XLA, which trains on images of one size, cannot compile it
            images = keras.ops.image.resize(
                images, resized, interpolation=self.interpolation, antialias=antialias, data_format="channels_last"
            )
            top, left = (resized[0] - height) // 2, (resized[1] - width) // 2
            images = images[:, top : top + height, left : left + width]
        mean, std = (np.broadcast_to(value, (channels,)) for value in (self.mean, self.std))
        scale, offset = 1 / (255 * std), -mean / std
        return keras.layers.Rescaling(scale.tolist(), offset.tolist(), dtype=dtype, name="rescaling")(images)


def preprocessing_of(mean: float | Sequence[float] | None = 0.5, **options) -> Preprocessing | None:
    """The `Preprocessing` with these attributes; None where `mean` is None, for images that are normalised already."""
    if mean is not None:
        return Preprocessing(mean, **options)
    if options.get("input_shape") is not None:
        raise ValueError(f"`input_shape` must be None where `mean` is. Received: {options['input_shape']!r}")
    return None


def image_inputs(preprocessing: Preprocessing | None, backbone: keras.Model) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input of a model on a `BeitBackbone`, and the tensor that the backbone takes.

    Returns:
        `keras.Input`, float32 `(batch, height, width, channels)` (uint8 is accepted), and a tensor
        `(batch, *backbone.image_shape)`.
    """
    shape = preprocessing and preprocessing.input_shape
    images = keras.Input(shape or backbone.image_shape, dtype="float32", name="images")
    if preprocessing is None:
        return images, images
    return images, preprocessing(images, backbone.image_shape, dtype=backbone.dtype_policy)
