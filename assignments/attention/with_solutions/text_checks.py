"""Parts 4 to 6: BERT's input, rollout, a sentence classifier."""

import functools
import threading

import numpy as np
from reference import bert_embedding_of, rollout_of, softmax
from telling import asked

from course_hw5.exercises import error_in_numbers
from course_hw5.grading.marking import array, call, value


@asked("4a", 5, "BERT's input")
def check_bert_input(variant):
    vocabulary, (first, second) = variant.vocabulary, variant.pair
    found = yield value("answer_4a")
    if error := input_error(found, first, second, vocabulary, 16):
        return error
    unknown = f"{second} zebra"
    found = yield call("bert_input", first, unknown, vocabulary, 20)
    return input_error(found, first, unknown, vocabulary, 20)


def input_error(found, first, second, vocabulary, length):
    """What is wrong with ids, segments and mask of a pair."""
    if not isinstance(found, (list, tuple)) or len(found) != 3 or any(np.shape(part) != (length,) for part in found):
        return f"It must return three lists of {length} integers: ids, segments, mask."
    left, right = ["[CLS]", *first.split(), "[SEP]"], [*second.split(), "[SEP]"]
    used = len(left) + len(right)
    ids = [vocabulary.get(token, vocabulary["[UNK]"]) for token in left + right] + [vocabulary["[PAD]"]] * (length - used)
    without = [vocabulary.get(token, vocabulary["[UNK]"]) for token in (*left[:-1], *right)]
    segments = [0] * len(left) + [1] * len(right) + [0] * (length - used)
    early = [0] * (len(left) - 1) + [1] * (len(right) + 1) + [0] * (length - used)
    to_end = [0] * len(left) + [1] * (length - len(left))
    missed = "There must be a [SEP] after the first text, too."
    wrong = {missed: without + [vocabulary["[PAD]"]] * (length - len(without))}
    if error := error_in_numbers(found[0], ids, wrong):
        return f"The ids: {error}"
    wrong = {
        "The [SEP] after the first text belongs to segment 0.": early,
        "[PAD] has segment 0.": to_end,
        "The segments are swapped.": [1 - number if index < used else 0 for index, number in enumerate(segments)],
    }
    if error := error_in_numbers(found[1], segments, wrong):
        return f"The segments: {error}"
    mask = [1] * used + [0] * (length - used)
    wrong = {"The mask is 1 for tokens and 0 for [PAD].": [1 - number for number in mask]}
    error = error_in_numbers(found[2], mask, wrong)
    return error and f"The mask: {error}"


@asked("4b", 5, "BERT's embedding")
def check_bert_embedding(variant):
    random = variant.random("hidden 4b")
    weights = {
        "token": random.normal(size=(30, 8)),
        "position": random.normal(size=(16, 8)),
        "segment": random.normal(size=(2, 8)),
    }
    weights |= {"gamma": random.normal(size=8), "beta": random.normal(size=8)}
    ids, segments = random.integers(0, 30, 9), np.array([0] * 5 + [1] * 4)
    found = yield call("bert_embedding", ids, segments, weights)
    parts = {"token": ids, "position": np.arange(9), "segment": segments}
    summed = sum(weights[name][index] for name, index in parts.items())
    wrong = {
        f"The {name} embedding is missing.": bert_embedding_of({key: parts[key] for key in parts if key != name}, weights)
        for name in parts
    }
    wrong |= {
        "The layer normalization is missing.": summed,
        "Gamma and beta of the normalization are missing.": (summed - summed.mean(-1, keepdims=True))
        / summed.std(-1, keepdims=True),
        "The normalization is over each token's vector, the last axis.": (summed - summed.mean(0))
        / summed.std(0)
        * weights["gamma"]
        + weights["beta"],
    }
    return error_in_numbers(found, bert_embedding_of(parts, weights), wrong)


@asked("5a", 8, "Attention rollout")
def check_rollout(variant):
    found = yield value("answer_5a")
    if error := rollout_error(found, variant.attention):
        return error
    random = variant.random("hidden 5a")
    attention = softmax(random.normal(size=(4, 2, 6, 6)) * 2)
    found = yield call("rollout", attention)
    return rollout_error(found, attention)


def rollout_error(found, attention):
    mean = attention.mean(1)
    wrong = {
        "The layers are multiplied in the wrong order: a later one stands to the left.": rollout_of(mean[::-1]),
        "The skip connection, half of the identity, is missing.": rollout_of(mean, 0),
        "The heads' mean is needed, not their maximum.": rollout_of(attention.max(1)),
        "Rows must sum to 1: half of the attention and half of the identity.": rollout_of(2 * mean + np.eye(len(mean[0]))),
        "The product is over the transposed weights.": rollout_of(mean.transpose(0, 2, 1)),
        "Only one layer is used.": rollout_of(mean[-1:]),
    }
    return error_in_numbers(found, rollout_of(mean), wrong)


LOCK = threading.Lock()  # several submissions are graded at a time, by one model


@functools.cache
def model():
    """The sentence classifier, in the grader's process."""
    from course_hw5 import load_model

    return load_model("sentiment-minilm")


def reading(sentence):
    """Probability, tokens and attention weights of a sentence."""
    with LOCK:
        return read(sentence)


@functools.cache
def read(sentence):
    from course_hw5.homework import MAXLEN, encode_sentence, get_att_tok

    probability = np.asarray(model()(np.array([encode_sentence(sentence, MAXLEN)], dtype=np.int64)))
    return float(probability[0, 0]), *get_att_tok(model(), sentence)


def agrees(found, right):
    """Whether the log-odds of two arrays of probabilities are alike; probabilities near 1 always are."""
    log_odds = (np.log(p / (1 - p)) for p in (np.clip(array, 1e-7, 1 - 1e-7) for array in (found, right)))
    return np.allclose(*log_odds, rtol=0.005, atol=0.02)


@asked("6a", 5, "Probabilities of a sentence classifier")
def check_probabilities(variant):
    found = array((yield value("answer_6a"))).ravel()
    right = np.array([reading(sentence)[0] for sentence in variant.sentences])
    if found.shape != right.shape:
        return f"There must be one number for each of the 4 sentences. Received: {found.size}."
    if np.isin(found, (0, 1)).all():
        return "These are classes: give the probabilities, and do not round them."
    if ((found < 0) | (found > 1)).any():
        return "A probability is between 0 and 1."
    if agrees(found, right):
        return ""
    if agrees(1 - found, right):
        return "These are the probabilities of negative."
    if agrees(np.sort(found), np.sort(right)):
        return "The order must be that of the sentences."
    return "The probabilities are not those of these sentences."


@asked("6b", 5, "What [CLS] looks at")
def check_looked_at(variant):
    found = yield value("answer_6b")
    if not isinstance(found, list) or len(found) != 4:
        return "It must be a list of 4 tokens."
    readings = [reading(sentence) for sentence in variant.sentences]

    def fits(layer, head, axis):
        for token, (_, tokens, weights) in zip(found, readings):
            row = weights[layer, head, 0] if axis else weights[layer, head, :, 0]
            if token not in {tokens[index] for index in np.flatnonzero(row > row.max() - 1e-3)}:
                return False
        return True

    layer, head = variant.layer, variant.head
    if fits(layer, head, 1):
        return ""
    if fits(layer, head, 0):
        return "This is who looks at [CLS] most: queries are in axis -2, keys in the last one."
    if (layer and head and fits(layer - 1, head - 1, 1)) or fits((layer + 1) % 6, (head + 1) % 12, 1):
        return "Layers and heads are counted from 0."
    return "These are not the tokens with the largest weight."
