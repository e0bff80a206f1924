"""A text as a `bert_classifier` reads it: word pieces, attention, gradients, and what its words are for."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import keras
import numpy as np
import scipy.special

from course_hw5.attention import analysis
from course_hw5.attention.viewer.answers import Answer, opposite
from course_hw5.attention.viewer.page import Page, head_view
from course_hw5.attention.viewer.vectors import by_default
from course_hw5.errors import require
from course_hw5.explanation import ablation as ablations
from course_hw5.explanation.extract import extractor, of_first, vectors_of_first
from course_hw5.explanation.probe import Probe
from course_hw5.explanation.target import likely_targets, target_of
from course_hw5.models.bert_classifier import BertClassifier
from course_hw5.text import encoding

PAGE_GRADIENTS = 1 << 22  # weights, above which a page has the relevance of one class alone
MASKED_WORDS = 100  # of a long text those that counted most: each costs a reading of all of it


@dataclasses.dataclass(frozen=True, eq=False)
class TextExplanation:
    """What `explain` finds of a text.

    Attributes:
        tokens: word pieces, [CLS] and [SEP] included.
        attention: float32 `(layers, heads, tokens, tokens)`.
        gradients: of the log-odds of the target, by default of the predicted class, by each weight of `attention`, of the same
            shape.
        probability: of the target, by default of label 1, or of three classes or more of the predicted one; so are all numbers
            that follow.
        class_name: what `probability` is of.
        what_if: `(word, first token, last token, probability, log-odds)`, both with that word as [MASK], for each word, or for
            the 100 words that counted most if there are more.
        log_odds: log(p / (1 - p)) of `probability`, exact where that is 0 or 1 to float32.
        head_changes: float32 `(layers, heads)`: what is added to the log-odds when that head is silenced; None if not asked
            for.
        layer_changes: float32 `(layers,)`: the same of all heads of a layer; None if not asked for.
        integrated_gradients: float32 `(tokens,)`: the share of each token in the log-odds, from a text of which each word is
            [MASK]; they sum to what the words add to the log-odds. None if not asked for.
        occlusion: float32 `(tokens,)`: how much the log-odds fall when the token's word is masked; 0 for those that are not in
            `what_if`. None if not asked for.
        answers: the classes that a page can explain, the target or the predicted class first.
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
    what_if: list[tuple[str, int, int, float, float]]
    log_odds: float
    head_changes: np.ndarray | None = None
    layer_changes: np.ndarray | None = None
    integrated_gradients: np.ndarray | None = None
    occlusion: np.ndarray | None = None
    answers: Sequence[Answer] = ()
    sentence_b_start: int | None = None
    truncated_from: int | None = None
    vectors: dict[str, np.ndarray] | None = None

    def view(self, **options) -> Page | None:
        """Shows it by `head_view`, whose options these are, with the `vectors` where they add less than 1 MB."""
        shown = ("attention", "tokens", "answers", "sentence_b_start")
        given = {name: getattr(self, name) for name in shown} | {"vectors": by_default(self.vectors)}
        return head_view(**given | options)


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


def explain_text(
    model: BertClassifier,
    text: str,
    other: str | None = None,
    special_tokens: bool = False,
    target: Any = None,
    ablate: ablations.Heads | None = None,
    ablation: str = "zero",
    maps: Collection[str] = (),
) -> TextExplanation:
    """As `explain`, of a text."""
    probe, words, tokens, other_start = _probe(model, text, other, special_tokens, ablations.silenced(model, ablate, ablation))
    tokenizer = model.tokenizer
    logits = probe.logits()
    predicted = target_of(model, target, int(logits.argmax()))
    answer = predicted if model.num_classes > 2 else target_of(model, target, 1)
    targets = likely_targets(model, answer, logits) if model.num_classes > 2 else [answer]
    # of two classes, the gradients are those of the predicted one
    asked = targets if model.num_classes > 2 else [predicted]
    attention, gradients, outputs = probe.attention(asked, len(tokens))
    if len(words) > MASKED_WORDS:
        counted = analysis.token_relevance(attention, gradients[0])[0]
        words = sorted(sorted(words, key=lambda word: -counted[word[0] : word[1] + 1].sum())[:MASKED_WORDS])
    names = ["".join(map(tokenizer.without_marks, tokens[first : last + 1])) for first, last in words]
    log_odds = probe.whole(targets)
    without = probe.without_tokens(targets, [range(first, last + 1) for first, last in words])
    parts = _maps(probe, targets, ablation, maps, log_odds, words, without, len(tokens))
    of_words = [_what_if(names, words, odds) for odds in without]
    said = zip(targets, scipy.special.expit(log_odds).tolist(), log_odds, of_words, parts)
    answers = [Answer(one.name, share, odds, None, masked, **more) for one, share, odds, masked, more in said]
    answers = _for_page(model, answers, targets, predicted, gradients)
    whole = len(encoding.encode(text, 10**6, other, tokenizer, special_tokens).ids)
    found = parts[0] | {"sentence_b_start": other_start, "truncated_from": whole if whole > len(tokens) else None}
    found["vectors"] = vectors_of_first(outputs, len(tokens)) | {"bias": of_first(outputs["logit_bias"], len(tokens))}
    probability = float(scipy.special.expit(log_odds[0]))
    first = (tokens, attention, gradients[0], probability, answer.name, of_words[0], log_odds[0])
    return TextExplanation(*first, answers=answers, **found)


