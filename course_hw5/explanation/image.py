"""An image as a `beit_classifier` reads it: attention between its patches, gradients, predictions."""

import dataclasses
import itertools
import math
from collections.abc import Collection, Sequence
from typing import Any

import keras
import numpy as np
import scipy.special

from course_hw5.attention.viewer.answers import Answer
from course_hw5.attention.viewer.page import Page, patch_view
from course_hw5.attention.viewer.vectors import by_default
from course_hw5.explanation import ablation as ablations
from course_hw5.explanation.extract import of_first, vectors_of_first
from course_hw5.explanation.probe import Probe
from course_hw5.explanation.target import class_names, likely_targets, of_region, region_of, target_of
from course_hw5.models.beit_tasks import BeitTask

PAGE_GRADIENTS = 1 << 22  # weights, above which one class alone is explained: each has gradients of all of them
WINDOWS = 200  # of an image are taken out one after another at most: each costs a reading of all of it


@dataclasses.dataclass(frozen=True, eq=False)
class ImageExplanation:
    """What `explain` finds of an image.

    Attributes:
        attention: float32 `(layers, heads, tokens, tokens)`: [CLS], then patches row by row.
        gradients: of `log_odds` by each weight of `attention`, of the same shape.
        content_logits: scaled products of query and key, of the same shape.
        position_logits: the position bias, of the same shape; `attention` is the softmax of both together.
        image: the part that the model reads, uint8 `(height, width, 3)`.
        grid: rows and columns of patches.
        predictions: all `(class name, probability)`, the best first, each of its own where the model gives several labels to
            an image.
        patch: the token whose last attention counted most for the target; of a segmenter the patch in the middle of `at`.
        vectors: dict of "query", "key" and "value", float32 `(layers, heads, tokens, head_dim)`: what `content_logits` are the
            scaled products of, and what the weights mix.
        class_name: the target, by default the predicted class; of two classes, the first is compared with the second.
        log_odds: of the target; so are all numbers that follow.
        head_changes: float32 `(layers, heads)`: what is added to the log-odds when that head is silenced; None if not asked
            for.
        layer_changes: float32 `(layers,)`: the same of all heads of a layer; None if not asked for.
        integrated_gradients: float32 `(patches,)`: the share of each patch in the log-odds, from an image of the mean colour;
            they sum to what the patches add to the log-odds. None if not asked for.
        occlusion: float32 `(patches,)`: how much the log-odds fall when the patch has the mean colour, or of a fine grid the
            square of patches that it is in. None if not asked for.
        answers: the classes that a page can explain: the target, then the most probable ones, five in all.
    """

    attention: np.ndarray
    gradients: np.ndarray
    content_logits: np.ndarray
    position_logits: np.ndarray
    image: np.ndarray
    grid: tuple[int, int]
    predictions: list[tuple[str, float]]
    patch: int
    vectors: dict[str, np.ndarray]
    class_name: str
    log_odds: float
    head_changes: np.ndarray | None = None
    layer_changes: np.ndarray | None = None
    integrated_gradients: np.ndarray | None = None
    occlusion: np.ndarray | None = None
    answers: Sequence[Answer] = ()

    def view(self, **options) -> Page | None:
        """Shows it by `patch_view`, whose options these are, with the `vectors` where they add less than 1 MB."""
        shown = ("attention", "answers", "content_logits", "position_logits", "image", "grid", "predictions", "patch")
        given = {name: getattr(self, name) for name in shown} | {"vectors": by_default(self.vectors)}
        return patch_view(**given | options)


