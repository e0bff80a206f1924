"""Whether a run that was handed in follows from what it says of itself: an epoch is trained again from its backup, scores are
computed again from its model."""

import dataclasses
import functools
import math
import pathlib
import tempfile
from collections.abc import Iterator, Sequence

import keras
import numpy as np

from course_hw5.data.dataset import Dataset
from course_hw5.models.checkpoints import load as checkpoints
from course_hw5.reports import classification_metrics, keras_callbacks, labelled_batches, submitted_run
from course_hw5.reports.submitted_run import DIFFERS, FOLLOWS, NOT_CHECKED, SubmittedRun, Verdict
from course_hw5.training import averaging, callbacks, optimizers, runtime, tasks, train, verified_calibration, verified_schedule
from course_hw5.training.config import TrainingConfig


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """What rounding may change; docs/guides/run-folder.md has the measurements.

    Attributes:
        weights: distance of the replayed weights from those of the next backup, as a share of the distance that they moved
            in that epoch.
        loss: relative difference of a loss.
        score: difference of an accuracy or another score of the training or validation data.
        test: share of the test examples, or pixels, that may be predicted otherwise.
        examples: that may be predicted otherwise, however few there are.
    """

    weights: float
    loss: float
    score: float
    test: float
    examples: int


TOLERANCES = {
    "float32": Tolerance(weights=0.05, loss=0.01, score=0.01, test=0.001, examples=0),
    "mixed_bfloat16": Tolerance(weights=0.3, loss=0.05, score=0.02, test=0.01, examples=1),
    "mixed_float16": Tolerance(weights=0.3, loss=0.05, score=0.02, test=0.01, examples=1),
}


# of the optimizer under float16: rounding decides which gradients overflow, whose steps are skipped
SCALING = ("dynamic_scale", "step_counter", "iteration")


