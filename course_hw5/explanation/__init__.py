"""Why a classifier answers as it does: attention, gradients and what-ifs of one text or image, as arrays."""

from typing import Any, overload

import keras
import numpy as np

from course_hw5.errors import require
from course_hw5.explanation.image import ImageExplanation, explain_image
from course_hw5.explanation.text import TextExplanation, explain_text
from course_hw5.models.beit_tasks import BeitClassifier
from course_hw5.models.bert_classifier import BertClassifier


@overload
def explain(model: BertClassifier, source: str, other: str | None = None, special_tokens: bool = False) -> TextExplanation: ...


@overload
def explain(model: BeitClassifier, source: np.ndarray) -> ImageExplanation: ...


def explain(model: BertClassifier | BeitClassifier, source: Any, other: str | None = None, special_tokens: bool = False) -> Any:
    """Everything that the viewer shows of one text or image: `explain(model, source).view()`.

    Args:
        model: a `bert_classifier` or a `beit_classifier`.
        source: a string, cut where it exceeds what the model reads; or an image `(height, width, channels)` of the size that
            the model reads, or of any size where the model resizes: uint8, or normalised floats for one without preprocessing.
        other: second string of a pair, or None.
        special_tokens: whether special tokens that are typed, such as "[MASK]", are read as such, as by `encode_sentence`.

    Returns:
        `TextExplanation` or `ImageExplanation`: arrays and their neighbours as attributes, and `view()`.

    Raises:
        ValueError: if the model is neither, or the image has another shape or type than it reads.
        NotImplementedError: on another Keras backend than TensorFlow, whose gradient tape this needs.
    """
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(f"`explain` needs the backend tensorflow. Received: {keras.backend.backend()}")
    classes, expected = (BertClassifier, BeitClassifier), "a bert_classifier or a beit_classifier"
    require("model", model, lambda model: isinstance(model, classes), expected)
    if isinstance(model, BertClassifier):
        return explain_text(model, source, other, special_tokens)
    require("other", other, lambda other: other is None, "None for an image")
    return explain_image(model, source)
