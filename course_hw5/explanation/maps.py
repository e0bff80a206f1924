"""Maps of what an answer came from: one number for each token of a text, or each patch of an image, by several methods.

All are functions of `(model, source, target)`, so that they can be compared. The higher a number, the more its token, or patch,
counts for the target; attention and rollout do not know the target, and random knows nothing.
"""

from collections.abc import Callable
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
        source: a text, or an image, as for `explain`.
        target: a class or a pair of classes, as for `explain`; by default the predicted class.

    Returns:
        Float array `(tokens,)` of a text, [CLS] and [SEP] included, or `(patches,)` of an image.
    """
    asked = _Asked(model, source, target)
    return asked.row(asked.attention()[0][-1].mean(axis=0))


def rollout(model: Model, source: Any, target: Any = None) -> Map:
    """Attention multiplied through the layers (`attention_rollout`); arguments and result as for `attention`."""
    asked = _Asked(model, source, target)
    return asked.row(analysis.attention_rollout(asked.attention()[0]))


def relevance(model: Model, source: Any, target: Any = None) -> Map:
    """Attention times its gradient, through all layers (`token_relevance`); arguments and result as for `attention`."""
    asked = _Asked(model, source, target)
    return asked.row(analysis.token_relevance(*asked.attention()))


def integrated_gradients(model: Model, source: Any, target: Any = None) -> Map:
    """The share of each token in the log-odds, from a source with nothing in it (Sundararajan et al. 2017).

    https://arxiv.org/abs/1703.01365. Nothing is a text whose words are all [MASK], or an image of the mean colour. The numbers
    sum to the difference of the log-odds between both. Arguments and result as for `attention`.
    """
    asked = _Asked(model, source, target)
    return asked.of_tokens(asked.probe.integrated_gradients([asked.target])[0])


def occlusion(model: Model, source: Any, target: Any = None) -> Map:
    """How much the log-odds fall without each word, or patch (Zeiler and Fergus 2014, https://arxiv.org/abs/1311.2901).

    A word becomes [MASK]: all of its word pieces have the same number, and special tokens 0. A patch gets the mean colour of
    the image; of more than 200 patches, squares of several are taken. Arguments and result as for `attention`.
    """
    asked = _Asked(model, source, target)
    groups = asked.groups()
    found, (without,) = np.zeros(asked.probe.tokens), asked.probe.without_tokens([asked.target], groups)
    for group, value in zip(groups, without):
        found[group] = asked.log_odds() - value
    return asked.of_tokens(found)


def random(model: Model, source: Any, target: Any = None, seed: int = 0) -> Map:
    """Numbers drawn evenly from [0, 1), the same for the same seed and number of tokens; what a map must be better than."""
    asked = _Asked(model, source, target)
    return asked.of_tokens(np.random.default_rng(seed).random(asked.probe.tokens))


MAPS: dict[str, Callable[..., Map]] = {
    method.__name__: method for method in (attention, rollout, relevance, integrated_gradients, occlusion, random)
}


class _Asked:
    """A model, a source and a target, checked."""

    def __init__(self, model, source, target):
        expected = "a bert_classifier or a beit_classifier"
        require("model", model, lambda model: isinstance(model, (BertClassifier, BeitClassifier)), expected)
        self.model, self.source, self.is_text = model, source, isinstance(model, BertClassifier)
        self.probe = (text_probe if self.is_text else image_probe)(model, source)
        self.target = target_of(model, target, int(self.probe.logits().argmax()))

    def attention(self):
        """Attention and its gradients, `(layers, heads, tokens, tokens)` each."""
        weights, (gradients,), _ = self.probe.attention([self.target])
        return weights, gradients

    def row(self, matrix):
        """Of `(tokens, tokens)`, what the answer is read from: the row of [CLS], or the mean of those of the patches."""
        return self.of_tokens(matrix[1:].mean(axis=0) if self.model.pooling == "mean" else matrix[0])

    def of_tokens(self, values):
        """Of an image, those of its patches; of a text, those that are no padding."""
        return values[: np.count_nonzero(self.probe.inputs[0])] if self.is_text else values[1:]

    def groups(self):
        return text_groups(self.model, self.source) if self.is_text else windows(self.model.backbone.grid)

    def log_odds(self):
        return self.probe.whole([self.target])[0]
