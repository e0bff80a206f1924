"""Checks of the notebooks' exercises: each says that an answer is right and why, or what is wrong; none says the answer."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import softmax

NOT_YET = "Not answered yet: write your answer in place of the three dots."


def exercise(why: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Makes a check of a function that returns what is wrong with an answer, or "" if it is right.

    Args:
        why: what a right answer shows.
    """

    def decorate(error_in):
        @functools.wraps(error_in)
        def check(answer: Any, *given: Any) -> str:
            parts = answer if isinstance(answer, (list, tuple)) else [answer]
            if any(part is ... or part is None for part in parts):
                return NOT_YET
            try:
                error = error_in(answer, *given)
            except Exception as raised:  # by the student's function, or by an answer of another type
                error = f"{type(raised).__name__}: {raised}"
            return error if error == NOT_YET else f"Not right yet. {error}" if error else f"Right. {why}"

        return check

    return decorate


def error_in_numbers(found: Any, expected: Any, slips: dict[str, Any]) -> str:
    """What is wrong with an array, or "".

    Args:
        found: the answer; None where a function that a student was to write returns nothing.
        expected: the right array.
        slips: wrong arrays that students are known to give, each under what is said of it.
    """
    if found is None:
        return NOT_YET
    found = np.asarray(found, "float64")
    for text, numbers in {"": expected, **slips}.items():
        if found.shape == np.shape(numbers) and np.allclose(found, numbers, rtol=1e-4, atol=1e-6):
            return text
    if found.shape != np.shape(expected):
        return f"Its shape must be {np.shape(expected)}. Received: {found.shape}."
    return "The shape is right, the numbers are not."


@exercise("Each query gets a mean of the values, weighted by how well their keys fit it.")
def check_attention(attention):
    """`attention(queries, keys, values)`: scaled dot-product attention, `(queries, width)`."""
    random = np.random.default_rng(0)
    queries, keys, values = (random.normal(size=shape) for shape in ((3, 4), (5, 4), (5, 2)))
    products = queries @ keys.T
    weights = softmax(products / 2, axis=-1)
    slips = {
        "The logits are not divided by the square root of a key's length.": softmax(products, axis=-1) @ values,
        "Each query's weights must sum to 1, over the keys.": softmax(products / 2, axis=0) @ values,
        "There is no softmax.": products / 2 @ values,
        "These are the weights: now sum the values, each times its weight.": weights,
    }
    return error_in_numbers(attention(queries, keys, values), weights @ values, slips)


@exercise("Without positions both sentences are the same bag of words, so a network must give both the same answer.")
def check_same_words(sentences):
    """Two sentences of the same words; in each another animal chases."""
    first, second = (sentence.lower().strip(".").split() for sentence in sentences)
    if sorted(first) != sorted(second):
        return f"The words differ: {', '.join(sorted({*first} ^ {*second})) or 'one of them is there more often'}."
    if first.count("chases") != 1 or "chases" in (first[0], second[0]):
        return "Each must say once who “chases” whom."
    who, other = (words[words.index("chases") - 1] for words in (first, second))
    return f"In both the {who} chases." if who == other else ""


@exercise("The last axis is the keys, which are looked at. Heads that find nothing to look for often turn to [SEP].")
def check_attention_to_last(attention_to_last, attention):
    """`attention_to_last(attention)`: mean share that all tokens give to the last one, `(layers, heads)`."""
    slips = {
        "This is what [SEP] gives. What it gets is in the last axis, the keys.": attention[:, :, -1].mean(-1),
        "This is a sum over the queries; a share is their mean.": attention[..., -1].sum(-1),
        "Keep the heads apart: one number for each layer and head.": attention[..., -1].mean((1, 2)),
    }
    return error_in_numbers(attention_to_last(attention), attention[..., -1].mean(-1), slips)


@exercise("What one word means to the model depends on the words around it.")
def check_one_word(changed, sentence, positive):
    """`sentence` with one word replaced, so that the probability `positive(text)` is on the other side of 0.5."""
    before, after = sentence.lower().split(), changed.lower().split()
    if len(before) != len(after) or sum(old != new for old, new in zip(before, after)) != 1:
        return f"Replace one word of the {len(before)}, and keep the others."
    was, now = positive(sentence), positive(changed)
    return f"The probability of positive only went from {was:.3f} to {now:.3f}." if (was > 0.5) == (now > 0.5) else ""


@exercise("Every token looks at every token: the cost grows with the square of the number of patches.")
def check_attention_size(numbers, grid, num_heads):
    """Tokens of an image with a `(rows, columns)` grid of patches, and attention weights of one block."""
    patches = grid[0] * grid[1]
    slips = {
        "Beside the patches there is one more token.": (patches, num_heads * patches**2),
        "The tokens are right; these are the weights of one head.": (patches + 1, (patches + 1) ** 2),
    }
    return error_in_numbers(numbers, (patches + 1, num_heads * (patches + 1) ** 2), slips)


