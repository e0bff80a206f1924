"""Tensors and options of a folder in Hugging Face's format: what the readers of BERT, MPNet and BEiT share."""

import math
import pathlib
from collections.abc import Collection, Sequence

import keras
import numpy as np
import safetensors
from jaxtyping import Float

from course_hw5.models.bert import BertBackbone

Head = tuple[Float[np.ndarray, "hidden_dim labels"], Float[np.ndarray, " labels"]]  # kernel and bias of a classifier


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


def check_options(folder: pathlib.Path, config: dict, **expected) -> None:
    """Raises ValueError unless options of `config` that are given have these values, or those that all models share."""
    for name, value in ({"hidden_act": "gelu", "layer_norm_eps": 1e-12, "quantization_config": None} | expected).items():
        if config.get(name) not in (None, value):
            raise ValueError(f"`{name}` in {folder}/config.json must be {value!r}. Received: {config[name]!r}")


def check_architecture(folder: pathlib.Path, config: dict, known: Collection[str]) -> None:
    """Raises ValueError if `config` names a class of `transformers` that is not among `known`."""
    for name in config.get("architectures") or ():
        if name not in known:
            raise ValueError(f"`architectures` in {folder}/config.json must be one of {', '.join(known)}. Received: {name}")


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


def assign_text_model(
    backbone: BertBackbone,
    tensors: dict[str, np.ndarray],
    names: Sequence[str],
    embeddings: dict[str, keras.Variable],
    layers: dict[str, keras.layers.Layer],
    rows: Sequence[int] | None = None,
    ignored: tuple[str, ...] = (),
) -> None:
    """Gives a `BertBackbone` its weights.

    Args:
        backbone: `BertBackbone`, as `config.json` has it.
        tensors: dict of float32 arrays by name.
        names: what the reference calls the eight layers of an encoder: query, key, value, output, normalization, both dense
            layers, second normalization.
        embeddings: dict of tensors' names to the variables of the other embeddings, of positions and segments.
        layers: dict of the reference's names to further layers, such as the pooler; where it is empty, the pooler gets random
            weights.
        rows: list of the word embedding's row for each token id; None where they are the same.
        ignored: tuple of prefixes of tensors' names that may stay unused.

    Raises:
        KeyError: if a tensor is missing, of another shape, not of numbers, or not used.
    """
    words = tensors["embeddings.word_embeddings.weight"]
    if rows is not None:
        if len(words) <= max(rows):
            raise KeyError(f"embeddings.word_embeddings.weight: {len(words)} rows for {max(rows) + 1} word pieces")
        words = words[rows]
    assign(backbone.token_embedding.embeddings, words)
    for name, variable in embeddings.items():
        assign(variable, tensors[name])
    if not layers:
        kernel = backbone.pooled_dense.kernel
        kernel.assign(backbone.pooled_dense.kernel_initializer(kernel.shape))
    layers = {"embeddings.LayerNorm": backbone.embeddings_layer_norm} | layers
    for index, encoder in enumerate(backbone.transformer_layers):
        layers |= {f"encoder.layer.{index}.{name}": layer for name, layer in zip(names, encoder.weighted_layers, strict=True)}
    used = {"embeddings.word_embeddings.weight", *embeddings}
    for name, layer in layers.items():
        arrays = tensors[f"{name}.weight"].T, tensors[f"{name}.bias"]  # kernels have their axes the other way round
        used |= {f"{name}.weight", f"{name}.bias"}
        for variable, array in zip(layer.weights, arrays, strict=True):
            assign(variable, array.reshape(variable.shape) if array.size == math.prod(variable.shape) else array)
    for name in tensors:
        if name not in used and not name.startswith(ignored) and not name.endswith("position_ids"):
            raise KeyError(f"{name}, of which config.json says nothing")
