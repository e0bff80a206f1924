"""What a recipe is made of: named values, options, and small builders. Loads no TensorFlow."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from course_hw5.recipes.options import Arguments, Option
from course_hw5.training.config import TrainingConfig

if TYPE_CHECKING:
    from course_hw5.training.tasks import Task


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a kind of model is trained and evaluated. Functions get the arguments of the command line, `args`.

    Attributes:
        name: of the command `course-hw5 train NAME`.
        description: its help: command, time and score.
        batch_size: examples per step.
        configs: dict of names to values of `TrainingConfig`.
        options: the recipe's own, besides those that all recipes have.
        choose: `(args)` to one of the names of `configs`.
        load_start: `(args)` to what the model is made from: a trained model, a backbone, or None.
        load_data: `(args, start)` to a `Dataset`.
        build_model: `(args, start, data)` to the model to be trained.
        load_test: `(args, model)` to the `Dataset` that a trained model is evaluated on; refuses what does not fit.
        is_for: `(model)` to whether a trained model is of this kind.
        summary: what is printed at the end, metrics in braces.
        task: `(args)` to the task.
        callbacks: `(args, data)` to further callbacks.
        lr_multipliers: `(args, model)` to multipliers of the learning rate by variable, or None.
    """

    name: str
    description: str
    batch_size: int
    configs: dict[str, dict]
    options: tuple[Option, ...]
    choose: Callable
    load_data: Callable
    build_model: Callable
    load_test: Callable
    is_for: Callable
    summary: str
    task: Callable
    load_start: Callable = lambda args: None
    callbacks: Callable = lambda args, data: ()
    lr_multipliers: Callable = lambda args, model: None

    def training_config(self, args: Arguments) -> TrainingConfig:
        """The values of the chosen config, changed by --epochs, --learning-rate and --seed; a short run warms up for half."""
        values = self.configs[args.recipe] | {"seed": args.seed}
        given = {"epochs": args.epochs, "learning_rate": args.learning_rate}
        values |= {name: value for name, value in given.items() if value is not None}
        return TrainingConfig(**values | {"warmup_epochs": min(values.get("warmup_epochs", 0.0), values["epochs"] / 2)})

    def recorded(self, args: Arguments) -> dict:
        """What `config.json` says of the options: all that decide data or model and are in no setting."""
        return {name: getattr(args, name) for name in ("batch_size", "strategy", *(option.name for option in self.options))}


def classification(args: Arguments) -> "Task":
    """The task of recipes that train a classifier."""
    from course_hw5.training import tasks

    return tasks.CLASSIFICATION