def explain_image(
    model: BeitTask,
    image: np.ndarray,
    target: Any = None,
    ablate: ablations.Heads | None = None,
    ablation: str = "zero",
    maps: Collection[str] = (),
    at: Any = None,
) -> ImageExplanation:
    """As `explain`, of an image."""
    probe = image_probe(model, image, ablations.silenced(model, ablate, ablation))
    region = None if at is None else region_of(at, probe.inputs.shape[1:3])
    logits = probe.logits()
    if region is not None:
        logits = scipy.special.log_softmax(keras.ops.convert_to_numpy(of_region(logits[None], region))[0], axis=-1)
        logits = scipy.special.logsumexp(logits, axis=0) - np.log(len(logits))  # of the mean probability
    answer = target_of(model, target, int(logits.argmax()))
    targets = likely_targets(model, answer, logits)
    if np.prod(probe.shares.shape[1:3]) * probe.tokens**2 > PAGE_GRADIENTS:
        targets = targets[:1]
    targets = [dataclasses.replace(one, region=region) for one in targets]
    attention, gradients, outputs = probe.attention(targets)
    content_logits, position_logits = (of_first(outputs[name]) for name in ("content_logits", "position_logits"))
    probabilities = (scipy.special.expit if answer.is_alone else scipy.special.softmax)(logits)
    predictions = [(class_names(model)[i], float(probabilities[i])) for i in np.argsort(-probabilities)]
    patch = int(np.maximum(attention[-1] * gradients[0][-1], 0).sum(axis=(0, 2)).argmax())
    if region is not None:
        patch = _patch_at(region, model.backbone.grid)
    shown, grid = _shown(probe.inputs[0], model.preprocessing), model.backbone.grid
    arrays = (attention, gradients[0], content_logits, position_logits)
    log_odds = probe.whole(targets)
    found = _maps(probe, targets, ablation, maps, log_odds, grid)
    parts = zip(targets, log_odds, gradients, found)
    answers = [Answer(one.name, float(scipy.special.expit(odds)), odds, by, **more) for one, odds, by, more in parts]
    return ImageExplanation(
        *arrays,
        shown,
        grid,
        predictions,
        patch,
        vectors_of_first(outputs),
        answer.name,
        log_odds[0],
        **found[0],
        answers=answers,
    )


def _patch_at(region, grid):
    """The token of the patch at the middle of a region."""
    row, column = (int(np.mean(places)) * count // size for places, count, size in zip(np.nonzero(region), grid, region.shape))
    return 1 + row * grid[1] + column


def image_probe(model: BeitTask, image: np.ndarray, shares: ablations.Shares | None = None) -> Probe:
    """The `Probe` of an image, in which a patch is taken out by the image's mean colour; arguments as for `explain`."""
    image = _checked(model, image)[None].astype("float32")
    baseline = np.broadcast_to(image.mean(axis=(1, 2), keepdims=True), image.shape)
    shares = ablations.silenced(model, None) if shares is None else shares
    return Probe(model, image, baseline, 1 + math.prod(model.backbone.grid), shares)


def windows(grid: tuple[int, int], most: int = WINDOWS) -> list[list[int]]:
    """Squares of patches that cover a grid, at most so many: the tokens of each, [CLS] not counted out."""
    rows, columns = grid
    side = next(side for side in itertools.count(1) if -(-rows // side) * -(-columns // side) <= most)
    place = 1 + np.arange(rows * columns).reshape(rows, columns)
    corners = itertools.product(range(0, rows, side), range(0, columns, side))
    return [place[row : row + side, column : column + side].ravel().tolist() for row, column in corners]


def _maps(probe, targets, ablation, maps, log_odds, grid):
    """What `explain` has of `maps` for each target, by the names of attributes."""
    found = probe.head_parts(targets, ablation) if "heads" in maps else [{} for _ in targets]
    if "integrated_gradients" in maps:
        for one, values in zip(found, probe.integrated_gradients(targets)):
            one["integrated_gradients"] = np.float32(values[1:])
    if "occlusion" in maps:
        squares = windows(grid)
        for one, whole, without in zip(found, log_odds, probe.without_tokens(targets, squares)):
            one["occlusion"] = np.zeros(math.prod(grid), "float32")
            for square, odds in zip(squares, without):
                one["occlusion"][np.array(square) - 1] = whole - odds
    return found


def _checked(model, image):
    """The image as an array; raises ValueError where the model cannot read it."""
    image, shape = np.asarray(image), model.input.shape[1:]
    fits = len(image.shape) == 3 and all(size in (None, found) for size, found in zip(shape, image.shape))
    if not fits or 0 in image.shape:
        raise ValueError(f"The image must have shape {shape}. Received: {image.shape}")
    if image.dtype.kind not in "uif":
        raise ValueError(f"The image must hold numbers. Received: {image.dtype}")
    if np.issubdtype(image.dtype, np.integer) and model.preprocessing is None:
        raise ValueError(f"A model without preprocessing takes images as normalised floats. Received: {image.dtype}")
    if not np.isfinite(image).all():
        raise ValueError("The image must be finite. Received: NaN or infinite values")
    if model.preprocessing and (image.min() < 0 or image.max() > 255):
        raise ValueError(f"Pixels must lie in [0, 255]. Received: {image.min()} to {image.max()}")
    return image


def _shown(image, preprocessing):
    """The part that the model reads, as a page can show it, uint8 RGB: normalised ones stretched to the visible range."""
    if preprocessing is None:
        image = (image - image.min()) / max(np.ptp(image), 1e-9) * 255
    else:
        height, width = (round(preprocessing.crop_fraction * size) for size in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        image = image[top : top + height, left : left + width]
    image = np.uint8(np.clip(image, 0, 255))
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]
