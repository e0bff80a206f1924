"""`course-hw5 evaluate`: scores a trained model on test data and leaves a folder with the report."""

import argparse

from course_hw5 import recipes
from course_hw5.cli.arguments import Commands
from course_hw5.recipes.options import Option, whole_number
from course_hw5.recipes.recipe import Recipe
from course_hw5.training.config import PRECISIONS

TEXTS, SCENES = ("bert",), ("segmenter",)
OPTIONS = (  # besides those that all kinds of models have: the option, and the recipes whose models take it
    (Option("--max-length", type=whole_number(8), help="texts: tokens per text (default: 64)"), TEXTS),
    (Option("--sliding", action="store_true", help="scenes: windows slide over images"), SCENES),
    (Option("--flip", action="store_true", help="scenes: the mean of each image and its mirror image"), SCENES),
    (Option("--scales", type=float, nargs="+", default=[1.0], help="scenes, with --sliding: sizes of images"), SCENES),
)


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("evaluate", help="score a trained model on test data: a folder with the report")
    add = parser.add_argument
    add("preset", metavar="PRESET_OR_RUN", help="what `load_model` takes: a preset, a run folder, a file")
    add("--dataset", help="(default: cifar10, sst2 or camvid, as the model takes it)")
    add("--out", required=True, help="folder to write")
    add("--batch-size", type=whole_number(1), help="examples per step (default: the recipe's)")
    add("--precision", choices=PRECISIONS, default="float32", help="policy of the layers (default: %(default)s)")
    add("--seed", type=whole_number(0), default=0, help="makes it repeatable (default: %(default)s)")
    add("--overwrite", action="store_true", help="write over what is in --out")
    for option, _ in OPTIONS:
        add(option.flag, **option.keywords)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> str:
    from course_hw5.reports import run_folder

    out = run_folder.local_path(args.out)
    if (out / "history.csv").exists():
        raise FileExistsError(f"--out must be a folder of its own. Received: {out}, which holds a training")
    run_folder.ensure_empty(out, may_hold_files=args.overwrite, advice="add --overwrite to write over them")

    import course_hw5
    from course_hw5.training import runtime, tasks, train

    runtime.seed_everything(args.seed)
    runtime.set_precision(args.precision)
    model = course_hw5.load_model(args.preset)
    recipe = _recipe_of(model, args)
    args.batch_size = args.batch_size or recipe.batch_size
    options = {"sliding": args.sliding, "flip": args.flip, "scales": args.scales}
    task = tasks.Segmentation(**options) if recipe.name in SCENES else tasks.CLASSIFICATION
    data = recipe.load_test(args, model)
    metrics = train.evaluate(model, data, task).write(out)
    names = ("preset", "dataset", "batch_size", *(option.name for option, kinds in OPTIONS if recipe.name in kinds))
    arguments = {name: getattr(args, name) for name in names}
    run_folder.write_json(out / "config.json", train.run_config(model, data, arguments=arguments))
    return f"{recipe.summary.format(**metrics)}. See {out}"


def _recipe_of(model, args) -> Recipe:
    """The recipe whose kind of model this is; refuses options that it does not take."""
    kinds = [recipe for recipe in map(recipes.load_recipe, recipes.NAMES) if recipe.is_for(model)]
    if not kinds:
        expected = "a classifier or a segmenter"
        raise ValueError(f"PRESET_OR_RUN must be {expected}. Received: {args.preset}, which is {model.name}")
    (recipe,) = kinds
    for option, names in OPTIONS:
        value = getattr(args, option.name)
        if recipe.name not in names and value not in (None, False, option.keywords.get("default")):
            raise ValueError(f"{option.flag} is not for {model.name}. Received: {value}")
    datasets = next(option.keywords["choices"] for option in recipe.options if option.name == "dataset")
    args.dataset = args.dataset or datasets[0]
    if args.dataset not in datasets:
        raise ValueError(f"--dataset must be one of {', '.join(datasets)} for {model.name}. Received: {args.dataset}")
    return recipe
