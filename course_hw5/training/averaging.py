"""An exponential moving average of the weights, which takes their place from the validation to the end of each epoch."""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Puts the averages that an optimizer with `use_ema` keeps in the place of a model's weights; at the end, these are back.

    Without such an optimizer nothing changes. Statistics of BatchNormalization are no trained weights: they stay as they are.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # of one that scales the loss
    if not optimizer.use_ema:
        yield
        return
    weights = [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    for variable in model.trainable_variables:  # the optimizer averages what a step gives before it is constrained
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, weights):
            variable.assign(value)


class AveragedWeights(keras.callbacks.Callback):
    """Gives a model the averages of its weights from validation to the end of an epoch: what other callbacks see and save.

    It comes before these, and `AveragedWeights.end` after them, before `Backup`, which holds weights and averages.
    `keras.callbacks.SwapEMAWeights` gives the weights back in the next epoch, too late for a backup, and rounds them.
    """

    def __init__(self):
        super().__init__()
        self._context = contextlib.ExitStack()
        self.end = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self._context.close())

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._context.close()
        self._context.enter_context(averaged_weights(self.model))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.on_test_begin()  # where nothing was validated
