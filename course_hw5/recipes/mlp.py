"""Trains the multilayer perceptron of question 3-2.

    course-hw5 train mlp --recipe homework --out runs/mlp-homework   # test accuracy 0.573, 8 epochs
    course-hw5 train mlp --recipe tuned --out runs/mlp-tuned         # test accuracy 0.680, 45 epochs
    course-hw5 train mlp --dataset digits --epochs 5 --out runs/mlp-digits   # no download

An epoch of CIFAR-10 took about a minute on two cores with AVX2. The copy measured on went through JPEG once.
"""

from typing import TYPE_CHECKING, Any

import course_hw5
from course_hw5.data.dataset import Dataset
from course_hw5.recipes.options import Arguments, Option
from course_hw5.recipes.recipe import Recipe, classification

if TYPE_CHECKING:
    import keras

# `homework`: the homework's layers and nothing else. `tuned`: the same layers, trained as well as we know how.
CONFIGS = {
    "homework": {"epochs": 8, "optimizer": "adam", "learning_rate": 3e-4, "warmup_epochs": 1},
    "tuned": {
        "epochs": 45,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "warmup_epochs": 2,
        "weight_decay": 0.02,
        "label_smoothing": 0.1,
    },
}
MODELS: dict[str, dict[str, Any]] = {
    "homework": {},
    "tuned": {"batch_normalization": True, "convolution_like_initialization": True},
}
AUGMENTATIONS = {"homework": "", "tuned": "flip,shift,mixup"}


def load_data(args: Arguments, start: None) -> Dataset:
    return course_hw5.load_images(args.dataset, args.batch_size, seed=args.seed, augmentation=AUGMENTATIONS[args.recipe])


def build_model(args: Arguments, start: None, data: Dataset) -> "keras.Model":
    return course_hw5.mlp_classifier(num_classes=len(data.class_names), **MODELS[args.recipe])


def load_test(args: Arguments, model: "keras.Model") -> Dataset:
    return course_hw5.load_images(args.dataset, args.batch_size, seed=args.seed)


def is_plain(model: "keras.Model") -> bool:
    """Whether it is a model of images without a backbone."""
    from course_hw5.models.task import Task

    return not isinstance(model, Task) and len(model.inputs[0].shape) == 4


RECIPE = Recipe(
    name="mlp",
    description=__doc__,
    batch_size=256,
    configs=CONFIGS,
    options=(
        Option("--dataset", choices=("cifar10", "digits"), default="cifar10", help="(default: %(default)s)"),
        Option("--recipe", choices=tuple(CONFIGS), default="homework", help="(default: %(default)s)"),
    ),
    choose=lambda args: args.recipe,
    load_data=load_data,
    build_model=build_model,
    load_test=load_test,
    is_for=is_plain,
    summary="accuracy {accuracy:.4f}, weighted F1 {f1:.4f}",
    task=classification,
)
