"""Tensors and options of a folder in Hugging Face's format: what the readers of BERT, MPNet and BEiT share."""

import pathlib
from collections.abc import Collection

import keras
import numpy as np
import safetensors

# Parts of our layers to the reference's, where the names differ.
PARTS = {"kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


# Our sizes of every transformer to the reference's.
SIZES = {
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "hidden_dim": "hidden_size",
    "mlp_dim": "intermediate_size",
}


def listed(folder: pathlib.Path) -> str:
    """The names of the first files of a folder, for messages."""
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join([*names[:10], *(["..."] if len(names) > 10 else [])])


def read_sizes(config: dict) -> dict:
    """The sizes that every transformer has, as arguments of our backbones."""
    return {name: config[key] for name, key in SIZES.items()}


def read_tensors(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """All arrays of a folder's weights by name, in float32; each file is read once.

    `model.safetensors` where there is one, else every `*.safetensors`. Of the names "gamma" and "beta", which old checkpoints
    have for scales and offsets, today's are made.
    """
    whole, tensors = folder / "model.safetensors", {}
    for path in [whole] if whole.exists() else sorted(folder.glob("*.safetensors")):
        with safetensors.safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118
                stem, _, part = name.rpartition(".")
                part = {"gamma": "weight", "beta": "bias"}.get(part, part)
                tensors[f"{stem}.{part}" if stem else part] = file.get_tensor(name).astype("float32", copy=False)
    return tensors


def check_config(folder: pathlib.Path, config: dict, architectures: Collection[str], **expected) -> None:
    """Raises ValueError if `config` names another class of `transformers`, or an option with another value.

    Args:
        folder: path of the folder, for messages.
        config: dict of its `config.json`.
        architectures: names of classes.
        **expected: values of options, besides those that all models share.
    """
    for name in config.get("architectures") or ():
        if name not in architectures:
            known = ", ".join(architectures)
            raise ValueError(f"`architectures` in {folder}/config.json must be one of {known}. Received: {name}")
    for name, value in ({"hidden_act": "gelu", "layer_norm_eps": 1e-12, "quantization_config": None} | expected).items():
        if config.get(name) not in (None, value):
            raise ValueError(f"`{name}` in {folder}/config.json must be {value!r}. Received: {config[name]!r}")


def label_names(config: dict, count: int) -> list[str] | None:
    """The names of `count` labels in `config`, in their order; None if there are none.

    Raises:
        ValueError: if they are no object of numbers to names.
        KeyError: if there are more or fewer.
    """
    names = config.get("id2label") or {}
    if not isinstance(names, dict) or not all(str(key).isdigit() for key in names):
        raise ValueError(f"`id2label` in config.json must be an object of numbers to names. Received: {names!r}")
    if names and len(names) != count:
        raise KeyError(f"{count} labels, for which config.json has {len(names)} names in `id2label`")
    return [str(names[key]) for key in sorted(names, key=int)] or None


def assign(variable: keras.Variable, array: np.ndarray) -> None:
    """Sets a variable; raises KeyError if the array has another shape, or holds what is no number."""
    if tuple(variable.shape) != array.shape:
        raise KeyError(f"{variable.path}: expected shape {tuple(variable.shape)}, found {array.shape}")
    if not np.isfinite(array).all():
        raise KeyError(f"{variable.path}: expected finite numbers, found NaN or infinity")
    variable.assign(array)
