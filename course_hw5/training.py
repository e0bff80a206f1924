"""What every script shares: compile, fit, evaluate, and the run folder that comes out. Names no model."""

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

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from course_hw5 import devices, options, recovery, tasks
from course_hw5.errors import is_whole, require
from course_hw5.evaluation import metrics, page, run_folder
from course_hw5.evaluation.callbacks import HistoryPlots
from course_hw5.layers.kernels import partial_jit
from course_hw5.models import checkpoints

VERSIONED = ("course_hw5", "keras", "tensorflow", "tensorflow-datasets", "keras-cv", "keras-nlp", "numpy", "scikit-learn")

OPTIMIZERS = ("adam", "adamw", "sgd", "muon")
NOT_DECAYED = ["bias", "gamma", "beta"]
NOT_HIDDEN = ["embedding", "bias", "positive", "logits", "probabilities"]  # what Muon leaves to AdamW, among matrices


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to train; recorded in `config.json`.

    Attributes:
        epochs: 1 or more.
        optimizer: "adam", "adamw", "sgd" (Nesterov momentum 0.9) or "muon" (Jordan et al. 2024) for hidden layers' kernels
            that are matrices, with AdamW for all else.
        learning_rate: the highest rate. It rises from 0 over `warmup_epochs`, then falls along a cosine to 0 (Loshchilov
            and Hutter 2017), or stays where `schedule` is "constant".
        weight_decay: decoupled decay of kernels and embeddings, for "adamw" and "muon" only; "muon" also decays a BEiT's
            position biases, [CLS] and LayerScale.
        label_smoothing: share of the target spread over all classes, in [0, 1).
        monitor: the metric that chooses the best epoch.
        seed: decides order, augmentation and dropout; initial weights too where `devices.seed_everything` came first.
        jit_compile: whether XLA compiles the step as a whole; None for what `devices.compiles_whole` says. Never
            under a `tf.distribute` strategy.
    """

    epochs: int = 10
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    monitor: str = "val_accuracy"
    seed: int = 0
    jit_compile: bool | None = None

    def __post_init__(self):
        decays = self.optimizer in ("adamw", "muon")
        for name, is_valid, expected in (
            ("epochs", lambda epochs: is_whole(epochs, 1), "a whole number, 1 or more"),
            ("optimizer", lambda name: name in OPTIMIZERS, ", ".join(OPTIMIZERS)),
            ("learning_rate", lambda rate: 0 < rate < float("inf"), "above 0"),
            ("schedule", lambda name: name in ("cosine", "constant"), "cosine or constant"),
            ("warmup_epochs", lambda epochs: 0 <= epochs < self.epochs, "in [0, epochs)"),
            ("label_smoothing", lambda share: 0 <= share < 1, "in [0, 1)"),
            ("weight_decay", lambda rate: rate == 0 or (decays and 0 < rate < 1), "0, or in [0, 1) with adamw and muon"),
            ("monitor", lambda name: isinstance(name, str), "the name of a metric"),
            ("seed", is_whole, "a whole number, 0 or more"),
            ("jit_compile", lambda flag: flag is None or isinstance(flag, bool), "None, True or False"),
        ):
            require(name, getattr(self, name), is_valid, expected)


def train(
    model,
    data,
    run_dir,
    settings,
    resume=False,
    overwrite=False,
    arguments=None,
    callbacks=(),
    rate_factors=None,
    task=tasks.CLASSIFICATION,
):
    """Trains a classifier, or a model of another task, and fills a run folder, its page included.

    Validation chooses the best epoch; that epoch's model reads the test data once, at the end. Killed at any moment, the
    same call with `resume=True` goes on after the last finished epoch and ends with the same history and weights.

    Args:
        model: Functional `keras.Model` whose output is what the task asks for: for classification probabilities
            `(batch, classes)`, or `(batch, 1)` from a sigmoid.
        data: `train, validation, test` (sets of `(inputs, labels)` batches), `class_names` and `note`, as `load_images` gives.
        run_dir: the run folder.
        settings: `Settings`.
        resume: go on with the run in `run_dir`; where there is none, start one.
        overwrite: delete what is in `run_dir` first.
        arguments: dict of further arguments for `config.json`.
        callbacks: further Keras callbacks.
        rate_factors: dict of `variable.path` to a factor of its learning rate; for "adamw" only.
        task: what is learnt and how it is scored, one of `course_hw5.tasks`.

    Returns:
        The metrics on the test data: the dict in `metrics.json`. Empty on every worker but the first.

    Raises:
        FileExistsError: if `run_dir` holds files and neither `resume` nor `overwrite` is set.
        ValueError: if class names and outputs differ in number, the training data do not know how many batches they have, a
            resumed run has other settings, or its backup is damaged.
        FloatingPointError: if the loss becomes NaN; finished epochs stay.
    """
    require("model", model, lambda model: isinstance(model, keras.Model), "a Keras model")
    parts = ("train", "validation", "test", "class_names", "note")
    require("data", data, lambda data: all(hasattr(data, part) for part in parts), f"data with {', '.join(parts)}")
    require("run_dir", run_dir, lambda path: pathlib.Path(path).name, "the path of a folder")
    require("settings", settings, lambda settings: isinstance(settings, Settings), "Settings")
    task.check(model, data)
    if (batches := int(data.train.cardinality())) < 1:  # the schedule of the learning rate needs it
        raise ValueError(
            "`data.train` must know how many batches it has: .apply(tf.data.experimental.assert_cardinality(batches)). "
            f"Received: {'an endless set' if batches == tf.data.INFINITE_CARDINALITY else 'an empty or unknown number'}"
        )
    run_dir = run_folder.local_path(run_dir)
    config = _config(model, data, settings, arguments or {})
    with model.distribute_strategy.scope():
        compile_model(model, settings, batches, rate_factors, task)
    is_chief = model.distribute_strategy.extended.should_checkpoint
    if is_chief:
        run_folder.open_run(run_dir, config, resume, overwrite)
    # Every worker writes, since saving is a collective operation; what all but the first write is thrown away.
    out_dir = run_dir if is_chief else pathlib.Path(tempfile.mkdtemp())
    if resume and not is_chief and (run_dir / "history.csv").exists():
        shutil.copy(run_dir / "history.csv", out_dir)
    writer = tf.summary.create_file_writer(str(out_dir / "tensorboard"))

    backup = recovery.Backup(out_dir / "backup", restore_from=run_dir / "backup" if resume else None)
    if backup.latest or not (resume and _is_trained(run_dir, settings)):
        with model.distribute_strategy.scope(), _ended_line():
            train_data = task.prepare(data.train, model)
            devices.mend_multi_worker(model, train_data)
            model.fit(
                train_data,
                validation_data=task.prepare(data.validation, model),
                epochs=settings.epochs,
                shuffle=False,  # the data set shuffles itself
                callbacks=[
                    recovery.EpochSeed(settings.seed),
                    recovery.StopOnNaN(),
                    HistoryPlots(out_dir, writer),
                    recovery.BestModel(out_dir, settings.monitor),
                    keras.callbacks.TensorBoard(out_dir / "tensorboard", write_graph=False),
                    *callbacks,
                    backup,  # last: what the others wrote of an epoch is there when its backup is
                ],
            )
    if not is_chief:
        shutil.rmtree(out_dir)
        return {}
    metrics = evaluate(run_dir, data, writer, task)
    _write_hparams(writer, config, metrics)
    shutil.rmtree(run_dir / "backup", ignore_errors=True)
    page.write_page(run_dir)
    return metrics


@contextlib.contextmanager
def _ended_line():
    """Ends the line of Keras's progress bar before an error is shown."""
    try:
        yield
    except Exception:
        print()
        raise


