"""`course-hw5 evaluate`: score a trained model on test data: a folder with the report."""

import argparse

import course_hw5
from course_hw5.recipes import RECIPES
from course_hw5.recipes.recipe import choose_source, whole_number
from course_hw5.training.config import PRECISIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("preset", metavar="PRESET_OR_RUN", help="what `load_model` takes: a preset, a run folder, a file")
    add("--dataset", help="(default: cifar10, sst2 or camvid, as the model takes it)")
    add("--data", metavar="SOURCE", help="in place of --dataset, data of your own, as `train` takes them")
    add("--out", required=True, help="folder to write")
    add("--batch-size", type=whole_number(1), help="examples per step (default: the recipe's)")
    add("--precision", choices=PRECISIONS, default="float32", help="policy of the layers (default: %(default)s)")
    add("--seed", type=whole_number(0), default=0, help="makes it repeatable (default: %(default)s)")
    add("--overwrite", action="store_true", help="write over what is in --out")
    own = {option.flag: option for recipe in RECIPES.values() for option in (*recipe.data_options, *recipe.test_options)}
    for option in own.values():
        add(option.flag, **option.keywords)


def run(args: argparse.Namespace) -> str:
    from course_hw5.reports import run_folder

    out = run_folder.local_path(args.out)
    if (out / "history.csv").exists():
        raise FileExistsError(f"--out must be a folder of its own. Received: {out}, which holds a training")
    run_folder.ensure_empty(out, may_hold_files=args.overwrite, advice="add --overwrite to write over them")

    from course_hw5.training import runtime, train

    runtime.seed_everything(args.seed)
    runtime.set_precision(args.precision)
    model = course_hw5.load_model(args.preset)
    recipe = next((recipe for recipe in RECIPES.values() if recipe.is_for(model)), None)
    if recipe is None:
        raise ValueError(f"PRESET_OR_RUN must be a classifier or a segmenter. Received: {args.preset}, which is {model.name}")
    _check_options(args, recipe, model)
    args.batch_size = args.batch_size or recipe.batch_size
    data = recipe.load_test(args, model)
    metrics = train.evaluate(model, data, recipe.task(args)).write(out)
    names = ("preset", "dataset", "batch_size", *(option.name for option in recipe.test_options))
    arguments = {name: getattr(args, name) for name in names} | recipe.given_data_options(args)
    run_folder.write_json(out / "config.json", train.run_config(model, data, arguments=arguments))
    return f"{recipe.summary.format(**metrics)}. See {out}"


def _check_options(args, recipe, model):
    """Refuses options and data sets that models of this recipe do not take; chooses the data set."""
    taken = (*recipe.data_options, *recipe.test_options)
    options = (option for other in RECIPES.values() for option in (*other.data_options, *other.test_options))
    for option in (option for option in options if option not in taken):
        if (value := getattr(args, option.name)) not in (None, False, option.keywords.get("default")):
            raise ValueError(f"{option.flag} is not for {model.name}. Received: {value}")
    args.dataset = args.dataset or recipe.datasets[0]
    choose_source(args, recipe)
    if args.data is None and args.dataset not in recipe.datasets:
        raise ValueError(f"--dataset must be one of {', '.join(recipe.datasets)} for {model.name}. Received: {args.dataset}")
