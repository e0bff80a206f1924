"""Trains as `test_training.py` does and kills itself with SIGKILL: in a batch, or while a file is half written.

python killed_run.py RUN_DIR batch|backup|model
"""

import os
import pathlib
import signal
import sys

import keras
import numpy

sys.path.insert(0, os.path.dirname(__file__))

from test_train import start


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class KillInBatch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (2, 4):
            die()


class KillInWriting(keras.callbacks.Callback):
    """From an epoch on, makes a function that writes a file leave a torn one and die."""

    def __init__(self, owner, function, first_epoch):
        super().__init__()
        self.owner, self.function, self.first_epoch = owner, function, first_epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.first_epoch:
            setattr(self.owner, self.function, torn)


def torn(*args, **kwargs):
    for file in args[:2]:  # a method gets its path second
        if isinstance(file, (str, pathlib.Path)):
            pathlib.Path(file).write_bytes(b"torn")
        elif hasattr(file, "write"):
            file.write(b"torn")
            file.flush()
    die()


if __name__ == "__main__":
    run_dir, moment = sys.argv[1:]
    killer = {
        "batch": KillInBatch(),
        "backup": KillInWriting(numpy, "savez", first_epoch=2),
        "model": KillInWriting(keras.Model, "save", first_epoch=1),
    }[moment]
    start(run_dir, callbacks=[killer])