def _what_if(names, words, log_odds):
    """Each word, its first and last token, and what the model says of a class without it."""
    masked = zip(scipy.special.expit(log_odds).tolist(), log_odds.tolist())
    return [(name, *word, *values) for name, word, values in zip(names, words, masked)]


def _for_page(model, answers, targets, predicted, gradients):
    """The answers with their gradients; of two classes both, the predicted one, or the target, first."""
    if model.num_classes > 2:
        answers = [dataclasses.replace(one, gradients=by) for one, by in zip(answers, gradients)]
    else:
        answer, is_predicted = targets[0], targets[0].index == predicted.index
        first = dataclasses.replace(answers[0], gradients=gradients[0] if is_predicted else -gradients[0])
        others = (1 - answer.index,) if answer.against is None else (answer.against, answer.index)
        answers = [first, opposite(first, " : ".join(model.class_names[i] for i in others))][:: 1 if is_predicted else -1]
    if gradients[0].size > PAGE_GRADIENTS:
        answers[1:] = [dataclasses.replace(one, gradients=None) for one in answers[1:]]
    return answers


def text_probe(model: BertClassifier, text: str, other: str | None = None, special_tokens: bool = False) -> Probe:
    """The `Probe` of a text, in which a token is taken out by [MASK]; special tokens stay. Arguments as for `explain`."""
    return _probe(model, text, other, special_tokens, ablations.silenced(model, None))[0]


def text_groups(model: BertClassifier, text: str) -> list[list[int]]:
    """The tokens of each word of a text, by their indices."""
    tokens, ids, _ = read(model, text)
    return [[*range(first, last + 1)] for first, last in _words(tokens, ids[0], model.tokenizer)]


def _probe(model, text, other, special_tokens, shares):
    """The probe of a text, the first and last token of its words, its tokens, and where the second text starts."""
    tokens, ids, other_start = read(model, text, other, special_tokens)
    words, baseline = _words(tokens, ids[0], model.tokenizer), ids.copy()
    for first, last in words:
        baseline[0, first : last + 1] = model.tokenizer.mask_token_id
    return Probe(model, ids, baseline, ids.shape[1], shares), words, tokens, other_start


def _maps(probe, targets, ablation, maps, log_odds, words, without, tokens):
    """What `explain` has of `maps` for each target, by the names of attributes."""
    found = probe.head_parts(targets, ablation) if "heads" in maps else [{} for _ in targets]
    if "integrated_gradients" in maps:
        for one, values in zip(found, probe.integrated_gradients(targets)):
            one["integrated_gradients"] = np.float32(values[:tokens])
    if "occlusion" in maps:
        for one, whole, odds in zip(found, log_odds, without):
            one["occlusion"] = np.zeros(tokens, "float32")
            for (first, last), value in zip(words, odds):
                one["occlusion"][first : last + 1] = whole - value
    return found


def read(model: BertClassifier, text: str, other: str | None = None, special_tokens: bool = False) -> tuple:
    """Reads what `encode_sentence` takes, up to the length that the model reads.

    Returns:
        Word pieces; integer ids `(1, length)` as the model reads them, padded where its length is fixed, a typed [SEP]
        negative; and where the second text starts, or None.
    """
    expected = "a bert_classifier, as bert_classifier(backbone) makes one"
    require("model", model, lambda model: isinstance(model, BertClassifier), expected)
    tokenizer, longest = model.tokenizer, model.max_length or model.backbone.max_sequence_length
    if isinstance(text, np.ndarray):
        return _read_ids(text, tokenizer, longest, model.max_length or 0)
    ids, framing, other_start = encoding.encode(text, longest, other, tokenizer, special_tokens)
    is_typed = (ids == tokenizer.sep_token_id) & ~np.isin(np.arange(len(ids)), framing)
    padded = np.pad(np.where(is_typed, -ids, ids), (0, max(0, (model.max_length or 0) - len(ids))))
    return encoding.tokens_of(ids, tokenizer), padded[None], other_start


def _read_ids(ids, tokenizer, longest, length):
    """As `read`, of the token ids of a text, such as a data set holds them; trailing zeros are padding."""
    expected = f"a string, or token ids of shape (tokens,), 1 to {longest} of them before the padding"
    require("text", ids, lambda ids: ids.ndim == 1 and ids.dtype.kind in "iu", expected)
    ids = np.trim_zeros(ids, "b").astype("int64")
    require("text", ids, lambda ids: 0 < len(ids) <= longest and np.abs(ids).max() < tokenizer.vocabulary_size(), expected)
    return encoding.tokens_of(np.abs(ids), tokenizer), np.pad(ids, (0, max(0, length - len(ids))))[None], None


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
