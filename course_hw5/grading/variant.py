"""What differs from student to student: sentences, numbers, images and statements, all from the hash of an ID."""

import functools
import hashlib
import zlib
from typing import Any

import numpy as np

from course_hw5.errors import is_whole, require
from course_hw5.grading.statements import REASONS, STATEMENTS

SUBJECTS = ("plot", "music", "acting", "ending", "dialogue", "camera work", "first half", "script")
PRAISE = ("moving", "brilliant", "charming", "clever", "wonderful", "gripping")
BLAME = ("dull", "clumsy", "predictable", "tiresome", "awful", "shallow")
WORDS = (
    ("the", "cat", "sat", "on", "its", "mat"),
    ("the", "dog", "hid", "in", "its", "bed"),
    ("a", "bird", "left", "with", "its", "egg"),
)
QUESTIONS = ("where do you live", "who wrote this book", "when does it start", "what did she say")
ANSWERS = ("in a small town", "my old friend did", "in the late afternoon", "nothing at all")


def seed_of(student: str) -> int:
    """The seed of a student's variant: 48 bits of the SHA-256 of the ID, without spaces around it and in lower case."""
    require("student", student, lambda name: name.strip(), "an ID that is not empty")
    return int(hashlib.sha256(f"course_hw5:{student.strip().casefold()}".encode()).hexdigest()[:12], 16)


class Variant:
    """The data of one student's assignment. Each attribute depends on the seed alone, and is equally hard for all.

    Args:
        seed: whole number, 0 or more, as `seed_of` gives it.

    Attributes:
        words, queries, keys: six words, and float arrays `(6, 4)`: a query and a key for each.
        asked: two indices of words: which gives the weight, and which gets it.
        model_dim, num_heads, head_dim: sizes of a layer of multi-head attention.
        length, position_dim: a number of tokens, and the length of a position's vector.
        vocabulary, pair: a dict from tokens to ids, and two texts of words in it.
        tokens, attention: eight tokens, and their attention weights, float array `(3, 4, 8, 8)`.
        sentences: four sentences of film reviews.
        layer, head: of the sentence classifier.
        truth, predictions: classes of 60 images, integer arrays.
        grid: rows and columns of patches.
        mask, predicted_mask: segmentation masks, integer arrays `(12, 16)` with 255 for pixels to be ignored.
        statements, reasons: dict from "a" to "d" to a statement, and a list of reasons.
    """

    def __init__(self, seed: int):
        require("seed", seed, is_whole, "a whole number, 0 or more")
        self.seed = int(seed)
        self._attention_by_hand()
        self._sizes()
        self._texts()
        self._classes_and_masks()
        random = self.random("statements")
        self.statements = {topic: wordings[random.integers(len(wordings))] for topic, wordings in STATEMENTS.items()}
        self.reasons = [REASONS[index] for index in random.permutation(len(REASONS))]

    def random(self, name: str) -> np.random.Generator:
        """A generator of random numbers of this student's own for what is called `name`."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def _attention_by_hand(self):
        random = self.random("attention by hand")
        self.words = list(WORDS[random.integers(len(WORDS))])
        self.queries, self.keys = random.integers(-2, 3, (2, 6, 4)) + random.integers(1, 9, (2, 6, 4)) / 10
        self.asked = (4, int(random.choice([1, 2, 5])))
        self.tokens = ["[CLS]", *self.words, "[SEP]"]
        logits = random.normal(size=(3, 4, 8, 8)) * 1.5
        self.attention = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    def _sizes(self):
        random = self.random("sizes")
        self.num_heads, self.head_dim = int(random.integers(3, 13)), int(random.integers(9, 65))
        self.model_dim = int(random.integers(65, 513))
        self.length, self.position_dim = int(random.integers(100, 2000)), 2 * int(random.integers(32, 129))
        self.grid = [(3, 4), (4, 3), (3, 5), (5, 3)][random.integers(4)]

    def _texts(self):
        random = self.random("texts")
        self.pair = (str(random.choice(QUESTIONS)), str(random.choice(ANSWERS)))
        words = random.permutation(sorted({word for text in (*QUESTIONS, *ANSWERS) for word in text.split()}))
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        self.vocabulary = {str(token): 3 * index + 1 if index else 0 for index, token in enumerate([*special, *words])}
        subjects, praise, blame = (random.permutation(words) for words in (SUBJECTS, PRAISE, BLAME))
        self.sentences = [
            f"the {subjects[0]} is {praise[0]} and the {subjects[1]} is {praise[1]}",
            f"the {subjects[2]} is not {praise[2]} at all",
            f"i liked the {subjects[3]} but the {subjects[4]} was {blame[0]}",
            f"a {blame[1]} film with a {blame[2]} {subjects[5]}",
        ]
        self.layer, self.head = int(random.integers(6)), int(random.integers(12))

    def _classes_and_masks(self):
        random = self.random("classes")
        self.truth = np.concatenate([np.arange(5), random.choice(5, 55, p=[0.3, 0.25, 0.2, 0.15, 0.1])])
        is_wrong = random.random(60) < 0.35
        self.predictions = np.where(is_wrong, random.integers(0, 5, 60), self.truth)
        self.mask, self.predicted_mask = scene(random), scene(random)
        self.predicted_mask = np.where(random.random((12, 16)) < 0.6, self.mask, self.predicted_mask)
        self.predicted_mask[self.predicted_mask == 255] = 0

    @functools.cached_property
    def digits(self) -> dict[str, Any]:
        """scikit-learn's digits: "train_images" `(1437, 64)` in [0, 1], "train_labels" and "test_images" `(360, 64)`."""
        (images, _), order = self._digits()
        pixels = images[order].astype("float32") / 16
        return {"train_images": pixels[360:], "train_labels": self._digits()[0][1][order][360:], "test_images": pixels[:360]}

    def _digits(self):
        from sklearn.datasets import load_digits

        return load_digits(return_X_y=True), self.random("digits").permutation(1797)


def scene(random: np.random.Generator) -> np.ndarray:
    """A segmentation mask of three classes in bands, with some pixels to be ignored: integer array `(12, 16)`."""
    rows = np.sort(random.choice(np.arange(2, 11), 2, replace=False))
    mask = np.digitize(np.arange(12)[:, None] + random.integers(-1, 2, 16), rows)
    mask[random.random(mask.shape) < 0.1] = 255
    return mask
