"""What a recipe is made of: named values, options, and small builders. Loads no TensorFlow."""

import argparse
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import course_hw5
from course_hw5.training.config import TrainingConfig

if TYPE_CHECKING:
    import keras

    from course_hw5.data.dataset import Dataset
    from course_hw5.training.tasks import Task

Arguments = argparse.Namespace


class Option:
    """A command-line option: its flag, such as "--max-length", and keywords of `argparse`'s `add_argument`."""

    def __init__(self, flag: str, **keywords: Any):
        self.flag, self.keywords = flag, keywords
        self.name = flag.removeprefix("--").replace("-", "_")


def whole_number(at_least: int) -> Callable[[str], int]:
    """Makes an argparse type that takes whole numbers from `at_least` on."""

    def parse(text):
        if not text.isdecimal() or int(text) < at_least:
            raise argparse.ArgumentTypeError(f"must be a whole number, {at_least} or more. Received: {text}")
        return int(text)

    return parse


LABEL_COLUMN = Option("--label-column", help="with --data: column of the labels of a table, or feature of TFDS")
IMAGE_SIZE = Option("--image-size", type=whole_number(8), help="side of the images (default: 32)")
VALIDATION_SPLIT = Option("--validation-split", type=float, default=0.1, help="of the training data (default: %(default)s)")
FLIP = Option("--flip", action="store_true", help="images: score the mean of each image and its mirror image")
AUGMENTATION = Option(
    "--augmentation",
    metavar="NAMES",
    help="changes of training images: flip,shift,mixup,cutmix, or some of them, or '' for none (default: the recipe's)",
)
TEACHER = Option("--teacher", help="a classifier of such images: half of each training label is its probabilities")
MEMORY = Option(
    "--memory-gb", type=float, metavar="GB", help="with --data: size above which data are read when needed (default: 1)"
)
SKIP_BROKEN = Option(
    "--skip-broken", action="store_true", default=None, help="with --data: leave out images that cannot be read"
)
IMAGE_COLUMN = Option("--image-column", help="with --data: column of the paths of a table, or feature of TFDS")
MASK_COLUMN = Option("--mask-column", help="with --data: feature of TFDS that holds the masks")
TEXT_COLUMN = Option("--text-column", help="with --data: column of the texts of a table, or feature of TFDS")
OTHER_COLUMN = Option("--other-column", help="with --data: column or feature of a second text, read as a pair with the first")


NO_DEFAULTS: dict[str, Any] = {}


