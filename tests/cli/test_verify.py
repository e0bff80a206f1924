"""What `verify` reads in a config.json: the recipe, the options and the settings of the command that trained."""

import argparse
import dataclasses
import json
import types

import pytest

from course_hw5.cli import train, verify
from course_hw5.recipes import RECIPES, recipe

COMMANDS = (
    "mlp --recipe tuned --image-size 48 --precision mixed_bfloat16",
    "cnn --dataset digits --image-size 12 --epochs 2",
    "cnn --data photos --skip-broken --memory-gb 0.5",
    "mlp --teacher models/cnn.keras --validation-split 0.2",
    "mlp --recipe distilled --teacher cnn-cifar10",
    "beit --preset beit-cifar10 --recipe enlarge --augmentation flip,mixup",
    "cnn --teacher models/cnn.keras --calibrate",
    "segmenter --class-weights log --ema 0.99 --no-validation",
    "bert --lora 4 --data letters.csv --text-column words --validation-split 0.25 --learning-rate 3e-4",
    "bert --size tiny --r-drop 0.5 --max-length 8",
    "bert --dataset sst2_contrast --calibrate",
    "beit --size tiny --image-size 8 --seed 3",
    "beit --preset models/beit.keras --batch-size 16",
    "segmenter --image-size 32x48 --sliding --scales 0.75 1.25",
    "segmenter --data street --ignore-index 0 --flip",
    "segmenter --patch-size 16 --channels 8 --detail-channels 3 4 5 --class-weights sqrt",
)


def arguments(words):
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    args = parser.parse_args(words)
    chosen = RECIPES[args.name]
    recipe.choose_source(args, chosen)
    recipe.fill_defaults(args, chosen)
    args.recipe = chosen.choose(args)
    return args, chosen


@pytest.mark.unit
@pytest.mark.parametrize("typed", COMMANDS)
def test_the_options_of_each_recipe_are_read_as_they_were_typed(typed):
    args, chosen = arguments([*typed.split(), "--out", "run"])
    record = {"arguments": chosen.recorded(args), "settings": dataclasses.asdict(chosen.training_config(args))}
    config = json.loads(json.dumps(record | {"model": {"precision": args.precision}}))
    run = types.SimpleNamespace(path="run", config=config)
    assert verify._recipe(run) is chosen
    given = argparse.Namespace(data=args.data, preset=None, teacher=None)
    options, settings = verify._options(given, run, chosen)
    settled = {"epochs": settings.epochs, "learning_rate": settings.learning_rate}  # None, where they were not typed
    assert vars(options) == vars(args) | settled
    assert settings == chosen.training_config(options) == chosen.training_config(args)


@pytest.mark.unit
@pytest.mark.parametrize(
    "typed, later",
    [
        ("mlp --recipe tuned", ("teacher", "augmentation")),
        ("cnn --epochs 2", ("augmentation",)),
        ("beit --size mini", ("drop_path_rate", "augmentation")),
    ],
)
def test_runs_recorded_before_an_option_existed_are_read_too(typed, later):
    args, chosen = arguments([*typed.split(), "--out", "run"])
    recorded = {name: value for name, value in chosen.recorded(args).items() if name not in later}
    config = {
        "arguments": recorded,
        "settings": dataclasses.asdict(chosen.training_config(args)),
        "model": {"precision": "float32"},
    }
    run = types.SimpleNamespace(path="run", config=config)
    assert verify._recipe(run) is chosen
    options, _ = verify._options(argparse.Namespace(data=None, preset=None, teacher=None), run, chosen)
    assert chosen.recorded(options) == chosen.recorded(args)


@pytest.mark.unit
@pytest.mark.parametrize(
    "arguments", [{}, {"batch_size": 8}, {"batch_size": 8, "strategy": "none", "dataset": "digits", "depth": 3}]
)
def test_a_run_of_no_recipe_is_refused(arguments):
    with pytest.raises(ValueError, match="must be a run of `course-hw5 train`. Received: arguments"):
        verify._recipe(types.SimpleNamespace(path="run", config={"arguments": arguments}))
