"""`train`: compile, fit, evaluate, and the run folder that comes out. Names no model."""

import contextlib
import dataclasses
import importlib.metadata
import json
import pathlib
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence

import keras
import tensorflow as tf

from course_hw5.data.dataset import Dataset
from course_hw5.errors import is_whole, require
from course_hw5.explanation import reach
from course_hw5.models.checkpoints import load as checkpoints
from course_hw5.reports import classification_metrics, keras_callbacks, labelled_batches, run_folder
from course_hw5.reports.checks.recorded_run import TRAINING_FILE
from course_hw5.reports.pages import data as data_page
from course_hw5.reports.pages.run import write_page
from course_hw5.training import calibration, first_batch, flops, hparams, optimizers, runtime, tasks
from course_hw5.training.averaging import AveragedWeights
from course_hw5.training.callbacks import Backup, BackupError, BestModel, EpochSeed, TerminateOnNaN, latest_backup, restore
from course_hw5.training.config import TrainingConfig

CHECKSUM_BATCHES = 8
METRICS = ("metrics", "weighted_metrics")
VERSIONED = ("course_hw5", "keras", "tensorflow", "tensorflow-datasets", "keras-cv", "keras-nlp", "numpy", "scikit-learn")


def train(
    model: keras.Model,
    data: Dataset,
    run_dir: run_folder.AnyPath,
    config: TrainingConfig,
    resume: bool = False,
    overwrite: bool = False,
    arguments: dict | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    lr_multipliers: optimizers.Multipliers = None,
    task: tasks.Task = tasks.CLASSIFICATION,
    keep_backups: int | None = None,
) -> dict:
    """Trains a classifier, or a model of another task, and fills a run folder, its page included.

    Validation chooses the best epoch, or what `TrainingConfig.monitor` says; that epoch's model reads the test data once, at
    the end. Killed at any moment, the same call with `resume=True` goes on after the last finished epoch and ends with the
    same history and weights.

    Args:
        model: Functional `keras.Model` whose output is what the task asks for: for classification probabilities
            `(batch, classes)`, or `(batch, 1)` from a sigmoid.
        data: a `Dataset`, as `load_images` gives.
        run_dir: the run folder.
        config: `TrainingConfig`.
        resume: go on with the run in `run_dir`; where there is none, start one.
        overwrite: delete what is in `run_dir` first.
        arguments: dict of further arguments for `config.json`.
        callbacks: further Keras callbacks.
        lr_multipliers: dict of `variable.path` to a multiplier of its learning rate; for "adamw" only.
        task: what is learnt and how it is scored, one of `course_hw5.training.tasks`.
        keep_backups: how many backups stay in the folder `backup`, the newest, 1 or more, also after the end; None for one
            while the run goes on, or as many as a resumed run kept.

    Returns:
        The metrics on the test data: the dict in `metrics.json`. Empty on every worker but the first.

    Raises:
        FileExistsError: if `run_dir` holds files and neither `resume` nor `overwrite` is set.
        ValueError: if class names and outputs differ in number, the training data do not know how many batches they have, a
            resumed run has another config, or its backup is damaged.
        FloatingPointError: if the loss becomes NaN; finished epochs stay.
    """
    batches = _check(model, data, run_dir, config, task)
    run_dir = run_folder.local_path(run_dir)
    if resume and keep_backups is None and (run_dir / "config.json").exists():
        keep_backups = run_folder.read_json(run_dir / "config.json").get("keep_backups")
    require(
        "keep_backups", keep_backups, lambda count: count is None or is_whole(count, 1), "a whole number, 1 or more, or None"
    )
    record, strategy = run_config(model, data, config, arguments), model.distribute_strategy
    record["keep_backups"] = keep_backups
    with strategy.scope():
        compile_model(model, config, batches, lr_multipliers, task)
    record["jit_compile"] = model.jit_compile
    is_chief = strategy.extended.should_checkpoint
    if is_chief:
        run_folder.open_run(run_dir, record, resume, overwrite)
        if card := getattr(data, "card", None):
            run_folder.write_json(run_dir / data_page.FILE, data_page.card_facts(card))
        run_folder.write_json(run_dir / TRAINING_FILE, facts := first_batch.training_facts(model, data))
    # Every worker writes, since saving is a collective operation; what all but the first write is thrown away.
    out_dir = run_dir if is_chief else pathlib.Path(tempfile.mkdtemp())
    if resume and not is_chief and (run_dir / "history.csv").exists():
        shutil.copy(run_dir / "history.csv", out_dir)
    writer = tf.summary.create_file_writer(str(out_dir / "tensorboard"))

    backup = latest_backup(run_dir / "backup") if resume else None
    has_files = all((run_dir / name).exists() for name in ("history.csv", "model.keras"))
    is_trained = resume and has_files and len(run_folder.read_history(run_dir)) == config.epochs
    if not is_trained or (backup and backup.stem != f"epoch-{config.epochs:04d}"):
        with strategy.scope():
            prepare = lambda part: task.prepare(part, model)  # noqa: E731
            train_data, validation_data = prepare(data.train), data.validation and prepare(data.validation)
            runtime.build_state(model, train_data)
            runtime.mend_multi_worker(model, train_data)
            shares = (getattr(data, name, None) for name in ("train_share", "validation_share"))
            shared, validation = (
                runtime.shared_out(whole, share_of, prepare, model)
                for whole, share_of in zip((train_data, validation_data), shares)
            )
            own = [EpochSeed(config.seed), TerminateOnNaN(), averaged := AveragedWeights()]
            own += [keras_callbacks.HistoryPlots(out_dir, writer), BestModel(out_dir, config.monitor)]
            own += [keras.callbacks.TensorBoard(out_dir / "tensorboard", write_graph=False), *callbacks, averaged.end]
            # the backup comes last: what the others wrote of an epoch is there by then
            options = {"callbacks": [*own, Backup(out_dir / "backup", keep_backups or 1)], "epochs": config.epochs}
            try:
                options["initial_epoch"] = _restored(backup, model) if backup else 0
                model.fit(shared, validation_data=validation, shuffle=False, **options)  # the data set shuffles itself
            except Exception as error:
                if is_chief:
                    with run_folder.going_on(str(run_dir / TRAINING_FILE), set()):
                        run_folder.write_json(run_dir / TRAINING_FILE, facts | {"error": run_folder.reason(error)})
                print()  # ends the line of Keras's progress bar
                raise
    if not is_chief:
        shutil.rmtree(out_dir)
        return {}
    found = _finish(run_dir, data, record, task, writer)
    if not keep_backups:
        shutil.rmtree(run_dir / "backup", ignore_errors=True)
    return found


