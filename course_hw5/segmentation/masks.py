"""Segmentation masks as images: a palette that most readers can tell apart, overlays, legends, figures 7 and 8."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image

from course_hw5.data.dataset import IGNORE_INDEX

Mask = Integer[np.ndarray, "height width"]
RgbImage = UInt8[np.ndarray, "height width 3"]

GREY = (150, 150, 150)  # of pixels without a label
# What is left of linear RGB for eyes without green or red receptors (Machado et al. 2009, severity 1).
DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))


class Entry(NamedTuple):
    """A class that a segmentation mask holds: name, colour (three integers), share of the labelled pixels."""

    name: str
    color: tuple[int, int, int]
    share: float


@functools.cache
def palette(num_classes: int) -> UInt8[np.ndarray, "{num_classes} 3"]:
    """Colours for classes, the first ones furthest apart, for colour-blind readers too.

    Each colour is the candidate whose distance to all earlier ones, the least of CIELAB's under normal vision, deuteranopia
    and protanopia, is the largest.

    Args:
        num_classes: number of classes, 255 at most.

    Returns:
        uint8 array `(classes, 3)`; a palette of fewer classes is the start of one of more.

    Raises:
        ValueError: if there are more classes than that.
    """
    if not 1 <= num_classes <= IGNORE_INDEX:
        raise ValueError(f"`num_classes` must lie in [1, {IGNORE_INDEX}]. Received: {num_classes}")
    candidates = np.stack(np.meshgrid(*[np.linspace(0.04, 1, 10)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    seen = [_lab(candidates @ np.transpose(matrix)) for matrix in (np.eye(3), DEUTERANOPIA, PROTANOPIA)]
    kept = (seen[0][:, 0] > 25) & (seen[0][:, 0] < 92)  # neither black nor white
    candidates, seen = candidates[kept], [lab[kept] for lab in seen]
    chosen = [int(np.argmin(np.abs(candidates - _linear(np.array([0, 114, 178]) / 255)).sum(1)))]  # Okabe and Ito's blue
    nearest = np.full(len(candidates), np.inf)
    while len(chosen) < num_classes:
        nearest = np.min([nearest, *(np.linalg.norm(lab - lab[chosen[-1]], axis=1) for lab in seen)], axis=0)
        chosen.append(int(nearest.argmax()))
    return np.round(_gamma(candidates[chosen[:num_classes]]) * 255).astype("uint8")


def _linear(srgb):
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _gamma(linear):
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def _lab(linear):
    """CIELAB under D65 of linear RGB."""
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = np.clip(linear, 0, 1) @ np.transpose(to_xyz) / (0.9505, 1.0, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=-1)


def colored(labels: Mask, num_classes: int) -> RgbImage:
    """A segmentation mask as an image: uint8 `(height, width, 3)`, grey where there is no label.

    Raises:
        ValueError: if `labels` is no mask of integers in [0, classes) and `IGNORE_INDEX`.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        raise ValueError(f"`labels` must be integers (height, width). Received: {labels.dtype} {labels.shape}")
    if len(wrong := labels[(labels != IGNORE_INDEX) & ((labels < 0) | (labels >= num_classes))]):
        raise ValueError(f"`labels` must lie in [0, {num_classes - 1}], or be {IGNORE_INDEX}. Received: {wrong[0]} and others")
    return _colors(num_classes)[labels]


def _colors(num_classes):
    """A colour for each of the 256 values that a label can have."""
    colors = np.full((256, 3), GREY, "uint8")
    colors[:num_classes] = palette(num_classes)
    return colors


def with_palette(labels: Mask, num_classes: int) -> Image.Image:
    """A segmentation mask as a `PIL.Image.Image` whose pixels are the labels, shown in the palette's colours."""
    image = Image.fromarray(np.asarray(labels, "uint8"), "P")
    image.putpalette(_colors(num_classes).tobytes())
    return image


def overlay(image: RgbImage, labels: Mask, num_classes: int | None = None, alpha: float = 0.55) -> RgbImage:
    """An image under its segmentation mask.

    Args:
        image: uint8 array `(height, width, 3)`.
        labels: integers `(height, width)`.
        num_classes: number of classes; None for as many as `labels` needs.
        alpha: weight of the mask, in [0, 1].

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        ValueError: if the mask has another size than the image.
    """
    image, labels = np.asarray(image), np.asarray(labels)
    if image.shape[:2] != labels.shape:
        raise ValueError(f"`labels` must have the image's size, {image.shape[:2]}. Received: {labels.shape}")
    colors = colored(labels, num_classes or 1 + int(labels.max(initial=0, where=labels != IGNORE_INDEX)))
    mixed = Image.blend(Image.fromarray(image), Image.fromarray(colors), alpha)
    return np.where((labels == IGNORE_INDEX)[..., None], image, np.asarray(mixed))


def legend(labels: Integer[np.ndarray, "..."], class_names: Sequence[str]) -> list[Entry]:
    """The classes that one or several segmentation masks hold.

    Args:
        labels: integers of any shape.
        class_names: one string per class.

    Returns:
        List of `Entry`, the largest share first.
    """
    counts = np.bincount(np.asarray(labels).ravel(), minlength=IGNORE_INDEX + 1).astype("float64")
    counts[IGNORE_INDEX] = 0
    colors = palette(len(class_names)).tolist()
    total = max(1.0, counts.sum())
    present = [index for index in np.argsort(-counts, kind="stable") if counts[index]]
    return [Entry(str(class_names[i]), tuple(colors[i]), float(counts[i] / total)) for i in present]