def check_out(args):
    """Refuses the run folder of a script's command line before data and models are loaded.

    Raises:
        FileExistsError: if --out holds files and neither --resume nor --overwrite says what to do with them.
        ValueError: if --resume is given with --evaluate or to a run with other options, or --overwrite would delete what the
            command reads.
    """
    out, is_shared = run_folder.local_path(args.out), args.strategy == "multiworker"  # then another worker may have begun
    if getattr(args, "evaluate", False):
        for option in ("resume", "epochs", "learning_rate"):
            if getattr(args, option) not in (None, False):
                raise ValueError(f"--{option.replace('_', '-')} is for training. Received: it and --evaluate")
        if (out / "history.csv").exists():
            raise FileExistsError(f"--out of --evaluate must be a folder of its own. Received: {out}, which holds a training")
        run_folder.holds_files(out, may_hold_files=args.overwrite, advice="add --overwrite to write over them")
        return
    run_folder.holds_files(out, may_hold_files=args.resume or args.overwrite or is_shared)
    if args.resume and (out / "config.json").exists():
        given = {name: value for name, value in vars(args).items() if value is not None}
        settings = {name: given[name] for name in ("epochs", "learning_rate", "seed") if name in given}
        arguments = json.loads(json.dumps({name: given[name] for name in options.recorded(args) if name in given}))
        run_folder.check_same_settings(out, {"settings": settings, "arguments": arguments})
    for name in ("preset", "teacher"):
        read = getattr(args, name, None)
        if args.overwrite and read and out.resolve() in (run_folder.local_path(read).resolve() / "file").parents:
            raise ValueError(f"--{name} must lie elsewhere than --out, which --overwrite deletes. Received: {read}")


