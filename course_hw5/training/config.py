"""How to train: the values that `config.json` records. Loads no TensorFlow."""

import dataclasses

from course_hw5.errors import is_whole, require

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
STRATEGIES = ("none", "mirrored", "multiworker")
OPTIMIZERS = ("adam", "adamw", "sgd", "muon")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How to train; recorded in `config.json`.

    Attributes:
        epochs: 1 or more.
        optimizer: "adam", "adamw", "sgd" (Nesterov momentum 0.9) or "muon" (Jordan et al. 2024) for the kernels
            of hidden dense layers and convolutions, with AdamW for all else.
        learning_rate: the highest rate. It rises from 0 over `warmup_epochs`, then falls along a cosine to 0 (Loshchilov
            and Hutter 2017), or stays where `schedule` is "constant".
        weight_decay: decoupled decay of kernels and embeddings, for "adamw" and "muon" only; see `optimizers.py`.
        label_smoothing: share of the target spread over all classes, in [0, 1).
        monitor: the metric that chooses the best epoch; "epoch" for the last one, as where there are no validation data.
        ema: momentum of an exponential moving average of the weights over the steps, in [0, 1), such as 0.99; 0 for none. The
            averages are validated, chosen among and saved, in place of the last weights (Polyak and Juditsky 1992).
        seed: decides order, augmentation and dropout; initial weights too where `keras.utils.set_random_seed` came first.
        calibrate: whether the best epoch's logits are divided by a temperature that the validation set decides, before the test
            (Guo et al. 2017).
        jit_compile: whether XLA compiles the step as a whole; None for what `runtime.use_jit_compile` says. Never
            under a `tf.distribute` strategy.
    """

    epochs: int = 10
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    monitor: str = "val_accuracy"
    ema: float = 0.0
    seed: int = 0
    calibrate: bool = False
    jit_compile: bool | None = None

    def __post_init__(self):
        decays = self.optimizer in ("adamw", "muon")
        for name, is_valid, expected in (
            ("epochs", lambda epochs: is_whole(epochs, 1), "a whole number, 1 or more"),
            ("optimizer", lambda name: name in OPTIMIZERS, ", ".join(OPTIMIZERS)),
            ("learning_rate", lambda rate: 0 < rate < float("inf"), "above 0"),
            ("schedule", lambda name: name in ("cosine", "constant"), "cosine or constant"),
            ("warmup_epochs", lambda epochs: 0 <= epochs < self.epochs, "in [0, epochs)"),
            ("label_smoothing", lambda share: 0 <= share < 1, "in [0, 1)"),
            ("weight_decay", lambda rate: rate == 0 or (decays and 0 < rate < 1), "0, or in [0, 1) with adamw and muon"),
            ("monitor", lambda name: isinstance(name, str), "the name of a metric"),
            ("ema", lambda momentum: 0 <= momentum < 1, "in [0, 1)"),
            ("seed", is_whole, "a whole number, 0 or more"),
            ("calibrate", lambda flag: isinstance(flag, bool), "True or False"),
            ("jit_compile", lambda flag: flag is None or isinstance(flag, bool), "None, True or False"),
        ):
            require(name, getattr(self, name), is_valid, expected)
