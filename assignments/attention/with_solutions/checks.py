"""The hidden checks: what is asked of a submission, what is right, and what is said of mistakes that students make.

They run in the grader's process; a submission's process only gets the arguments of its functions. `wrong` is a dict from what
is said of a mistake to what it would give.
"""

import functools

import numpy as np
from reference import (
    attention_of,
    beit_block_of,
    bert_embedding_of,
    bias_of,
    block_weights,
    multi_head_of,
    positions_of,
    rollout_of,
    softmax,
)

from course_hw5.exercises import error_in_numbers
from course_hw5.grading.marking import array, call, question, value
from course_hw5.grading.statements import REASONS

ALL = []


def asked(number, points, title):
    """Adds a question to the assignment."""

    def add(check):
        ALL.append(question(number, points, title)(check))
        return ALL[-1]

    return add


def pair_error(found, expected, names, wrong):
    """What is wrong with a pair of arrays."""
    if not isinstance(found, (list, tuple)) or len(found) != 2:
        return f"It must return two arrays, {names[0]} and {names[1]}."
    for name, one, right, slips in zip(names, found, expected, wrong):
        if error := error_in_numbers(one, right, slips):
            return f"The {name}: {error}"
    return ""


@asked("1a", 6, "Scaled dot-product attention")
def check_attention(variant):
    random = variant.random("hidden 1a")
    query, key, values = (random.normal(size=shape) for shape in ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)))
    mask = random.random((2, 3, 5, 7)) < 0.6
    mask[..., 0] = True
    for scale, mask_or_none in ((1, None), (1, mask), (200, None)):
        found = yield call("attention", scale * query, scale * key, values, *([] if mask_or_none is None else [mask]))
        expected = attention_of(scale * query, scale * key, values, mask_or_none)
        logits = scale**2 * query @ np.swapaxes(key, -1, -2)
        unscaled, over_queries = softmax(logits), softmax(logits / 2, -2)
        zeroed = np.where(mask, softmax(logits / 2), 0)
        wrong = {
            "the logits are not divided by the square root of dim.": unscaled,
            "the logits are divided by dim, not by its square root.": softmax(logits / 4),
            "the softmax must be over the keys, the last axis.": over_queries,
            "the mask is not used.": softmax(logits / 2),
            "the mask is inverted.": attention_of(query, key, values, ~mask)[1] if scale == 1 else 0,
            "the mask must act before the softmax, so that weights sum to 1.": zeroed,
        }
        if scale > 1 and isinstance(found, list) and not np.isfinite(array(found[1])).all():
            return "Large logits overflow: subtract the largest logit before `exp`."
        outputs = {text: weights @ values for text, weights in wrong.items() if np.shape(weights) == expected[1].shape}
        if error := pair_error(found, expected, ("output", "attention weights"), (outputs, wrong)):
            return error + (" This is with a mask." if mask_or_none is not None else "")
    return ""


@asked("1b", 4, "One attention weight by hand")
def check_weight(variant):
    found = yield value("answer_1b")
    asked_from, asked_to = variant.asked
    logits = variant.queries @ variant.keys.T
    weights = softmax(logits / 2)
    wrong = {
        "This is the weight in the other direction.": weights[asked_to, asked_from],
        "The logits are not divided by the square root of their length.": softmax(logits)[asked_from, asked_to],
        "This is a logit: the softmax over the row is missing.": logits[asked_from, asked_to] / 2,
        "The softmax must be over the keys.": softmax(logits / 2, 0)[asked_from, asked_to],
    }
    return number_error(found, weights[asked_from, asked_to], wrong)


def number_error(found, expected, wrong, tolerance=2e-3):
    """What is wrong with one number, which may be rounded."""
    found = float(array(found))
    for text, number in {"": expected, **wrong}.items():
        if abs(found - number) <= tolerance * max(1e-9, abs(number)):
            return text
    return f"The number is not right. Received: {found:.6g}."


@asked("2a", 6, "Multi-head attention")
def check_multi_head(variant):
    random = variant.random("hidden 2a")
    weights = {name: random.normal(size=(10, 3, 4)) / 2 for name in ("query", "key", "value")}
    weights |= {f"{name}_bias": random.normal(size=(3, 4)) for name in ("query", "key", "value")}
    weights |= {"output": random.normal(size=(3, 4, 10)), "output_bias": random.normal(size=10)}
    x = random.normal(size=(6, 10))
    found = yield call("multi_head_attention", x, weights)
    no_biases = weights | {name: np.zeros_like(weights[name]) for name in weights if name.endswith("bias") and name[0] != "o"}
    wrong = {
        "The logits must be divided by the square root of head_dim, not of dim.": multi_head_of(x, weights, 10),
        "The logits are not divided by the square root of head_dim.": multi_head_of(x, weights, 1),
        "The biases of query, key and value are missing.": multi_head_of(x, no_biases),
        "The bias of the output is missing.": multi_head_of(x, weights) - weights["output_bias"],
        "Query and key are swapped.": multi_head_of(x, swapped(weights)),
    }
    return error_in_numbers(found, multi_head_of(x, weights), wrong)


