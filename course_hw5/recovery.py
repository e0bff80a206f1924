"""Callbacks that let a run be killed, resumed and repeated: one seed per epoch, an atomic backup, the best epoch kept."""

import math
import pathlib
import zipfile
import zlib

import keras
import numpy as np
import tensorflow as tf

from course_hw5.evaluation import run_folder
from course_hw5.evaluation.callbacks import main_metrics


class EpochSeed(keras.callbacks.Callback):
    """Derives all randomness of an epoch from the seed and the epoch's number.

    So epoch 3 of a resumed run shuffles, augments and drops out as epoch 3 of an uninterrupted one.

    Args:
        seed: integer, 0 or more.
    """

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        data_seed, model_seed = np.random.SeedSequence([self.seed, epoch]).generate_state(2)
        tf.random.get_global_generator().reset_from_seed(int(data_seed))
        for index, layer in enumerate(self.model._flatten_layers()):
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([int(model_seed) & 0x7FFFFFFF, index << 20])  # it counts calls from there


class Backup(keras.callbacks.BackupAndRestore):
    """`BackupAndRestore` whose backup of one epoch replaces the last one whole, so that a kill at any moment loses none.

    Weights and optimizer are one file that carries its epoch in its name: `epoch-0003.npz`.

    Args:
        backup_dir: folder to write the backup to.
        restore_from: folder with a backup that training goes on from, or None.
    """

    def __init__(self, backup_dir, restore_from=None):
        super().__init__(run_folder.local_path(backup_dir), delete_checkpoint=False)
        self.restore_from = restore_from and run_folder.local_path(restore_from)

    @property
    def latest(self):
        """Path of the newest backup in `restore_from`, or None."""
        return max(self.restore_from.glob("epoch-*.npz"), default=None) if self.restore_from else None

    def _save_model(self):
        folder = pathlib.Path(self.backup_dir)
        folder.mkdir(parents=True, exist_ok=True)
        earlier = [*folder.glob("epoch-*.npz"), *folder.glob(".partial-*")]
        with run_folder.replacing(folder / f"epoch-{self._current_epoch:04d}.npz") as partial, open(partial, "wb") as file:
            np.savez(file, **{name: keras.ops.convert_to_numpy(value) for name, value in self._state().items()})
        for path in earlier:
            path.unlink(missing_ok=True)

    def _load_model(self):
        latest = self.latest
        if latest is None:
            return
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        state = self._state()
        try:
            with np.load(latest) as saved:
                if {*saved.files} != {*state}:
                    raise ValueError("it holds other variables")
                values = {name: saved[name] for name in state}
            for name, variable in state.items():
                if values[name].shape != tuple(variable.shape):
                    raise ValueError(f"{name} has shape {values[name].shape} there")
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(
                f"The backup {latest} must hold the weights of this model; it is damaged or another model's ({reason}). "
                "Nothing was changed: restore the file, or start again with --overwrite."
            ) from error
        for name, variable in state.items():
            variable.assign(values[name])
        self.model._initial_epoch = int(latest.stem.split("-")[1])

    def _state(self):
        """Every variable by name. Keras's own files of weights would merge a LoRA's factors, and training could not go on."""
        variables = [*self.model.variables, *self.model.optimizer.variables]
        return {f"{index:04d} {variable.name}": variable for index, variable in enumerate(variables)}


class BestModel(keras.callbacks.Callback):
    """Keeps the model of the best epoch by validation, without the optimizer's state.

    Args:
        run_dir: folder with `history.csv` (what a resumed run compares with) and `model.keras`.
        monitor: name of a metric in the logs; smaller is better where it ends in "loss".
    """

    def __init__(self, run_dir, monitor="val_accuracy"):
        super().__init__()
        self.run_dir = run_folder.local_path(run_dir)
        self.monitor = monitor
        self.sign = -1 if monitor.endswith("loss") else 1

    def on_epoch_end(self, epoch, logs=None):
        value = self.sign * main_metrics(logs, self.model)[self.monitor]
        best = -math.inf
        if epoch > 0:
            earlier = run_folder.read_history(self.run_dir).query("epoch <= @epoch")
            best = (self.sign * earlier[self.monitor]).fillna(-math.inf).max()
        if epoch == 0 or value > best:  # the first epoch counts even where its score is NaN, so that there is a model
            model = keras.Model(self.model.input, self.model.output, name=self.model.name)  # the same layers, uncompiled
            with run_folder.replacing(self.run_dir / "model.keras") as partial:
                model.save(partial)


class StopOnNaN(keras.callbacks.Callback):
    """Ends training with a plain FloatingPointError when the loss is no longer a number; finished epochs stay.

    Args:
        every: batches between two looks; the running mean of the loss stays NaN, so that none is missed.
    """

    def __init__(self, every=20):
        super().__init__()
        self.every = every
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if batch % self.every == 0:
            self._check(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._check(logs)

    def _check(self, logs):
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} in epoch {self._epoch + 1}. Try a smaller learning rate, or float32 precision."
            )