@exercise("It looks as near as a small convolution, though nothing forces it to.")
def check_nearest_head(place, distances):
    """Block and head with the smallest attention distance; `distances` is `(blocks, heads)`."""
    if min(place) < 0:
        return "Blocks and heads are numbered from 0."
    if (distance := distances[tuple(place)]) <= distances.min():
        return ""
    return f"Its attention distance is {distance:.2f} patches; that of another head is smaller."


@exercise("A class of few pixels counts as much in the mean over classes as one that fills half the image.")
def check_iou(iou):
    """`iou(truth, called, label)`: intersection over union of one class."""
    truth, called = np.random.default_rng(0).integers(0, 3, (2, 6, 8))
    is_true, is_called = truth == 1, called == 1
    both, either, total = (is_true & is_called).sum(), (is_true | is_called).sum(), is_true.sum() + is_called.sum()
    slips = {
        "This is recall: pixels that were wrongly given this class must count too.": both / is_true.sum(),
        "This is precision: pixels of the class that were missed must count too.": both / is_called.sum(),
        "This is pixel accuracy, over all classes.": (truth == called).mean(),
        "In the denominator, pixels that are in both masks count twice.": both / total,
        "This is Dice's coefficient: in it, pixels that are in both masks count twice.": 2 * both / total,
    }
    return error_in_numbers(iou(truth, called, 1), both / either, slips)


@exercise("The fine maps say where something ends, the coarse ones what it is.")
def check_pyramid(rows):
    """Rows of UPerNet's four maps, for 640x640 pixels in patches of 16x16."""
    slips = {
        "All start with as many rows as there are patches in a column; three are then resized.": [40, 40, 40, 40],
        "Start from the rows of patches, not of pixels.": [2560, 1280, 640, 320],
    }
    return error_in_numbers(sorted(rows, reverse=True), [160, 80, 40, 20], slips)


@exercise("Nearly all of them lie between the widest layers.")
def check_parameters(parameters):
    """`parameters(widths)`: of a perceptron whose layers have these widths, the input first."""
    widths = [7, 11, 5, 3]
    weights = np.dot(widths[:-1], widths[1:])
    slips = {"Each unit has a bias, too.": weights, "The input has no biases.": weights + sum(widths)}
    return error_in_numbers(parameters(widths), weights + sum(widths[1:]), slips)


@exercise("Recall is about a row: how many of this class were found? Precision is about a column: how many were right?")
def check_precision_and_recall(precision_and_recall):
    """`precision_and_recall(matrix)`: two arrays `(classes,)`, of a confusion matrix with the truth in rows."""
    matrix = np.array([[8, 2, 0], [1, 5, 3], [4, 0, 7]])
    precision, recall = np.diag(matrix) / matrix.sum(0), np.diag(matrix) / matrix.sum(1)
    slips = {
        "The two are swapped: rows are the true classes, columns the predicted ones.": (recall, precision),
        "Both are divided by the sums of rows.": (recall, recall),
        "Both are divided by the sums of columns.": (precision, precision),
    }
    return error_in_numbers(precision_and_recall(matrix), (precision, recall), slips)


@exercise("A model that always says this class reaches that accuracy: what is trained must do better.")
def check_majority(accuracy, labels):
    """The accuracy of always guessing the most frequent class of `labels`, integers."""
    share = np.bincount(labels).max() / len(labels)
    slips = {"One over the number of classes is what guessing at random reaches.": 1 / len({*map(int, labels)})}
    slips["How many have that class, as a share of all?"] = np.bincount(labels).max()
    return error_in_numbers(accuracy, share, {text: number for text, number in slips.items() if not np.isclose(number, share)})


SAME, OTHER = ("Good  film!", "good film"), ("good film", "good films")


@exercise("Texts that a reader would call the same are found, though no byte of them need agree.")
def check_normalized(normalized):
    """`normalized(text)`: equal for texts that differ in case, spaces and punctuation alone."""
    found = [normalized(text) for text in (*SAME, *OTHER)]
    if any(text is None or text is ... for text in found):
        return NOT_YET
    if found[0].lower() == found[1].lower() and found[0] != found[1]:
        return "Letters differ in case."
    if found[0] != found[1]:
        return f"{SAME[0]!r} and {SAME[1]!r} must become the same. Received: {found[0]!r} and {found[1]!r}."
    return "" if found[2] != found[3] else f"{OTHER[0]!r} and {OTHER[1]!r} are not the same."
