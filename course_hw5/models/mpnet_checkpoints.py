"""MPNet's tensors in Hugging Face's format, and its vocabulary, to an `MPNetBackbone` that reads BERT's token ids."""

import math

import numpy as np

from course_hw5 import tokenization
from course_hw5.models.beit_checkpoints import assign
from course_hw5.models.mpnet import MPNetBackbone

NAMES = {"[PAD]": "<pad>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
BEFORE = 2  # positions that no token has


def bert_rows(source, pieces):
    """How BERT would read the vocabulary of MPNet, which is BERT's with special tokens of its own besides.

    Args:
        source: file, for errors.
        pieces: list of word pieces.

    Returns:
        BERT's vocabulary, a tuple of word pieces, and a list of the row of MPNet's embedding for each.

    Raises:
        ValueError: if special tokens of either are missing.
    """
    row_of = {piece: row for row, piece in enumerate(pieces)}
    if missing := [name for name in NAMES.values() if name not in row_of]:
        raise ValueError(f"{source} must hold MPNet's special tokens. Received: no {', '.join(missing)}")
    kept = tokenization.checked_vocabulary(source, [piece for piece in pieces if piece not in ("<unk>", *NAMES.values())])
    return kept, [row_of[NAMES.get(piece, piece)] for piece in kept]


def load_mpnet(config, tensors, rows):
    """Makes the backbone and gives it its weights.

    Args:
        config: dict of `config.json`.
        tensors: dict of float32 arrays by name, without the prefix "mpnet.".
        rows: list of the row of the embedding for each of BERT's word pieces.

    Returns:
        `MPNetBackbone`, and the kernel `(hidden_dim, labels)` and bias `(labels,)` of a classifier, or None. A masked
        language model knows nothing of a pooled output: its layer is random.

    Raises:
        KeyError: if a tensor is missing, of another shape, or not of numbers.
        ValueError: if the buckets of distances are none.
    """
    backbone = MPNetBackbone(
        vocabulary_size=len(rows),
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
    if len(words) <= max(rows):
        raise KeyError(f"embeddings.word_embeddings.weight: {len(words)} rows for {max(rows) + 1} word pieces")
    assign(backbone.token_embedding.embeddings, words[rows])
    assign(backbone.position_embedding.position_embeddings, tensors["embeddings.position_embeddings.weight"][BEFORE:])
    backbone.segment_embedding.embeddings.assign(np.zeros(backbone.segment_embedding.embeddings.shape))
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
        assign(attention.table, tensors["encoder.relative_attention_bias.weight"])
    has_head = "classifier.out_proj.weight" in tensors
    if has_head or "pooler.dense.weight" in tensors:
        layers["classifier.dense" if has_head else "pooler.dense"] = backbone.pooled_dense
    for name, layer in layers.items():
        arrays = tensors[f"{name}.weight"].T, tensors[f"{name}.bias"]  # kernels have their axes the other way round
        for variable, array in zip(layer.weights, arrays, strict=True):
            assign(variable, array.reshape(variable.shape) if array.size == math.prod(variable.shape) else array)
    if unused := [name for name in tensors if f"encoder.layer.{backbone.num_layers}." in name]:
        raise KeyError(f"{unused[0]}, of which config.json says nothing")
    head = (tensors["classifier.out_proj.weight"].T, tensors["classifier.out_proj.bias"]) if has_head else None
    return backbone, head
