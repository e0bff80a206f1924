"""Callbacks that let a run be killed, resumed and repeated: one seed per epoch, an atomic backup, the best epoch kept."""

import math
import pathlib
import zipfile
import zlib

import keras
import numpy as np
import tensorflow as tf

from course_hw5.errors import first_line, is_whole, require
from course_hw5.reports import keras_callbacks, run_folder


class EpochSeed(keras.callbacks.Callback):
    """Derives all randomness of an epoch from the seed and the epoch's number.

    So epoch 3 of a resumed run shuffles, augments and drops out as epoch 3 of an uninterrupted one.

    Args:
        seed: integer, 0 or more.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        data_seed, model_seed = np.random.SeedSequence([self.seed, epoch]).generate_state(2)
        tf.random.get_global_generator().reset_from_seed(int(data_seed))
        states = [variable for variable in self.model.variables if variable.name == "seed_generator_state"]
        for index, state in enumerate(states):
            state.assign([int(model_seed) & 0x7FFFFFFF, index << 20])  # it counts calls from there


class Backup(keras.callbacks.Callback):
    """Backs up weights and optimizer after each epoch, so that a kill at any moment loses no finished epoch.

    A backup is one file, `epoch-0003.npz` after three epochs. `restore` reads it.

    Args:
        backup_dir: folder to write backups to.
        keep: how many stay there, the newest; 1 or more.
    """

    def __init__(self, backup_dir: run_folder.AnyPath, keep: int = 1):
        super().__init__()
        require("keep", keep, lambda keep: is_whole(keep, 1), "a whole number, 1 or more")
        self.backup_dir, self.keep = run_folder.local_path(backup_dir), keep

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        path = self.backup_dir / f"epoch-{epoch + 1:04d}.npz"
        with run_folder.atomic_write(path) as partial, open(partial, "wb") as file:
            np.savez(file, **state_arrays(self.model))  # type: ignore[arg-type]  # no name is "allow_pickle"
        backups = sorted(self.backup_dir.glob("epoch-*.npz"))
        kept = [backup for backup in backups if backup <= path][-self.keep :]  # later ones are of an earlier run
        for old in {*backups, *self.backup_dir.glob(".partial-*")} - {*kept}:
            old.unlink(missing_ok=True)


def latest_backup(backup_dir: run_folder.AnyPath) -> pathlib.Path | None:
    """Path of the newest backup in a folder, or None."""
    return max(run_folder.local_path(backup_dir).glob("epoch-*.npz"), default=None)


class BackupError(ValueError):
    """A backup that is damaged, or of another model."""


def restore(path: run_folder.AnyPath, model: keras.Model) -> int:
    """Gives a compiled model the weights and the optimizer's state of a backup.

    Args:
        path: a file that `Backup` wrote.
        model: the same model, compiled in the same way.

    Returns:
        The number of epochs that were trained: `initial_epoch` of `fit`.

    Raises:
        ValueError: if the file is damaged or another model's; the model is as it was then.
    """
    path = run_folder.local_path(path)
    values = read_backup(path, model)
    for name, variable in _state(model).items():
        variable.assign(values[name])
    return int(path.stem.split("-")[1])


def read_backup(path: run_folder.AnyPath, model: keras.Model) -> dict[str, np.ndarray]:
    """The arrays of a backup by name; nothing in it is executed. Arguments and errors as of `restore`."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    state = _state(model)
    try:
        with np.load(path, allow_pickle=False) as saved:
            if {*saved.files} != {*state}:
                raise ValueError("it holds other variables")
            values = {name: saved[name] for name in state}
        for name, variable in state.items():
            if values[name].shape != tuple(variable.shape):
                raise ValueError(f"{name} has shape {values[name].shape} there")
            if values[name].dtype.name != keras.backend.standardize_dtype(variable.dtype):
                raise ValueError(f"{name} is {values[name].dtype.name} there")
    except (OSError, EOFError, MemoryError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        found = f"it is damaged or another model's ({first_line(error)})"
        raise BackupError(f"The backup {path} must hold the weights of this model; {found}") from error
    return values


def state_arrays(model: keras.Model) -> dict[str, np.ndarray]:
    """What a backup of a compiled model holds: weights and the optimizer's state by name."""
    return {name: keras.ops.convert_to_numpy(value) for name, value in _state(model).items()}


def _state(model):
    """Every variable by name. Keras's own files of weights would merge a LoRA's factors, and training could not go on."""
    variables = [*model.variables, *model.optimizer.variables]
    return {f"{index:04d} {variable.name}": variable for index, variable in enumerate(variables)}


class BestModel(keras.callbacks.Callback):
    """Keeps the model of the best epoch by validation, without the optimizer's state.

    Args:
        run_dir: folder for `model.keras`, with the `history.csv` that a resumed run compares with.
        monitor: name of a metric in the logs; smaller is better where it ends in "loss". "epoch" keeps the last one.
    """

    def __init__(self, run_dir: run_folder.AnyPath, monitor: str = "val_accuracy"):
        super().__init__()
        self.run_dir, self.monitor = run_folder.local_path(run_dir), monitor
        self.sign = -1 if monitor.endswith("loss") else 1
        self._best: float | None = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch == 0:
            self._best = None
        elif self._best is None:  # of a run that goes on
            earlier = run_folder.read_history(self.run_dir).query("epoch <= @epoch")
            self._best = (self.sign * earlier[self.monitor]).fillna(-math.inf).max()
        value = self.sign * (keras_callbacks.main_metrics(logs, self.model) | {"epoch": epoch + 1})[self.monitor]
        if self._best is None or value > self._best:  # the first epoch counts even where its score is NaN
            save_without_optimizer(self.model, self.run_dir / "model.keras")
            self._best = -math.inf if math.isnan(value) else value


def save_without_optimizer(model: keras.Model, path: run_folder.AnyPath) -> None:
    """Saves a model, atomically, without optimizer and loss, which only training needs."""
    optimizer, is_compiled = getattr(model, "optimizer", None), model.compiled
    model.optimizer, model.compiled = None, False
    try:
        with run_folder.atomic_write(path) as partial:
            model.save(partial)
    finally:
        model.optimizer, model.compiled = optimizer, is_compiled


class TerminateOnNaN(keras.callbacks.Callback):
    """Ends training with a FloatingPointError that says what to try when the loss is no longer a number; finished epochs stay.

    `keras.callbacks.TerminateOnNaN(raise_error=True)` needs Keras 3.15, and 3.10 is supported. The loss is looked at every 20
    batches: its running mean stays NaN, so that none is missed.
    """

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.on_train_batch_end(0, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if batch % 20 == 0 and not math.isfinite(loss := float((logs or {})["loss"])):
            advice = "Try a smaller learning rate, or float32 precision."
            raise FloatingPointError(f"The loss became {loss} in epoch {self._epoch + 1}. {advice}")