def swapped(weights):
    """Weights with those of query and key exchanged."""
    other = {"query": "key", "key": "query", "query_bias": "key_bias", "key_bias": "query_bias"}
    return {name: weights[other.get(name, name)] for name in weights}


@asked("2b", 4, "Parameters of multi-head attention")
def check_parameters(variant):
    found = yield value("answer_2b")
    dim, inner = variant.model_dim, variant.num_heads * variant.head_dim
    right = 4 * dim * inner + 3 * inner + dim
    wrong = {
        "The biases are missing.": 4 * dim * inner,
        "The layer that mixes the heads is missing.": 3 * (dim * inner + inner),
        "These are the parameters of one head.": 4 * dim * variant.head_dim + 3 * variant.head_dim + dim,
        "The heads' inner size is not `model_dim` here, but `num_heads` times `head_dim`.": 4 * (dim * dim + dim),
    }
    return number_error(found, right, wrong, 1e-9)


@asked("3a", 5, "Sinusoidal positions")
def check_positions(variant):
    random = variant.random("hidden 3a")
    length, dim = int(random.integers(20, 60)), 2 * int(random.integers(5, 20))
    found = yield call("sinusoidal_positions", length, dim)
    right = positions_of(length, dim)
    wrong = {
        "Sine and cosine must alternate.": np.concatenate([right[:, ::2], right[:, 1::2]], -1),
        "Sine and cosine are swapped.": right.reshape(length, -1, 2)[..., ::-1].reshape(length, dim),
        "The exponent is 2 i / dim, where i counts the pairs.": positions_of(length, dim, 1),
        "Positions are counted from 0.": positions_of(length + 1, dim)[1:],
    }
    return error_in_numbers(found, right, wrong)


