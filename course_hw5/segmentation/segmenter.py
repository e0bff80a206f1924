"""A segmenter for images of any size: windows in, segmentation masks of the images' own size out."""

import itertools
import os
import pathlib
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
import scipy.special
from jaxtyping import Float, Integer, UInt8
from PIL import Image

from course_hw5.data.image_files import open_image
from course_hw5.errors import is_whole, require
from course_hw5.models.checkpoints.load import load_model

STRIP_BYTES = 64e6  # of logits that are enlarged to an image's own size at once

ImageLike = str | pathlib.Path | Image.Image | np.ndarray
Labels = Integer[np.ndarray, "height width"]
Segments = Labels | tuple[Labels, Float[np.ndarray, "height width classes"]]  # labels, and probabilities where asked for


class SceneSegmenter:
    """Names the class of every pixel of images of any size.

    Whole: an image is resized to what the network reads. Sliding: it is resized, in proportion, until it covers that window
    (a panorama, until it is four windows long), and cut into windows that overlap by a third, whose logits are averaged (Bao et
    al. 2022, section 3.2). Several views of an image (mirrored, at other scales) are averaged after softmax. Memory grows with
    what the network reads, not with the image: logits are enlarged to the image's own size strip by strip.

    Args:
        model: an `upernet_segmenter`, or any model of raw images `(batch, height, width, 3)` in [0, 255] to logits
            `(batch, rows, columns, num_classes)` (of several outputs the first); its attribute `class_names`, if it has one,
            names the classes.
        sliding: whether windows slide over the image.
        flip: whether each image is also seen mirrored.
        scales: sizes at which an image is seen, 1.0 where it just covers the window; others need `sliding`.
        batch_size: windows per prediction.

    Attributes:
        class_names: one string per class; numbers where the model has no names.

    Raises:
        ValueError: if the model has no fixed window or no logits of maps, or an option is not as above.
    """

    def __init__(
        self, model: keras.Model, sliding: bool = False, flip: bool = False, scales: Sequence[float] = (1,), batch_size: int = 4
    ):
        require("model", model, lambda model: isinstance(model, keras.Model), "a Keras model")
        require("scales", scales, lambda scales: min(scales) > 0, "(1.0,), or sizes above 0 where windows slide")
        require("batch_size", batch_size, lambda size: is_whole(size, 1), "a whole number, 1 or more")
        shape, maps = model.input_shape, model.outputs[0].shape
        require("model", shape, _is_fixed, "one of raw images of one size")
        require("model", maps, _is_fixed, "one that gives logits (batch, rows, columns, classes)")
        require("scales", scales, lambda scales: sliding or tuple(scales) == (1.0,), "(1.0,), or sliding")
        sides, expected = zip(shape[1:3], maps[1:3]), f"False where logits {maps[1:3]} do not divide images {shape[1:3]}"
        require("sliding", sliding, lambda sliding: not sliding or all(side % size == 0 for side, size in sides), expected)
        self.model, self.window, self.maps, self.num_classes = model, tuple(shape[1:3]), tuple(maps[1:3]), maps[3]
        self.sliding, self.flip, self.scales, self.batch_size = sliding, flip, tuple(scales), batch_size
        self.class_names: tuple[str, ...] = tuple(getattr(model, "class_names", None) or map(str, range(self.num_classes)))

    @classmethod
    def from_preset(cls, preset: str | os.PathLike, image_shape: tuple[int, int, int] | None = None, **options) -> Self:
        """Loads the model by what `load_model` takes; options as for the class."""
        return cls(load_model(preset, image_shape), **options)

    def segment(self, images: ImageLike | Sequence[ImageLike], probabilities: bool = False) -> Segments | list[Segments]:
        """Labels every pixel.

        Args:
            images: a path, a PIL image, or an array `(height, width)`, `(height, width, 1 or 3)`, uint8 or floats in [0, 255];
                or a list of them, of any sizes. An array of four axes is a list.
            probabilities: whether the probability of each class is given too.

        Returns:
            Per image an integer array `(height, width)`; with `probabilities` a pair of it and of a float32 array
            `(height, width, num_classes)`. A list of these where a list came.

        Raises:
            ValueError: if one of them is no image; nothing is computed then.
        """
        many = isinstance(images, (list, tuple)) or getattr(images, "ndim", 0) == 4
        given: Any = images if many else [images]
        results = [self._segment(image, probabilities) for image in [as_image(image) for image in given]]
        return results if many else results[0]

    def _segment(self, image, probabilities):
        views = [self._logits(image, scale, mirrored) for scale in self.scales for mirrored in ((False, True)[: 1 + self.flip])]
        if len(views) == 1:
            return self._labels(views[0], image.shape[:2], probabilities, is_logits=True)
        size = max((view.shape[:2] for view in views), key=np.prod)  # the finest grid
        mean = sum(resized_rows(scipy.special.softmax(view, axis=-1), size, 0, size[0]) for view in views) / len(views)
        return self._labels(mean, image.shape[:2], probabilities, is_logits=False)

    def _logits(self, image, scale, mirrored):
        """Mean logits `(rows, columns, num_classes)` of one view of an image."""
        windows, places, size = self._windows(image[:, ::-1] if mirrored else image, scale)
        total, count = np.zeros((*size, self.num_classes), "float32"), np.zeros((*size, 1), "float32")
        for first in range(0, len(windows), self.batch_size):
            batch = slice(first, first + self.batch_size)
            logits = self.model.predict_on_batch(np.stack(windows[batch]))
            logits = logits[0] if isinstance(logits, (list, tuple)) else logits
            for place, values in zip(places[batch], keras.ops.convert_to_numpy(logits)):
                part = total[place]
                part += values[: part.shape[0], : part.shape[1]]
                count[place] += 1
        logits = total / count
        return logits[:, ::-1] if mirrored else logits

    def _windows(self, image, scale):
        """The windows of one view, the places of their logits, and the rows and columns that these cover together."""
        (height, width), (rows, columns) = self.window, self.maps
        if not self.sliding:
            return [resized(image, self.window)], [(slice(rows), slice(columns))], self.maps
        steps = height // rows, width // columns  # pixels for one place of the logits
        side = max(height / image.shape[0], width / image.shape[1])
        side = min(side, 4 * height / image.shape[0], 4 * width / image.shape[1]) * scale  # a panorama is not enlarged
        cover = [max(1, round(side * length / step)) for length, step in zip(image.shape[:2], steps)]
        size = [length * step for length, step in zip(cover, steps)]
        missing = [(0, max(0, length - found)) for length, found in zip(self.window, size)]
        image = np.pad(resized(image, size), [*missing, (0, 0)], mode="edge")
        starts = [*itertools.product(*map(_places, cover, self.maps))]
        windows = [image[row * steps[0] :][:height, column * steps[1] :][:, :width] for row, column in starts]
        return windows, [(slice(row, row + rows), slice(column, column + columns)) for row, column in starts], cover

    def _labels(self, maps, size, probabilities, is_logits):
        """Logits or probabilities of a small grid to labels, and probabilities, of the image's own size, strip by strip."""
        labels = np.empty(size, "uint8" if self.num_classes <= 256 else "int32")
        shares = np.empty((*size, self.num_classes), "float32") if probabilities else None
        strip = max(1, int(STRIP_BYTES / (4 * size[1] * self.num_classes)))
        for top in range(0, size[0], strip):
            values = resized_rows(maps, size, top, min(top + strip, size[0]))
            labels[top : top + strip] = values.argmax(-1)
            if probabilities:
                shares[top : top + strip] = scipy.special.softmax(values, axis=-1) if is_logits else values
        return (labels, shares) if probabilities else labels


