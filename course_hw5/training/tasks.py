"""What a model can be trained for: how its labels become targets, what it loses, how it is scored."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from course_hw5.data.dataset import Dataset
from course_hw5.errors import require
from course_hw5.layers.layer import Registered
from course_hw5.models.beit_tasks import BeitMaskedImageModel
from course_hw5.models.bert_masked_language_model import BertMaskedLanguageModel
from course_hw5.reports import classification, classification_metrics, labelled_batches, pretraining_report, segmentation_report
from course_hw5.segmentation import losses, metrics, segmenter
from course_hw5.training import calibration, runtime
from course_hw5.training.config import TrainingConfig


class RoundedAccuracy(Registered, keras.metrics.BinaryAccuracy):
    """Keras's `BinaryAccuracy`, of labels that may be a teacher's probabilities."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(keras.ops.round(y_true), y_pred, sample_weight)


class RDropLoss(keras.losses.Loss):
    """A loss of probabilities `(2 * batch, classes)`, or `(2 * batch, 1)` of a sigmoid, two rows for each input, plus
    `weight` times the mean of both Kullback-Leibler divergences between the two."""

    def __init__(self, loss: keras.losses.Loss, weight: float):
        super().__init__()
        self.loss, self.weight = loss, weight

    def call(self, labels: keras.KerasTensor, predicted: keras.KerasTensor) -> keras.KerasTensor:
        both = predicted if predicted.shape[-1] > 1 else keras.ops.concatenate([1 - predicted, predicted], axis=-1)
        first, second = keras.ops.unstack(keras.ops.reshape(both, (-1, 2, both.shape[-1])), 2, axis=1)
        divergence = (keras.losses.kl_divergence(first, second) + keras.losses.kl_divergence(second, first)) / 2
        return self.loss.call(labels, predicted) + self.weight * keras.ops.repeat(divergence, 2)


class Classification:
    """One class per input, from probabilities `(batch, classes)` or, of one sigmoid unit, `(batch, 1)`.

    Args:
        flip: whether the test data are images, and the mean of the outputs for each and its mirror image is scored.
    """

    def __init__(self, flip: bool = False):
        self.flip = flip

    def check(self, model: keras.Model, data: Dataset) -> None:
        """Raises ValueError unless model and data have the same classes, and test and validation data come to an end."""
        classification.check_units(model.output_shape[-1], classification_metrics.distinct_names(data.class_names))
        for split in filter(None, (data.validation, data.test)):
            labelled_batches.batches(split)

    def prepare(self, data: tf.data.Dataset, model: keras.Model) -> tf.data.Dataset:
        """Integer labels become one-hot, so that one loss and one accuracy serve mixed, smoothed and plain labels.

        So do probabilities of the second of two classes.
        """
        classes = model.output_shape[-1]
        if classes == 1 or data.element_spec[1].shape.rank == 2:
            return data
        if data.element_spec[1].dtype.is_floating:
            return data.map(lambda inputs, labels: (inputs, tf.stack([1 - labels, labels], axis=1)))
        return data.map(lambda inputs, labels: (inputs, tf.one_hot(labels, classes)))

    def losses(self, model: keras.Model, config: TrainingConfig) -> dict:
        """Arguments of `model.compile`."""
        if config.calibrate:
            calibration.logits_layer(model)  # refuses what cannot be calibrated before training, not after
        is_binary = model.output_shape[-1] == 1
        loss = keras.losses.BinaryCrossentropy if is_binary else keras.losses.CategoricalCrossentropy
        metric = RoundedAccuracy(name="accuracy") if is_binary else "accuracy"
        return {"loss": loss(label_smoothing=config.label_smoothing), "metrics": [metric]}

    def evaluate(self, model: keras.Model, data: Dataset) -> classification.ClassificationEvaluation:
        """Predicts the test data once and scores the predictions; writes nothing."""
        classification.check_units(model.output_shape[-1], classification_metrics.distinct_names(data.class_names))
        if not model.compiled:
            model.compile(jit_compile=runtime.use_jit_compile(model))
        model = _with_mirror_images(model) if self.flip else model
        return classification.evaluate_classifier(model, data.test, data.class_names, describe=getattr(data, "describe", None))