class Recipe:
    """How a kind of model is trained and evaluated: by default a classifier of images.

    Its methods get the arguments of the command line, `args`. A subclass has those that differ; their hints are here.

    Attributes:
        description: its help: command, time and score.
        model_class: of the models that it trains, "module:class", imported when a model is looked at; "" where they have no
            class of their own.
        batch_size: examples per step.
        configs: dict of names to values of `TrainingConfig`.
        from_preset: those of the names that need --preset.
        from_teacher: those of the names that need --teacher.
        augmentations: dict of the same names to what `load_images` takes.
        datasets: what --dataset may be; the first is the default.
        defaults: dict of other options to what they are where they are not given, if variants of the recipe differ in it.
        source: description of what --data may be besides.
        data_options: what --data takes besides; None where not given.
        options: the recipe's own besides --dataset, which all recipes have.
        test_options: of `course-hw5 evaluate`, what only models of this kind take.
        summary: what is printed at the end, metrics in braces.
    """

    description: str
    model_class = ""
    batch_size: int
    configs: dict[str, dict]
    from_preset: tuple[str, ...] = ()
    from_teacher: tuple[str, ...] = ()
    augmentations: dict[str, str]
    datasets: tuple[str, ...] = ("cifar10", "digits")
    defaults: dict[str, Any] = NO_DEFAULTS
    source = "a folder of class folders, a table of paths and labels (.csv, .tsv, .jsonl), or tfds:NAME"
    data_options: tuple[Option, ...] = (IMAGE_COLUMN, LABEL_COLUMN, SKIP_BROKEN, MEMORY)
    options: tuple[Option, ...]
    test_options: tuple[Option, ...] = (FLIP,)
    summary = "accuracy {accuracy:.4f}, weighted F1 {f1:.4f}"

    def variant(self, args: Arguments) -> "Recipe":
        """The recipe that these options ask for: this one, or another with the same options."""
        return self

    def choose(self, args: Arguments) -> str:
        """One of the names of `configs`; a recipe with one of them has no option for it."""
        return getattr(args, "recipe", None) or next(iter(self.configs))

    def check(self, args: Arguments) -> None:
        """Raises ValueError where options do not go together."""
        for option, recipes in (("preset", self.from_preset), ("teacher", self.from_teacher)):
            if args.recipe in recipes and not getattr(args, option):
                raise ValueError(f"--{option} is needed for the recipe {args.recipe}. Received: none")

    def is_for(self, model: "keras.Model") -> bool:
        """Whether a trained model is of this kind: by default, a model of images without a backbone."""
        if self.model_class:
            return isinstance(model, pkgutil.resolve_name(self.model_class))
        from course_hw5.models.task import Task

        return not isinstance(model, Task) and len(model.inputs[0].shape) == 4

    def load_start(self, args: Arguments) -> Any:
        """What the model is made from: a trained model, a backbone, or None."""
        return None

    def load_data(self, args: Arguments, start: Any) -> "Dataset":
        """The data to train on."""
        augmentation = self.augmentations[args.recipe] if args.augmentation is None else args.augmentation
        options = {
            "augmentation": augmentation,
            "validation_split": args.validation_split,
            **self.image_size(args, start),
            **self.given_data_options(args),
        }
        if args.teacher:
            options["teacher"] = load_teacher(args.teacher)
        return course_hw5.load_images(args.dataset, args.batch_size, seed=args.seed, **options)

    def image_size(self, args: Arguments, model: Any) -> dict:
        """The size at which images are loaded, as an argument of `load_images`; {} for the usual one."""
        if model is not None:
            return {"image_size": tuple(model.inputs[0].shape[1:3])}
        return {"image_size": args.image_size} if args.image_size else {}

    def build_model(self, args: Arguments, start: Any, data: "Dataset") -> "keras.Model":
        """The model to be trained."""
        raise NotImplementedError

    def load_test(self, args: Arguments, model: Any) -> "Dataset":
        """The data that a trained model is evaluated on; refuses what does not fit."""
        options = {**self.image_size(args, model), **self.given_data_options(args)}
        return course_hw5.load_images(args.dataset, args.batch_size, seed=args.seed, **options)

    def task(self, args: Arguments, data: "Dataset | None" = None) -> "Task":
        """What is learnt and how it is scored; `data` is None before they are loaded, and for an evaluation."""
        from course_hw5.training import tasks

        return tasks.Classification(flip=getattr(args, "flip", False))  # an option of evaluation alone

    def callbacks(self, args: Arguments, data: "Dataset") -> "list[keras.callbacks.Callback]":
        """Further callbacks."""
        return []

    def lr_multipliers(self, args: Arguments, model: Any) -> dict[str, float] | None:
        """Multipliers of the learning rate by variable."""
        return None

    def given_settings(self, args: Arguments) -> dict:
        """What --epochs, --learning-rate, --seed and --calibrate say."""
        given = {name: getattr(args, name) for name in ("epochs", "learning_rate", "seed", "calibrate")}
        return {name: value for name, value in given.items() if value is not None}

    def training_config(self, args: Arguments) -> TrainingConfig:
        """The values of the chosen config, changed by the given settings; a short run warms up for half."""
        values = self.configs[args.recipe] | self.given_settings(args)
        return TrainingConfig(**values | {"warmup_epochs": min(values.get("warmup_epochs", 0.0), values["epochs"] / 2)})

    def given_data_options(self, args: Arguments) -> dict:
        """What the command line says of a source of one's own, as arguments of its loader."""
        given = {option.name: getattr(args, option.name) for option in self.data_options}
        return {name: value for name, value in given.items() if value is not None}

    def recorded(self, args: Arguments) -> dict:
        """What `config.json` says of the options: all that decide data or model and are in no setting."""
        names = ("batch_size", "strategy", "dataset", *(option.name for option in self.options))
        return {name: getattr(args, name) for name in names} | self.given_data_options(args)


def choose_source(args: Arguments, recipe: Recipe) -> None:
    """Puts what --data names in the place of --dataset.

    Raises:
        ValueError: if an option of --data is given without it.
    """
    if args.data is not None:
        args.dataset = args.data
    elif given := recipe.given_data_options(args):
        flag, value = next(iter(given.items()))
        raise ValueError(f"--{flag.replace('_', '-')} is for --data. Received: {value} without it")


def fill_defaults(args: Arguments, recipe: Recipe) -> None:
    """Puts the recipe's defaults in the place of the options of a training that are not given."""
    defaults = {"dataset": recipe.datasets[0], "batch_size": recipe.batch_size} | recipe.defaults
    missing = {name: value for name, value in defaults.items() if getattr(args, name, value) is None}
    vars(args).update(missing)


def load_kind(name: str, preset: str, is_kind: Callable, expected: str) -> Any:
    """Loads a model; refuses one for which `is_kind(model)` is false, where the argument `name` must be {expected}."""
    model = course_hw5.load_model(preset)
    if not is_kind(model):
        raise ValueError(f"{name} must be {expected}. Received: {preset}, which is {model.name}")
    return model


def load_teacher(name: str) -> "keras.Model":
    """Loads a classifier of images, ready to predict; refuses other models."""
    from course_hw5.training import runtime

    is_classifier = lambda model: len(model.outputs[0].shape) == 2 and len(model.inputs[0].shape) == 4  # noqa: E731
    teacher = load_kind("--teacher", name, is_classifier, "a classifier of images")
    teacher.compile(jit_compile=runtime.use_jit_compile(teacher))
    return teacher


def height_and_width(text: str) -> tuple[int, int]:
    """The argparse type of a size: "96x128" to `(96, 128)`."""
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH in pixels, such as 96x128. Received: {text}")
    return int(sides[0]), int(sides[1])
