"""What a model of pre-training makes of hidden patches or tokens: its report on test data, with examples."""

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
from course_hw5.models.bert_masked_language_model import BertMaskedLanguageModel
from course_hw5.reports import evaluation, plots, run_folder
from course_hw5.text.encoding import encode, tokens_of

SHOWN = 6  # images in the figure
EVERY, PREDICTIONS = 7, 3  # of the tokens of a shown sentence each seventh is hidden; predictions for each
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
    scores, metrics = _evaluated(model, test, model.vocabulary_size, "hidden_patches")
    return MaskedImageEvaluation([], None, scores, metrics, _reconstructed(model, shown))


def _evaluated(model, test, size, counted):
    """The scores of predictions, and what `metrics.json` holds; the number of hidden tokens is called `counted`."""
    counts, correct, loss, examples, started = np.zeros(size, "int64"), 0, 0.0, 0, time.perf_counter()
    for inputs, tokens, is_hidden in test:
        is_hidden = np.asarray(is_hidden, bool)
        logits, tokens = model.predict_on_batch(inputs)[is_hidden], np.asarray(tokens)[is_hidden]
        true = np.take_along_axis(logits, tokens[:, None], axis=1)[:, 0]
        loss += float((scipy.special.logsumexp(logits, axis=1) - true).sum(dtype="float64"))
        correct += int((logits.argmax(axis=1) == tokens).sum())
        counts += np.bincount(tokens, minlength=size)
        examples += len(is_hidden)
    timing, hidden = evaluation.timing(examples, time.perf_counter() - started, digits=1), counts.sum()
    scores = {"masked_accuracy": correct / hidden, "masked_loss": loss / hidden}
    scores |= {"baseline_accuracy": counts.max() / hidden, "baseline_loss": float(scipy.stats.entropy(counts))}
    scores = {name: float(score) for name, score in scores.items()}
    return scores, scores | {"examples": examples, counted: int(hidden), "tokens": size} | timing


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


@dataclasses.dataclass(frozen=True)
class MaskedTextEvaluation(evaluation.Evaluation):
    """What `evaluate_masked_texts` found. `write` also writes `masked_words.json`. There are no classes, and no matrix.

    Attributes:
        shown: for a few sentences a dict of "text", the sentence as the model sees it, and "masked", for each [MASK] a dict of
            "token", what stood there, and "predictions", the most probable tokens and their probabilities.
    """

    shown: list[dict]

    def _write_more(self, run_dir, writer, epoch, said):
        with run_folder.going_on("masked_words.json", said):
            run_folder.write_json(run_dir / "masked_words.json", self.shown)


def evaluate_masked_texts(
    model: BertMaskedLanguageModel, test: tf.data.Dataset, sentences: Sequence[tuple[str, ...]] = ()
) -> MaskedTextEvaluation:
    """Predicts the hidden tokens of test texts once and compares them with what stood there; writes nothing.

    Args:
        model: a `bert_masked_language_model`.
        test: batches `(inputs, tokens, is_hidden)`, as `MaskedLanguageModeling.prepare` makes them.
        sentences: tuples of one text, in which every seventh token becomes [MASK], to be shown.

    Returns:
        `MaskedTextEvaluation`. Its scores are as of `evaluate_masked_images`, of hidden tokens, and "perplexity", the
        exponential of "masked_loss".
    """
    scores, metrics = _evaluated(model, test, model.backbone.vocabulary_size, "hidden_tokens")
    more = {"perplexity": float(np.exp(scores["masked_loss"]))}
    return MaskedTextEvaluation([], None, scores | more, scores | more | metrics, _predicted_words(model, sentences))


def _predicted_words(model, sentences):
    """What the model predicts for tokens of sentences, as `MaskedTextEvaluation.shown` holds it."""
    tokenizer, longest = model.tokenizer, model.backbone.max_sequence_length
    rows = [encode(*sentence, longest, tokenizer=tokenizer).ids for sentence in sentences]
    places = [np.arange(min(EVERY // 2 + 1, len(row) - 2), len(row) - 1, EVERY) for row in rows]
    if not rows:
        return []
    ids, positions = (np.stack([np.pad(row, (0, max(map(len, part)) - len(row))) for row in part]) for part in (rows, places))
    for row, hidden in zip(ids, places):
        row[hidden] = tokenizer.mask_token_id
    logits = model.predict_on_batch({"token_ids": ids, "masked_positions": positions})
    probabilities = scipy.special.softmax(logits, axis=-1)

    def predictions(row):
        best = np.argsort(-row)[:PREDICTIONS]
        return [(token, round(float(row[id_]), 4)) for token, id_ in zip(tokens_of(best, tokenizer), best)]

    shown = []
    for true, hidden, seen, found in zip(rows, places, ids, probabilities):
        pairs = zip(tokens_of(true[hidden], tokenizer), found)
        text = " ".join(tokens_of(seen[1 : len(true) - 1], tokenizer)).replace(" ##", "")
        shown.append({"text": text, "masked": [{"token": token, "predictions": predictions(row)} for token, row in pairs]})
    return shown