def _is_fixed(shape):
    return len(shape) == 4 and None not in shape[1:]


def _places(length, window):
    """Where windows start that cover `length` and overlap by a third or more."""
    count = 1 + max(0, int(np.ceil((length - window) / max(1, window * 2 // 3))))
    return [round(place) for place in np.linspace(0, length - window, count)]


def as_image(image: ImageLike) -> UInt8[np.ndarray, "height width 3"]:
    """A path, a PIL image or an array as a uint8 array `(height, width, 3)`; raises ValueError where it is none."""
    if isinstance(image, (str, os.PathLike, Image.Image)):
        return open_image(image)
    require("image", image, lambda image: hasattr(image, "__array__"), "a path, a PIL image or an array")
    image = np.asarray(image)
    if image.ndim == 2 or (image.ndim == 3 and image.shape[-1] == 1):
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=-1)
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape or image.dtype.kind not in "uif":
        raise ValueError(f"An image must have shape (height, width, 3). Received: {image.dtype} {image.shape}")
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 255:
        raise ValueError(f"Pixels must lie in [0, 255]. Received: {image.min()} to {image.max()}")
    return np.round(image).astype("uint8", copy=False)


def resized(image: UInt8[np.ndarray, "height width 3"], size: Sequence[int]) -> UInt8[np.ndarray, "{size[0]} {size[1]} 3"]:
    """An image at another size, `(height, width)`, pixels averaged where it becomes smaller."""
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def resized_rows(maps: np.ndarray, size: Sequence[int], first: int, last: int) -> np.ndarray:
    """Rows `first` to `last` of maps `(rows, columns, num_classes)` resized to `size`, bilinear between pixel centres."""
    above, below, share = (part[first:last] for part in _neighbours(maps.shape[0], size[0]))
    strip = maps[above] + share[:, None, None] * (maps[below] - maps[above])
    left, right, share = _neighbours(maps.shape[1], size[1])
    return strip[:, left] + share[:, None] * (strip[:, right] - strip[:, left])


def _neighbours(length, new_length):
    centre = np.clip((np.arange(new_length) + 0.5) * length / new_length - 0.5, 0, length - 1)
    before = centre.astype(int)
    return before, np.minimum(before + 1, length - 1), (centre - before).astype("float32")
