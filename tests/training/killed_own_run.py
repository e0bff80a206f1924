"""Trains on data of one's own that are read as they are needed, and is killed in the middle of an epoch.

python killed_own_run.py FOLDER: FOLDER/images is the run folder of images as a kill would leave it, a copy; then the training
on texts in FOLDER/texts is killed.
"""

import os
import pathlib
import shutil
import signal
import sys

import keras

import course_hw5
from course_hw5.text.tokenizer import bert_tokenizer
from course_hw5.training import runtime
from tests.data.own import write_class_folders
from tests.data.test_own_texts import WORDS, write_csv

EPOCHS, KILLED = 2, (1, 2)  # the last batch that is trained on: second epoch, third batch
SIZES = {"vocabulary_size": len(WORDS), "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16}


def write_source(kind, folder):
    """Makes the data in a folder that exists; returns their path."""
    return write_class_folders(folder / "colors", 12) if kind == "images" else write_csv(folder / "mine.csv", 12)


def start(kind, source, run_dir, memory_gb, callbacks=(), **options):
    """A run with random order, augmentation, mixed labels and dropout."""
    runtime.seed_everything(3)
    if kind == "images":
        data = course_hw5.load_images(source, 4, 0.1, 3, "mixup", image_size=8, memory_gb=memory_gb)
        model = course_hw5.mlp_classifier((8, 8, 3), hidden_units=(8,), dropout=0.2, num_classes=3)
    else:
        data = course_hw5.load_reviews(source, 4, 8, 0.1, 3, bert_tokenizer(WORDS), memory_gb=memory_gb)
        backbone = course_hw5.bert_backbone("tiny", **SIZES, max_sequence_length=8)
        model = course_hw5.bert_classifier(backbone, num_classes=3, class_names=data.class_names, vocabulary=WORDS)
    config = course_hw5.TrainingConfig(epochs=EPOCHS, learning_rate=2e-3, seed=3)
    return course_hw5.train(model, data, run_dir, config, callbacks=callbacks, **options)


class Stop(keras.callbacks.Callback):
    def __init__(self, stop):
        super().__init__()
        self.stop = stop

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == KILLED:
            self.stop()


class Stopped(Exception):
    pass


def main(folder):
    def copy():
        shutil.copytree(folder / "stopped", folder / "images")
        raise Stopped

    try:
        start("images", write_source("images", folder), folder / "stopped", 0, [Stop(copy)])
    except Stopped:
        kill = Stop(lambda: os.kill(os.getpid(), signal.SIGKILL))
        start("texts", write_source("texts", folder), folder / "texts", 0, [kill])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
