"""A folder in Hugging Face's format, as `transformers` and `load_model` read it: the readers' tables of names, reversed."""

import json
import pathlib
from typing import Any

import keras
import numpy as np
import safetensors.numpy

from course_hw5.errors import require
from course_hw5.files import write_text
from course_hw5.models import beit_tasks, bert, bert_classifier, mpnet, upernet
from course_hw5.models.checkpoints import beit, huggingface
from course_hw5.models.checkpoints import bert as text
from course_hw5.models.checkpoints import upernet as upernet_names
from course_hw5.text.tokenizer import BertTokenizer, bert_tokenizer
from course_hw5.text.tokenizer_files import tokenizer_files

CLASSES = {  # our models to the end of the name of the reference's class
    bert.BertBackbone: "Model",
    bert_classifier.BertClassifier: "ForSequenceClassification",
    beit_tasks.BeitEncoder: "Model",
    beit_tasks.BeitClassifier: "ForImageClassification",
    beit_tasks.BeitMaskedImageModel: "ForMaskedImageModeling",
    upernet.UperNetSegmenter: "ForSemanticSegmentation",
}
PUBLISHED = 30522  # word pieces of the tokenizer that models without one of their own read by


def check(model: keras.Model) -> None:
    """Raises ValueError, in one line, for a model that no class of `transformers` is."""
    expected = "a BERT, MPNet, BEiT or BEiT + UPerNet of course_hw5"
    require("model", getattr(model, "name", model), lambda _: isinstance(model, tuple(CLASSES)), expected)
    backbone = getattr(model, "backbone", model)
    if isinstance(backbone, bert.BertBackbone):
        _check_text(model, backbone)
        return
    (height, width, _), bias = backbone.image_shape, backbone.relative_position_bias
    if height != width and (bias != "none" or backbone.use_absolute_positions):
        reason = "square, since `transformers` places the position biases of other shapes differently"
        raise ValueError(f"`image_shape` must be {reason}. Received: {backbone.image_shape}")
    if isinstance(model, upernet.UperNetSegmenter):
        layers, expected = backbone.feature_layers, "four blocks, from first to last"
        require("feature_layers", layers, lambda layers: [*layers] == sorted({*layers}), expected)
        require("detail_channels", model.detail_channels, lambda widths: not widths, "(): no class of `transformers` has any")
        if model.channels > backbone.hidden_dim:
            expected = f"at most as wide as the backbone, {backbone.hidden_dim} channels"
            raise ValueError(f"The head of {model.name} must be {expected}. Received: {model.channels}")
    if isinstance(model, beit_tasks.BeitClassifier) and model.num_classes == 1 and model.activation != "sigmoid":
        raise ValueError(f"A classifier of one class must have the activation sigmoid. Received: {model.activation}")


def _check_text(model, backbone):
    if isinstance(model, bert_classifier.BertClassifier):
        is_positive = [name.lower().startswith("pos") for name in model.class_names]
        expected = "in another order: `load_model` reads the label that alone begins with pos as the second"
        require("class_names", model.class_names, lambda _: is_positive != [True, False], expected)
    if isinstance(backbone, mpnet.MPNetBackbone):
        first, *others = (encoder.attention.table.numpy() for encoder in backbone.transformer_layers)
        if any((table != first).any() for table in others):
            raise ValueError(f"The layers of an MPNet must share distances. Received: {model.name}, whose layers learnt apart")
        if backbone.segment_embedding.embeddings.numpy().any():
            raise ValueError(f"An MPNet must have no segments. Received: {model.name}, which learnt them")
        if _tokenizer(model) is None:
            raise ValueError(f"An MPNet must have its vocabulary. Received: {model.name} without")
    elif backbone.layer_norm_epsilon != 1e-12:
        raise ValueError(f"`layer_norm_epsilon` must be 1e-12. Received: {backbone.layer_norm_epsilon}")