def _with_mirror_images(model):
    images = model.inputs[0]
    outputs = keras.layers.average([model(images), model(keras.ops.flip(images, axis=2))])
    both = keras.Model(images, outputs, name=model.name)
    both.compile(jit_compile=runtime.use_jit_compile(both))
    return both


class RDrop(Classification):
    """Classification that reads every batch twice, under two dropouts, and wants both predictions alike.

    Liang et al. 2021, R-Drop, https://arxiv.org/abs/2106.14448. A step takes twice as long. It is for models that
    overfit; a model without dropout gains nothing.

    Args:
        weight: of the divergence of both answers, above 0; the paper's alpha.
    """

    def __init__(self, weight: float = 1.0):
        require("weight", weight, lambda weight: 0 < weight < float("inf"), "above 0, for R-Drop")
        super().__init__()
        self.weight = weight

    def prepare(self, data: tf.data.Dataset, model: keras.Model) -> tf.data.Dataset:
        """Every row is followed by itself. In validation nothing is dropped: both predictions are equal."""
        data = super().prepare(data, model)
        return data.map(lambda *batch: keras.tree.map_structure(lambda rows: tf.repeat(rows, 2, axis=0), batch))

    def losses(self, model: keras.Model, config: TrainingConfig) -> dict:
        """Arguments of `model.compile`."""
        arguments = super().losses(model, config)
        return arguments | {"loss": RDropLoss(arguments["loss"], self.weight)}


class Segmentation:
    """One class per pixel, from an `upernet_segmenter` with or without its auxiliary head.

    Args:
        auxiliary_weight: of the auxiliary head's loss (Zhao et al. 2017, section 3.2).
        class_weights: how much a pixel of each class counts in both heads' losses, such as
            `segmentation.losses.class_weights` gives; None for all alike.
        **options: of the `SceneSegmenter` that reads the test data.
    """

    def __init__(self, auxiliary_weight: float = 0.4, class_weights: Sequence[float] | None = None, **options):
        expected = "floats above 0, one per class, or None"
        is_weight = lambda weight: 0 < weight < float("inf")  # noqa: E731
        require("class_weights", class_weights, lambda all_: all_ is None or all(map(is_weight, all_)), expected)
        self.auxiliary_weight, self.class_weights, self.options = auxiliary_weight, class_weights, options

    def check(self, model: keras.Model, data: Dataset) -> None:
        """Raises ValueError unless model and data have the same classes, and there are data to train on."""
        segmentation_report.check_classes(classes := model.outputs[0].shape[-1], data.class_names)
        if self.class_weights is not None and len(self.class_weights) != classes:
            raise ValueError(f"`class_weights` must be {classes} floats, one per class. Received: {len(self.class_weights)}")
        if data.train is None:
            raise ValueError("The data set must have a split to train on. Received: a copy without one")
        if data.validation is not None:
            segmentation_report.check_end(data.validation, "validation")
        segmentation_report.check_end(data.test, "test")
        segmenter.SceneSegmenter(model, **self.options)  # refuses wrong options before training, not after

    def prepare(self, data: tf.data.Dataset, model: keras.Model) -> tf.data.Dataset:
        """One target for each output."""
        return data.map(lambda images, labels: (images, (labels,) * len(model.outputs)))

    def losses(self, model: keras.Model, config: TrainingConfig) -> dict:
        """Arguments of `model.compile`."""
        require("label_smoothing", config.label_smoothing, lambda share: share == 0, "0 for segmentation")
        require("calibrate", config.calibrate, lambda flag: not flag, "False for segmentation")
        classes, others = model.outputs[0].shape[-1], len(model.outputs) - 1
        return {
            "loss": [losses.PixelCrossentropy(self.class_weights) for _ in model.outputs],
            "loss_weights": [1.0] + [self.auxiliary_weight] * others,
            "metrics": [[metrics.MeanIoU(classes), metrics.PixelAccuracy(classes)]] + [[]] * others,
        }

    def evaluate(self, model: keras.Model, data: Dataset) -> segmentation_report.SceneEvaluation:
        """Segments the test data once and scores the segmentation masks; writes nothing."""
        return segmentation_report.evaluate_segmenter(segmenter.SceneSegmenter(model, **self.options), data)


