"""MPNet's tensors in Hugging Face's format to an `MPNetBackbone` that reads BERT's token ids."""

from collections.abc import Sequence

import numpy as np

from course_hw5.models.checkpoints.huggingface import Head, assign, assign_text_model
from course_hw5.models.mpnet import MPNetBackbone

ARCHITECTURES = ("MPNetModel", "MPNetForMaskedLM", "MPNetForSequenceClassification")
NAMES = (
    "attention.attn.q",
    "attention.attn.k",
    "attention.attn.v",
    "attention.attn.o",
    "attention.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
TABLE = "encoder.relative_attention_bias.weight"
BEFORE = 2  # positions that no token has


def options(config: dict) -> dict:
    """As of BERT; any `layer_norm_eps` is supported."""
    return {"layer_norm_eps": config.get("layer_norm_eps")}


def load(config: dict, tensors: dict[str, np.ndarray], rows: Sequence[int]) -> tuple[MPNetBackbone, Head | None]:
    """Makes the backbone and gives it its weights.

    Args:
        config: dict of `config.json`.
        tensors: dict of float32 arrays by name, with or without the prefix "mpnet.".
        rows: list of the row of the embedding for each token id.

    Returns:
        `MPNetBackbone`, and the kernel `(hidden_dim, labels)` and bias `(labels,)` of a classifier, or None. A masked
        language model knows nothing of a pooled output: its layer is random.

    Raises:
        KeyError: if a tensor is missing, of another shape, or not of numbers.
        ValueError: if the buckets of distances are none.
    """
    tensors = {name.removeprefix("mpnet."): tensor for name, tensor in tensors.items()}
    if len(words := tensors["embeddings.word_embeddings.weight"]) != config.get("vocab_size", len(words)):
        raise KeyError(f"embeddings.word_embeddings.weight: {len(words)} rows for a `vocab_size` of {config['vocab_size']}")
    backbone = MPNetBackbone(
        vocabulary_size=len(rows),
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        mlp_dim=config["intermediate_size"],
        dropout=config.get("hidden_dropout_prob", 0.1),
        max_sequence_length=config["max_position_embeddings"] - BEFORE,
        buckets=config.get("relative_attention_num_buckets", 32),
        layer_norm_epsilon=config.get("layer_norm_eps", 1e-12),
    )
    positions = "embeddings.position_embeddings.weight"
    tensors[positions] = tensors[positions][BEFORE:]
    backbone.segment_embedding.embeddings.assign(np.zeros(backbone.segment_embedding.embeddings.shape))
    for encoder in backbone.transformer_layers:
        assign(encoder.attention.table, tensors[TABLE])
    has_head = "classifier.out_proj.weight" in tensors
    layers = {}
    if has_head or "pooler.dense.weight" in tensors:
        layers["classifier.dense" if has_head else "pooler.dense"] = backbone.pooled_dense
    embeddings = {positions: backbone.position_embedding.position_embeddings}
    ignored = (TABLE, "lm_head.", "classifier.out_proj.", *(["pooler."] if has_head else []))
    assign_text_model(backbone, tensors, NAMES, embeddings, layers, rows, ignored)
    return backbone, (tensors["classifier.out_proj.weight"].T, tensors["classifier.out_proj.bias"]) if has_head else None
