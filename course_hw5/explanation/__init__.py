"""Why a classifier answers as it does: attention, gradients and what-ifs of one text or image, as arrays."""

from collections.abc import Collection
from typing import Any, TypeAlias, overload

import keras
import numpy as np

from course_hw5.errors import require
from course_hw5.explanation.ablation import Heads
from course_hw5.explanation.image import ImageExplanation, explain_image
from course_hw5.explanation.text import TextExplanation, explain_text
from course_hw5.models.beit_tasks import BeitClassifier
from course_hw5.models.bert_classifier import BertClassifier
from course_hw5.models.upernet import UperNetSegmenter

Target: TypeAlias = str | int | tuple[str | int, str | int] | None
At: TypeAlias = tuple[int, int] | tuple[int, int, int, int] | np.ndarray
MAPS = ("heads", "integrated_gradients", "occlusion")


@overload
def explain(
    model: BertClassifier,
    source: str,
    other: str | None = None,
    special_tokens: bool = False,
    *,
    target: Target = None,
    ablate: Heads | None = None,
    ablation: str = "zero",
    maps: Collection[str] = MAPS,
) -> TextExplanation: ...


@overload
def explain(
    model: BeitClassifier,
    source: np.ndarray,
    *,
    target: Target = None,
    ablate: Heads | None = None,
    ablation: str = "zero",
    maps: Collection[str] = MAPS,
) -> ImageExplanation: ...


@overload
def explain(
    model: UperNetSegmenter,
    source: np.ndarray,
    *,
    at: At,
    target: Target = None,
    ablate: Heads | None = None,
    ablation: str = "zero",
    maps: Collection[str] = MAPS,
) -> ImageExplanation: ...


def explain(
    model: BertClassifier | BeitClassifier | UperNetSegmenter,
    source: Any,
    other: str | None = None,
    special_tokens: bool = False,
    *,
    target: Target = None,
    at: At | None = None,
    ablate: Heads | None = None,
    ablation: str = "zero",
    maps: Collection[str] = MAPS,
) -> Any:
    """Everything that the viewer shows of one text or image: `explain(model, source).view()`.

    Args:
        model: a `bert_classifier`, a `beit_classifier` or an `upernet_segmenter`. Maps explain the part of its backbone
            alone: the convolutions of a segmenter with `detail_channels` always read the whole image.
        source: a string, cut where it exceeds what the model reads; or an image `(height, width, channels)` of the size that
            the model reads, or of any size where the model resizes: uint8, or normalised floats for one without preprocessing.
        other: second string of a pair, or None.
        special_tokens: whether special tokens that are typed, such as "[MASK]", are read as such, as by `encode_sentence`.
        target: the class to be explained, by its name or number; or a pair of classes, the second to compare the first with. By
            default the predicted class; the probability of a text is then that of label 1 of two.
        at: of a segmenter, the pixels whose class is explained: `(row, column)`, a box `(top, left, bottom, right)` without its
            last row and column, or a bool array of the size of the image; None for a classifier.
        ablate: heads that are silenced throughout, as for `ablated`: a set of `(layer, head)`, or of layers for all their
            heads.
        ablation: how heads are silenced, those of `ablate` and those of `head_changes`: "zero" or "mean", as for `ablated`.
        maps: what is computed beside attention and gradients: "heads", the change of the log-odds without each head,
            "integrated_gradients" and "occlusion". Of a large model these take most of the time: it reads the source a hundred
            times or more. `()` for none.

    Returns:
        `TextExplanation` or `ImageExplanation`: arrays and their neighbours as attributes, and `view()`.

    Raises:
        ValueError: if the model is neither, the image has another shape or type than it reads, or there is no such class, head
            or map.
        NotImplementedError: on another Keras backend than TensorFlow, whose gradient tape this needs.
    """
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(f"`explain` needs the backend tensorflow. Received: {keras.backend.backend()}")
    classes = (BertClassifier, BeitClassifier, UperNetSegmenter)
    expected = "a bert_classifier, a beit_classifier or an upernet_segmenter"
    require("model", model, lambda model: isinstance(model, classes), expected)
    require("maps", maps, lambda maps: not isinstance(maps, str) and {*maps} <= {*MAPS}, f"some of {', '.join(MAPS)}")
    asked: dict[str, Any] = {"target": target, "ablate": ablate, "ablation": ablation, "maps": maps}
    if isinstance(model, UperNetSegmenter):
        require("at", at, lambda at: at is not None, "the pixels to be explained: (row, column), a box or a mask")
    else:
        require("at", at, lambda at: at is None, "None for a classifier")
    if isinstance(model, BertClassifier):
        return explain_text(model, source, other, special_tokens, **asked)
    require("other", other, lambda other: other is None, "None for an image")
    return explain_image(model, source, at=at, **asked)