def write_folder(model: keras.Model, folder: pathlib.Path) -> None:
    """Writes `config.json`, `model.safetensors`, and the vocabulary or the preprocessing.

    A classifier of texts with one logit gets two, of which the first is 0. Heads of a segmenter that are thinner than its
    backbone are filled up with channels of zeros, since the reference's are as wide as the backbone.

    Args:
        model: one that `check` accepts.
        folder: a new folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    backbone = getattr(model, "backbone", model)
    is_text = isinstance(backbone, bert.BertBackbone)
    kind = "beit" if not is_text else "mpnet" if isinstance(backbone, mpnet.MPNetBackbone) else "bert"
    name = next(name for parent, name in CLASSES.items() if isinstance(model, parent))
    owner = {"bert": "Bert", "mpnet": "MPNet", "beit": "Beit"}[kind]
    config = {"architectures": [owner + name], "model_type": kind, "hidden_act": "gelu", "torch_dtype": "float32"}
    config |= {key: getattr(backbone, size) for size, key in huggingface.SIZES.items()}
    tensors = _text(model, backbone, kind, config) if is_text else _image(model, backbone, config)
    files = _text_files(model, backbone, kind) if is_text else _image_files(model)
    for file, content in ({"config.json": config} | files).items():
        whole = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_text(folder / file, whole)
    arrays = {name: np.ascontiguousarray(array, "float32") for name, array in tensors.items()}
    safetensors.numpy.save_file(arrays, folder / "model.safetensors", {"format": "pt"})


def _labels(names):
    """What `config.json` says of labels, from a sequence of their names."""
    return {
        "id2label": {str(index): name for index, name in enumerate(names)},
        "label2id": {name: index for index, name in enumerate(names)},
    }


# === Text ===


def _text(model, backbone, kind, config):
    """The tensors of a BERT or an MPNet; adds to `config` what is its own."""
    is_classifier = isinstance(model, bert_classifier.BertClassifier)
    positions = backbone.max_sequence_length + (text.BEFORE if kind == "mpnet" else 0)
    config |= {"vocab_size": backbone.vocabulary_size, "max_position_embeddings": positions}
    config |= {"hidden_dropout_prob": backbone.dropout, "attention_probs_dropout_prob": backbone.dropout}
    config |= {"layer_norm_eps": backbone.layer_norm_epsilon, "pad_token_id": 1 if kind == "mpnet" else 0}
    pooler = "classifier.dense" if is_classifier and kind == "mpnet" else "pooler.dense"
    variables = text.named_variables(kind, backbone, pooler)
    tensors = {name: text.reference_tensor(kind, name, variable.numpy()) for name, variable in variables.items()}
    if kind == "mpnet":
        tensors[text.DISTANCES] = backbone.transformer_layers[0].attention.table.numpy()
        config["relative_attention_num_buckets"] = backbone.buckets
        tensors[text.POSITIONS] = np.pad(tensors[text.POSITIONS], [(text.BEFORE, 0), (0, 0)])
        tensors[text.WORDS] = tensors[text.WORDS][[1, 0, *range(2, backbone.vocabulary_size)]]  # the reference pads with 1
    else:
        config["type_vocab_size"] = backbone.num_segments
    if not is_classifier:
        return tensors
    config |= _labels(model.class_names) | {"problem_type": "single_label_classification", "classifier_dropout": model.dropout}
    in_head = (pooler, text.CLASSIFIER[kind]) if kind == "mpnet" else (text.CLASSIFIER[kind],)
    for part, array in zip(text.PARTS, model.classifier.get_weights()):
        both = [0 * array[..., 0], array[..., 0]]
        tensors[f"{text.CLASSIFIER[kind]}.{part}"] = np.stack(both) if model.num_classes == 2 else array.T
    return {name if name.startswith(in_head) else f"{kind}.{name}": array for name, array in tensors.items()}


def _tokenizer(model) -> BertTokenizer | None:
    """The tokenizer that a model of texts reads by, the published one where it is its own; None where it has none."""
    own = model.get_config()["tokenizer"]
    backbone = getattr(model, "backbone", model)
    return bert.made_tokenizer(tokenizer=own) or (bert_tokenizer() if backbone.vocabulary_size >= PUBLISHED else None)


def _text_files(model, backbone, kind) -> dict[str, Any]:
    tokenizer, length = _tokenizer(model), getattr(model, "max_length", None) or backbone.max_sequence_length
    return {} if tokenizer is None else tokenizer_files(tokenizer, length, pad_token_id=1 if kind == "mpnet" else 0)


# === Images ===


def _image(model, backbone, config):
    """The tensors of a BEiT with a head; adds to `config` what is its own."""
    height, width, channels = backbone.image_shape
    config |= {"image_size": height if height == width else [height, width], "num_channels": channels}
    config |= {"patch_size": backbone.patch_size, "initializer_range": backbone.initializer_range, "layer_norm_eps": 1e-12}
    config |= {key: getattr(backbone, name) for name, key in beit.OPTIONS.items()} | {"use_mask_token": backbone.use_mask_token}
    bias = backbone.relative_position_bias
    config |= {"use_relative_position_bias": bias in ("per_layer", "both")}
    config |= {"use_shared_relative_position_bias": bias in ("shared", "both")}
    tensors = {}
    for variable in backbone.variables:
        named = beit.reference_tensors(variable.path, variable.numpy(), config)
        tensors |= {f"beit.{name}": tensor for name, tensor in named.items()}
    if isinstance(model, upernet.UperNetSegmenter):
        return tensors | _segmentation_head(model, tensors, config)
    config |= {"use_mean_pooling": model.pooling != "cls"}
    for layer, name in beit.head_names(model).items():
        for part, array in zip(text.PARTS, model.get_layer(layer).get_weights()):
            tensors[f"{name}.{part}"] = array.T
    if isinstance(model, beit_tasks.BeitClassifier):
        config |= _labels(model.class_names or [f"LABEL_{index}" for index in range(model.num_classes)])
        kind = "multi_label" if model.activation == "sigmoid" else "single_label"
        config["problem_type"] = f"{kind}_classification"
    elif isinstance(model, beit_tasks.BeitMaskedImageModel):
        config["use_mean_pooling"] = not backbone.final_norm
        config["vocab_size"] = model.vocabulary_size
    else:
        return {name.removeprefix("beit."): tensor for name, tensor in tensors.items()}
    return tensors


def _segmentation_head(model, body, config):
    """The tensors of the heads, and of a block after those of `body` where that is needed; adds to `config`."""
    config |= {key: getattr(model, name) for key, name in upernet_names.HEAD.items()}
    config |= {"out_indices": [layer + 2 for layer in model.backbone.feature_layers], "semantic_loss_ignore_index": 255}
    config |= _labels(model.class_names or [f"LABEL_{index}" for index in range(model.num_classes)])
    tensors, count = {}, config["num_hidden_layers"]
    if max(config["out_indices"]) > count:  # the reference reads no map after its last block, so one of zeros follows
        config["num_hidden_layers"], last = count + 1, f"beit.encoder.layer.{count - 1}."
        block = {name.removeprefix(last): array for name, array in body.items() if name.startswith(last)}
        tensors |= {f"beit.encoder.layer.{count}.{name}": 0 * array for name, array in block.items()}
    for layer in model.layers:
        for variable in () if layer is model.backbone else layer.variables:
            array = upernet_names.widened(model, variable.path, variable.numpy())
            name = upernet_names.reference_name(variable.path, model.pool_scales)
            tensors[name] = upernet_names.reference_tensor(variable.path, array)
    return tensors


def _image_files(model) -> dict[str, Any]:
    preprocessing = beit.preprocessing_config(model)
    return {} if preprocessing is None else {"preprocessor_config.json": preprocessing}
