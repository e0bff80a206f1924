"""The homework's MLP against the same MLP in PyTorch: training step and prediction, interleaved, medians and ratios.

    python benchmarks/mlp.py --torch-python PATH/TO/python --openvino PATH/TO/python --out benchmarks/mlp.json

`ratio` is PyTorch's time over ours: above 1 we are faster. PyTorch trains
once with Adam as it is by default and once with `fused=True`, its fastest. OpenVINO predicts by our exported model.
"""

import argparse
import json
import pathlib
import sys
import time

import openvino_side
import sides

BATCH = 256
HIDDEN_UNITS = (4096, 2048, 1024, 512, 256, 64)


def keras_tasks(precision):
    import numpy as np
    import tensorflow as tf

    import course_hw5
    from course_hw5.training import runtime, train

    runtime.set_precision({"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision])
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (BATCH, 32, 32, 3), dtype="uint8"))
    labels = tf.one_hot(random.integers(0, 10, BATCH), 10)
    model = course_hw5.mlp_classifier()
    train.compile_model(model, course_hw5.TrainingConfig(epochs=100), steps_per_epoch=100)
    return {"train": lambda: float(model.train_on_batch(images, labels)[0]), "predict": lambda: model.predict_on_batch(images)}


def exported():
    import numpy as np

    import course_hw5

    images = np.random.default_rng(0).integers(0, 256, (BATCH, 32, 32, 3)).astype("float32")
    return {"predict": (course_hw5.mlp_classifier(), images)}


def torch_tasks(precision):
    import torch

    layers, width = [torch.nn.Flatten()], 3072
    for units in HIDDEN_UNITS:
        layers += [torch.nn.Linear(width, units), torch.nn.ReLU()]
        width = units
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))
    images = torch.randint(0, 256, (BATCH, 3, 32, 32), dtype=torch.uint8)
    labels = torch.randint(0, 10, (BATCH,))
    mixed = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
    optimizers = {
        "train": torch.optim.Adam(model.parameters(), 1e-4),
        "train_fused": torch.optim.Adam(model.parameters(), 1e-4, fused=True),
    }

    def outputs():
        with mixed:
            return model(images.float() / 127.5 - 1).float()

    def train(optimizer):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(outputs(), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def predict():
        with torch.inference_mode():
            return outputs().softmax(-1).numpy()

    return {name: lambda o=optimizer: train(o) for name, optimizer in optimizers.items()} | {"predict": predict}


def data_speed():
    """Images per second that `load_images` delivers, without a model behind it."""
    import course_hw5

    speeds = {}
    for augmentation in ("", "flip,shift", "flip,shift,mixup"):
        data = course_hw5.load_images("digits", BATCH, augmentation=augmentation).train.repeat(10)
        next(iter(data))
        start = time.perf_counter()
        count = sum(len(images) for images, _ in data)
        speeds[augmentation or "none"] = round(count / (time.perf_counter() - start))
    return speeds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", default=sys.executable, help="a Python with benchmarks/requirements.txt")
    parser.add_argument("--precisions", nargs="+", choices=("float32", "bfloat16"), default=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", default="benchmarks/mlp.json")
    parser.add_argument("--openvino", metavar="PYTHON", help="a Python with OpenVINO, to run our exported model in it too")
    for name in ("work", "precision", "folder"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work == "export":
        return openvino_side.export(args.folder, exported())
    if args.work == "openvino":
        return sides.serve(openvino_side.tasks(args.folder, args.precision))
    if args.work:
        return sides.serve({"keras": keras_tasks, "torch": torch_tasks}[args.work](args.precision))
    out = pathlib.Path(args.out)
    result = json.loads(out.read_text()) if out.exists() else {}  # a precision measured earlier stays
    result |= {"machine": sides.machine(), "batch": BATCH, "data, images/s": data_speed()}
    for precision in args.precisions:
        options = ["--precision", precision]
        result[precision] = sides.with_openvino(__file__, args.openvino, args.torch_python, options, args.rounds, {})
        print(precision, json.dumps(result[precision]), flush=True)
    out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
