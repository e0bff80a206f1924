"""Trains as `test_train.py` does, and is killed while a backup is half written.

python killed_run.py FOLDER: the run is in FOLDER/backup. It also copies the run folder at two earlier moments, as a kill would
leave it: to FOLDER/model while the model is half written, and to FOLDER/batch in the middle of an epoch.
"""

import os
import pathlib
import shutil
import signal
import sys

import keras
import numpy

sys.path.insert(0, os.path.dirname(__file__))

from test_train import start

FOLDER = pathlib.Path(sys.argv[1])
RUN = FOLDER / "backup"
SAVE = keras.Model.save


def copy(moment):
    if not (FOLDER / moment).exists():
        shutil.copytree(RUN, FOLDER / moment)


def save_half(model, path, *args, **kwargs):
    pathlib.Path(path).write_bytes(b"torn")
    copy("model")
    SAVE(model, path, *args, **kwargs)


def die_in_backup(file, **arrays):
    file.write(b"torn")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)


class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        if epoch == 1:
            keras.Model.save = save_half
        if epoch == 2:
            numpy.savez = die_in_backup

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (2, 4):
            copy("batch")


if __name__ == "__main__":
    start(RUN, callbacks=[Kill()])
