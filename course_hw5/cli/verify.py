"""`course-hw5 verify`: say whether a run that was handed in follows from its seed, its data and its backups.

An epoch is trained again from its backup, the scores on the test data are computed again from the model. The exit code is 0 if
everything that was checked follows, 1 if something differs, 2 if the folder or the options do not allow it.
"""

import argparse
import math
import sys

from course_hw5.cli import train as train_command
from course_hw5.cli.arguments import json_file
from course_hw5.recipes import RECIPES
from course_hw5.recipes.recipe import Recipe, choose_source, fill_defaults, whole_number
from course_hw5.training.config import PRECISIONS, TrainingConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("run_dir", metavar="RUN", help="folder of a run of `train --keep-backups 2`, or more")
    add("--data", metavar="SOURCE", help="where the data of the run are here (default: its --dataset)")
    add("--preset", help="what the run started from, here: for its first epoch, or where it was of --pretrain")
    add("--teacher", help="the run's --teacher, here, if it was a file")
    add(
        "--epoch",
        type=_epoch,
        default="last",
        help="number of an epoch, `last` or `all`: what is trained again (default: %(default)s)",
    )
    add("--out", metavar="FILE.json", help="also write what was found as JSON")


def _epoch(text):
    return text if text in ("last", "all") else whole_number(1)(text)


def run(args: argparse.Namespace) -> str:
    from course_hw5.reports import run_folder, submitted_run

    out = json_file(args.out)
    submitted = submitted_run.read_run(args.run_dir)
    recipe = _recipe(submitted)
    options, config = _options(args, submitted, recipe)
    _epochs(args.epoch, submitted, config)
    checks = []
    for check in _checks(args, submitted, recipe, options, config):
        print(check, flush=True)
        checks.append(check)
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in submitted_run.VERDICTS}
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        content: dict = {"run": str(submitted.path), "follows": not counts["differs"], "counts": counts}
        content["checks"] = [check._asdict() for check in checks]
        run_folder.write_json(out, content)
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    if counts["differs"]:
        print(f"{submitted.path} does not follow: {said}")
        sys.exit(1)
    return f"{submitted.path} follows, as far as it was checked: {said}"


def _recipe(submitted):
    """The recipe whose options differ least from those in `config.json`: an old run lacks newer options."""
    recorded, shared = submitted.config["arguments"].keys(), {"batch_size", "strategy", "dataset"}
    options = {recipe: {option.name for option in recipe.options} for recipe in RECIPES.values()}
    fitting = [recipe for recipe in options if shared <= recorded and options[recipe] & recorded]
    if not fitting:
        raise ValueError(
            f"{submitted.path} must be a run of `course-hw5 train`. Received: arguments {', '.join(recorded) or 'none'}"
        )
    own = recorded - shared
    return min(fitting, key=lambda recipe: len(options[recipe] ^ (own - {option.name for option in recipe.data_options})))


class _Parser(argparse.ArgumentParser):
    """Reads what a config.json says as if it was typed; nothing in it ends the program."""

    def __init__(self, **options):
        super().__init__(**options | {"add_help": False, "allow_abbrev": False})

    def error(self, message):
        raise ValueError(f"config.json must hold what `course-hw5 train` wrote. Received: {message}")

    def exit(self, status=0, message=None):
        self.error(message)


def _options(args, submitted, recipe):
    """The arguments of the command that trained, with this computer's paths, and the config in `config.json`."""
    recorded, settings = submitted.config["arguments"], submitted.config["settings"]
    try:
        config = TrainingConfig(**settings)
    except TypeError as error:
        raise ValueError(f"config.json must hold settings of a training. Received: {error}") from error
    if config.epochs > 9999:  # a backup's name has four digits
        raise ValueError(f"config.json must hold 9,999 epochs or fewer. Received: {config.epochs:.4g}")
    if recorded["strategy"] != "none":
        raise ValueError(f"{submitted.path} must be a run of --strategy none. Received: {recorded['strategy']}")
    if (precision := submitted.config["model"]["precision"]) not in PRECISIONS:
        raise ValueError(f"config.json must have a precision of {', '.join(PRECISIONS)}. Received: {precision!r:.60}")
    given = recorded | {name: getattr(args, name) for name in ("preset", "teacher") if getattr(args, name) is not None}
    if args.data is None and recorded["dataset"] not in recipe.datasets:
        raise ValueError(
            f"--data must say where the data of the run are on this computer. Received: none, for {recorded['dataset']}"
        )
    parser = _Parser()
    train_command.add_arguments(parser)
    name = next(name for name, one in RECIPES.items() if one is recipe)
    words = [name, f"--out={submitted.path}", *_words(recipe, given), f"--precision={precision}"]
    words += [f"--{name.replace('_', '-')}={getattr(config, name)}" for name in ("epochs", "learning_rate", "seed")]
    words += ["--calibrate"] if config.calibrate else []
    words.append(f"--dataset={recorded['dataset']}" if args.data is None else f"--data={args.data}")
    options = parser.parse_args([*words, f"--batch-size={recorded['batch_size']}"])
    choose_source(options, recipe)
    fill_defaults(options, recipe)
    options.recipe = recipe.choose(options)
    recipe.check(options)
    return options, config


