"""Images of scattered digits with a label for every pixel: scenes that need no download."""

import io

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

CLASS_NAMES = ["background", *"0123456789"]
SIZE = (96, 128)  # height, width
COUNTS = {"train": 200, "validation": 50}
INK = 6  # of 16: a pixel of a digit as dark as that belongs to it


def read_digit_scenes() -> list[dict[str, np.ndarray]]:
    """Scatters scikit-learn's digits (8x8, 1,797 of them) over coloured images; the two splits share no digit.

    Returns:
        Per split a dict of two object arrays, the bytes of PNG files: "image" `(96, 128, 3)` and "annotation" `(96, 128, 1)`,
        0 for the background and 1 to 10 for the digits from 0 to 9.
    """
    digits = load_digits()
    halves = np.array_split(np.arange(len(digits.images)), 2)
    return [
        _scenes(digits.images[half], digits.target[half], count, seed)
        for seed, (half, count) in enumerate(zip(halves, COUNTS.values()))
    ]


def _scenes(images, targets, count, seed):
    random = np.random.default_rng(seed)
    scenes = {"image": np.empty(count, object), "annotation": np.empty(count, object)}
    for number in range(count):
        image, labels = _scene(images, targets, random)
        scenes["image"][number], scenes["annotation"][number] = _png(image), _png(labels)
    return scenes


def _scene(images, targets, random):
    height, width = SIZE
    slope = np.linspace(0, 1, width)[None, :, None] * random.uniform(-40, 40, 3)
    image = random.uniform(130, 215, 3) + slope + random.normal(0, 6, (*SIZE, 3))
    labels = np.zeros(SIZE, "uint8")
    for _ in range(random.integers(5, 10)):
        which, side = random.integers(len(images)), int(random.integers(24, 49))
        digit = np.asarray(Image.fromarray(images[which].astype("float32")).resize((side, side), Image.Resampling.BICUBIC))
        top, left = random.integers(0, height - side + 1), random.integers(0, width - side + 1)
        place = slice(top, top + side), slice(left, left + side)
        ink = np.clip(digit / 16, 0, 1)[..., None]
        image[place] = (1 - ink) * image[place] + ink * random.uniform(0, 90, 3)
        labels[place][digit >= INK] = 1 + targets[which]
    return np.uint8(np.clip(image, 0, 255)), labels


def _png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
