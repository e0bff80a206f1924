"""What a model can be trained for: how its labels become targets, what it loses, how it is scored."""

import json
import numbers

import keras
import tensorflow as tf

from course_hw5 import devices
from course_hw5.evaluation import labelled_batches, metrics, predictions, run_folder
from course_hw5.evaluation.callbacks import ClassificationReport
from course_hw5.evaluation.pixel_metrics import MeanIoU, PixelAccuracy, PixelCrossentropy
from course_hw5.evaluation.scene_report import check_classes, check_end, write_scene_report
from course_hw5.segmentation import SceneSegmenter


class Classification:
    """One class per input, from probabilities `(batch, classes)` or, of one sigmoid unit, `(batch, 1)`."""

    monitor = "val_accuracy"

    def check(self, model, data):
        """Raises ValueError unless model and data have the same classes, and test and validation data come to an end."""
        predictions.check_units(model.output_shape[-1], metrics.distinct_names(data.class_names))
        for split in (data.validation, data.test):
            labelled_batches.check_form(split)

    def prepare(self, data, model):
        """Integer labels become one-hot, so that one loss and one accuracy serve mixed, smoothed and plain labels.

        So do probabilities of the second of two classes.
        """
        classes = model.output_shape[-1]
        if classes == 1 or data.element_spec[1].shape.rank == 2:
            return data
        if data.element_spec[1].dtype.is_floating:
            return data.map(lambda inputs, labels: (inputs, tf.stack([1 - labels, labels], axis=1)))
        return data.map(lambda inputs, labels: (inputs, tf.one_hot(labels, classes)))

    def losses(self, model, settings):
        """Arguments of `model.compile`."""
        is_binary = model.output_shape[-1] == 1
        loss = keras.losses.BinaryCrossentropy if is_binary else keras.losses.CategoricalCrossentropy
        metric = RoundedAccuracy(name="accuracy") if is_binary else "accuracy"
        return {"loss": loss(label_smoothing=settings.label_smoothing), "metrics": [metric]}

    def report(self, model, data, run_dir, writer=None, epoch=0):
        """Predicts the test data once and writes report, matrix and metrics; returns the dict of `metrics.json`."""
        predictions.check_units(model.output_shape[-1], metrics.distinct_names(data.class_names))
        model.compile(jit_compile=devices.compiles_whole(model))
        describe = getattr(data, "describe", None)
        report = ClassificationReport(data.test, data.class_names, run_dir, writer=writer, describe=describe)
        report.set_model(model)
        report._epoch = epoch
        report.write()
        return json.loads((run_folder.local_path(run_dir) / "metrics.json").read_text(encoding="utf-8"))


@keras.saving.register_keras_serializable("course_hw5")
class RoundedAccuracy(keras.metrics.BinaryAccuracy):
    """Keras's `BinaryAccuracy`, of labels that may be a teacher's probabilities."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(keras.ops.round(y_true), y_pred, sample_weight)


class RDrop(Classification):
    """Classification that reads every batch twice, under two dropouts, and wants both answers alike.

    Liang et al. 2021, R-Drop, https://arxiv.org/abs/2106.14448. A step takes twice as long. It is for models that
    learn their data by heart; a model without dropout gains nothing.

    Args:
        weight: of the divergence of both answers, above 0; the paper's alpha.
    """

    def __init__(self, weight=1.0):
        if not isinstance(weight, numbers.Real) or not 0 < weight < float("inf"):
            raise ValueError(f"`weight` of R-Drop must be above 0. Received: {weight}")
        self.weight = weight

    def prepare(self, data, model):
        """Every row is followed by itself. In validation nothing is dropped: both answers, and all scores, are those of one."""
        data = super().prepare(data, model)
        return data.map(lambda *batch: keras.tree.map_structure(lambda rows: tf.repeat(rows, 2, axis=0), batch))

    def losses(self, model, settings):
        """Arguments of `model.compile`."""
        arguments = super().losses(model, settings)
        return arguments | {"loss": RDropLoss(arguments["loss"], self.weight)}


class RDropLoss(keras.losses.Loss):
    """A loss of probabilities `(2 * batch, classes)`, or `(2 * batch, 1)` of a sigmoid, two rows for each input, plus
    `weight` times the mean of both Kullback-Leibler divergences between the two."""

    def __init__(self, loss, weight):
        super().__init__()
        self.loss, self.weight = loss, weight

    def call(self, labels, predicted):
        both = predicted if predicted.shape[-1] > 1 else keras.ops.concatenate([1 - predicted, predicted], axis=-1)
        first, second = keras.ops.unstack(keras.ops.reshape(both, (-1, 2, both.shape[-1])), 2, axis=1)
        divergence = (keras.losses.kl_divergence(first, second) + keras.losses.kl_divergence(second, first)) / 2
        return self.loss.call(labels, predicted) + self.weight * keras.ops.repeat(divergence, 2)


class Segmentation:
    """One class per pixel, from an `upernet_segmenter` with or without its auxiliary head.

    Args:
        auxiliary_weight: of the auxiliary head's loss (Zhao et al. 2017, section 3.2).
        **options: of the `SceneSegmenter` that reads the test data.
    """

    monitor = "val_mean_iou"

    def __init__(self, auxiliary_weight=0.4, **options):
        self.auxiliary_weight = auxiliary_weight
        self.options = options

    def check(self, model, data):
        """Raises ValueError unless model and data have the same classes, and there are data to train on."""
        check_classes(model.outputs[0].shape[-1], data.class_names)
        if data.train is None:
            raise ValueError("The data set must have a split to train on. Received: a copy without one")
        check_end(data.validation, "validation")
        check_end(data.test, "test")
        SceneSegmenter(model, **self.options)  # refuses wrong options before training, not after

    def prepare(self, data, model):
        """One target for each output."""
        return data.map(lambda images, labels: (images, (labels,) * len(model.outputs)))

    def losses(self, model, settings):
        """Arguments of `model.compile`."""
        if settings.label_smoothing:
            raise ValueError(f"`label_smoothing` must be 0 for label maps. Received: {settings.label_smoothing}")
        classes, others = model.outputs[0].shape[-1], len(model.outputs) - 1
        return {
            "loss": [PixelCrossentropy() for _ in model.outputs],
            "loss_weights": [1.0] + [self.auxiliary_weight] * others,
            "metrics": [[MeanIoU(classes), PixelAccuracy(classes)]] + [[]] * others,
        }

    def report(self, model, data, run_dir, writer=None, epoch=0):
        """Segments the test data once and writes scores, matrix and gallery; returns the dict of `metrics.json`."""
        check_classes(model.outputs[0].shape[-1], data.class_names)
        return write_scene_report(SceneSegmenter(model, **self.options), data, run_dir, writer, epoch)


CLASSIFICATION = Classification()
