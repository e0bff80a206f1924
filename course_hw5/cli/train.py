"""`course-hw5 train`: trains by a recipe and leaves a run folder with its page. One driver for all recipes."""

import argparse
import json
from collections.abc import Sequence

from course_hw5 import recipes
from course_hw5.cli.arguments import Commands
from course_hw5.recipes.options import whole_number
from course_hw5.recipes.recipe import Recipe
from course_hw5.training.config import PRECISIONS, STRATEGIES


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("train", help="train by a recipe: a run folder with its page")
    names = parser.add_subparsers(required=True, metavar="RECIPE", help=f"one of {', '.join(recipes.NAMES)}")
    for name in recipes.NAMES:
        recipe = recipes.load_recipe(name)
        formatter = argparse.RawDescriptionHelpFormatter
        one = names.add_parser(
            name, help=recipe.description.splitlines()[0], description=recipe.description, formatter_class=formatter
        )
        _add_options(one, recipe)
        one.set_defaults(run=run, name=name)


def parse(name: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the arguments of `course-hw5 train NAME`."""
    parser = argparse.ArgumentParser(prog=f"course-hw5 train {name}")
    _add_options(parser, recipes.load_recipe(name))
    return parser.parse_args(arguments, argparse.Namespace(name=name))


def run(args: argparse.Namespace) -> str:
    """Trains: refuses, seeds, loads, builds, fits; returns what is said of the run."""
    recipe = recipes.load_recipe(args.name)
    args.recipe = recipe.choose(args)
    for option in recipe.options:
        option.check(args)
    config = recipe.training_config(args)
    check_output_dir(args, recipe)

    from course_hw5.training import runtime, train

    task = recipe.task(args)
    runtime.seed_everything(args.seed, args.deterministic)
    runtime.set_precision(args.precision)
    strategy = runtime.strategy(args.strategy)
    with strategy.scope():
        start = recipe.load_start(args)
    data = recipe.load_data(args, start)
    with strategy.scope():
        model = recipe.build_model(args, start, data)
    task.check(model, data)
    metrics = train.train(
        model,
        data,
        args.out,
        config,
        resume=args.resume,
        overwrite=args.overwrite,
        arguments=recipe.recorded(args),
        callbacks=recipe.callbacks(args, data),
        lr_multipliers=recipe.lr_multipliers(args, model),
        task=task,
    )
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
        config = {name: getattr(args, name) for name in ("epochs", "learning_rate", "seed")}
        given = {"settings": config, "arguments": json.loads(json.dumps(recipe.recorded(args)))}
        given = {part: {name: v for name, v in values.items() if v is not None} for part, values in given.items()}
        run_folder.check_same_settings(out, given)
    for name in ("preset", "teacher"):
        read = getattr(args, name, None)
        if args.overwrite and read:
            folder = run_folder.local_path(read).resolve()
            if out.resolve() in (folder, *folder.parents):
                raise ValueError(f"--{name} must lie elsewhere than --out, which --overwrite deletes. Received: {read}")


def _add_options(parser, recipe):
    """The options of every recipe, and its own."""
    add = parser.add_argument
    for option in recipe.options:
        add(option.flag, **option.keywords)
    add("--out", required=True, help="run folder to write")
    add("--epochs", type=whole_number(1), help="passes over the training data (default: the recipe's)")
    add("--learning-rate", type=float, help="the highest (default: the recipe's)")
    add("--batch-size", type=whole_number(1), default=recipe.batch_size, help="examples per step (default: %(default)s)")
    add("--precision", choices=PRECISIONS, default="float32", help="policy of the layers (default: %(default)s)")
    add("--strategy", choices=STRATEGIES, default="none", help="tf.distribute strategy (default: %(default)s)")
    add("--seed", type=whole_number(0), default=0, help="makes a run repeatable (default: %(default)s)")
    add("--deterministic", action="store_true", help="also use deterministic kernels only")
    exclusive = parser.add_mutually_exclusive_group()
    exclusive.add_argument("--resume", action="store_true", help="go on with the run in --out, after its last whole epoch")
    exclusive.add_argument("--overwrite", action="store_true", help="delete what is in --out first")
