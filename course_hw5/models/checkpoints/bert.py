"""BERT and MPNet in Hugging Face's format: the names of `transformers`' tensors, and what a head says.

An MPNet reads BERT's token ids here.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from course_hw5.layers.layer import Shape
from course_hw5.models import bert, bert_classifier, mpnet
from course_hw5.models.checkpoints import huggingface
from course_hw5.text.tokenizer import BertTokenizer, bert_tokenizer
from course_hw5.text.tokenizer_files import read_tokenizer

Head = tuple[np.ndarray, np.ndarray]  # kernel `(hidden_dim, labels)` and bias `(labels,)` of a classifier
ARCHITECTURES = {
    "bert": ("BertModel", "BertForMaskedLM", "BertForPreTraining", "BertForSequenceClassification"),
    "mpnet": ("MPNetModel", "MPNetForMaskedLM", "MPNetForSequenceClassification"),
}
ATTENTION = {  # query, key, value, output, normalization
    "bert": ("self.query", "self.key", "self.value", "output.dense", "output.LayerNorm"),
    "mpnet": ("attn.q", "attn.k", "attn.v", "attn.o", "LayerNorm"),
}
WORDS, POSITIONS = "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"
SEGMENTS, DISTANCES = "embeddings.token_type_embeddings.weight", "encoder.relative_attention_bias.weight"
CLASSIFIER = {"bert": "classifier", "mpnet": "classifier.out_proj"}
PARTS = ("weight", "bias")
UNREAD = {"bert": ("cls.",), "mpnet": (DISTANCES, "lm_head.")}  # heads of pre-training
BEFORE = 2  # positions of an MPNet that no token has


def load_text_model(folder, config: dict, image_shape: Shape | None) -> bert.BertBackbone | bert_classifier.BertClassifier:
    """Makes the model that a folder holds.

    Args:
        folder: path of the folder.
        config: dict of its `config.json`.
        image_shape: None; texts have none.

    Returns:
        As `completed`.

    Raises:
        ValueError: if the model, its tokenizer or an option is none that is known, or an MPNet has no vocabulary.
        KeyError: if a tensor is missing, of another shape, not of numbers, or not used.
    """
    kind = config["model_type"]
    if image_shape is not None:
        raise ValueError(f"`image_shape` must be None but for a BEiT. Received: {image_shape}, {kind}")
    options = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}
    if kind == "mpnet":  # any `layer_norm_eps` is supported
        options = {"layer_norm_eps": config.get("layer_norm_eps")}
    huggingface.check_config(folder, config, ARCHITECTURES[kind], problem_type="single_label_classification", **options)
    tokenizer, rows = read_tokenizer(folder, kind)
    if tokenizer is None and kind == "mpnet":
        raise ValueError(f"{folder} must hold vocab.txt, by which ids become BERT's. Received: {huggingface.listed(folder)}")
    backbone, head = read_backbone(config, huggingface.read_tensors(folder), rows)
    dropout = config.get("classifier_dropout") if kind == "bert" else None
    dropout = config.get("hidden_dropout_prob", 0.1) if dropout is None else dropout
    names = huggingface.label_names(config, head[0].shape[1]) if head else None
    return completed(folder, backbone, tokenizer, head, names, dropout)


def read_backbone(config: dict, tensors: dict, rows: Sequence[int] | None = None) -> tuple[bert.BertBackbone, Head | None]:
    """Makes the backbone and gives it its weights.

    Args:
        config: dict of `config.json`.
        tensors: dict of float32 arrays by name, with or without the prefix "bert." or "mpnet.".
        rows: list of the row of the embedding for each token id; None where they are the same.

    Returns:
        `BertBackbone` or `MPNetBackbone`, and the kernel `(hidden_dim, labels)` and bias `(labels,)` of a classifier, or None.
        Of a checkpoint without pooler and classifier the pooler is random. Heads of pre-training are left out.

    Raises:
        KeyError: if a tensor is missing, of another shape, not of numbers, or not used.
        ValueError: if the buckets of distances are none.
    """
    kind = config["model_type"]
    tensors = {name.removeprefix(f"{kind}."): tensor for name, tensor in tensors.items()}
    backbone = _make_backbone(kind, config, tensors, rows)
    classifier, pooler = CLASSIFIER[kind], "pooler.dense"
    has_head, ignored = f"{classifier}.weight" in tensors, (f"{classifier}.", *UNREAD[kind])
    if has_head and kind == "mpnet":
        pooler, ignored = "classifier.dense", (*ignored, "pooler.")
    variables = named_variables(kind, backbone, pooler)
    if not has_head and f"{pooler}.weight" not in tensors:
        kernel, _ = (variables.pop(f"{pooler}.{part}") for part in PARTS)
        kernel.assign(backbone.pooled_dense.kernel_initializer(kernel.shape))
    _assign(tensors, variables, ignored)
    return backbone, (tensors[f"{classifier}.weight"].T, tensors[f"{classifier}.bias"]) if has_head else None


def named_variables(kind: str, backbone: bert.BertBackbone, pooler: str) -> dict[str, keras.Variable]:
    """The variables of a backbone by the names of their tensors, without "bert." or "mpnet.".

    Those that have no tensor of their own are left out: MPNet's segments and distances.

    Args:
        kind: "bert" or "mpnet".
        backbone: `BertBackbone` or `MPNetBackbone`.
        pooler: name of the pooler's layer.
    """
    variables = {WORDS: backbone.token_embedding.embeddings, POSITIONS: backbone.position_embedding.position_embeddings}
    if kind == "bert":
        variables[SEGMENTS] = backbone.segment_embedding.embeddings
    layers: dict[str, Any] = {"embeddings.LayerNorm": backbone.embeddings_layer_norm, pooler: backbone.pooled_dense}
    names = (*(f"attention.{part}" for part in ATTENTION[kind]), "intermediate.dense", "output.dense", "output.LayerNorm")
    for index, encoder in enumerate(backbone.transformer_layers):
        layers |= {f"encoder.layer.{index}.{name}": layer for name, layer in zip(names, encoder.weighted_layers, strict=True)}
    for name, layer in layers.items():
        variables |= {f"{name}.{part}": variable for part, variable in zip(PARTS, layer.weights, strict=True)}
    return variables


def reference_tensor(kind: str, name: str, array: np.ndarray) -> np.ndarray:
    """The tensor of a variable among `named_variables`; the reverse of what `read_backbone` does."""
    if name in (WORDS, POSITIONS, SEGMENTS):
        return array
    if name.endswith("bias") or array.ndim == 1:
        return array.ravel()
    is_output = name.endswith(f"{ATTENTION[kind][3]}.weight")  # (heads, size, width), all others (width, heads, size)
    return array.reshape((-1, array.shape[-1]) if is_output else (len(array), -1)).T


def _make_backbone(kind, config, tensors, rows):
    """The backbone of `config`, and of an MPNet what BERT does not have; changes `tensors` to what the rest is made of."""
    sizes = huggingface.read_sizes(config) | {"dropout": config.get("hidden_dropout_prob", 0.1)}
    sizes |= {"vocabulary_size": config["vocab_size"] if rows is None else len(rows)}
    words, length = tensors[WORDS], config["max_position_embeddings"]
    if kind == "bert":
        backbone = bert.BertBackbone(**sizes, max_sequence_length=length, num_segments=config.get("type_vocab_size", 2))
    else:
        if len(words) != config.get("vocab_size", len(words)):
            raise KeyError(f"{WORDS}: {len(words)} rows for a `vocab_size` of {config['vocab_size']}")
        sizes |= {"max_sequence_length": length - BEFORE, "buckets": config.get("relative_attention_num_buckets", 32)}
        backbone = mpnet.MPNetBackbone(**sizes, layer_norm_epsilon=config.get("layer_norm_eps", 1e-12))
        tensors[POSITIONS] = tensors[POSITIONS][BEFORE:]
        segments = backbone.segment_embedding.embeddings
        segments.assign(np.zeros(segments.shape))
        for encoder in backbone.transformer_layers:
            huggingface.assign(encoder.attention.table, tensors[DISTANCES])
    if rows is not None:
        if len(words) <= max(rows):
            raise KeyError(f"{WORDS}: {len(words)} rows for {max(rows) + 1} word pieces")
        tensors[WORDS] = words[rows]
    return backbone


def _assign(tensors, variables, ignored):
    """Sets variables by the names of their tensors; raises KeyError if a tensor is left that may not be `ignored`."""
    for name, variable in variables.items():
        array = tensors[name] if name in (WORDS, POSITIONS, SEGMENTS) else tensors[name].T  # kernels: the other way round
        is_flat = array.ndim < len(variable.shape) and array.size == math.prod(variable.shape)  # of attention's heads
        huggingface.assign(variable, array.reshape(variable.shape) if is_flat else array)
    for name in tensors:
        if name not in variables and not name.startswith(ignored) and not name.endswith("position_ids"):
            raise KeyError(f"{name}, of which config.json says nothing")


def completed(source, backbone: bert.BertBackbone, tokenizer: BertTokenizer | None, head: Head | None, names=None, dropout=0.1):
    """The backbone with its tokenizer, or the classifier on it.

    Args:
        source: folder or name, for errors.
        backbone: `BertBackbone`.
        tokenizer: `BertTokenizer`, or None for the published uncased one.
        head: kernel `(hidden_dim, labels)` and bias `(labels,)`; or None.
        names: list of the labels' names; None for "LABEL_0", "LABEL_1" ...
        dropout: rate before the last layer.
    """
    if tokenizer is not None:
        bert.check_embeddings(source, backbone, tokenizer)
    if head is None:
        if tokenizer is not None and tokenizer != bert_tokenizer():
            backbone.tokenizer = tokenizer  # a classifier on it must not read the published one's ids
        return backbone
    (kernel, bias), labels = head, head[0].shape[1]
    names = names or [f"LABEL_{label}" for label in range(labels)]
    if labels == 1:
        names = [f"not {names[0]}", *names]
    elif (
        labels == 2
    ):  # two logits: their difference is the logit of the second label, or of the first where that alone is "positive"
        is_positive = [name.lower().startswith("pos") for name in names]
        order = slice(None, None, -1) if is_positive == [True, False] else slice(None)
        names, kernel, bias = names[order], np.diff(kernel[:, order]), np.diff(bias[order])
    model = bert_classifier.bert_classifier(backbone, dropout=dropout, tokenizer=tokenizer, class_names=names)
    model.classifier.set_weights([kernel, bias])
    return model
