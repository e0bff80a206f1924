"""Classifiers of Keras as what a live page computes with, and back."""

from typing import Any

import keras
import numpy as np

from course_hw5.attention.live.packing import Tensors
from course_hw5.errors import require
from course_hw5.models.beit import BeitBackbone
from course_hw5.models.beit_tasks import BeitClassifier
from course_hw5.models.bert import BertBackbone
from course_hw5.models.bert_classifier import BertClassifier
from course_hw5.models.task import preprocessing_of
from course_hw5.text.encoding import MAXLEN

Config = dict[str, Any]


def to_live(model: keras.Model) -> tuple[Config, Tensors]:
    """What `engine.js` computes with.

    Args:
        model: a `bert_classifier` that reads text by BERT's WordPiece, or a `beit_classifier` of raw images.

    Returns:
        A dict of sizes and names that JSON can hold, and a dict of float32 arrays.

    Raises:
        ValueError: if the model is another one.
    """
    if isinstance(model, BertClassifier) and type(model.backbone) is BertBackbone and model.num_classes == 2:
        return _of_bert(model)
    expected = "a bert_classifier of two classes on a BertBackbone, or a beit_classifier"
    require("model", model, lambda model: isinstance(model, BeitClassifier), expected)
    return _of_beit(model)


def from_live(config: Config, tensors: Tensors) -> keras.Model:
    """The classifier of Keras that a live page holds: `to_live` reversed."""
    return (_to_bert if config["kind"] == "bert" else _to_beit)(config, tensors)


# === BERT ===


def _of_bert(model):
    backbone, tokenizer = model.backbone, model.tokenizer
    if tokenizer.definition is not None:
        raise ValueError("`model` must read text by BERT's own WordPiece. Received: another tokenizer")
    longest = min(model.max_length or MAXLEN, backbone.max_sequence_length)
    config = _sizes(backbone, "bert") | {
        "epsilon": backbone.layer_norm_epsilon,
        "tokens": longest,
        "positions": backbone.max_sequence_length,
        "segments": backbone.num_segments,
        "classes": 1,
        "class_names": [*model.class_names],
        "lowercase": tokenizer.lowercase,
        "vocabulary": tokenizer.get_vocabulary(),
    }
    return config, {name: _numpy(get) for name, get in _bert_places(model, backbone)}


def _bert_places(model, backbone):
    """Names of tensors, each with the variables that hold it: the three of "qkv" are one matrix."""
    for name in ("token", "position", "segment"):
        yield name, [getattr(backbone, f"{name}_embedding").variables[0]]
    yield from _norm("embeddings", backbone.embeddings_layer_norm)
    for index, encoder in enumerate(backbone.transformer_layers):
        query, key, value, output, norm_1, dense_1, dense_2, norm_2 = encoder.weighted_layers
        yield f"{index}.qkv", [part.kernel for part in (query, key, value)]
        yield f"{index}.qkv_bias", [part.bias for part in (query, key, value)]
        for name, layer in (("out", output), ("dense_1", dense_1), ("dense_2", dense_2)):
            yield from _dense(f"{index}.{name}", layer)
        yield from _norm(f"{index}.norm_1", norm_1)
        yield from _norm(f"{index}.norm_2", norm_2)
    yield from _dense("pooler", backbone.pooled_dense)
    yield from _dense("classifier", model.classifier)


def _to_bert(config, tensors):
    sizes = {"vocabulary_size": len(tensors["token"]), "max_sequence_length": config["positions"]}
    backbone = BertBackbone(
        **sizes | _arguments(config), num_segments=config["segments"], layer_norm_epsilon=config["epsilon"],
        vocabulary=config["vocabulary"], lowercase=config["lowercase"],
    )  # fmt: skip
    model = BertClassifier(backbone, class_names=config["class_names"])
    for name, variables in _bert_places(model, backbone):
        if len(variables) == 1:
            variables[0].assign(tensors[name].reshape(variables[0].shape))
            continue
        for variable, part in zip(variables, np.split(tensors[name], 3, axis=-1)):
            variable.assign(part.reshape(variable.shape))
    return model


# === BEiT ===