def evaluate(model: keras.Model, data: Dataset, task: tasks.Task = tasks.CLASSIFICATION) -> tasks.Evaluation:
    """Scores a model on the test data; writes nothing.

    Args: as for `train`.

    Returns:
        What the task finds: `.metrics` is a dict, and `.write(run_dir)` writes report, matrix and `metrics.json`.
    """
    return task.evaluate(model, data)


def compile_model(
    model: keras.Model,
    config: TrainingConfig,
    steps_per_epoch: int,
    lr_multipliers: optimizers.Multipliers = None,
    task: tasks.Task = tasks.CLASSIFICATION,
) -> None:
    """Compiles a model for the labels that a task prepares.

    Args: as for `train`; `steps_per_epoch`: batches in an epoch, for the schedule of the learning rate.

    Raises:
        ValueError: if `config` does not fit the model.
    """
    jit_compile, losses = runtime.use_jit_compile(model), task.losses(model, config)
    metrics = keras.tree.flatten([losses.get(kind, []) for kind in METRICS])
    names = ("loss", *(getattr(metric, "name", metric) for metric in metrics))
    known = ["epoch", *(prefix + name for name in names for prefix in ("", "val_"))]
    require("monitor", config.monitor, lambda name: name in known, f"one of {', '.join(known)}")
    if config.jit_compile is not None:
        jit_compile = config.jit_compile and not tf.distribute.has_strategy()
    optimizer = optimizers.make_optimizer(config, steps_per_epoch, model, lr_multipliers)
    model.compile(optimizer=optimizer, jit_compile=jit_compile, **losses)


