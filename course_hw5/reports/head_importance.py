"""What each head is worth over a data set: how much accuracy, or mean IoU, and log-odds change without it."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import scipy.special
import tensorflow as tf
from jaxtyping import Float

from course_hw5.data.dataset import IGNORE_INDEX
from course_hw5.errors import require
from course_hw5.explanation import ablation as ablations
from course_hw5.explanation.target import logits_model, logits_of
from course_hw5.layers import intervention
from course_hw5.layers.resampling import resample
from course_hw5.models.beit_tasks import BeitClassifier
from course_hw5.models.bert_classifier import BertClassifier
from course_hw5.models.task import Task
from course_hw5.models.upernet import UperNetSegmenter
from course_hw5.reports import labelled_batches
from course_hw5.segmentation import metrics


@dataclasses.dataclass(frozen=True, eq=False)
class HeadImportance:
    """What `head_importance` finds.

    Attributes:
        score_name: "accuracy", or of a segmenter "mean_iou".
        score: of the whole model.
        log_odds: of the true class, log(p / (1 - p)), mean over examples, or pixels.
        score_changes: float `(layers, heads)`: what is added to the score without that head; negative for one that helps.
        log_odds_changes: float `(layers, heads)`: what is added to the log-odds without that head.
        layer_score_changes, layer_log_odds_changes: float `(layers,)`: the same without all heads of a layer.
        examples: number of examples, or pixels, that have a label.
    """

    score_name: str
    score: float
    log_odds: float
    score_changes: Float[np.ndarray, "layers heads"]
    log_odds_changes: Float[np.ndarray, "layers heads"]
    layer_score_changes: Float[np.ndarray, " layers"]
    layer_log_odds_changes: Float[np.ndarray, " layers"]
    examples: int


def head_importance(
    model: Task, data: labelled_batches.LabelledData, ablation: str = "zero", steps: int | None = None, progress: bool = True
) -> HeadImportance:
    """Silences one head after another, then all heads of one layer after another, and scores the model each time.

    Michel et al. 2019, "Are Sixteen Heads Really Better than One?", https://arxiv.org/abs/1905.10650, section 3. Data are read
    once: a batch goes through the model once for each head and each layer.

    Args:
        model: a `bert_classifier`, a `beit_classifier` or an `upernet_segmenter`.
        data: batches `(inputs, labels)`, such as `load_reviews().validation`, or two arrays; labels are one class per example,
            or segmentation masks of any size.
        ablation: "zero" or "mean", as for `ablated`.
        steps: how many batches are read, or None for all.
        progress: whether a progress bar is printed.

    Raises:
        ValueError: if the model is none of these, or the data are not labelled with one class each.
    """
    kinds, expected = (BertClassifier, BeitClassifier, UperNetSegmenter), "a classifier or a segmenter of course_hw5"
    require("model", model, lambda model: isinstance(model, kinds), expected)
    whole = ablations.silenced(model, None, ablation)
    every = np.concatenate([whole, ablations.each_head(whole, ablations.ABLATIONS[ablation])])
    count = _count_pixels if isinstance(model, UperNetSegmenter) else _count_examples
    read, bar, totals = _reader(model), None, [0.0] * len(every)
    for number, (inputs, labels) in enumerate(labelled_batches.batches(data, steps)):
        bar = bar or keras.utils.Progbar(None, unit_name="head", verbose=int(progress))
        for row, shares in enumerate(every):
            totals[row] = totals[row] + count(model, read(inputs, shares[None]), labels)
            bar.update(number * len(every) + row + 1)
    return _summary(totals, whole.shape[1:3], "mean_iou" if count is _count_pixels else "accuracy")


def _reader(model) -> Callable:
    """A function of inputs and of shares `(1, layers, heads, 3)` to logits, compiled."""
    blocks, submodel = model.backbone.attention_blocks, logits_model(model)

    def read(inputs, shares):
        with intervention.applied(ablations.Replaced(blocks, shares)):
            return logits_of(model, submodel(inputs, training=False))

    compiled = tf.function(read, autograph=False, reduce_retracing=True)
    return lambda inputs, shares: compiled(inputs, tf.constant(shares))


def _count_examples(model, logits, labels):
    """Right answers as a matrix of one number, the sum of log-odds, and how many examples have a label."""
    logits = keras.ops.convert_to_numpy(logits)
    truth, _, has_several = labelled_batches.class_numbers(labels, logits.shape[-1])
    if has_several or len(truth) != len(logits):
        raise ValueError("`data` must have one class for each input. Received: several labels, or none")
    logits, truth = logits[truth >= 0], truth[truth >= 0]
    is_alone = isinstance(model, BeitClassifier) and model.activation == "sigmoid"
    odds = _log_odds(logits, truth, is_alone)
    return np.array([np.sum(logits.argmax(-1) == truth), odds.sum(), len(truth)], "float64")


def _count_pixels(model, logits, labels):
    """The confusion matrix, row by row, the sum of log-odds, and how many pixels have a label."""
    labels = keras.ops.convert_to_numpy(labels).astype(int)
    require("data", labels, lambda labels: labels.ndim == 3, "batches of images and of masks (batch, height, width)")
    logits = resample(logits, labels.shape[1:])
    matrix = metrics.confusion_matrix(labels, keras.ops.argmax(logits, axis=-1), model.num_classes)
    is_labelled = labels != IGNORE_INDEX
    odds = _log_odds(keras.ops.convert_to_numpy(logits)[is_labelled], labels[is_labelled], False)
    return np.array([*keras.ops.convert_to_numpy(matrix).ravel(), odds.sum(), is_labelled.sum()], "float64")


def _log_odds(logits, truth, is_alone):
    """Of the true class of each row of logits `(rows, classes)`."""
    own = np.take_along_axis(logits, truth[:, None], axis=1)[:, 0]
    others = np.where(np.arange(logits.shape[1]) == truth[:, None], -np.inf, logits)
    return own if is_alone else own - scipy.special.logsumexp(others, axis=1)


def _summary(totals, shape, name):
    totals = np.stack(totals)
    require("data", totals, lambda totals: totals[0, -1] > 0, "at least one batch with a label")
    examples, odds = totals[:, -1], totals[:, -2] / totals[:, -1]
    if name == "accuracy":
        scores = totals[:, 0] / examples
    else:
        side = round((totals.shape[1] - 2) ** 0.5)
        scores = np.array([metrics.pixel_scores(row.reshape(side, side))["mean_iou"] for row in totals[:, :-2]])
    heads, changes = np.prod(shape), [values[1:] - values[0] for values in (scores, odds)]
    by_head, by_layer = zip(*((values[:heads].reshape(shape), values[heads:]) for values in changes))
    return HeadImportance(name, float(scores[0]), float(odds[0]), *by_head, *by_layer, int(examples[0]))
