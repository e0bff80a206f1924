"""The better a key fits the query, the more weight it gets; scaling keeps softmax from giving nearly all of it to one key.

Source: question 1-1 (1), and Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762), section 3.2.1. The homework says that
important parts get less weight: a slip.

Attention is computed step by step for five words whose vectors are set by hand, so that each number can be checked with a
pencil; then for random queries and keys, with and without the division by the square root of their length.

It would be refuted if a key that fits better than another ever got less weight, if Keras computed other numbers, or if without
the scaling the weights of long vectors were as spread out as with it. `weights="negated"` gives important parts less weight, as
the homework says, and `weights="uniform"` gives all the same: either refutes it.
"""

import keras
import numpy as np
from scipy import special, stats

from course_hw5.attention.analysis import attention_entropy
from course_hw5.labs.support import drawing
from course_hw5.labs.support.result import LabResult, check_choice

WORDS = ("the", "cat", "drank", "its", "milk")
# Each word by three properties: how much of a living being, of an action and of an owned thing it is.
KEYS = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0], [1, 0, 1], [0, 0, 3]], "float32")
# What each word asks for: "its" asks for a living being, "drank" for who did it and what was drunk.
QUERIES = np.array([[0, 0, 1], [0, 2, 0], [2, 0, 2], [3, 0, 0], [0, 2, 0]], "float32")
VALUES = np.eye(5, dtype="float32")  # so that the output is the list of weights
LENGTHS = (4, 16, 64, 256, 1024)
WEIGHTS = {
    "softmax": lambda scores: special.softmax(scores, -1),
    "negated": lambda scores: special.softmax(-scores, -1),
    "uniform": lambda scores: np.full_like(scores, 1 / scores.shape[-1]),
}
SIGNS = {"softmax": 1, "negated": -1, "uniform": 0}  # of the logits that give these weights
TITLES = {"softmax": "softmax: the weights", "negated": "softmax of the negated", "uniform": "equal weights"}


def run(seed: int = 0, weights: str = "softmax", samples: int = 2000) -> LabResult:
    """Runs the lab.

    Args:
        seed: of the random queries and keys.
        weights: what makes weights of logits: "softmax", "negated" or "uniform".
        samples: random queries for each length of vectors.
    """
    check_choice("weights", weights, WEIGHTS)
    result, random, weigh = LabResult(__doc__), np.random.default_rng(seed), WEIGHTS[weights]
    products = QUERIES @ KEYS.T
    scores = products / np.sqrt(KEYS.shape[1])
    by_hand = weigh(scores)
    best = by_hand[3].argmax() == products[3].argmax() == 1
    result.check("best_fit", "“its” gives the most weight to “cat”, whose key fits its query best", best)
    result.measure("cat_for_its", "weight that “its” gives to “cat”", by_hand[3, 1])
    _, axes = result.subplots("From queries and keys to weights: each row is a query", 1, 3, figsize=(12, 3.8), style=None)
    steps = {"1. query · key": products, "2. divided by √3": scores, f"3. {TITLES[weights]}": by_hand}
    for axis, (title, values) in zip(axes, steps.items()):
        drawing.heatmap(axis, values, WORDS, WORDS, annot=True, fmt=".2f")
        axis.set_title(title)
    vectors = {name: part[None, None] for name, part in (("query", QUERIES), ("key", KEYS), ("value", VALUES))}
    vectors["scale"] = SIGNS[weights] / np.sqrt(KEYS.shape[1])
    result.show_attention("The weights of the five words", by_hand[None, None], WORDS, vectors=vectors)

    agreement, entropy = [], {"scaled": [], "not scaled": []}
    for length in LENGTHS:
        query, keys = random.normal(size=(samples, 1, length)), random.normal(size=(samples, len(WORDS), length))
        logits = (query @ keys.swapaxes(1, 2))[:, 0]
        scaled = weigh(logits / np.sqrt(length))
        order, expected = (stats.rankdata(part, axis=-1) for part in (scaled, logits))
        agreement.append((order == expected).all(-1).mean())
        entropy["scaled"].append(attention_entropy(scaled).mean())
        entropy["not scaled"].append(attention_entropy(weigh(logits)).mean())
    agree = result.measure("agreement", "share of queries whose weights have the same order as their logits", min(agreement))
    result.check("order", "for every random query, a key with a larger logit gets more weight", agree == 1)

    by_keras = keras.ops.dot_product_attention(*(part[None, :, None] for part in (QUERIES, KEYS, VALUES)))
    difference = np.abs(keras.ops.convert_to_numpy(by_keras)[0, :, 0] - by_hand @ VALUES).max()
    result.measure("difference", "largest difference from Keras", difference)
    result.check("keras", "Keras's dot_product_attention gives the same numbers", difference < 1e-5)

    label = f"entropy of the weights at length {LENGTHS[-1]}"
    scaled = result.measure("entropy_scaled", f"{label}, scaled", entropy["scaled"][-1], "bits")
    not_scaled = result.measure("entropy_not_scaled", f"{label}, not scaled", entropy["not scaled"][-1], "bits")
    label = "without the scaling, the entropy of the weights of long vectors is less than 25 % of that with it"
    result.check("scale", label, not_scaled / scaled < 0.25)
    caption = "Entropy of the weights: with the scaling it does not depend on the length of the vectors"
    _, axes = result.subplots(caption, figsize=(6, 4))
    drawing.lines(axes, LENGTHS, entropy, "oo")
    axes.axhline(np.log2(len(WORDS)), color="grey", linestyle=":", label="all weights equal")
    axes.set(xscale="log", xlabel="length of queries and keys", ylabel="entropy of the weights (bits)", ylim=(0, None))
    axes.legend()
    return result
