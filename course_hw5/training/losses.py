"""Losses and metrics of classifiers that Keras lacks."""

import keras


@keras.saving.register_keras_serializable("course_hw5")
class RoundedAccuracy(keras.metrics.BinaryAccuracy):
    """Keras's `BinaryAccuracy`, of labels that may be a teacher's probabilities."""

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
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