def _words(recipe, given):
    """Options of a recipe as they are typed."""
    for option in (*recipe.data_options, *recipe.options):
        value = given.get(option.name)
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, (str, int, float, type(None))) or str(one).startswith("-"):  # another option
                raise ValueError(f"config.json must hold a value of {option.flag}. Received: {one!r:.60}")
        if value is True:
            yield option.flag
        elif option.keywords.get("nargs") and isinstance(value, list):
            yield from (option.flag, *map(str, value))
        elif value is not None and value is not False:
            yield f"{option.flag}={'x'.join(map(str, value)) if isinstance(value, list) else value}"


def _checks(args, submitted, recipe: Recipe, options, config):
    from course_hw5.reports import run_folder, submitted_run

    if lack := run_folder.lacks_safe_mode():
        raise ValueError(f"`verify` loads models of others, and needs {lack}")
    from course_hw5.models.checkpoints import bundled, load
    from course_hw5.training import runtime, verification

    known = (None, "minilm", *bundled.PRESETS)
    if getattr(options, "teacher", None) not in known and args.teacher is None:
        raise ValueError(
            f"--teacher must say where the teacher of the run is on this computer. Received: none, for {options.teacher}"
        )
    knows_start = args.preset is not None or getattr(options, "preset", None) in known
    epochs = _epochs(args.epoch, submitted, config, knows_start)
    if not knows_start:
        options.preset = str(submitted.path / "model.keras")  # of the same architecture
    runtime.set_precision(options.precision)
    loaded = load.load_model(submitted.path / "model.keras")
    if not recipe.is_for(loaded):
        raise ValueError(f"{submitted.path / 'model.keras'} must be a model of its recipe. Received: {loaded.name}")
    runtime.seed_everything(options.seed)
    start = recipe.load_start(options)
    data = recipe.load_data(options, start)
    model = recipe.build_model(options, start, data)
    if not knows_start:
        _check_trainable(submitted, model)
    task = recipe.task(options, data)
    task.check(model, data)
    multipliers = recipe.lr_multipliers(options, model)
    verifier = verification.Verifier(submitted, model, data, config, multipliers, task)
    data_check = verifier.same_data()
    yield data_check
    if data_check.verdict == submitted_run.DIFFERS:
        yield submitted_run.Verdict("everything else", submitted_run.NOT_CHECKED, "it needs the data of the run")
        return
    yield verifier.same_settings(recipe.training_config(options))
    yield from verifier.checks(loaded, epochs)


def _check_trainable(submitted, model):
    """Refuses a model that is trained in other parts than that of the run: what it started from decides which."""
    from course_hw5.reports import run_folder

    if not (path := submitted.path / "training.json").exists():
        return
    recorded = run_folder.read_json(path).get("trainable_parameters")
    if recorded not in (None, sum(math.prod(weight.shape) for weight in model.trainable_weights)):
        started = submitted.config["arguments"].get("preset")
        raise ValueError(
            f"--preset must name what the run started from, which decides what is trained. Received: none, for {started}"
        )


def _epochs(wanted, submitted, config, knows_start=True):
    """The epochs to be trained again; refuses those whose backups are missing."""
    replayable, last = submitted.replayable(knows_start), config.epochs
    if not replayable and submitted.replayable(knows_start=True):
        only = f"Only the first epoch of {submitted.path} can be trained again"
        raise ValueError(f"{only}, and for that `--preset` must name what {submitted.path} started from.")
    needed = f"{last - 1} and {last}" if last > 1 else "1"
    if wanted in ("last", "all") and last not in replayable:
        found = ", ".join(file.name for file in submitted.backups.values()) or "none"
        raise ValueError(
            f"{submitted.path} must hold the backups of its last epochs, {needed}: `train --keep-backups 2` keeps them. "
            f"Received: {found}"
        )
    if wanted in ("last", "all"):
        return replayable if wanted == "all" else [last]
    if wanted not in replayable:
        can = ", ".join(map(str, replayable)) or "none"
        raise ValueError(f"--epoch must be one of {can}, whose backups are there. Received: {wanted}")
    return [wanted]
