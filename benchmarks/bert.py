"""Our BERT against `transformers` in PyTorch, of MiniLM's size (6 layers, 384, 12 heads), with weights that both load:
interleaved, medians and ratios.

    python benchmarks/bert.py --torch-python PATH/TO/python --openvino PATH/TO/python --out benchmarks/bert.json

Tasks, 32 texts per batch: `train 128`, `predict 128`: a step and a prediction at 128 tokens. `attention 128`: all layers'
attention, ours as one array by a model that stops there, PyTorch's beside its prediction (eager attention). `train sst2`:
batches of SST-2 at its natural lengths, ours in buckets, PyTorch's as usual: random batches padded to their longest text.
`ratio` is PyTorch's time over ours. OpenVINO predicts and attends by our exported models.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import openvino_side
import sides

BATCH, LENGTH, BATCHES, VOCABULARY = 32, 128, 24, 30522


def random_ids(lengths, width):
    ids = np.random.default_rng(0).integers(1000, VOCABULARY, (len(lengths), width))
    return np.where(np.arange(width) < np.array(lengths)[:, None], ids, 0)


def lengths_in(folder):
    return pathlib.Path(folder) / "lengths.json"


def write_lengths(folder):
    """Lengths of the texts in as many batches of SST-2 as both sides train on: ours as they come, PyTorch's at random."""
    import course_hw5

    def lengths(batches, seed):
        train = course_hw5.load_reviews("sst2", BATCH, 64, seed=seed).train
        return [(ids.numpy() != 0).sum(1).tolist() for ids, _ in train.take(batches)]

    ours, everything = lengths(BATCHES, seed=0), np.concatenate(lengths(40 * BATCHES, seed=1))
    random = np.random.default_rng(0).choice(everything, (BATCHES, BATCH))
    lengths_in(folder).write_text(json.dumps({"keras": ours, "torch": random.tolist()}))


def write_weights(folder):
    """Random ones of PyTorch's, in Hugging Face's format, which both sides load."""
    import transformers

    sizes = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    config = transformers.BertConfig(**sizes, num_labels=2)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)


def keras_tasks(precision, lengths, folder):
    import tensorflow as tf

    import course_hw5
    from course_hw5.data.reviews import BUCKETS
    from course_hw5.training import runtime, train

    runtime.set_precision({"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision])
    model = course_hw5.load_model(folder)
    attention = course_hw5.attention_model(model)
    train.compile_model(model, course_hw5.TrainingConfig(epochs=100, optimizer="adamw", weight_decay=0.01), steps_per_epoch=100)
    attention.compile(jit_compile=runtime.use_jit_compile(model))
    ids, labels = tf.constant(random_ids([LENGTH] * BATCH, LENGTH), tf.int32), tf.constant(np.arange(BATCH) % 2)
    natural = [
        tf.constant(random_ids(row, next(bucket for bucket in BUCKETS if bucket >= max(row))), tf.int32) for row in lengths
    ]
    return {
        f"train {LENGTH}": lambda: float(model.train_on_batch(ids, labels)[0]),
        f"predict {LENGTH}": sides.keras_call(model, ids),
        f"attention {LENGTH}": sides.keras_call(attention, ids),
        "train sst2": lambda: [float(model.train_on_batch(batch, labels)[0]) for batch in natural],
    }


def exported(folder):
    import course_hw5

    model, ids = course_hw5.load_model(folder), random_ids([LENGTH] * BATCH, LENGTH).astype("int32")
    return {f"predict {LENGTH}": (model, ids), f"attention {LENGTH}": (course_hw5.attention_model(model), ids)}


def torch_tasks(precision, lengths, folder):
    import torch
    import transformers

    load = transformers.BertForSequenceClassification.from_pretrained
    model, eager = load(folder), load(folder, attn_implementation="eager").eval()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-5)
    mixed = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
    labels = torch.arange(BATCH) % 2

    def batch(row):
        ids = torch.tensor(random_ids(row, max(row)))
        return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}

    natural = [batch(row) for row in lengths]
    train, predict = sides.torch_calls(model, optimizer, mixed, **batch([LENGTH] * BATCH))
    return {
        f"train {LENGTH}": train,
        f"predict {LENGTH}": predict,
        f"attention {LENGTH}": lambda: predict(eager, output_attentions=True),
        "train sst2": lambda: [train(inputs) for inputs in natural],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", default=sys.executable, help="a Python with benchmarks/requirements.txt")
    parser.add_argument("--precisions", nargs="+", choices=("float32", "bfloat16"), default=["float32", "bfloat16"])
    parser.add_argument("--openvino", metavar="PYTHON", help="a Python with OpenVINO, to run our exported models in it too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", default="benchmarks/bert.json")
    for name in ("work", "precision", "weights", "folder"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work == "weights":
        return write_weights(args.weights)
    if args.work == "export":
        return openvino_side.export(args.folder, exported(args.weights))
    if args.work == "openvino":
        return sides.serve(openvino_side.tasks(args.folder, args.precision))
    if args.work:
        lengths = json.loads(lengths_in(args.weights).read_text())[args.work]
        return sides.serve({"keras": keras_tasks, "torch": torch_tasks}[args.work](args.precision, lengths, args.weights))
    out = pathlib.Path(args.out)
    result = json.loads(out.read_text()) if out.exists() else {}  # a precision measured earlier stays
    result |= {"machine": sides.machine(), "batch": BATCH}
    with tempfile.TemporaryDirectory() as folder:
        write_lengths(folder)
        subprocess.run([args.torch_python, __file__, "--work", "weights", "--weights", folder], check=True)
        for precision in args.precisions:
            options = ["--precision", precision, "--weights", folder]
            found = sides.with_openvino(__file__, args.openvino, args.torch_python, options, args.rounds, {})
            milliseconds = found["milliseconds"]
            cost = milliseconds[f"keras attention {LENGTH}"] / milliseconds[f"keras predict {LENGTH}"]
            result[precision] = found | {"attention over prediction": round(cost, 2)}
            print(precision, json.dumps(result[precision]), flush=True)
    out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
