"""MPNet's tensors in Hugging Face's format, and its vocabulary, to an `MPNetBackbone` that reads BERT's token ids."""

import math

import numpy as np

from course_hw5 import tokenization
from course_hw5.models.mpnet import MPNetBackbone

NAMES = {"[PAD]": "<pad>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
BEFORE = 2  # positions that no token has


def load_backbone(folder, config, tensors):
    """Makes the backbone and gives it its weights.

    The vocabulary is BERT's with special tokens of its own. Rows of the embedding change places, so that BERT's have the
    meaning of those.

    Args:
        folder: path, for `vocab.txt`.
        config: dict of `config.json`.
        tensors: dict of float32 arrays by name, without the prefix "mpnet.".

    Returns:
        `MPNetBackbone`, and its vocabulary: tuple of word pieces.

    Raises:
        KeyError: if a tensor is missing or has another shape.
        ValueError: if the vocabulary is none of MPNet.
    """
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    row_of = {piece: row for row, piece in enumerate(pieces)}
    if missing := [name for name in NAMES.values() if name not in row_of]:
        raise ValueError(f"{folder}/vocab.txt must hold MPNet's special tokens. Received: no {', '.join(missing)}")
    kept = [piece for piece in pieces if piece not in ("<unk>", *NAMES.values())]
    vocabulary = tokenization.checked_vocabulary(f"{folder}/vocab.txt", kept)
    backbone = MPNetBackbone(
        vocabulary_size=len(kept),
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        intermediate_dim=config["intermediate_size"],
        dropout=config.get("hidden_dropout_prob", 0.1),
        max_sequence_length=config["max_position_embeddings"] - BEFORE,
        buckets=config.get("relative_attention_num_buckets", 32),
        layer_norm_epsilon=config.get("layer_norm_eps", 1e-12),
    )
    words = tensors["embeddings.word_embeddings.weight"]
    if len(words) < len(pieces):
        raise KeyError(f"embeddings.word_embeddings.weight: {len(words)} for {len(pieces)} word pieces")
    words = words[[row_of[NAMES.get(piece, piece)] for piece in kept]]
    positions = tensors["embeddings.position_embeddings.weight"][BEFORE:]
    _set(backbone.token_embedding.weights, "embeddings.word_embeddings", words)
    _set(backbone.position_embedding.weights, "embeddings.position_embeddings", positions)
    backbone.segment_embedding.set_weights([np.zeros_like(backbone.segment_embedding.get_weights()[0])])
    layers = {"embeddings.LayerNorm": backbone.embeddings_layer_norm}
    for index, encoder in enumerate(backbone.transformer_layers):
        name, attention = f"encoder.layer.{index}", encoder._self_attention_layer
        layers |= {
            f"{name}.attention.attn.q": attention._query_dense,
            f"{name}.attention.attn.k": attention._key_dense,
            f"{name}.attention.attn.v": attention._value_dense,
            f"{name}.attention.attn.o": attention._output_dense,
            f"{name}.attention.LayerNorm": encoder._self_attention_layer_norm,
            f"{name}.intermediate.dense": encoder._feedforward_intermediate_dense,
            f"{name}.output.dense": encoder._feedforward_output_dense,
            f"{name}.output.LayerNorm": encoder._feedforward_layer_norm,
        }
        _set([attention.table], "encoder.relative_attention_bias", tensors["encoder.relative_attention_bias.weight"])
    # between [CLS] and a head: a classifier has its own layer, a masked language model none
    pooler = next((name for name in ("classifier.dense", "pooler.dense") if f"{name}.weight" in tensors), None)
    layers |= {pooler: backbone.pooled_dense} if pooler else {}
    for name, layer in layers.items():  # kernels have their axes the other way round
        _set(layer.weights, name, tensors[f"{name}.weight"].T, tensors[f"{name}.bias"])
    if unused := [name for name in tensors if f"encoder.layer.{backbone.num_layers}." in name]:
        raise KeyError(f"{unused[0]}, of which config.json says nothing")
    return backbone, vocabulary


def load_head(tensors):
    """Kernel `(hidden_dim, labels)` and bias `(labels,)` of a classifier; None where there is none."""
    if "classifier.out_proj.weight" not in tensors:
        return None
    return tensors["classifier.out_proj.weight"].T, tensors["classifier.out_proj.bias"]


def _set(variables, name, *arrays):
    for variable, array in zip(variables, arrays, strict=True):
        if array.size != math.prod(variable.shape):
            raise KeyError(f"{name} of shape {array.shape} for {tuple(variable.shape)}")
        variable.assign(array.reshape(variable.shape))
