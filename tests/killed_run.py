"""Trains as `test_training.py` does and kills itself with SIGKILL: in a batch, or while a file is half written.

python killed_run.py RUN_DIR batch|backup|model
"""

import os
import pathlib
import signal
import sys

import keras

sys.path.insert(0, os.path.dirname(__file__))

from test_training import start


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class KillInBatch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (2, 4):
            die()


class KillInWriting(keras.callbacks.Callback):
    """From an epoch on, makes the method of `keras.Model` that writes a file leave a torn one and die."""

    def __init__(self, method, first_epoch):
        super().__init__()
        self.method, self.first_epoch = method, first_epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.first_epoch:

            def torn(model, path, *args, **kwargs):
                pathlib.Path(path).write_bytes(b"torn")
                die()

            setattr(keras.Model, self.method, torn)


if __name__ == "__main__":
    run_dir, moment = sys.argv[1:]
    killer = {
        "batch": KillInBatch(),
        "backup": KillInWriting("save_weights", first_epoch=2),
        "model": KillInWriting("save", first_epoch=1),
    }[moment]
    start(run_dir, callbacks=[killer])