class Verifier:
    """Checks a run folder against its data, its model and its backups.

    Args:
        run: of `submitted_run.read_run`.
        model: made as for the training, untrained if the first epoch is to be trained again.
        data: on which the run was trained.
        config: of the training.
        lr_multipliers: as for `train`.
        task: as for `train`.
    """

    def __init__(
        self,
        run: SubmittedRun,
        model: keras.Model,
        data: Dataset,
        config: TrainingConfig,
        lr_multipliers: optimizers.Multipliers = None,
        task: tasks.Task = tasks.CLASSIFICATION,
    ):
        self.run, self.model, self.data, self.config, self.task = run, model, data, config, task
        self.checked: dict[int, set[str]] = {}  # of history.csv: columns that were checked, by epoch
        self.tolerance = TOLERANCES[run.config["model"]["precision"]]
        self.batches = int(data.train.cardinality())
        compiled = dataclasses.replace(config, jit_compile=run.config.get("jit_compile"))  # XLA drops out other numbers
        train.compile_model(model, compiled, self.batches, lr_multipliers, task)
        self.train_data = task.prepare(data.train, model)
        self.validation_data = data.validation and task.prepare(data.validation, model)
        runtime.build_state(model, self.train_data)

    def same_data(self) -> Verdict:
        """Whether the data are those of the run, as far as its `config.json` says what they were."""
        here = train.data_record(self.data) | {"class_names": classification_metrics.distinct_names(self.data.class_names)}
        here |= {"class_pixels": pixels} if (pixels := [*getattr(self.data, "class_pixels", ())]) else {}
        for name, value in here.items():
            if (found := self.run.config["data"].get(name)) != value:
                received = f"Received: {name} {value!s:.80}, in config.json {found!s:.80}"
                return Verdict("data", DIFFERS, f"--data must name the run's data, and config.json have its seed. {received}")
        seen = "batches, classes" + (" and the first images or texts of validation" if self.data.validation else "")
        return Verdict("data", FOLLOWS, f"{seen}; {self.data.note}")

    def same_settings(self, expected: TrainingConfig) -> Verdict:
        """Whether the settings are those that the recipe gives for the same options."""
        found = dataclasses.asdict(self.config)
        wrong = [name for name, value in dataclasses.asdict(expected).items() if found[name] != value]
        received = "; ".join(f"{name} must be {getattr(expected, name)!r}. Received: {found[name]!r:.60}" for name in wrong)
        said = "those of the recipe, with {epochs} epochs, learning rate {learning_rate}, seed {seed}".format(**found)
        return Verdict("config.json, settings", DIFFERS if wrong else FOLLOWS, received or said)

    def checks(self, loaded: keras.Model, epochs: Sequence[int]) -> Iterator[Verdict]:
        """All checks but those of the data and the settings.

        Args:
            loaded: the model in the run's `model.keras`.
            epochs: to be trained again, some of `run.replayable`.
        """
        yield self._check_model(loaded)
        yield from submitted_run.check_files(self.run, self.config.epochs, self.batches * self.data.batch_size)
        found = train.evaluate(loaded, self.data, self.task)
        yield from submitted_run.check_evaluation(self.run, found, self.tolerance.test, self.tolerance.examples)
        if "expected_calibration_error" in self.run.metrics:  # older runs have none, nor do segmenters
            allowed = max(self.tolerance.score, 2 * self.tolerance.examples / found.metrics["examples"])
            yield verified_calibration.check_error(self.run, found.metrics, allowed)
        twice = 2 if isinstance(self.task, tasks.RDrop) else 1
        yield from submitted_run.check_accuracies(self.run, {name: twice * count for name, count in self.examples.items()})
        self.checked = {}
        if "learning_rate" in self.run.history:  # older runs have none
            yield verified_schedule.check_rates(self.run, self.config, self.batches, self.checked)
        for found_by_backups in (*map(self._replay, epochs), self._check_best(loaded)):
            try:
                yield from found_by_backups
            except callbacks.BackupError as error:
                yield Verdict("backup", DIFFERS, str(error))
        yield from submitted_run.not_checked(self.run, self.checked)

    def _check_model(self, loaded):
        policies = [layer.dtype_policy.name for layer in loaded.layers if "mixed" in layer.dtype_policy.name]
        names = "name", "parameters", "precision"
        expected = [self.model.name, self.model.count_params(), policies[0] if policies else "float32"]
        found = [self.run.config["model"].get(name) for name in names]
        detail = f"that of model.keras, {expected}" if found == expected else f"must be {expected}. Received: {found!r:.80}"
        return Verdict("config.json, model", FOLLOWS if found == expected else DIFFERS, detail)

    @functools.cached_property
    def examples(self) -> dict[str, int]:
        """Numbers of examples by the columns of `history.csv` that are shares of them."""
        if isinstance(self.task, tasks.Segmentation):
            return {}
        found = {"accuracy": self.batches * self.data.batch_size}
        if self.data.validation is not None:
            found["val_accuracy"] = sum(len(labels) for _, labels in labelled_batches.batches(self.data.validation))
        return found

    def _replay(self, epoch):
        path, next_path = self.run.backups.get(epoch - 1), self.run.backups[epoch]
        after = callbacks.read_backup(next_path, self.model)
        if epoch - 1 in self.run.backups:
            callbacks.restore(path, self.model)
            yield verified_schedule.check_steps(self.run, self.model, self.config, self.batches, epoch - 1)
            if self.validation_data and "val_loss" not in self.checked.get(epoch - 1, ()):
                with averaging.averaged_weights(self.model):
                    scores = self._validated(self.model, self.validation_data)
                yield self._check_row(f"history.csv, epoch {epoch - 1}", epoch - 1, scores, f"validated with {path.name}")
        before, replayed = self._state(), {}
        # a `fit` with averages ends with these in the place of the weights
        keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: replayed.update(self._state()))
        ours = [callbacks.EpochSeed(self.config.seed), averaged := averaging.AveragedWeights(), averaged.end, keep]
        options = {"validation_data": self.validation_data, "shuffle": False, "verbose": 0}
        options |= {"initial_epoch": epoch - 1, "epochs": epoch, "callbacks": ours}
        logs = self.model.fit(self.train_data, **options).history
        start = path.name if path else "the seed"
        row = {name: values[-1] for name, values in logs.items()}
        yield self._check_row(f"history.csv, epoch {epoch}", epoch, row, f"trained again from {start}")
        share, are_equal = self._distance(before, after, replayed)
        detail = f"{share:.2g} of the epoch's step from those trained again from {start}, {self.tolerance.weights} at most"
        verdict = FOLLOWS if are_equal and share <= self.tolerance.weights else DIFFERS
        yield Verdict(f"{next_path.name}, weights", verdict, detail if are_equal else f"{detail}; counts of steps differ")

    def _state(self):
        """Copies of what a backup would hold, not the very memory."""
        return {name: np.array(value) for name, value in callbacks.state_arrays(self.model).items()}

    def _distance(self, before, after, replayed):
        """How far replayed weights, or the optimizer's state, are off, as a share of the step; whether whole numbers agree."""
        shares, count = [], len(self.model.variables)
        names = [name for name in after if not (verified_schedule.skipped(self.run, 1) and name.split(" ")[1] in SCALING)]
        for part in (names[:count], names[count:]):
            part = [name for name in part if after[name].dtype.kind == "f"]
            off = sum(float(np.square(replayed[name].astype("float64") - after[name]).sum()) for name in part)
            step = sum(float(np.square(after[name].astype("float64") - before[name]).sum()) for name in part)
            shares.append(math.sqrt(off / step) if step else math.inf if off else 0.0)
        whole = [name for name in names if after[name].dtype.kind != "f"]
        return max(shares), all(np.array_equal(replayed[name], after[name]) for name in whole)

    def _validated(self, model, prepared):
        return {f"val_{name}": value for name, value in model.evaluate(prepared, verbose=0, return_dict=True).items()}

    def _check_row(self, part, epoch, logs, how):
        """Compares scores computed here with the row of an epoch."""
        row, wrong, right = self.run.history.loc[self.run.history["epoch"] == epoch], [], []
        for name, value in keras_callbacks.main_metrics(logs, self.model).items():
            self.checked.setdefault(epoch, set()).add(name)
            given = float(row[name].iloc[0]) if name in row and len(row) else math.nan
            score = max(self.tolerance.score, self.tolerance.examples / self.examples.get(name, math.inf) + 1e-6)
            allowed = self.tolerance.loss * max(1e-3, abs(value)) if name.endswith("loss") else score
            right.append(f"{name} {value:.6g} ({given - value:+.1g})")
            if not abs(given - value) <= allowed:
                wrong.append(f"{name} must be {value:.6g}, give or take {allowed:.2g}. Received: {given:.6g}")
        return Verdict(part, DIFFERS if wrong else FOLLOWS, f"{how}: {'; '.join(wrong or right)}")

    def _check_best(self, loaded):
        """Whether `model.keras` is of the best epoch by history."""
        monitor, history = self.config.monitor, self.run.history
        if monitor not in history:
            yield Verdict("model.keras", DIFFERS, f"history.csv must have the column {monitor}, which chooses the best epoch")
            return
        sign = -1 if monitor.endswith("loss") else 1
        row = int((sign * history[monitor]).fillna(-math.inf).argmax())
        best = int(history["epoch"].iloc[row])
        if self.config.calibrate:
            yield verified_calibration.check_temperature(self.run, loaded, self.data.validation, self.tolerance.loss)
        if self.validation_data:
            if loaded.loss is None:
                train.compile_model(loaded, self.config, self.batches, None, self.task)
            scores = self._validated(loaded, self.task.prepare(self.data.validation, loaded))
            yield self._check_row("model.keras, scores", best, scores, f"of epoch {best}, by {monitor} the best in history.csv")
        if best not in self.run.backups:
            yield Verdict("model.keras, weights", NOT_CHECKED, f"there is no backup of epoch {best}, by history.csv the best")
            return
        callbacks.restore(self.run.backups[best], self.model)
        with tempfile.TemporaryDirectory() as folder, averaging.averaged_weights(self.model):
            path = pathlib.Path(folder) / "model.keras"
            callbacks.save_without_optimizer(self.model, path)
            expected = checkpoints.load_model(path)
        is_merged = expected.count_params() != self.model.count_params()  # a LoRA: a product, rounded
        is_rounded = is_merged or self.config.calibrate
        unequal = _unequal(expected.get_weights(), loaded.get_weights(), 1e-5 if is_rounded else 0.0)
        detail = f"{unequal:,} numbers are not those of {self.run.backups[best].name}"
        yield Verdict("model.keras, weights", DIFFERS if unequal else FOLLOWS, detail)


def _unequal(expected, received, rtol):
    """How many weights differ."""
    if [one.shape for one in expected] != [one.shape for one in received]:
        return sum(map(np.size, expected))
    return sum(int((~np.isclose(one, other, rtol, rtol / 100)).sum()) for one, other in zip(expected, received))
