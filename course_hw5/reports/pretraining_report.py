"""What a model of masked image modelling makes of hidden patches: its report on test data, with reconstructions."""

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
import scipy.special
import scipy.stats
import tensorflow as tf
from jaxtyping import UInt8
from matplotlib.figure import Figure

from course_hw5.models.beit_tasks import BeitMaskedImageModel
from course_hw5.reports import evaluation, plots

SHOWN = 6  # images in the figure
COLUMNS = ("image", "what the model sees", "its visual tokens", "predicted where hidden")
GREY = 128
RgbImages = Sequence[UInt8[np.ndarray, "height width 3"]]


@dataclasses.dataclass(frozen=True)
class MaskedImageEvaluation(evaluation.Evaluation):
    """What `evaluate_masked_images` found. `write` also writes `reconstructions.png`. There are no classes, and no matrix.

    Attributes:
        shown: for a few images, as the network reads them: the image, its visible patches, the image of its visual tokens, and
            that of its predicted tokens where patches are hidden.
    """

    shown: list[tuple[np.ndarray, ...]]

    def _write_more(self, run_dir, writer, epoch, said):
        evaluation.write_drawn(run_dir / "reconstructions.png", writer, epoch, said, reconstructions, self.shown)


def evaluate_masked_images(model: BeitMaskedImageModel, test: tf.data.Dataset, shown: tf.data.Dataset) -> MaskedImageEvaluation:
    """Predicts the hidden patches of test images once and compares them with their visual tokens; writes nothing.

    Args:
        model: a `beit_masked_image_model` with a tokenizer.
        test: batches `(inputs, tokens, is_hidden)`, as `MaskedImageModeling.prepare` makes them.
        shown: batches of `(images, masks)`; the first images are reconstructed.

    Returns:
        `MaskedImageEvaluation`. Its scores are of hidden patches alone: "masked_accuracy" and "masked_loss", the mean
        cross-entropy in nats; "baseline_accuracy", that of always the most frequent token of these patches; and
        "baseline_loss", that of always predicting their shares of tokens.
    """
    counts, correct, loss, examples, started = np.zeros(model.vocabulary_size, "int64"), 0, 0.0, 0, time.perf_counter()
    for inputs, tokens, is_hidden in test:
        log_probabilities = scipy.special.log_softmax(model.predict_on_batch(inputs), axis=-1)
        is_hidden = np.asarray(is_hidden, bool)
        found, tokens = log_probabilities[is_hidden], np.asarray(tokens)[is_hidden]
        loss -= float(np.take_along_axis(found, tokens[:, None], axis=1).sum(dtype="float64"))
        correct += int((found.argmax(axis=1) == tokens).sum())
        counts += np.bincount(tokens, minlength=len(counts))
        examples += len(is_hidden)
    timing, hidden = evaluation.timing(examples, time.perf_counter() - started, digits=1), counts.sum()
    scores = {"masked_accuracy": correct / hidden, "masked_loss": loss / hidden}
    scores |= {"baseline_accuracy": counts.max() / hidden, "baseline_loss": float(scipy.stats.entropy(counts))}
    scores = {name: float(score) for name, score in scores.items()}
    metrics = scores | {"examples": examples, "hidden_patches": int(hidden), "tokens": model.vocabulary_size} | timing
    return MaskedImageEvaluation([], None, scores, metrics, _reconstructed(model, shown))


def _reconstructed(model, data):
    images, masks = (np.asarray(part)[:SHOWN] for part in next(iter(data)))
    grid = model.backbone.grid
    true = np.reshape(model.visual_tokens(images), (-1, *grid))
    logits = model.predict_on_batch({"images": images, "mask": masks.reshape(len(masks), -1)})
    predicted = np.where(masks, logits.argmax(axis=-1).reshape(-1, *grid), true)
    seen = np.asarray(model.preprocessing.resized(images.astype("float32"), model.backbone.image_shape))
    seen = np.clip(np.round(seen), 0, 255).astype("uint8")
    side = model.backbone.patch_size
    is_hidden = masks.astype(bool).repeat(side, axis=1).repeat(side, axis=2)[..., None]
    decode = model.tokenizer.decode
    return [*zip(seen, np.where(is_hidden, GREY, seen).astype("uint8"), decode(true), decode(predicted))]


def reconstructions(shown: Sequence[RgbImages]) -> Figure:
    """Draws images beside what the model sees of them, their visual tokens, and the predicted ones.

    Args:
        shown: for each image a tuple of four, as `MaskedImageEvaluation.shown` holds them.

    Returns:
        `matplotlib.figure.Figure`: a row per image.
    """
    figure, axes = plots.subplots(len(shown), 4, figsize=(8, 0.4 + 2 * len(shown)), style=None, squeeze=False)
    for row, panels in zip(shown, axes):
        for image, panel in zip(row, panels):
            panel.imshow(image)
            panel.set_axis_off()
    for title, panel in zip(COLUMNS, axes[0]):
        panel.set_title(title, fontsize=10)
    return figure
