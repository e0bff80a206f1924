"""The optimizer of a `TrainingConfig`: a schedule over all steps, decay of kernels alone, and a rate per variable.

What does not decay is said by the model, `no_weight_decay()`; of a model without that method it is biases and the scales and
offsets of normalization. Muon decays all but these of any model: BEiT's position biases, [CLS] and LayerScale, too, as it did
where the bundled BEiT and segmenter were trained.
"""

import math
import re

import keras
import tensorflow as tf

from course_hw5.layers.kernels import partial_jit
from course_hw5.layers.layer import Registered
from course_hw5.models.task import NOT_DECAYED, Task
from course_hw5.training.config import TrainingConfig

Multipliers = dict[str, float] | None  # of the learning rate, by `variable.path`


class _FusedUpdate:
    """Lets XLA compile the update of all weights as one function, where it does not compile the whole step.

    `_backend_update_step` is Keras's own place for what a backend does at once. A Keras without it never calls this, and
    updates variable by variable.
    """

    def _backend_update_step(self, gradients, variables, learning_rate):
        update = super()._backend_update_step
        if not partial_jit() or tf.distribute.has_strategy():
            return update(gradients, variables, learning_rate)
        step = tf.function(lambda gradients, rate: update(gradients, variables, rate), jit_compile=True, autograph=False)
        return step(gradients, tf.convert_to_tensor(learning_rate))


class SGD(Registered, _FusedUpdate, keras.optimizers.SGD):
    """Keras's, with an update that XLA compiles."""


class Adam(Registered, _FusedUpdate, keras.optimizers.Adam):
    """Keras's, with an update that XLA compiles."""


class Muon(Registered, _FusedUpdate, keras.optimizers.Muon):
    """Keras's, with an update that XLA compiles, and for convolutions, too, which Keras leaves to AdamW.

    A convolution's kernel `(rows, columns, channels, filters)` is the matrix of the patches that it reads and the filters.
    """

    def _should_use_adamw(self, variable):
        return super()._should_use_adamw(_Matrix(variable) if len(variable.shape) == 4 else variable)

    def zeropower_via_newtonschulz5(self, x: keras.KerasTensor, steps: int) -> keras.KerasTensor:
        matrix = super().zeropower_via_newtonschulz5(keras.ops.reshape(x, (-1, x.shape[-1])), steps)
        return keras.ops.reshape(matrix, x.shape)

    def lr_adjust(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.reshape(super().lr_adjust(keras.ops.reshape(x, (-1, x.shape[-1]))), x.shape)


class _Matrix:
    """What Muon asks of a convolution's kernel: its path, and its shape as a matrix."""

    def __init__(self, kernel):
        self.path, self.shape = kernel.path, (math.prod(kernel.shape[:-1]), kernel.shape[-1])


class LayerwiseAdamW(Registered, _FusedUpdate, keras.optimizers.AdamW):
    """AdamW with a multiplier of the learning rate, and so of the decay, for each variable.

    `lr_multipliers`: dict of `variable.path` to float; None, or a path that is not in it, for 1.
    """

    lr_multipliers: Multipliers = None

    def update_step(self, gradient: keras.KerasTensor, variable: keras.Variable, learning_rate: keras.KerasTensor) -> None:
        owner = self._trainable_variables[self._get_variable_index(variable)]
        rate = learning_rate * (self.lr_multipliers or {}).get(owner.path, 1.0)
        if self.weight_decay and self._use_weight_decay(owner):
            self.assign_sub(variable, variable * keras.ops.cast(self.weight_decay * rate, variable.dtype))
        super().update_step(gradient, variable, rate)

    def _apply_weight_decay(self, variables):
        """Keras's knows no multipliers; see `update_step`."""


def make_optimizer(
    config: TrainingConfig, steps_per_epoch: int, model: keras.Model | None = None, lr_multipliers: Multipliers = None
) -> keras.optimizers.Optimizer:
    """Makes the optimizer of `config`.

    Args:
        config: a `TrainingConfig`.
        steps_per_epoch: batches in an epoch, for the schedule of the learning rate.
        model: the model to be trained, which says what does not decay; Muon leaves its head to AdamW.
        lr_multipliers: dict of `variable.path` to a multiplier of its learning rate; for "adamw" only.

    Raises:
        ValueError: if there are multipliers for another optimizer.
    """
    if lr_multipliers and config.optimizer != "adamw":
        raise ValueError(f'`lr_multipliers` must be None, except with "adamw". Received: {config.optimizer}')
    rate, decay = learning_rate(config, steps_per_epoch), config.weight_decay
    average: dict = {"use_ema": True, "ema_momentum": config.ema} if config.ema else {}
    if config.optimizer == "sgd":
        return SGD(rate, momentum=0.9, nesterov=True, **average)
    if config.optimizer == "adam":
        return Adam(rate, **average)
    if config.optimizer == "muon":
        optimizer = Muon(rate, weight_decay=decay, adam_weight_decay=decay, exclude_layers=_not_hidden(model), **average)
        optimizer.exclude_from_weight_decay(var_names=[*NOT_DECAYED])
        return optimizer
    optimizer = LayerwiseAdamW(rate, weight_decay=decay, **average)
    optimizer.lr_multipliers = lr_multipliers
    optimizer.exclude_from_weight_decay(var_names=_not_decayed(model))
    return optimizer


def learning_rate(config: TrainingConfig, steps_per_epoch: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of `config`: a number, or its schedule over all steps."""
    rate = config.learning_rate
    if config.schedule == "constant":
        return rate
    steps, warmup = config.epochs * steps_per_epoch, round(config.warmup_epochs * steps_per_epoch)
    rise = {"warmup_target": rate, "warmup_steps": warmup} if warmup else {}
    return keras.optimizers.schedules.CosineDecay(0.0 if warmup else rate, max(1, steps - warmup), **rise)


def layerwise_multipliers(model: keras.Model, decay: float) -> dict[str, float]:
    """Multipliers of the learning rate that fall by `decay` from group to group towards the input (BEiT, appendix).

    Args:
        model: a model with `layer_groups()`.
        decay: in (0, 1].

    Returns:
        Dict of `variable.path` to multiplier: 1 for the last group, the head; `decay` for the one before it, and so on.
    """
    return {variable.path: decay**below for below, group in enumerate(model.layer_groups()[::-1]) for variable in group}


def _not_decayed(model):
    """Names, or parts of names, of variables that do not decay."""
    return [*(model.no_weight_decay() if hasattr(model, "no_weight_decay") else NOT_DECAYED)]


def _not_hidden(model):
    """Patterns of paths that Muon leaves to AdamW besides embeddings: what does not decay, heads, and BEiT's convolutions.

    Heads are the last layer that has weights, and those that the model names in `logits_layers`. The bundled segmenter was
    trained with AdamW for its convolutions.
    """
    layers = [layer for layer in getattr(model, "layers", ()) if layer.trainable_variables]
    last = [variable.path for layer in layers[-1:] for variable in layer.trainable_variables]
    named = [f"{name}/" for name in getattr(model, "logits_layers", ("logits",))]
    of_task = [variable.path for variable in model.variables if len(variable.shape) == 4] if isinstance(model, Task) else []
    return [*_not_decayed(model), *map(re.escape, (*last, *named, *of_task))]