def _of_beit(model):
    backbone, preprocessing = model.backbone, model.preprocessing
    require("model", preprocessing, lambda found: found is not None, "a classifier of raw images")
    channels = backbone.image_shape[2]
    spread = lambda value: np.broadcast_to(value, channels).astype("float64").tolist()  # noqa: E731
    config = _sizes(backbone, "beit") | {
        "epsilon": 1e-12,
        "tokens": 1 + backbone.grid[0] * backbone.grid[1],
        "grid": [*backbone.grid],
        "side": backbone.patch_size,
        "channels": channels,
        "patch": backbone.patch_size**2 * channels,
        "mean": spread(preprocessing.mean),
        "std": spread(preprocessing.std),
        "positionBias": backbone.relative_position_bias != "none",
        "bias_kind": backbone.relative_position_bias,
        "pooling": model.pooling,
        "activation": model.activation,
        "classes": model.num_classes,
        "class_names": [*(model.class_names or (f"class {i}" for i in range(model.num_classes)))],
    }
    tensors = {name: _numpy([variable]) for name, variable in _beit_places(model, backbone)}
    for index, block in enumerate(backbone.blocks):
        attention = block.attention
        query, value = _numpy([attention.query_bias]), _numpy([attention.value_bias])
        tensors[f"{index}.qkv_bias"] = np.concatenate([query, 0 * query, value])
        for name, scale in zip(("out", "dense_2"), block.scales):  # what each channel is multiplied by is a part of the kernel
            for part in (name, f"{name}_bias"):
                tensors[f"{index}.{part}"] = tensors[f"{index}.{part}"] * _numpy([scale.factor])
    return config, tensors


def _beit_places(model, backbone):
    embedding = backbone.patch_embedding
    yield from (("patch", embedding.kernel), ("patch_bias", embedding.bias), ("cls", embedding.cls_token))
    if backbone.use_absolute_positions:
        yield "positions", embedding.positions
    if backbone.shared_bias is not None:
        yield "shared_table", backbone.shared_bias.table
    for index, block in enumerate(backbone.blocks):
        attention = block.attention
        yield f"{index}.qkv", attention.qkv_kernel
        yield from ((f"{index}.out", attention.output_kernel), (f"{index}.out_bias", attention.output_bias))
        if block.position_bias is not None:
            yield f"{index}.table", block.position_bias.table
        parts = [*_dense("dense_1", block.dense_1), *_dense("dense_2", block.dense_2)]
        parts += [*_norm("norm_1", block.norm_before), *_norm("norm_2", block.norm_after)]
        yield from ((f"{index}.{name}", variable) for name, (variable,) in parts)
    parts = [*_norm("pooled", model.pooled_norm), *_dense("classifier", model.logits)]
    yield from ((name, variable) for name, (variable,) in parts)


def _to_beit(config, tensors):
    (rows, columns), side = config["grid"], config["side"]
    backbone = BeitBackbone(
        image_shape=(rows * side, columns * side, config["channels"]), patch_size=side, **_arguments(config),
        relative_position_bias=config["bias_kind"], use_absolute_positions="positions" in tensors, layer_scale_init=0.0,
    )  # fmt: skip
    options = {"pooling": config["pooling"], "activation": config["activation"], "class_names": config["class_names"]}
    raw = preprocessing_of(config["mean"], std=config["std"])
    model = BeitClassifier(backbone, config["classes"], **options, preprocessing=raw)
    for name, variable in _beit_places(model, backbone):
        variable.assign(tensors[name].reshape(variable.shape))
    for index, block in enumerate(backbone.blocks):
        query, _, value = np.split(tensors[f"{index}.qkv_bias"], 3)
        block.attention.query_bias.assign(query)
        block.attention.value_bias.assign(value)
    return model


# === Both ===


def _sizes(backbone, kind):
    sizes = {"layers": "num_layers", "heads": "num_heads", "hidden": "hidden_dim", "mlp": "mlp_dim"}
    return {"kind": kind} | {name: getattr(backbone, attribute) for name, attribute in sizes.items()}


def _arguments(config):
    sizes = {"num_layers": "layers", "num_heads": "heads", "hidden_dim": "hidden", "mlp_dim": "mlp"}
    return {argument: config[name] for argument, name in sizes.items()}


def _dense(name, layer):
    yield from ((name, [layer.kernel]), (f"{name}_bias", [layer.bias]))


def _norm(name, layer):
    yield from ((f"{name}_gamma", [layer.gamma]), (f"{name}_beta", [layer.beta]))


def _numpy(variables):
    """Variables as one float32 array of one or two axes, side by side; a kernel of attention is a matrix."""
    arrays = [np.float32(keras.ops.convert_to_numpy(variable.value)) for variable in variables]
    return np.concatenate([_matrix(array, variable.path) for array, variable in zip(arrays, variables)], axis=-1)


def _matrix(array, path):
    if array.ndim == 3 and array.shape[0] != 1:  # (width, heads, size), and of the output (heads, size, width)
        return array.reshape(-1, array.shape[2]) if "attention_output" in path else array.reshape(array.shape[0], -1)
    if path.endswith(("cls_token", "positions")):
        return array.reshape(-1, array.shape[-1])
    return array.reshape(-1) if "bias" in path.split("/")[-1] and array.ndim == 2 else array
