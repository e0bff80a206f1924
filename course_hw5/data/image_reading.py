"""Images of users into batches: decoded once and kept where they fit in memory, else each time that they are needed."""

import concurrent.futures
import dataclasses
import functools
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from course_hw5.data.card import (
    SAMPLED_CLASSES,
    SAMPLES,
    DataCard,
    Marks,
    find_duplicates,
    image_mark_arrays,
    image_marks,
    middle,
)
from course_hw5.data.examples import Examples, Files, Splits
from course_hw5.data.image_files import fit_image, open_image

BLOCK = 1024  # images that are handed to the threads at once
Fetch = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class ReadImages:
    """A split whose images were each read once.

    Attributes:
        examples: those that can be read.
        pixels: uint8 `(examples, height, width, 3)`; None where they are read again when needed.
        broken: the errors of those that cannot be read, which name them.
        sizes: int32 `(examples, 2)`, height and width of each as it is stored; None where they are not known.
        marks: by what they are compared; None where they are not known.
    """

    examples: Examples
    pixels: np.ndarray | None
    broken: list[str]
    sizes: np.ndarray | None = None
    marks: Marks | None = None

    def fetch(self, size: tuple[int, int]) -> Fetch:
        """A function for `tf.data` from indices `(batch,)` to images `(batch, *size, 3)` and labels, those of `examples`."""
        labels = tf.constant(self.examples.labels)
        if self.pixels is not None:
            pixels = tf.constant(self.pixels)
            return lambda batch: (tf.gather(pixels, batch), tf.gather(labels, batch))

        def read(batch):
            images = [*_threads().map(lambda index: read_image(self.examples, index, size), batch)]
            return np.array(images, "uint8").reshape(-1, *size, 3)  # a share may be empty

        def fetch(batch):
            images = tf.numpy_function(read, [batch], tf.uint8, stateful=False)
            return tf.ensure_shape(images, (batch.shape[0], *size, 3)), tf.gather(labels, batch)

        return fetch


def in_memory(images: np.ndarray, labels: np.ndarray) -> ReadImages:
    """A split that is an array of images, uint8 `(examples, height, width, 3)`, and one of labels."""
    return ReadImages(Examples(Files(()), np.arange(len(labels)), labels), images, [])


@functools.cache
def _threads():
    return concurrent.futures.ThreadPoolExecutor(os.cpu_count(), "images")


def read_image(examples: Examples, index: int, size: tuple[int, int]) -> np.ndarray:
    """One image, upright RGB, its middle cut in the proportion of `size` and resized.

    Raises:
        ValueError: if it is no image, or broken; says which.
        OSError: if there is no such file.
    """
    return fit_image(_original(examples, index), size)


def _original(examples, index):
    return open_image(examples.read(index), name=examples.name(index))


def read_all(examples: Examples, size: tuple[int, int], keep: bool, skip_broken: bool) -> ReadImages:
    """Reads each image of a split once: what is broken is known before a training starts.

    Args:
        examples: the split.
        size: `(height, width)` of the results.
        keep: whether the pixels stay in memory.
        skip_broken: whether images that cannot be read are left out.

    Raises:
        ValueError: if an image cannot be read and `skip_broken` is False, or none is left.
    """
    pixels = np.empty((len(examples) if keep else 0, *size, 3), "uint8")
    is_read, broken = np.zeros(len(examples), bool), []
    sizes, marks = np.zeros((len(examples), 2), "int32"), image_mark_arrays(examples.labels)

    def read(index):
        try:
            original = _original(examples, index)
        except (ValueError, OSError) as error:
            return index, str(error)
        image = fit_image(original, size)
        if keep:
            pixels[index] = image
        sizes[index] = original.shape[:2]
        marks.exact[index], marks.near[index], marks.thumbnails[index] = image_marks(original, image)
        is_read[index] = True
        return None

    for start in range(0, len(examples), BLOCK):
        found = _threads().map(read, range(start, min(start + BLOCK, len(examples))))
        broken += [error for _, error in filter(None, found)]
        if broken and not skip_broken:
            raise ValueError(f"{broken[0]}; --skip-broken leaves out such images")
    if broken:
        whole = np.flatnonzero(is_read)
        examples, sizes, marks, pixels = (
            examples.take(whole),
            sizes[whole],
            marks.take(whole),
            pixels[whole] if keep else pixels,
        )
    return ReadImages(examples, pixels if keep else None, broken, sizes, marks)


def image_card(splits: Splits, parts: dict[str, ReadImages], size: tuple[int, int]) -> DataCard:
    """What is in a source of a user whose images were read."""
    found, count = {split: part.examples for split, part in parts.items()}, len(splits.class_names)

    def samples():
        labels, shown = found["train"].labels, range(min(SAMPLED_CLASSES, count))
        first = {number: np.flatnonzero(labels == number)[:SAMPLES] for number in shown}
        return {
            splits.class_names[number]: [read_image(found["train"], index, size) for index in indices]
            for number, indices in first.items()
        }

    heights, widths = np.concatenate([part.sizes for part in parts.values() if part.sizes is not None]).T
    return DataCard(
        name=splits.name,
        unit="images",
        class_names=splits.class_names,
        counts={split: np.bincount(part.labels, minlength=count).tolist() for split, part in found.items()},
        examples={split: len(part) for split, part in found.items()},
        sizes={"width": middle(widths), "height": middle(heights)},
        **find_duplicates({split: part.marks for split, part in parts.items() if part.marks is not None}),
        name_of=lambda split, index: f"{found[split].name(index)} ({splits.class_names[found[split].labels[index]]})",
        broken=[error for part in parts.values() for error in part.broken],
        samples=samples,
    )
