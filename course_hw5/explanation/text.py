"""A text as a `bert_classifier` reads it: word pieces, attention, gradients, and what its words are for."""

import dataclasses

import keras
import numpy as np

from course_hw5.attention import analysis
from course_hw5.attention.viewer.page import Page, head_view
from course_hw5.attention.viewer.vectors import by_default
from course_hw5.errors import require
from course_hw5.explanation.extract import extractor, of_first, vectors_of_first, with_gradients
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
        vectors: dict of "query", "key" and "value", float32 `(layers, heads, tokens, head_dim)`, and "bias", which broadcasts
            to `attention`; that is the softmax of the scaled products of query and key, plus the bias.
    """

    tokens: list[str]
    attention: np.ndarray
    gradients: np.ndarray
    probability: float
    class_name: str
    what_if: list[tuple[str, int, int, float]]
    sentence_b_start: int | None = None
    truncated_from: int | None = None
    vectors: dict[str, np.ndarray] | None = None

    def view(self, **options) -> Page | None:
        """Shows it by `head_view`, whose options these are, with the `vectors` where they add less than 1 MB."""
        shown = {name: value for name, value in vars(self).items() if name != "truncated_from"}
        return head_view(**shown | {"vectors": by_default(self.vectors)} | options)


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
    tokens, ids, _ = read(model, sentence, other, special_tokens)
    return tokens, of_first(extractor(model)(ids)["attention_weights"], len(tokens))


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
    tokens, ids, _ = read(model, sentence, other, special_tokens)
    parts = model.backbone.embed(model.bert_inputs(ids[:, : len(tokens)].astype("int32")))
    return tokens, {name: keras.ops.convert_to_numpy(keras.ops.cast(part, "float32"))[0] for name, part in parts.items()}


def explain_text(model: BertClassifier, text: str, other: str | None = None, special_tokens: bool = False) -> TextExplanation:
    """As `explain`, of a text."""
    tokens, ids, other_start = read(model, text, other, special_tokens)
    tokenizer, head = model.tokenizer, model.classifier

    def logit(outputs):
        # not by way of the probability, which has no gradient where it is 0 or 1 to float32
        return keras.ops.abs(keras.ops.matmul(keras.ops.cast(outputs["pooled_output"], "float32"), head.kernel) + head.bias)

    outputs, attention, gradients = with_gradients(model, ids, logit, len(tokens))
    words = _words(tokens, ids[0], tokenizer)
    if len(words) > MASKED_WORDS:
        counted = analysis.token_relevance(attention, gradients)[0]
        words = sorted(sorted(words, key=lambda word: -counted[word[0] : word[1] + 1].sum())[:MASKED_WORDS])
    probability, *without = _probabilities(model, ids, words)
    names = ["".join(map(tokenizer.without_marks, tokens[first : last + 1])) for first, last in words]
    what_if = [(name, *word, value) for name, word, value in zip(names, words, without)]
    whole = len(encoding.encode(text, 10**6, other, tokenizer, special_tokens).ids)
    cut_from = whole if whole > len(tokens) else None
    vectors = vectors_of_first(outputs, len(tokens)) | {"bias": of_first(outputs["logit_bias"], len(tokens))}
    answer = (probability, model.class_names[1], what_if)
    return TextExplanation(tokens, attention, gradients, *answer, other_start, cut_from, vectors)


def _probabilities(model, ids, words):
    """Of label 1: of the text, then of the text without each of the words."""
    masked = np.repeat(ids, len(words) + 1, axis=0)
    for row, (first, last) in zip(masked[1:], words):
        row[first : last + 1] = model.tokenizer.mask_token_id
    rows = max(1, MASKED_WEIGHTS // masked.shape[1] ** 2)
    # called and not predicted: a compiled model would compile anew for each length
    outputs = [model(masked[i : i + rows]) for i in range(0, len(masked), rows)]
    return np.concatenate([keras.ops.convert_to_numpy(output)[:, 0] for output in outputs]).tolist()


def read(model: BertClassifier, text: str, other: str | None = None, special_tokens: bool = False) -> tuple:
    """Reads what `encode_sentence` takes, up to the length that the model reads.

    Returns:
        Word pieces; integer ids `(1, length)` as the model reads them, padded where its length is fixed, a typed [SEP]
        negative; and where the second text starts, or None.
    """
    expected = "a bert_classifier, as bert_classifier(backbone) makes one"
    require("model", model, lambda model: isinstance(model, BertClassifier), expected)
    tokenizer, longest = model.tokenizer, model.max_length or model.backbone.max_sequence_length
    ids, framing, other_start = encoding.encode(text, longest, other, tokenizer, special_tokens)
    is_typed = (ids == tokenizer.sep_token_id) & ~np.isin(np.arange(len(ids)), framing)
    padded = np.pad(np.where(is_typed, -ids, ids), (0, max(0, (model.max_length or 0) - len(ids))))
    return encoding.tokens_of(ids, tokenizer), padded[None], other_start


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
