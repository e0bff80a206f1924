"""`course-hw5 train`: train by a recipe: a run folder with its page.

One driver for all recipes.
"""

import argparse
import json

from course_hw5.recipes import RECIPES
from course_hw5.recipes.recipe import Recipe, choose_source, fill_defaults, whole_number
from course_hw5.training.config import PRECISIONS, STRATEGIES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = parser.add_subparsers(dest="name", required=True, metavar="RECIPE", help=f"one of {', '.join(RECIPES)}")
    formatter = argparse.RawDescriptionHelpFormatter
    for name, recipe in RECIPES.items():
        purpose = recipe.description.splitlines()[0]
        one = names.add_parser(name, help=purpose, description=recipe.description, formatter_class=formatter)
        add, datasets = one.add_argument, recipe.datasets
        exclusive = one.add_mutually_exclusive_group()
        exclusive.add_argument("--dataset", choices=datasets, help=f"(default: {datasets[0]})")
        exclusive.add_argument("--data", metavar="SOURCE", help=f"in place of --dataset, {recipe.source}")
        for option in (*recipe.data_options, *recipe.options):
            add(option.flag, **option.keywords)
        add("--out", required=True, help="run folder to write")
        add("--epochs", type=whole_number(1), help="passes over the training data (default: the recipe's)")
        add("--learning-rate", type=float, help="the highest (default: the recipe's)")
        add("--batch-size", type=whole_number(1), help=f"examples per step (default: {recipe.batch_size})")
        add("--precision", choices=PRECISIONS, default="float32", help="policy of the layers (default: %(default)s)")
        add("--strategy", choices=STRATEGIES, default="none", help="tf.distribute strategy (default: %(default)s)")
        add("--seed", type=whole_number(0), default=0, help="makes a run repeatable (default: %(default)s)")
        add("--deterministic", action="store_true", help="also use deterministic kernels only")
        temperature = "divide the logits by a temperature that the validation set decides (temperature scaling)"
        add("--calibrate", action="store_true", default=None, help=temperature)
        kept = "backups of the last N epochs stay in --out, for `verify` (default: as before, or one until the run ends)"
        add("--keep-backups", type=whole_number(1), metavar="N", help=kept)
        exclusive = one.add_mutually_exclusive_group()
        exclusive.add_argument("--resume", action="store_true", help="go on with the run in --out, after its last whole epoch")
        exclusive.add_argument("--overwrite", action="store_true", help="delete what is in --out first")


def run(args: argparse.Namespace) -> str:
    """Trains: refuses, seeds, loads, builds, fits; returns what is said of the run."""
    recipe = RECIPES[args.name].variant(args)
    choose_source(args, recipe)
    fill_defaults(args, recipe)
    args.recipe = recipe.choose(args)
    recipe.check(args)
    config = recipe.training_config(args)
    check_output_dir(args, recipe)

    from course_hw5.training import runtime, train

    recipe.task(args)  # refuses what is wrong before data are loaded
    runtime.seed_everything(args.seed, args.deterministic)
    runtime.set_precision(args.precision)
    strategy = runtime.strategy(args.strategy)
    with strategy.scope():
        start = recipe.load_start(args)
    data = recipe.load_data(args, start)
    with strategy.scope():
        model = recipe.build_model(args, start, data)
    task = recipe.task(args, data)
    task.check(model, data)
    arguments, callbacks = recipe.recorded(args), recipe.callbacks(args, data)
    multipliers = recipe.lr_multipliers(args, model)
    options = (args.resume, args.overwrite, arguments, callbacks, multipliers, task, args.keep_backups)
    metrics = train.train(model, data, args.out, config, *options)
    return f"{recipe.summary.format(**metrics)}. Open {args.out}/index.html" if metrics else "done: the first worker reports"


def check_output_dir(args: argparse.Namespace, recipe: Recipe) -> None:
    """Refuses a run folder before data and models are loaded.

    Raises:
        FileExistsError: if --out holds files and neither --resume nor --overwrite says what to do with them.
        ValueError: if a run was started with other options, or --overwrite would delete what the command reads.
    """
    from course_hw5.reports import run_folder

    out, is_shared = run_folder.local_path(args.out), args.strategy == "multiworker"  # then another worker may have begun
    run_folder.ensure_empty(out, may_hold_files=args.resume or args.overwrite or is_shared)
    if args.resume and (out / "config.json").exists():
        given = {"settings": recipe.given_settings(args), "arguments": json.loads(json.dumps(recipe.recorded(args)))}
        run_folder.check_same_settings(out, given)
    for name in ("preset", "teacher") if args.overwrite else ():
        read = getattr(args, name, None)
        if read and run_folder.local_path(read).resolve().is_relative_to(out.resolve()):
            raise ValueError(f"--{name} must lie elsewhere than --out, which --overwrite deletes. Received: {read}")
