"""What healthy runs of a recipe reach, epoch by epoch: made from runs of several seeds, shipped as `bands.json`.

A band fits a run of the same model (name and number of parameters) with the same options. The number of epochs must be the
same, too, unless the learning rate is constant: then the epochs that both have are compared. Other settings, such as the
learning rate, may differ, since they may be what is wrong; the differences are named.
"""

import functools
import importlib.resources
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

FILE = "bands.json"
IGNORED_ARGUMENTS = ("strategy", "memory_gb")  # they do not change scores
DEFAULTS = {"validation_split": 0.1, "no_validation": False}  # of options that no key has, since older runs do not record them
IGNORED_SETTINGS = ("seed", "epochs", "jit_compile", "monitor", "calibrate")
WIDTH = 4.0  # standard deviations to both sides
SCORE_FLOOR, LOSS_FLOOR = 0.03, 0.15  # a band is not narrower to a side; of losses their logarithm
METRICS = ("loss", "val_loss", "accuracy", "val_accuracy", "mean_iou", "val_mean_iou", "pixel_accuracy", "val_pixel_accuracy")


class Interval(NamedTuple):
    """What is usual: from `low` to `high`."""

    low: float
    high: float

    def __str__(self):
        return f"{self.low:.3f} to {self.high:.3f}"


class Band:
    """What runs of several seeds reached.

    Args:
        facts: an entry of `bands.json`: "key", "settings", "seeds", "history", a dict of metrics to means and standard
            deviations by epoch, of losses those of their logarithm, and "classes_never_predicted", both of how many.
    """

    def __init__(self, facts: dict[str, Any]):
        self.facts = facts
        self.key, self.settings, self.seeds = facts["key"], facts["settings"], facts["seeds"]
        self.epochs = max(len(found["mean"]) for found in facts["history"].values())

    def interval(self, metric: str, epoch: int) -> Interval | None:
        """What is usual of a metric after an epoch, from 1 on; None where the band has none."""
        found = self.facts["history"].get(metric)
        if found is None or not 1 <= epoch <= len(found["mean"]) or found["mean"][epoch - 1] is None:
            return None
        near = [std for std in found["std"][max(0, epoch - 2) : epoch + 1] if std is not None]
        return _interval(metric, found["mean"][epoch - 1], float(np.sqrt(np.mean(np.square(near)))))

    @property
    def most_never_predicted(self) -> float:
        """How many classes are usually never predicted, at most."""
        found = self.facts["classes_never_predicted"]
        return found["mean"] + WIDTH * found["std"]

    def differences(self, settings: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Settings of a run that are not the usual ones: names to the run's and the usual value."""
        names = self.settings.keys() & settings.keys() - {*IGNORED_SETTINGS}
        return {name: (settings[name], self.settings[name]) for name in sorted(names) if settings[name] != self.settings[name]}


def _interval(metric, mean, std):
    """Losses are compared by their logarithm: they spread by factors, and none is below 0."""
    is_loss = metric.endswith("loss")
    half = max(WIDTH * std, LOSS_FLOOR if is_loss else SCORE_FLOOR)
    low, high = mean - half, mean + half
    return Interval(float(np.exp(low)), float(np.exp(high))) if is_loss else Interval(low, min(high, 1.0))


def with_gaps(history: pd.DataFrame, score: str) -> pd.DataFrame:
    """A history with "gap", training above validation, and "lead", validation above the training of the next epoch."""
    if not score:
        return history
    ahead = history[f"val_{score}"].shift(1) - history[score]
    return history.assign(gap=history[score] - history[f"val_{score}"], lead=ahead)


def key_of(config: dict[str, Any]) -> dict[str, Any] | None:
    """What two runs must have in common for a band, from `config.json`; None where it is not recorded."""
    arguments, model, settings = (config.get(name) or {} for name in ("arguments", "model", "settings"))
    if not arguments or not settings or "dataset" not in arguments:
        return None
    given = {name: value for name, value in arguments.items() if name not in IGNORED_ARGUMENTS and value is not None}
    options = {name: value for name, value in given.items() if name not in DEFAULTS or value != DEFAULTS[name]}
    shared = {"model": model.get("name"), "parameters": model.get("parameters"), "arguments": options}
    return shared | ({} if settings.get("schedule") == "constant" else {"epochs": settings.get("epochs")})


def band_of(config: dict[str, Any]) -> Band | None:
    """The band that fits a run, by its `config.json`."""
    key = key_of(config)
    return next((Band(facts) for facts in shipped()["bands"] if key is not None and facts["key"] == key), None)


@functools.cache
def shipped() -> dict[str, Any]:
    """`bands.json`: "bands", a list, and "channel_means", a dict of data sets to the means of red, green and blue."""
    return json.loads(importlib.resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8"))


def make_band(runs: Iterable[Any]) -> dict[str, Any]:
    """What runs of the same kind reached, as an entry of `bands.json`.

    Args:
        runs: finished runs, each a `RecordedRun`, of different seeds.

    Raises:
        ValueError: if there are fewer than three, a seed comes twice, or they are not of the same kind.
    """
    runs = sorted(runs, key=lambda run: run.settings["seed"])
    seeds, keys = [run.settings["seed"] for run in runs], [key_of(run.config) for run in runs]
    names = ", ".join(str(run.folder) for run in runs)
    if len({*seeds}) < max(3, len(runs)):
        raise ValueError(f"A band needs runs of three seeds or more, each once. Received: seeds {seeds} in {names}")
    others = [run for run, key in zip(runs, keys) if key != keys[0] or len(run.history) != len(runs[0].history)]
    if others or keys[0] is None:
        raise ValueError(f"A band needs runs with the same options and epochs. Received: {names}")
    histories = [with_gaps(run.history, run.score) for run in runs]
    shared = [name for name in (*METRICS, "gap", "lead") if all(name in history for history in histories)]
    unseen = [int((run.matrix.sum(0) == 0).sum()) for run in runs]
    settings = {name: value for name, value in runs[0].settings.items() if name not in IGNORED_SETTINGS}
    return {
        "key": keys[0],
        "settings": settings,
        "seeds": seeds,
        "history": {name: _statistics(name, [history[name].to_numpy() for history in histories]) for name in shared},
        "classes_never_predicted": {"mean": round(float(np.mean(unseen)), 3), "std": round(float(np.std(unseen, ddof=1)), 3)},
    }


def _statistics(name, columns):
    values = np.stack(columns).astype("float64")
    values = np.log(np.maximum(values, 1e-9)) if name.endswith("loss") else values
    rounded = lambda numbers: [None if np.isnan(number) else round(float(number), 5) for number in numbers]  # noqa: E731
    return {"mean": rounded(values.mean(0)), "std": rounded(values.std(0, ddof=1))}
