"""Maps of what an answer came from: one number for each token of a text, or each patch of an image, by several methods.

All are functions of `(model, source, target)`, so that they can be compared. The higher a number, the more its token, or patch,
counts for the target; attention and rollout do not know the target, and random knows nothing.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from jaxtyping import Float

from course_hw5.attention import analysis
from course_hw5.errors import require
from course_hw5.explanation.image import image_probe, windows
from course_hw5.explanation.target import target_of
from course_hw5.explanation.text import text_groups, text_probe
from course_hw5.models.beit_tasks import BeitClassifier
from course_hw5.models.bert_classifier import BertClassifier

Model = BertClassifier | BeitClassifier
Map = Float[np.ndarray, " tokens"]  # of an image its patches, row by row


def attention(model: Model, source: Any, target: Any = None) -> Map:
    """Attention of the last layer, heads averaged: of [CLS], or of the mean of the patches where the model reads these.

    Args:
        model: a `bert_classifier` or a `beit_classifier`.
        source: a text, or an image, as for `explain`; or the token ids `(tokens,)` of a text, as `encode_sentence` gives them.
        target: a class or a pair of classes, as for `explain`; by default the predicted class.

    Returns:
        Float array `(tokens,)` of a text, [CLS] and [SEP] included, or `(patches,)` of an image.
    """
    return Question(model, source, target).map("attention")


def rollout(model: Model, source: Any, target: Any = None) -> Map:
    """Attention multiplied through the layers (`attention_rollout`); arguments and result as for `attention`."""
    return Question(model, source, target).map("rollout")


def relevance(model: Model, source: Any, target: Any = None) -> Map:
    """Attention times its gradient, through all layers (`token_relevance`); arguments and result as for `attention`."""
    return Question(model, source, target).map("relevance")


def integrated_gradients(model: Model, source: Any, target: Any = None) -> Map:
    """The share of each token in the log-odds, from a source with nothing in it (Sundararajan et al. 2017).

    https://arxiv.org/abs/1703.01365. Nothing is a text whose words are all [MASK], or an image of the mean colour. The numbers
    sum to the difference of the log-odds between both. Arguments and result as for `attention`.
    """
    return Question(model, source, target).map("integrated_gradients")


def occlusion(model: Model, source: Any, target: Any = None) -> Map:
    """How much the log-odds fall without each word, or patch (Zeiler and Fergus 2014, https://arxiv.org/abs/1311.2901).

    A word becomes [MASK]: all of its word pieces have the same number, and special tokens 0. A patch gets the mean colour of
    the image; of more than 200 patches, squares of several are taken. Arguments and result as for `attention`.
    """
    return Question(model, source, target).map("occlusion")


def random(model: Model, source: Any, target: Any = None, seed: int = 0) -> Map:
    """Numbers drawn evenly from [0, 1), the same for the same seed and number of tokens; what a map must be better than."""
    return Question(model, source, target).map("random", seed)


MAPS: dict[str, Callable[..., Map]] = {
    method.__name__: method for method in (attention, rollout, relevance, integrated_gradients, occlusion, random)
}


class Question:
    """What a model answers to one source, asked again and again; each answer is computed once.

    Args:
        model, source, target: as for `attention`.

    Attributes:
        asked: model, source and target, as they were given.
        target: the `Target`.
        size: how many numbers a map has.
        parts: indices, in a map, of what can be taken out one by one: word pieces but no special tokens, or patches.
    """

    def __init__(self, model: Model, source: Any, target: Any = None):
        expected = "a bert_classifier or a beit_classifier"
        require("model", model, lambda model: isinstance(model, (BertClassifier, BeitClassifier)), expected)
        is_text = isinstance(model, BertClassifier)
        self.model, self.asked = model, (model, source, target)
        self._first = int(not is_text)  # the first token of a map: [CLS] is none of an image's patches
        self.probe = (text_probe if is_text else image_probe)(model, source)
        self._end = np.count_nonzero(self.probe.inputs[0]) if is_text else self.probe.tokens  # without padding
        self.size = self._end - self._first
        self._groups = text_groups(model, source) if is_text else windows(model.backbone.grid)
        self.parts = np.array(sorted(token for group in self._groups for token in group), int) - self._first
        self.target = target_of(model, target, int(self.probe.logits().argmax()))
        self._known: dict[tuple[int, ...], float] = {}

    def map(self, name: str, seed: int = 0) -> Map:
        """One of `MAPS`; the seed is that of `random`."""
        if name == "random":
            return self._of_map(np.random.default_rng(seed).random(self.probe.tokens))
        if name == "integrated_gradients":
            return self._of_map(self.probe.integrated_gradients([self.target])[0])
        if name == "occlusion":
            return self._occlusion()
        if name == "attention":
            return self._row(self._attention[0][-1].mean(axis=0))
        if name == "rollout":
            return self._row(analysis.attention_rollout(self._attention[0]))
        return self._row(analysis.token_relevance(*self._attention))

    def without(self, groups: Iterable[Iterable[int]]) -> Float[np.ndarray, " groups"]:
        """Log-odds of the target without each group of `parts`, by their indices in a map; an empty group takes out none."""
        asked = [tuple(sorted(int(part) + self._first for part in group)) for group in groups]
        new = [*dict.fromkeys(group for group in asked if group not in self._known)]
        self._known |= zip(new, self.probe.without_tokens([self.target], new)[0].tolist())
        return np.array([self._known[group] for group in asked])

    @functools.cached_property
    def _attention(self):
        """Attention and its gradients, `(layers, heads, tokens, tokens)` each."""
        weights, (gradients,), _ = self.probe.attention([self.target])
        return weights, gradients

    def _row(self, matrix):
        """Of `(tokens, tokens)`, what the answer is read from: the row of [CLS], or the mean of those of the patches."""
        return self._of_map(matrix[1:].mean(axis=0) if self.model.pooling == "mean" else matrix[0])

    def _occlusion(self):
        found = np.zeros(self.probe.tokens)
        groups = [np.array(group) - self._first for group in self._groups]
        whole, *without = self.without([(), *groups])
        for group, value in zip(self._groups, without):
            found[group] = whole - value
        return self._of_map(found)

    def _of_map(self, values):
        """Of an image, those of its patches; of a text, those that are no padding."""
        return values[self._first : self._end]
