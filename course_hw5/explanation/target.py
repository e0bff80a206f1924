"""What an explanation explains: the log-odds of one class, or of one against another."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from course_hw5.errors import is_whole, require
from course_hw5.layers.layer import Tensor
from course_hw5.layers.resampling import resample
from course_hw5.models.beit_tasks import BeitClassifier
from course_hw5.models.bert_classifier import BertClassifier
from course_hw5.models.task import Task

MOST = 5  # classes that a page can explain


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """A class whose log-odds are asked for.

    Attributes:
        index: of the class.
        against: index of the class that it is compared with; None for all others together.
        is_alone: whether each class has a probability of its own (a sigmoid), so that there are no others.
        name: of the class, and of the one that it is compared with.
        region: of a segmenter, bool `(height, width)`: the pixels of an image whose class it is; None for a classifier.
    """

    index: int
    against: int | None
    is_alone: bool
    name: str
    region: np.ndarray | None = None

    def log_odds(self, logits: Tensor) -> Tensor:
        """log(p / (1 - p)) of the class, or log(p / q) of two, from logits and exact however near p is to 0 or 1.

        Args:
            logits: float32 tensor `(batch, classes)`, or of a segmenter `(batch, rows, columns, classes)`.

        Returns:
            Tensor `(batch,)`; of a segmenter the mean over the pixels.
        """
        if self.region is not None:
            return keras.ops.mean(self._of_classes(of_region(logits, self.region)), axis=-1)
        return self._of_classes(logits)

    def _of_classes(self, logits):
        own = logits[..., self.index]
        if self.against is not None:
            return own - logits[..., self.against]
        if self.is_alone or logits.shape[-1] == 1:
            return own
        is_other = np.arange(logits.shape[-1]) != self.index
        return own - keras.ops.logsumexp(keras.ops.where(is_other, logits, -1e30), axis=-1)


def of_region(logits: Tensor, region: np.ndarray) -> Tensor:
    """Logits `(batch, rows, columns, classes)`, enlarged to an image, of some of its pixels: `(batch, pixels, classes)`."""
    large = keras.ops.reshape(resample(logits, region.shape), (logits.shape[0], -1, logits.shape[-1]))
    return keras.ops.take(large, np.flatnonzero(region), axis=1)


def region_of(at: Any, size: tuple[int, int]) -> np.ndarray:
    """The pixels that a user names, bool `(height, width)`.

    Args:
        at: `(row, column)` of a pixel; `(top, left, bottom, right)` of a box, without its last row and column; or a bool array
            of the size of the image.
        size: height and width of the image.

    Raises:
        ValueError: if that is no part of the image.
    """
    height, width = size
    array = np.asarray(at)
    if array.dtype == bool and array.shape == (height, width) and array.any():
        return array
    expected = f"a pixel (row, column), a box (top, left, bottom, right) or a mask, within {height} x {width} pixels"
    require("at", at, lambda at: len(at) in (2, 4) and all(map(is_whole, at)), expected)
    top, left, bottom, right = at if len(at) == 4 else (*at, at[0] + 1, at[1] + 1)
    require("at", at, lambda _: top < bottom <= height and left < right <= width, expected)
    region = np.zeros(size, bool)
    region[top:bottom, left:right] = True
    return region


def target_of(model: Task, target: Any, predicted: int) -> Target:
    """The target that a user names.

    Args:
        model: a classifier or a segmenter.
        target: a class by its name or number, or a pair of them, the second to compare the first with; None for `predicted`.
        predicted: number of a class.

    Raises:
        ValueError: if there is no such class.
    """
    names = class_names(model)
    is_pair = isinstance(target, (tuple, list)) and len(target) == 2
    numbers = [_number(entry, names) for entry in (target if is_pair else [predicted if target is None else target])]
    if None in numbers or len({*numbers}) < len(numbers):
        some = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise ValueError(f"`target` must be a class, or a pair of two, of {some}. Received: {target!r:.60}")
    index, against = (*numbers, None)[:2]
    is_alone = isinstance(model, BeitClassifier) and model.activation == "sigmoid"
    return Target(index, against, is_alone, " : ".join(names[number] for number in numbers))


def likely_targets(model: Task, answer: Target, logits: np.ndarray) -> list[Target]:
    """The target that is asked for, then the most probable classes; `MOST` in all."""
    likely = [target_of(model, None, int(i)) for i in np.argsort(-logits)[:MOST]]
    return [answer, *(one for one in likely if one.name != answer.name)][:MOST]


def _number(entry, names):
    if is_whole(entry):
        return int(entry) if entry < len(names) else None
    return names.index(entry) if isinstance(entry, str) and entry in names else None


def class_names(model: Task) -> Sequence[str]:
    """The names of a model's classes; "class 0", ... where it has none."""
    return model.class_names or [f"class {i}" for i in range(getattr(model, "num_classes", 2))]


def logits_model(model: Task) -> keras.Model:
    """The submodel to what `logits_of` reads, without the attention."""
    if isinstance(model, BertClassifier):
        return keras.Model(model.input, {"pooled_output": model.classifier_dropout.output})
    if isinstance(model, BeitClassifier):
        return keras.Model(model.input, {"logits": model.logits.output})
    return keras.Model(model.input, {"output": model.outputs[0]})


def logits_of(model: Task, outputs: dict) -> Tensor:
    """Logits of each class, float32 `(batch, classes)`, or of each place `(batch, rows, columns, classes)`.

    Not by way of probabilities, which tell nothing apart, and have no gradient, where they are 0 or 1 to float32.

    Args:
        model: a classifier or a segmenter.
        outputs: of its `with_attention()`, or of `logits_model`.
    """
    if isinstance(model, BertClassifier):
        return model.class_logits(outputs["pooled_output"])
    if isinstance(model, BeitClassifier):
        return outputs["logits"]
    output = outputs["output"]
    return output[0] if isinstance(output, (list, tuple)) else output
