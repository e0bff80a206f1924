"""Several workers: each example is read by one of them in an epoch, and what is measured is what one worker measures."""

import json
import os
import pathlib
import subprocess
import sys

import pandas as pd
import pytest

from tests.data.own import write_class_folders
from tests.data.test_own_texts import write_csv
from tests.training.test_train import free_port

pytestmark = pytest.mark.slow

TRAINING = """
import json, os, sys
import numpy as np
import course_hw5
from course_hw5.data import image_reading, token_ids
from course_hw5.training import runtime, tasks, train
kind, source, memory_gb, run_dir, seen_path = sys.argv[1:]
strategy = runtime.strategy("multiworker")
runtime.seed_everything(0)
seen, is_fitting = {}, []  # by the size of the split
config = course_hw5.TrainingConfig(epochs=1)
if kind == "images":
    read = image_reading.read_image
    def recorded(examples, index, size):
        if is_fitting:
            seen.setdefault(len(examples), []).append(examples.name(index))
        return read(examples, index, size)
    image_reading.read_image = recorded
    data = course_hw5.load_images(source, 8, 0.2, image_size=8, memory_gb=float(memory_gb))
    build = lambda: course_hw5.mlp_classifier((8, 8, 3), hidden_units=(8,), num_classes=3)
else:
    from course_hw5.text.tokenizer import bert_tokenizer
    from tests.data.test_own_texts import WORDS
    tokenizer = bert_tokenizer(WORDS)
    padded = token_ids.TokenIds.padded
    data = course_hw5.load_reviews(source, 4, 16, 0.2, tokenizer=tokenizer, memory_gb=float(memory_gb))
    def recorded(self, indices, width):
        if is_fitting:
            seen.setdefault(len(self), []).extend(map(int, indices))
        return padded(self, indices, width)
    token_ids.TokenIds.padded = recorded
    sizes = {"vocabulary_size": len(WORDS), "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16}
    def build():
        backbone = course_hw5.bert_backbone("tiny", **sizes, max_sequence_length=16)
        return course_hw5.bert_classifier(backbone, num_classes=3, class_names=data.class_names, vocabulary=WORDS)
with strategy.scope():
    model = build()
import keras
start = keras.callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: is_fitting.append(epoch), on_train_end=lambda logs: is_fitting.clear()
)
course_hw5.train(model, data, run_dir, config, callbacks=[start])
alone = {}
if os.path.exists(run_dir + "/metrics.json"):
    model = course_hw5.load_model(run_dir)
    train.compile_model(model, config, 1)
    alone = model.evaluate(tasks.CLASSIFICATION.prepare(data.validation, model), return_dict=True, verbose=0)
sizes = data.card.examples
read = {split: seen[size] for split, size in sizes.items() if split != "test"}
open(seen_path, "w").write(json.dumps([read, int(data.train.cardinality()) * data.batch_size, sizes, alone]))
"""


@pytest.mark.parametrize("kind, memory_gb", [("images", 0), ("texts", 1)])
def test_each_example_is_read_by_one_worker(kind, memory_gb, tmp_path):
    source = write_class_folders(tmp_path / "colors", 20) if kind == "images" else write_csv(tmp_path / "mine.csv", 20)
    cluster = {"worker": [f"localhost:{free_port()}" for _ in range(2)]}
    root, started = pathlib.Path(__file__).parents[2], []
    for index in range(2):
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(config), "PYTHONPATH": str(root)}
        arguments = [kind, source, str(memory_gb), tmp_path / "run", tmp_path / f"seen-{index}.json"]
        command = [sys.executable, "-c", TRAINING, *arguments]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors[-3000:]
    found = [json.loads((tmp_path / f"seen-{index}.json").read_text()) for index in range(2)]
    (first, count, sizes, alone), (second, *_) = sorted(found, key=lambda one: not one[3])
    one, other = first["train"], second["train"]
    assert len(one) == len(other) == count // 2 and not {*one} & {*other} and len({*one} | {*other}) == count
    one, other = first["validation"], second["validation"]
    assert len(one) + len(other) == sizes["validation"] == len({*one} | {*other}) == 9  # of the last batch one worker has none
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["val_accuracy"][0] == pytest.approx(alone["accuracy"], abs=1e-6)
    assert history["val_loss"][0] == pytest.approx(alone["loss"], rel=1e-5)