class _MaskedModeling:
    """What both kinds of pre-training share: tokens to be predicted, and weights that say which of them count."""

    def losses(self, model: keras.Model, config: TrainingConfig) -> dict:
        """Arguments of `model.compile`."""
        require("label_smoothing", config.label_smoothing, lambda share: share == 0, "0 for pre-training")
        require("calibrate", config.calibrate, lambda flag: not flag, "False for pre-training")
        options = {"from_logits": True, "reduction": "mean_with_sample_weight"}
        accuracy = keras.metrics.SparseCategoricalAccuracy("masked_accuracy")
        return {"loss": keras.losses.SparseCategoricalCrossentropy(**options), "weighted_metrics": [accuracy]}


class MaskedImageModeling(_MaskedModeling):
    """The visual tokens of hidden patches, from a `beit_masked_image_model` with a tokenizer.

    Bao et al. 2022, https://arxiv.org/abs/2106.08254, section 2.3. Data are those of `load_images` with `mask_grid`.
    """

    def check(self, model: keras.Model, data: Dataset) -> None:
        """Raises ValueError unless the model has a tokenizer, and data have masks of its grid and come to an end."""
        has_tokenizer = lambda model: isinstance(model, BeitMaskedImageModel) and model.tokenizer  # noqa: E731
        require("model", model, has_tokenizer, "a beit_masked_image_model with a tokenizer")
        grid, masks = tuple(model.backbone.grid), data.train.element_spec[1].shape
        require("data", tuple(masks[1:]), lambda shape: shape == grid, f"of load_images, with mask_grid={grid}")
        for split in (data.validation, data.test):
            labelled_batches.batches(split)

    def prepare(self, data: tf.data.Dataset, model: keras.Model) -> tf.data.Dataset:
        """Masks become inputs and, as weights, say which patches count; targets are the tokens of all patches."""

        def prepared(images, masks):
            masks = tf.reshape(masks, (-1, masks.shape[1] * masks.shape[2]))
            return {"images": images, "mask": masks}, model.visual_tokens(images), tf.cast(masks, tf.float32)

        return data.map(prepared, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    def evaluate(self, model: keras.Model, data: Dataset) -> pretraining_report.MaskedImageEvaluation:
        """Predicts the hidden patches of the test images once; writes nothing."""
        if not model.compiled:
            model.compile(jit_compile=runtime.use_jit_compile(model))
        return pretraining_report.evaluate_masked_images(model, self.prepare(data.test, model), data.validation)


class MaskedLanguageModeling(_MaskedModeling):
    """The hidden tokens of texts, from a `bert_masked_language_model`.

    Devlin et al. 2019, https://arxiv.org/abs/1810.04805, section 3.1. Data are those of `load_masked_texts`.
    """

    def check(self, model: keras.Model, data: Dataset) -> None:
        """Raises ValueError unless the model predicts tokens, and data have positions of hidden ones and come to an end."""
        predicts_tokens = lambda model: isinstance(model, BertMaskedLanguageModel)  # noqa: E731
        require("model", model, predicts_tokens, "a bert_masked_language_model")
        inputs = data.train.element_spec[0]
        has_positions = lambda names: names == ["masked_positions", "token_ids"]  # noqa: E731
        require("data", sorted(inputs) if isinstance(inputs, dict) else "others", has_positions, "of load_masked_texts")
        for split in (data.validation, data.test):
            labelled_batches.batches(split)
        longest, tokens = model.backbone.max_sequence_length, inputs["token_ids"].shape[1]
        require("max_length", tokens, lambda tokens: tokens <= longest, f"at most {longest}, the model's positions")

    def prepare(self, data: tf.data.Dataset, model: keras.Model) -> tf.data.Dataset:
        """Padding, token 0, does not count."""
        return data.map(lambda inputs, tokens: (inputs, tokens, tf.cast(tokens > 0, tf.float32)))

    def evaluate(self, model: keras.Model, data: Dataset) -> pretraining_report.MaskedTextEvaluation:
        """Predicts the hidden tokens of the test texts once; writes nothing."""
        if not model.compiled:
            model.compile(jit_compile=runtime.use_jit_compile(model))
        return pretraining_report.evaluate_masked_texts(model, self.prepare(data.test, model), data.samples)


Task = Classification | Segmentation | MaskedImageModeling | MaskedLanguageModeling
Evaluation = (
    classification.ClassificationEvaluation
    | segmentation_report.SceneEvaluation
    | pretraining_report.MaskedImageEvaluation
    | pretraining_report.MaskedTextEvaluation
)
CLASSIFICATION = Classification()