def run_config(model: keras.Model, data: Dataset, config: TrainingConfig | None = None, arguments: dict | None = None) -> dict:
    """What `config.json` says of a run; `config` is None where nothing is trained."""
    found = {name: next(iter(importlib.metadata.distributions(name=name)), None) for name in VERSIONED}
    facts: dict = {"note": data.note, "class_names": classification_metrics.distinct_names(data.class_names)}
    facts |= {"class_pixels": data.class_pixels} if getattr(data, "class_pixels", ()) else {}
    return {
        "settings": dataclasses.asdict(config) if config else {},
        "arguments": json.loads(json.dumps(arguments or {})),
        "data": facts | data_record(data),
        "model": {"name": model.name, "parameters": model.count_params(), "precision": keras.config.dtype_policy().name},
        "versions": {"python": platform.python_version()} | {name: one and one.version for name, one in found.items()},
        "command": shlex.join(sys.argv),
    }


def data_record(data: Dataset) -> dict:
    """By what another copy of the data is known: the batches of each split, and a SHA-256 of the first ones of validation."""
    splits = {name: getattr(data, name) for name in ("train", "validation", "test")}
    counts = {name: int(part.cardinality()) for name, part in splits.items() if isinstance(part, tf.data.Dataset)}
    is_there = data.validation is not None
    return {"batches": counts, "checksum": labelled_batches.checksum(data.validation, CHECKSUM_BATCHES) if is_there else None}


def _check(model, data, run_dir, config, task):
    """Refuses what can be refused before anything is built or written; returns the number of batches in an epoch."""
    require("model", model, lambda model: isinstance(model, keras.Model), "a Keras model")
    parts = ("train", "validation", "test", "class_names", "note", "batch_size")
    require("data", data, lambda data: all(hasattr(data, part) for part in parts), f"a Dataset with {', '.join(parts)}")
    require("run_dir", run_dir, lambda path: pathlib.Path(path).name, "the path of a folder")
    require("config", config, lambda config: isinstance(config, TrainingConfig), "a TrainingConfig")
    task.check(model, data)
    require("calibrate", config.calibrate, lambda flag: data.validation or not flag, "False where there are no validation data")
    expected = "epoch, or a metric of training, where there are no validation data"
    require("monitor", config.monitor, lambda name: data.validation or not name.startswith("val_"), expected)
    batches = int(data.train.cardinality())
    if batches < 1:  # the schedule of the learning rate needs it
        found = "an endless set" if batches == tf.data.INFINITE_CARDINALITY else "an empty or unknown number"
        advice = ".apply(tf.data.experimental.assert_cardinality(batches))"
        raise ValueError(f"`data.train` must know how many batches it has: {advice}. Received: {found}")
    return batches


def _restored(backup, model):
    try:
        return restore(backup, model)
    except BackupError as error:
        raise BackupError(f"{error}. Nothing was changed: restore the file, or start again with --overwrite.") from error


def _finish(run_dir, data, record, task, writer):
    """Evaluates the best epoch's model and writes what is left of the run folder; returns the dict of `metrics.json`."""
    model = checkpoints.load_model(run_dir / "model.keras")
    history = run_folder.read_history(run_dir)
    examples = int(data.train.cardinality()) * data.batch_size
    more = {"training_seconds": round(float(history["seconds"].sum()), 1)}
    more["training_examples_per_second"] = round(examples / float(history["seconds"].median()), 1)
    if record["settings"]["calibrate"]:
        more["temperature"] = calibration.calibrate_run(model, data, run_dir)
    found = evaluate(model, data, task).write(run_dir, writer, epoch=len(history), more=more)
    started = run_folder.read_json(run_dir / "config.json")  # if resumed: of the first command
    started |= {"prediction_flops": None, "keep_backups": record["keep_backups"]}
    with contextlib.suppress(Exception):  # no run ends for a number on a page
        started["prediction_flops"] = flops.prediction_flops(model, record["arguments"].get("max_length"))
    with contextlib.suppress(Exception):  # of a BEiT, a CNN or a perceptron
        started["reach"] = reach.reach(model, next(iter(data.validation or data.train))[0][:8])
    run_folder.write_json(run_dir / "config.json", started)
    hparams.write_hparams(writer, record, found)
    write_page(run_dir)
    return found
