"""Programs side by side: each in a process of its own that waits while the others work; medians and ratios."""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import openvino_side


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def serve(tasks):
    """Answers each task named on stdin with its time in seconds, and "memory" with the process's peak in megabytes.

    A first call of each task warms up.

    Args:
        tasks: dict of functions without arguments, by name.
    """
    for task in tasks.values():
        task()
    print("ready", *tasks, sep="\t", flush=True)
    for line in sys.stdin:
        task = line.strip()
        print(peak_megabytes() if task == "memory" else timed(tasks[task]), flush=True)


def peak_megabytes():
    """This process's own peak; `getrusage` would count what its parent held when it was started."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Side:
    def __init__(self, command, environment=None):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, **pipes, text=True, env=os.environ | (environment or {}))
        self.tasks = self.process.stdout.readline().rstrip("\n").split("\t")[1:]
        if not self.tasks:
            sys.exit(f"did not start: {' '.join(command)}")

    def time(self, task):
        print(task, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def compare(script, torch_python, options, rounds, others=None):
    """Times the tasks of `script --work keras`, `script --work torch` and of other sides in turn.

    Args:
        script: path of a benchmark that calls `serve` with the tasks of the side named by `--work`.
        torch_python: the Python that runs the PyTorch side.
        options: list of further arguments for all.
        rounds: how often each task is timed.
        others: dict of further sides, name -> (Python, dict of environment variables).

    Returns:
        Dict of `ratio`, PyTorch's time over ours by task (a task of PyTorch that ends in "_fused" meets ours without it), and
        `ratio of NAME` for each other side; `milliseconds`, medians by side and task; `peak megabytes` of each side; `rounds`.
    """
    pythons = {"keras": (sys.executable, {}), "torch": (torch_python, {})} | (others or {})
    sides = {name: Side([python, script, "--work", name, *options], env) for name, (python, env) in pythons.items()}
    times = {f"{name} {task}": [] for name, side in sides.items() for task in side.tasks}
    for _ in range(rounds):
        for name, side in sides.items():
            for task in side.tasks:
                times[f"{name} {task}"].append(side.time(task))
    memory = {name: round(side.time("memory")) for name, side in sides.items()}
    for side in sides.values():
        side.process.kill()
    median = {name: statistics.median(values) for name, values in times.items()}
    ratios = {
        "ratio" if peer == "torch" else f"ratio of {peer}": {
            task: round(median[f"{peer} {task}"] / median[f"keras {task.removesuffix('_fused')}"], 2) for task in side.tasks
        }
        for peer, side in sides.items()
        if peer != "keras"
    }
    milliseconds = {name: round(1000 * value, 1) for name, value in median.items()}
    return ratios | {"milliseconds": milliseconds, "peak megabytes": memory, "rounds": rounds}


def with_openvino(script, openvino_python, torch_python, options, rounds, others):
    """As `compare`, with OpenVINO as a further side that runs our exported models, where a Python for it is given.

    Args:
        script: a benchmark that writes our models for `--work export --folder FOLDER`.
        openvino_python: a Python with OpenVINO, or None.
    """
    if not openvino_python:
        return compare(script, torch_python, options, rounds, others)
    with tempfile.TemporaryDirectory() as folder:
        options = [*options, "--folder", folder]
        subprocess.run([sys.executable, script, "--work", "export", *options], check=True)
        found = compare(script, torch_python, options, rounds, (others or {}) | {"openvino": (openvino_python, {})})
        differences = json.loads((pathlib.Path(folder) / "differences.json").read_text())
    return found | {"differences of openvino": {task: float(f"{value:.1e}") for task, value in differences.items()}}


def machine():
    """The processor, and the instructions that decide how fast it multiplies matrices."""
    processor = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in processor.splitlines() if line.startswith("model name")), "unknown")
    instructions = {"avx2", "avx512f", "avx512_bf16", "amx_bf16"} & {*processor.split()}
    return f"{model}, {platform.machine()}, {os.cpu_count()} cores, {' '.join(sorted(instructions))}"


def keras_call(model, inputs):
    """A prediction as the backend's tensors, as PyTorch gives them: `predict_on_batch` copies them for NumPy."""
    model.make_predict_function()
    return lambda: model.predict_function([(inputs,)])


def torch_calls(model, optimizer, mixed, **inputs):
    """A training step and a prediction on `inputs`, labels among them, for a model of `transformers`."""
    import torch

    examples = {name: value for name, value in inputs.items() if name != "labels"}

    def train(inputs=inputs):
        model.train()
        optimizer.zero_grad()
        with mixed:
            loss = model(**inputs).loss
        loss.backward()
        optimizer.step()
        return loss.item()

    def predict(model=model, **options):
        model.eval()
        with torch.inference_mode(), mixed:
            return model(**examples, **options)

    return train, predict


def main(script, description, cases, tasks, rounds, exported):
    """The command line of a benchmark of images: compares all sides in each case and precision, and writes the figures.

    Args:
        script: its path; figures go to a file beside it, where those of other cases stay.
        description: its help.
        cases: names of the sizes that it measures.
        tasks: dict of functions `(case, precision)` that make the tasks of "keras" (on any backend), "torch" and "zeromodels".
        rounds: how often each task is timed, unless asked otherwise.
        exported: function `(case)` to what `openvino_side.export` takes.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--torch-python", default=sys.executable, help="a Python with benchmarks/requirements.txt")
    add("--cases", nargs="+", choices=cases, default=cases, help="(default: all)")
    add("--precisions", nargs="+", choices=("float32", "bfloat16"), default=["float32"], help="(default: float32)")
    add("--zeromodels", metavar="FOLDER", help="where `pip install --no-deps --target FOLDER zeromodels` put it")
    add("--keras-on-torch", metavar="PYTHON", help="a Python with PyTorch and this package, to run our models on it too")
    add("--openvino", metavar="PYTHON", help="a Python with OpenVINO, to run our exported models in it too")
    add("--rounds", type=int, default=rounds, help="(default: %(default)s)")
    add("--out", default=str(pathlib.Path(script).with_suffix(".json")), help="(default: %(default)s)")
    for name in ("work", "case", "precision", "folder"):
        add(f"--{name}", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work == "export":
        return openvino_side.export(args.folder, exported(args.case))
    if args.work == "openvino":
        return serve(openvino_side.tasks(args.folder, args.precision))
    if args.work:
        return serve(tasks[args.work.removesuffix("-on-torch")](args.case, args.precision))
    here, others = str(pathlib.Path(script).resolve().parents[1]), {}
    if args.zeromodels:
        others["zeromodels"] = (sys.executable, {"PYTHONPATH": args.zeromodels})
    if args.keras_on_torch:
        others["keras-on-torch"] = (args.keras_on_torch, {"KERAS_BACKEND": "torch", "PYTHONPATH": here})
    out = pathlib.Path(args.out)
    result = json.loads(out.read_text()) if out.exists() else {}
    result["machine"] = machine()
    for case in args.cases:
        for precision in args.precisions:
            options = ["--case", case, "--precision", precision]
            found = with_openvino(script, args.openvino, args.torch_python, options, args.rounds, others)
            result[f"{case} {precision}"] = found
            print(case, precision, json.dumps(found), flush=True)
            out.write_text(json.dumps(result, indent=2) + "\n")
