"""BERT's tensors in Hugging Face's format to a `BertBackbone`."""

from collections.abc import Sequence

import numpy as np

from course_hw5.models.bert import BertBackbone
from course_hw5.models.checkpoints.huggingface import Head, assign_text_model

ARCHITECTURES = ("BertModel", "BertForMaskedLM", "BertForPreTraining", "BertForSequenceClassification")
NAMES = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)


def options(config: dict) -> dict:
    """The one supported value of each option of `config.json`."""
    return {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}


def load(config: dict, tensors: dict[str, np.ndarray], rows: Sequence[int] | None = None) -> tuple[BertBackbone, Head | None]:
    """Makes the backbone and gives it its weights.

    Args:
        config: dict of `config.json`.
        tensors: dict of float32 arrays by name, with or without the prefix "bert.".
        rows: list of the row of the embedding for each token id; None where they are the same.

    Returns:
        `BertBackbone`, and the kernel `(hidden_dim, labels)` and bias `(labels,)` of a classifier, or None. Of a checkpoint
        without pooler and classifier the pooler is random. Heads of pre-training are left out.

    Raises:
        KeyError: if a tensor is missing, of another shape, not of numbers, or not used.
    """
    tensors = {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}
    has_head = "classifier.weight" in tensors
    backbone = BertBackbone(
        vocabulary_size=config["vocab_size"] if rows is None else len(rows),
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        mlp_dim=config["intermediate_size"],
        dropout=config.get("hidden_dropout_prob", 0.1),
        max_sequence_length=config["max_position_embeddings"],
        num_segments=config.get("type_vocab_size", 2),
    )
    embeddings = {
        "embeddings.position_embeddings.weight": backbone.position_embedding.position_embeddings,
        "embeddings.token_type_embeddings.weight": backbone.segment_embedding.embeddings,
    }
    layers = {"pooler.dense": backbone.pooled_dense} if has_head or "pooler.dense.weight" in tensors else {}
    assign_text_model(backbone, tensors, NAMES, embeddings, layers, rows, ignored=("cls.", "classifier."))
    return backbone, (tensors["classifier.weight"].T, tensors["classifier.bias"]) if has_head else None
