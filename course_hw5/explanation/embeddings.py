"""The vectors that BERT reads."""

import keras
import numpy as np

from course_hw5.explanation.text import token_ids, tokens_of
from course_hw5.models.bert_classifier import BertClassifier


def embedding_parts(
    model: BertClassifier, sentence: str, other: str | None = None, special_tokens: bool = False
) -> tuple[list[str], dict[str, np.ndarray]]:
    """The vectors that BERT's input is the sum of (figures 4 and 5 of the homework).

    Args:
        model: a `bert_classifier`.
        sentence: string.
        other: second string of a pair, or None.
        special_tokens: whether special tokens that are typed are read as such, as by `encode_sentence`.

    Returns:
        List of `tokens` strings, and a dict of float32 arrays `(tokens, hidden_dim)`: "token", "position", "segment", and
        "sum", their sum after layer normalization, which is what the first encoder layer reads.
    """
    ids, _ = token_ids(model, sentence, other, special_tokens)
    parts = model.backbone.embed(model.bert_inputs(ids[None].astype("int32")))
    arrays = {name: keras.ops.convert_to_numpy(keras.ops.cast(part, "float32"))[0] for name, part in parts.items()}
    return tokens_of(model, ids), arrays
