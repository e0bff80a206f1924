"""Parts 1 to 3: attention, several heads, positions."""

import numpy as np
from reference import attention_of, multi_head_of, positions_of, softmax
from telling import asked, number_error, pair_error

from course_hw5.exercises import error_in_numbers
from course_hw5.grading.marking import array, call, value


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
