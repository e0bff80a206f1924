"""A classifier as a page that runs it, and the check that such a page still agrees with its model."""

import io
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from PIL import Image

from course_hw5.attention.live import live_page as pages
from course_hw5.attention.live import packing
from course_hw5.attention.viewer.state import patch_names
from course_hw5.data import image_files
from course_hw5.explanation import live_model
from course_hw5.text import encoding

TEXT = "The plot is not bad at all"
SENTENCES = (TEXT, "I did not like the plot, but the acting is great", "A disaster from its first minute to its last", "ok")
TOLERANCE = 1e-4  # between the page's model now and as it was written


def live_page(model: keras.Model, name: str, precision: str = "int8") -> str:
    """Makes a page that runs a classifier.

    Args:
        model: `bert_classifier` or `beit_classifier`, as `live_model.to_live` takes it.
        name: of the model, shown on the page.
        precision: "int8" or "float32", of its kernels and tables on the page.

    Returns:
        The page as a string.

    Raises:
        ValueError: if the page cannot run such a model.
    """
    config, tensors = live_model.to_live(model)
    data, places = packing.pack(tensors, precision)
    config["tensors"] = places
    packed = live_model.from_live(config, packing.unpack(data, places))
    images = _drawings(config) if config["kind"] == "beit" else []
    check = {"precision": precision, "answers": _answers(_at_its_size(model), images), "packed": _answers(packed, images)}
    if images:
        rows, columns = config["grid"]
        names = patch_names(rows, columns, (1, 1, config["tokens"], config["tokens"]))
        shown = [np.broadcast_to(image, (*image.shape[:2], 3)) for image in images]
        return pages.live_page(config, data, names, "", name, shown, check)
    tokens = encoding.tokens_of(encoding.encode(TEXT, config["tokens"], None, model.tokenizer).ids, model.tokenizer)
    return pages.live_page(config, data, tokens, TEXT, name, check=check)


def check_page(path: pathlib.Path, load: Callable[[str], keras.Model]) -> str:
    """Says which model a page holds and how far its answers are from those of the model it was made from.

    Args:
        path: of the page.
        load: gives the model of a name, or raises ValueError or OSError where there is none.

    Returns:
        A line of text.

    Raises:
        ValueError: if the page is none of `live_page`, its weights are damaged, or its answers, or those of the model of that
            name, are no longer those that it was written with.
    """
    live, config, tensors = pages.read_page(path.read_text(encoding="utf-8", errors="replace"), path)
    images, check = _drawings(config) if config["kind"] == "beit" else [], live["check"]
    _compare(path, "the model on the page", _answers(live_model.from_live(config, tensors), images), check["packed"])
    try:
        model = load(live["name"])
        owner = f"those of {live['name']}"
    except (ValueError, OSError):
        owner = f"those that {live['name']}, which is not here, had"
    else:
        _compare(path, live["name"], _answers(_at_its_size(model), images), check["answers"])
    cost = np.abs(np.subtract(check["packed"], check["answers"])).max()
    kind, sizes = ("BERT" if config["kind"] == "bert" else "BEiT"), f"{config['layers']} layers of {config['heads']} heads"
    return f"{live['name']}: a {kind} of {sizes}, weights in {check['precision']}; its answers are within {cost:.4f} of {owner}"


def _compare(path, name, found, expected):
    difference = float(np.abs(np.subtract(found, expected)).max())
    if difference > TOLERANCE:
        raise ValueError(f"{path} must agree with {name} to {TOLERANCE}. Received: a difference of {difference:.4f}")


def _at_its_size(model):
    """The model that reads images of its network's size: a page has made them so."""
    preprocessing = getattr(model, "preprocessing", None)
    return live_model.from_live(*live_model.to_live(model)) if preprocessing and preprocessing.input_shape else model


def _answers(model, images) -> list[Any]:
    """Probabilities of `SENTENCES`, or of images: a list for each."""
    if images:
        return np.asarray(model(np.stack(images))).astype("float64").round(7).tolist()
    longest = model.max_length or min(encoding.MAXLEN, model.backbone.max_sequence_length)
    ids = [encoding.encode(text, longest, None, model.tokenizer).ids for text in SENTENCES]
    length = model.max_length or max(map(len, ids))
    padded = np.stack([np.pad(each, (0, length - len(each))) for each in ids])
    return np.asarray(model(padded)).astype("float64").round(7).tolist()


def _drawings(config):
    """The drawings of the package in the size and the number of channels that a model reads."""
    (rows, columns), side = config["grid"], config["side"]
    files = [io.BytesIO((pages.LIVE / "drawings" / f"{name}.jpg").read_bytes()) for name in pages.DRAWINGS]
    images = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    fitted = [image_files.fit_image(image, (rows * side, columns * side)) for image in images]
    if config["channels"] == 3:
        return fitted
    return [np.uint8(image.mean(axis=2, keepdims=True).round()) for image in fitted]