@asked("3b", 3, "Wavelengths of positions")
def check_wavelength(variant):
    found = yield value("answer_3b")
    pairs = np.arange(variant.position_dim // 2)
    scale = 10000 ** (2 * pairs / variant.position_dim)
    right = int(np.argmax(2 * np.pi * scale > variant.length))
    wrong = {
        "A full turn is 2 pi.": int(np.argmax(scale > variant.length)),
        "This is the column; `i` counts the pairs of columns.": 2 * right,
        "This one turns just within the length: the next is the first that does not.": right - 1,
    }
    return number_error(found, right, wrong, 1e-9)


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


@functools.cache
def model():
    """The sentence classifier, in the grader's process."""
    from course_hw5 import load_model

    return load_model("sentiment-minilm")


@functools.cache
def reading(sentence):
    """Probability, tokens and attention weights of a sentence."""
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


@asked("7a", 3, "Confusion matrix")
def check_confusion(variant):
    found = yield value("answer_7a")
    if error := confusion_error(found, variant.truth, variant.predictions, 5):
        return error
    truth, predictions = variant.random("hidden 7a").integers(0, 6, (2, 100))
    found = yield call("confusion_matrix", truth, predictions, 7)
    return confusion_error(found, truth, predictions, 7)


def confusion_error(found, truth, predictions, num_classes):
    right = np.zeros((num_classes, num_classes))
    np.add.at(right, (truth, predictions), 1)
    once = (right > 0).astype(float)
    wrong = {
        "Rows must be the true classes, columns the predicted ones.": right.T,
        "Each example must be counted, not each pair of classes once.": once,
        "These are shares: give counts.": right / np.maximum(right.sum(1, keepdims=True), 1),
    }
    return error_in_numbers(found, right, wrong)


@asked("7b", 3, "Weighted scores")
def check_scores(variant):
    random = variant.random("hidden 7b")
    for matrix in (random.integers(1, 20, (4, 4)), random.integers(1, 20, (4, 4)) * [1, 1, 0, 1]):
        found = yield call("scores", matrix)
        names = ("accuracy", "precision", "recall", "f1")
        if not isinstance(found, dict) or {*found} < {*names}:
            return f"It must return a dict with {', '.join(names)}."
        hits, truth, predicted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
        precision, recall, f1 = hits / np.maximum(predicted, 1), hits / truth, 2 * hits / (truth + predicted)
        right = [hits.sum() / matrix.sum(), *((part * truth).sum() / truth.sum() for part in (precision, recall, f1))]
        macro = [right[0], precision.mean(), recall.mean(), f1.mean()]
        of_means = [*right[:3], 2 * right[1] * right[2] / (right[1] + right[2])]
        by_predicted = [right[0], *((part * predicted).sum() / predicted.sum() for part in (precision, recall, f1))]
        wrong = {
            "These are macro averages: weight each class by its number of true examples.": macro,
            "Precision and recall are swapped.": [right[0], right[2], right[1], right[3]],
            "F1 must be averaged over the classes, not computed of the averages.": of_means,
            "The weights are numbers of true examples, not of predicted ones.": by_predicted,
        }
        found = [array(found[name]) for name in names]
        if np.isnan(found).any():
            return "The precision of a class that was never predicted is 0."
        if error := error_in_numbers(found, right, wrong):
            return error
    return ""


@asked("7c", 4, "A perceptron that reads digits")
def check_digits(variant):
    found = array((yield value("digit_predictions")))
    (_, labels), order = variant._digits()
    if found.shape != (360,):
        return f"There must be a class for each of the 360 test images. Received the shape {found.shape}."
    right = (found == labels[order][:360]).mean()
    return "" if right >= 0.9 else f"{100 * right:.0f} % of the test images are right; at least 90 % must be."


@asked("8a", 3, "Patch embedding")
def check_patches(variant):
    random = variant.random("hidden 8a")
    image, kernel, bias = random.normal(size=(6, 9, 2)), random.normal(size=(3, 3, 2, 5)), random.normal(size=5)
    found = yield call("patch_embedding", image, kernel, bias)
    cut = image.reshape(2, 3, 3, 3, 2)
    right = np.einsum("rycxi,yxid->rcd", cut, kernel) + bias
    wrong = {
        "The bias is missing.": (right - bias).reshape(6, 5),
        "Patches must be taken row by row.": right.transpose(1, 0, 2).reshape(6, 5),
        "Return (patches, dim), not a map.": right,
        "`reshape` alone cuts across patches: split both axes, then transpose.": image.reshape(6, -1) @ kernel.reshape(-1, 5)
        + bias,
        "Within a patch, rows and columns are swapped.": np.einsum("rycxi,xyid->rcd", cut, kernel).reshape(6, 5) + bias,
    }
    return error_in_numbers(found, right.reshape(6, 5), wrong)


@asked("8b", 4, "Relative position bias")
def check_bias(variant):
    rows, columns = variant.grid
    table = variant.random("hidden 8b").normal(size=((2 * rows - 1) * (2 * columns - 1) + 3, 3))
    found = yield call("relative_position_bias", table, rows, columns)
    right = bias_of(table, rows, columns)
    offsets = right.copy()
    offsets[:, 0, 1:], offsets[:, 1:, 0] = right[:, 1:, :1].transpose(0, 2, 1)[:, 0], right[:, 0, 1:]
    wrong = {
        "Query and key are swapped: axis 1 is the query.": right.transpose(0, 2, 1),
        "[CLS] to a patch and a patch to [CLS] are swapped.": offsets,
        "The rows for [CLS] are missing.": right[:, 1:, 1:],
        "The heads must come first.": right.transpose(1, 2, 0),
    }
    return error_in_numbers(found, right, wrong)


@asked("8c", 5, "A block of BEiT")
def check_block(variant):
    random = variant.random("hidden 8c")
    x, weights, bias = random.normal(size=(7, 12)), block_weights(random, 12, 20), random.normal(size=(3, 7, 7))
    found = yield call("beit_block", x, weights, bias, 3)
    no_scale = weights | {"lambda_1": np.ones(12), "lambda_2": np.ones(12)}
    wrong = {
        "The position bias is missing.": beit_block_of(x, weights, 0 * bias, 3),
        "LayerScale, lambda_1 and lambda_2, is missing.": beit_block_of(x, no_scale, bias, 3),
        "GELU must be the exact one, not the approximation by tanh.": beit_block_of(x, weights, bias, 3, gelu="tanh"),
        "The skip connections are missing.": beit_block_of(x, weights, bias, 3, skip=False),
        "Normalization comes before attention and before the dense layers.": beit_block_of(x, weights, bias, 3, pre_norm=False),
        "The logits must be divided by the square root of the length of a head's key.": beit_block_of(
            x, weights, bias, 3, scaled=12
        ),
        "The position bias is added to logits that are already divided by the square root.": beit_block_of(
            x, weights, bias / 2, 3
        ),
    }
    return error_in_numbers(found, beit_block_of(x, weights, bias, 3), wrong)


@asked("9", 7, "Mean IoU")
def check_iou(variant):
    found = yield value("answer_9")
    if error := iou_error(found, variant.mask, variant.predicted_mask, 4):
        return error
    truth, predictions = variant.random("hidden 9").integers(0, 3, (2, 10, 10))
    truth[0], truth[5, 5] = 255, 4  # class 3 is in neither mask, class 4 in the truth alone
    found = yield call("mean_iou", truth, predictions, 5)
    return iou_error(found, truth, predictions, 5)


def iou_error(found, truth, predictions, num_classes):
    known = truth != 255

    def scores(known, dice=False, absent=None):
        for label in range(num_classes):
            is_true, is_predicted = (truth == label) & known, (predictions == label) & known
            both, either = (is_true & is_predicted).sum(), (is_true | is_predicted).sum()
            if either:
                yield 2 * both / (both + either) if dice else both / either
            elif absent is not None:
                yield absent

    wrong = {
        "Pixels whose truth is 255 must be ignored.": np.mean([*scores(True)]),
        "A class that is in neither mask must be left out, not count as 0.": np.mean([*scores(known, absent=0)]),
        "A class that is in neither mask must be left out, not count as 1.": np.mean([*scores(known, absent=1)]),
        "This is pixel accuracy.": (truth == predictions)[known].mean(),
        "This is Dice's coefficient: pixels that are in both masks count once in the denominator.": np.mean(
            [*scores(known, True)]
        ),
    }
    if np.isnan(array(found)):
        return "A class that is in neither mask divides 0 by 0: leave it out."
    return error_in_numbers(found, np.mean([*scores(known)]), wrong)


@asked("10", 7, "Convolution as attention")
def check_convolution(variant):
    random, (rows, columns) = variant.random("hidden 10"), variant.grid
    image, kernel = random.normal(size=(rows, columns, 2)), random.normal(size=(3, 3, 2, 4))
    found = yield call("convolution_by_heads", image, kernel)

    def convolved(kernel, mode="constant"):
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode)
        return sum(padded[r : r + rows, c : c + columns] @ kernel[r, c] for r in range(3) for c in range(3))

    weights = np.zeros((9, rows * columns, rows * columns))
    for head in range(9):
        for pixel in range(rows * columns):
            row, column = pixel // columns + head // 3 - 1, pixel % columns + head % 3 - 1
            if 0 <= row < rows and 0 <= column < columns:
                weights[head, pixel, row * columns + column] = 1
    wrong = {
        "a pixel at the border looks into the next row: its neighbour lies outside, so its weights are 0.": wrapped(
            rows, columns
        ),
        "queries and keys are swapped.": weights.transpose(0, 2, 1),
        "the heads go row by row: head 3 * r + c.": weights.reshape(3, 3, *weights.shape[1:])
        .swapaxes(0, 1)
        .reshape(weights.shape),
    }
    outputs = {
        "the kernel is flipped: a layer's convolution is a correlation.": convolved(kernel[::-1, ::-1]),
        "the border is padded with its own values, not with zeros.": convolved(kernel, "edge"),
        "this is the mean of the heads, not their sum.": convolved(kernel) / 9,
    }
    return pair_error(found, (weights, convolved(kernel)), ("attention weights", "output"), (wrong, outputs))