def evaluate(run_dir, data, writer=None, task=tasks.CLASSIFICATION):
    """Evaluates `model.keras` of a run folder on the test data and writes report, matrix and metrics.

    Returns:
        The dict of `metrics.json`.

    Raises:
        ValueError: if `model.keras` is damaged.
    """
    path = run_folder.local_path(run_dir) / "model.keras"
    model = checkpoints.load_model(path)
    history = run_folder.read_history(run_dir)
    seconds = history["seconds"]
    inputs, _ = next(iter(data.train))
    examples = int(data.train.cardinality()) * keras.tree.flatten(inputs)[0].shape[0]
    metrics = task.report(model, data, run_dir, writer, epoch=len(history)) | {
        "training_seconds": round(float(seconds.sum()), 1),
        "training_examples_per_second": round(examples / float(seconds.median()), 1),
    }
    run_folder.write_json(path.parent / "metrics.json", metrics)
    return metrics


def report(model, data, run_dir, arguments=None, task=tasks.CLASSIFICATION):
    """Scores a model that was trained elsewhere on the test data: `config.json`, and what the task reports.

    Args: as for `train`.

    Returns:
        The dict of `metrics.json`.
    """
    metrics = task.report(model, data, run_dir)
    run_folder.write_json(run_folder.local_path(run_dir) / "config.json", _config(model, data, None, arguments or {}))
    return metrics


def _config(model, data, settings, arguments):
    return {
        "settings": dataclasses.asdict(settings) if settings else {},
        "arguments": json.loads(json.dumps(arguments)),
        "data": {"note": data.note, "class_names": metrics.distinct_names(data.class_names)},
        "model": {"name": model.name, "parameters": model.count_params(), "precision": keras.config.dtype_policy().name},
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in VERSIONED},
        "command": shlex.join(sys.argv),
    }


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_trained(run_dir, settings):
    has_files = all((run_dir / name).exists() for name in ("history.csv", "model.keras"))
    return has_files and len(run_folder.read_history(run_dir)) == settings.epochs


