"""Checks of exercises: right answers of any form pass, of a wrong one is said what is wrong, and an answer may be missing."""

import itertools
import re

import numpy as np
import pytest
from scipy.special import softmax

from course_hw5 import exercises

pytestmark = pytest.mark.unit

ATTENTION = softmax(np.random.default_rng(0).normal(size=(2, 3, 5, 5)), -1)
DISTANCES = np.array([[2.0, 1.5], [0.5, 3.0]])
SENTENCE = "The plot is not bad at all"


def positive(text):
    return 0.02 if "good" in text else 0.97


def attention(queries, keys, values):
    logits = np.einsum("nd,md->nm", queries, keys) / np.sqrt(keys.shape[1])
    weights = np.exp(logits)
    return weights / weights.sum(1, keepdims=True) @ values


def mirrored(function):
    """A wrong answer, made of a right one."""
    return lambda *arrays: function(*arrays)[::-1]


def iou(truth, called, label):
    both = np.logical_and(truth == label, called == label).sum()
    return both / ((truth == label).sum() + (called == label).sum() - both)


def precision_and_recall(matrix):
    return [matrix[i, i] / matrix[:, i].sum() for i in range(3)], [matrix[i, i] / matrix[i].sum() for i in range(3)]


# check, what it gets beside the answer, right answers, wrong answers each with a part of what is said of it
CASES = {
    "attention": (
        (),
        [attention, lambda *parts: attention(*parts).astype("float32")],
        {
            "square root": lambda q, k, v: softmax(q @ k.T, -1) @ v,
            "sum to 1": lambda q, k, v: softmax(q @ k.T / 2, 0) @ v,
            "no softmax": lambda q, k, v: q @ k.T / 2 @ v,
            "These are the weights": lambda q, k, v: softmax(q @ k.T / 2, -1),
            "shape must be (3, 2)": lambda q, k, v: attention(q, k, v).T,
            "the numbers are not": mirrored(attention),
            "ValueError": lambda q, k, v: q @ k,
        },
    ),
    "same_words": (
        (),
        [
            ("the dog chases the cat", "the cat chases the dog"),
            ["Today the old dog chases the cat.", "today the cat chases the old dog"],
        ],
        {
            "fish": ("the dog chases the cat", "the fish chases the dog"),
            "more often": ("the dog chases the cat", "the the cat chases the dog"),
            "who “chases” whom": ("dog the cat", "the cat dog"),
            "In both the dog": ("today the dog chases the cat", "the dog chases the cat today"),
        },
    ),
    "attention_to_last": (
        (ATTENTION,),
        [lambda weights: weights.mean(2)[:, :, -1], lambda weights: weights[..., -1].mean(-1).tolist()],
        {
            "What it gets": lambda weights: weights[:, :, -1].mean(-1),
            "mean": lambda weights: weights[..., -1].sum(-1),
            "heads apart": lambda weights: weights[..., -1].mean((1, 2)),
            "the numbers are not": lambda weights: weights[..., 0].mean(-1),
        },
    ),
    "one_word": (
        (SENTENCE, positive),
        ["The plot is not good at all", "the plot is not good at all"],
        {
            "Replace one word": "The plot is good",
            "keep the others": "The story is not good at all",
            "from 0.970 to 0.970": "The plot is not dull at all",
        },
    ),
    "attention_size": (
        ((16, 16), 3),
        [(257, 3 * 257**2), [257, 198_147]],
        {
            "one more token": (256, 3 * 256**2),
            "one head": (257, 257**2),
            "the numbers are not": (257, 257),
            "Value": (257, "a"),
        },
    ),
    "nearest_head": (
        (DISTANCES,),
        [(1, 0), [1, 0]],
        {"distance is 3.00 patches": (1, 1), "from 0": (-1, 0), "IndexError": (2, 0)},
    ),
    "iou": (
        (),
        [iou, lambda *parts: float(iou(*parts))],
        {
            "recall": lambda t, c, k: ((t == k) & (c == k)).sum() / (t == k).sum(),
            "precision": lambda t, c, k: ((t == k) & (c == k)).sum() / (c == k).sum(),
            "pixel accuracy": lambda t, c, k: (t == c).mean(),
            "Dice": lambda t, c, k: 2 * ((t == k) & (c == k)).sum() / ((t == k).sum() + (c == k).sum()),
            "count twice": lambda t, c, k: ((t == k) & (c == k)).sum() / ((t == k).sum() + (c == k).sum()),
            "the numbers are not": lambda t, c, k: 1 - iou(t, c, k),
        },
    ),
    "pyramid": (
        (),
        [[160, 80, 40, 20], (20, 40, 80, 160)],
        {"then resized": [40] * 4, "not of pixels": [2560, 1280, 640, 320], "shape must be (4,)": [160, 80, 40]},
    ),
    "parameters": (
        (),
        [lambda widths: sum((before + 1) * after for before, after in itertools.pairwise(widths))],
        {
            "a bias, too": lambda widths: sum(before * after for before, after in itertools.pairwise(widths)),
            "input has no biases": lambda widths: sum(a * b for a, b in itertools.pairwise(widths)) + sum(widths),
            "the numbers are not": sum,
        },
    ),
    "majority": (
        (np.repeat([0, 1, 2], [2, 5, 3]),),
        [0.5, np.float64(0.5)],
        {"guessing at random": 1 / 3, "share of all": 5, "the numbers are not": 0.2},
    ),
    "normalized": (
        (),
        [lambda text: " ".join(re.findall(r"\w+", text.lower())), lambda text: re.sub(r"\W+", "", text.casefold())],
        {
            "case": lambda text: " ".join(re.findall(r"\w+", text)),
            "must become the same": str.lower,
            "are not the same": lambda text: text.lower()[:4],
            "TypeError": lambda text: text + 1,
        },
    ),
    "precision_and_recall": (
        (),
        [precision_and_recall, lambda matrix: np.array(precision_and_recall(matrix))],
        {
            "swapped": mirrored(precision_and_recall),
            "sums of rows": lambda matrix: (np.diag(matrix) / matrix.sum(1),) * 2,
            "sums of columns": lambda matrix: (np.diag(matrix) / matrix.sum(0),) * 2,
            "shape must be (2, 3)": lambda matrix: np.diag(matrix) / matrix.sum(0),
        },
    ),
}
FUNCTIONS = ("attention", "attention_to_last", "iou", "normalized", "parameters", "precision_and_recall")


def verdict(name, answer):
    return getattr(exercises, f"check_{name}")(answer, *CASES[name][0])


def test_each_check_is_tested():
    assert {f"check_{name}" for name in CASES} == {name for name in vars(exercises) if name.startswith("check_")}


@pytest.mark.parametrize("name", CASES)
def test_right_answers_of_any_form_are_right(name):
    for answer in CASES[name][1]:
        assert verdict(name, answer).startswith("Right. "), answer


@pytest.mark.parametrize("name", CASES)
def test_of_a_wrong_answer_is_said_what_is_wrong(name):
    for part, answer in CASES[name][2].items():
        assert verdict(name, answer).startswith("Not right yet. ") and part in verdict(name, answer), part


@pytest.mark.parametrize("name", CASES)
def test_a_missing_answer_is_not_wrong(name):
    for answer in (..., None, (..., ...), *[lambda *_: None] * (name in FUNCTIONS)):
        assert verdict(name, answer) == exercises.NOT_YET