def wrapped(rows, columns):
    """Weights of heads that count pixels in one row only."""
    pixels, weights = np.arange(rows * columns), np.zeros((9, rows * columns, rows * columns))
    for head in range(9):
        seen = pixels + (head // 3 - 1) * columns + head % 3 - 1
        inside = (seen >= 0) & (seen < rows * columns)
        weights[head, pixels[inside], seen[inside]] = 1
    return weights


TRUE = ("No layer", "An encoder layer", "A transformer", "Each decoder", "Multi-head attention is several", "Each head of")
TRUE = (*TRUE, "An encoder without", "In an encoder")
DECISIVE = {"a": REASONS[2], "b": REASONS[0], "c": REASONS[5], "d": REASONS[3]}


def add_statement(topic):
    """Adds the question about one statement."""

    @asked(f"11{topic}", 2, f"True or false, with a reason: {topic}")
    def check_statement(variant):
        found = yield value(f"answer_11{topic}")
        if not isinstance(found, list) or len(found) != 2:
            return "It must be a pair such as (True, 3)."
        verdict, reason = found
        if bool(verdict) != variant.statements[topic].startswith(TRUE):
            return f"The statement is {'false' if verdict else 'true'}."
        return (
            ""
            if int(reason) == variant.reasons.index(DECISIVE[topic])
            else "The statement is judged rightly, but not decided by this reason."
        )

    return check_statement


for name in "abcd":
    add_statement(name)
QUESTIONS = tuple(ALL)