@keras.saving.register_keras_serializable("course_hw5")
class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW with a factor for the learning rate, and so for the decay, of each variable.

    `rate_factors`: dict of `variable.path` to float; None, or a path that is not in it, for 1.
    """

    rate_factors = None

    def update_step(self, gradient, variable, learning_rate):
        owner = self._trainable_variables[self._get_variable_index(variable)]
        rate = learning_rate * (self.rate_factors or {}).get(owner.path, 1.0)
        if self.weight_decay and self._use_weight_decay(owner):
            self.assign_sub(variable, variable * keras.ops.cast(self.weight_decay * rate, variable.dtype))
        super().update_step(gradient, variable, rate)

    def _apply_weight_decay(self, variables):
        """Keras's knows no factors; see `update_step`."""


def compile_model(model, settings, steps_per_epoch, rate_factors=None, task=tasks.CLASSIFICATION):
    """Compiles a model for the labels that the task prepares; raises ValueError where `settings` do not fit it."""
    compiles_whole, losses = devices.compiles_whole(model), task.losses(model, settings)
    metrics = ("loss", *(getattr(metric, "name", metric) for metric in keras.tree.flatten(losses["metrics"])))
    known = [prefix + name for name in metrics for prefix in ("", "val_")]
    if settings.monitor not in known:
        raise ValueError(f"`monitor` must be one of {', '.join(known)}. Received: {settings.monitor!r}")
    if settings.jit_compile is not None:
        compiles_whole = settings.jit_compile and not tf.distribute.has_strategy()
    model.compile(optimizer=make_optimizer(settings, steps_per_epoch, rate_factors), jit_compile=compiles_whole, **losses)


def make_optimizer(settings, steps_per_epoch, rate_factors=None):
    """Makes the optimizer of `settings`, its learning rate a schedule over all steps."""
    if rate_factors and settings.optimizer != "adamw":
        raise ValueError(f'`rate_factors` must be None, except with "adamw". Received: {settings.optimizer}')
    rate, steps, warmup = settings.learning_rate, settings.epochs * steps_per_epoch, settings.warmup_epochs * steps_per_epoch
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else rate,
            decay_steps=max(1, steps - round(warmup)),
            warmup_target=rate if warmup else None,
            warmup_steps=round(warmup),
        )
    if settings.optimizer == "sgd":
        return _in_one_program(keras.optimizers.SGD(rate, momentum=0.9, nesterov=True))
    if settings.optimizer == "adam":
        return _in_one_program(keras.optimizers.Adam(rate))
    decay = settings.weight_decay
    if settings.optimizer == "adamw":
        optimizer = LayerwiseAdamW(rate, weight_decay=decay)
        optimizer.rate_factors = rate_factors
        optimizer.exclude_from_weight_decay(var_names=[*NOT_DECAYED, "factor", "cls_token", "positions", "table"])
    else:
        optimizer = keras.optimizers.Muon(rate, weight_decay=decay, adam_weight_decay=decay, exclude_layers=NOT_HIDDEN)
        optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return _in_one_program(optimizer)


def _in_one_program(optimizer):
    """Lets XLA compile the update of all weights as one, where it does not compile the whole step."""
    update = optimizer._backend_update_step  # Keras's own place for what a backend does at once

    def compiled_update(gradients, variables, rate):
        if not partial_jit() or tf.distribute.has_strategy():
            return update(gradients, variables, rate)
        program = tf.function(lambda gradients, rate: update(gradients, variables, rate), jit_compile=True, autograph=False)
        return program(gradients, tf.convert_to_tensor(rate))

    optimizer._backend_update_step = compiled_update
    return optimizer


def _write_hparams(writer, config, metrics):
    values = config["settings"] | config["arguments"] | {"model": config["model"]["name"]}
    values = {name: value for name, value in values.items() if isinstance(value, (bool, int, float, str))}
    names = [name for name, value in metrics.items() if isinstance(value, float) and "second" not in name]
    with writer.as_default(step=0):
        hparams.hparams_config(
            hparams=[hparams.HParam(name) for name in values], metrics=[hparams.Metric(f"test/{name}") for name in names]
        )
        hparams.hparams(values)
        for name in names:
            tf.summary.scalar(f"test/{name}", metrics[name])
    writer.flush()
