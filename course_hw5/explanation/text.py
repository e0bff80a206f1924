"""A text as a `bert_classifier` reads it: word pieces, attention, gradients, and what its words are for."""

import dataclasses

import keras
import numpy as np
from jaxtyping import Integer

from course_hw5.attention import analysis
from course_hw5.attention.viewer.page import Page, head_view
from course_hw5.errors import require
from course_hw5.explanation.arrays import of_first
from course_hw5.explanation.extract import extractor
from course_hw5.models.bert_classifier import BertClassifier
from course_hw5.text import encoding

MASKED_WEIGHTS = 1 << 22  # weights of one head, over the masked sentences that are read at once: twelve heads take 0.2 GB
MASKED_WORDS = 100  # of a long text those that counted most: each costs a reading of all of it


@dataclasses.dataclass(frozen=True, eq=False)
class TextExplanation:
    """What `explain` finds of a text.

    Attributes:
        tokens: word pieces, [CLS] and [SEP] included.
        attention: float32 `(layers, heads, tokens, tokens)`.
        gradients: of the predicted class's logit by each weight of `attention`, of the same shape.
        probability: of label 1.
        class_name: of label 1.
        what_if: `(word, first token, last token, probability with that word as [MASK])` for each word, or for the 100 words
            that counted most if there are more.
        sentence_b_start: index of the first token of the second text of a pair, or None.
        truncated_from: number of tokens of the whole text, where the model reads fewer; else None.
    """

    tokens: list[str]
    attention: np.ndarray
    gradients: np.ndarray
    probability: float
    class_name: str
    what_if: list[tuple[str, int, int, float]]
    sentence_b_start: int | None = None
    truncated_from: int | None = None

    def view(self, **options) -> Page | None:
        """Shows it by `head_view`, whose options these are."""
        shown = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "truncated_from"}
        return head_view(**shown | options)


def get_att_tok(
    model: BertClassifier, sentence: str, other: str | None = None, special_tokens: bool = False
) -> tuple[list[str], np.ndarray]:
    """The word pieces of a sentence and the attention between them, as the homework uses them.

    Args:
        model: a `bert_classifier`.
        sentence: string; cut where it exceeds what the model reads.
        other: second string of a pair, or None.
        special_tokens: whether special tokens that are typed are read as such, as by `encode_sentence`.

    Returns:
        List of `tokens` strings, [CLS] and [SEP] included, and a float32 array `(layers, heads, tokens, tokens)` without
        padding.
    """
    ids, _ = token_ids(model, sentence, other, special_tokens)
    attention = extractor(model)(_padded(model, ids))["attention_weights"]
    return tokens_of(model, ids), of_first(attention, len(ids))


def explain_text(model: BertClassifier, text: str, other: str | None = None, special_tokens: bool = False) -> TextExplanation:
    """As `explain`, of a text."""
    ids, other_start = token_ids(model, text, other, special_tokens)
    attention, gradients = _attention_and_gradients(model, ids)
    tokens, tokenizer = tokens_of(model, ids), model.tokenizer
    words = _words(tokens, ids, tokenizer)
    if len(words) > MASKED_WORDS:
        counted = analysis.token_relevance(attention, gradients)[0]
        words = sorted(words, key=lambda word: -counted[word[0] : word[1] + 1].sum())
        words = sorted(words[:MASKED_WORDS])
    probability, *without = _probabilities(model, ids, words)
    names = ["".join(map(tokenizer.without_marks, tokens[first : last + 1])) for first, last in words]
    return TextExplanation(
        tokens=tokens,
        attention=attention,
        gradients=gradients,
        probability=probability,
        class_name=model.class_names[1],
        what_if=[(name, *word, value) for name, word, value in zip(names, words, without)],
        sentence_b_start=other_start,
        truncated_from=_truncated_from(model, len(ids), text, other, special_tokens),
    )


def _attention_and_gradients(model, ids):
    import tensorflow as tf  # here, since models are otherwise neutral

    with tf.GradientTape() as tape:
        recorded = extractor(model)(_padded(model, ids))
        # not by way of the probability, which has no gradient where it is 0 or 1 to float32
        pooled, head = tf.cast(recorded["pooled_output"], "float32"), model.classifier
        logit = tf.abs(tf.matmul(pooled, head.kernel) + head.bias)
    gradients = tape.gradient(logit, recorded["attention_weights"])
    return of_first(recorded["attention_weights"], len(ids)), of_first(gradients, len(ids))


def _probabilities(model, ids, words):
    """Of label 1: of the text, then of the text without each of the words."""
    masked = np.repeat(_padded(model, ids), len(words) + 1, axis=0)
    for row, (first, last) in zip(masked[1:], words):
        row[first : last + 1] = model.tokenizer.mask_token_id
    rows = max(1, MASKED_WEIGHTS // masked.shape[1] ** 2)
    # called and not predicted: a compiled model would compile anew for each length
    outputs = [model(masked[i : i + rows]) for i in range(0, len(masked), rows)]
    return np.concatenate([keras.ops.convert_to_numpy(output)[:, 0] for output in outputs]).tolist()


def _truncated_from(model, read, *text):
    if read < _longest(model):
        return None
    text, other, special_tokens = text
    whole = len(encoding.token_ids(text, 10**6, other, model.tokenizer, special_tokens))
    return whole if whole > read else None


def _longest(model):
    return model.max_length or model.backbone.max_sequence_length


def token_ids(
    model: BertClassifier, text: str, other: str | None = None, special_tokens: bool = False
) -> tuple[Integer[np.ndarray, " tokens"], int | None]:
    """Token ids `(tokens,)` as `BertInputs` reads them, a typed [SEP] negative, and where the second text starts, or None."""
    expected = "a bert_classifier, as bert_classifier(backbone) makes one"
    require("model", model, lambda model: isinstance(model, BertClassifier), expected)
    tokenizer = model.tokenizer
    ids, framing, other_start = encoding.encode(text, _longest(model), other, tokenizer, special_tokens)
    is_typed = (ids == tokenizer.sep_token_id) & ~np.isin(np.arange(len(ids)), framing)
    return np.where(is_typed, -ids, ids), other_start


def tokens_of(model: BertClassifier, ids: np.ndarray) -> list[str]:
    """The word pieces of what `token_ids` gives."""
    return encoding.tokens_of(np.abs(ids), model.tokenizer)


def _padded(model, ids):
    return np.pad(ids, (0, max(0, (model.max_length or 0) - len(ids))))[None]


def _words(tokens, ids, tokenizer):
    """First and last token of each word; special tokens are none."""
    special = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id, tokenizer.mask_token_id)
    words = []
    for index, token in enumerate(tokens):
        if abs(ids[index]) in special:
            continue
        if tokenizer.is_continuation(token) and words and words[-1][1] == index - 1:
            words[-1][1] = index
        else:
            words.append([index, index])
    return words
