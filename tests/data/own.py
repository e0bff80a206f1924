"""Data of one's own, made in a test: drawings, sets in the format of TensorFlow Datasets."""

import numpy as np
from PIL import Image

COLORS = {"blue": (0, 0, 220), "green": (0, 180, 0), "red": (220, 0, 0)}


def drawing(name, number=0, size=(20, 16)):
    """An image of one colour, `size` (width, height), with a dot whose place depends on the number."""
    image = Image.new("RGB", size, COLORS[name])
    image.putpixel((number % size[0], number // size[0] % size[1]), (255, 255, 255))
    return image


def write_class_folders(folder, counts, names=(*COLORS,)):
    """`counts` images in each class folder."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(counts):
            drawing(name, number, size=(20 + number, 16)).save(folder / name / f"{number}.png")
    return folder


def store_tfds(folder, name, features, splits):
    """A data set of TensorFlow Datasets; `splits` are lists of examples, dicts."""
    import tensorflow_datasets as tfds

    splits = {split: [(str(number), example) for number, example in enumerate(part)] for split, part in splits.items()}
    features = tfds.features.FeaturesDict(features)
    tfds.dataset_builders.store_as_tfds_dataset(name, "1.0.0", features, splits, data_dir=folder)


def use_tfds(monkeypatch, folder):
    """TensorFlow Datasets looks into this folder, and there is no network."""
    import socket
    import urllib.request

    import tensorflow_datasets as tfds

    def offline(*args):
        raise OSError("Name or service not known")

    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(folder))
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    monkeypatch.setattr(socket, "getaddrinfo", offline)


def mean_colors(images):
    return np.asarray(images, "float32").mean(axis=(1, 2))
