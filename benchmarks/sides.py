"""Two programs side by side: each in a process of its own that waits while the other works; medians and ratios."""

import statistics
import subprocess
import sys
import time


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def serve(tasks):
    """Answers each task named on stdin with its time in seconds; a first call of each warms up.

    Args:
        tasks: dict of functions without arguments, by name.
    """
    for task in tasks.values():
        task()
    print("ready", *tasks, sep="\t", flush=True)
    for line in sys.stdin:
        print(timed(tasks[line.strip()]), flush=True)


class Side:
    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.tasks = self.process.stdout.readline().rstrip("\n").split("\t")[1:]
        if not self.tasks:
            sys.exit(f"did not start: {' '.join(command)}")

    def time(self, task):
        print(task, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def compare(script, torch_python, options, rounds):
    """Times the tasks of `script --work keras` and `script --work torch` in turn.

    Args:
        script: path of a benchmark that calls `serve` with the tasks of the side named by `--work`.
        torch_python: the Python that runs the PyTorch side.
        options: list of further arguments for both.
        rounds: how often each task is timed.

    Returns:
        Dict of `ratio`, PyTorch's time over ours by task (a task of PyTorch that ends in "_fused" meets ours without it);
        `milliseconds`, medians by side and task; `rounds`.
    """
    pythons = {"keras": sys.executable, "torch": torch_python}
    sides = {name: Side([python, script, "--work", name, *options]) for name, python in pythons.items()}
    times = {f"{name} {task}": [] for name, side in sides.items() for task in side.tasks}
    for _ in range(rounds):
        for name, side in sides.items():
            for task in side.tasks:
                times[f"{name} {task}"].append(side.time(task))
    for side in sides.values():
        side.process.kill()
    median = {name: statistics.median(values) for name, values in times.items()}
    ratios = {
        task: round(median[f"torch {task}"] / median[f"keras {task.removesuffix('_fused')}"], 2)
        for task in sides["torch"].tasks
    }
    return {"ratio": ratios, "milliseconds": {name: round(1000 * value, 1) for name, value in median.items()}, "rounds": rounds}
