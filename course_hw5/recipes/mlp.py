"""Trains the multilayer perceptron of question 3-2.

    course-hw5 train mlp --recipe homework --out runs/mlp-homework   # test accuracy 0.573, 8 epochs
    course-hw5 train mlp --recipe tuned --out runs/mlp-tuned         # test accuracy 0.680, 45 epochs
    course-hw5 train mlp --recipe distilled --teacher cnn-cifar10 --validation-split 0.02 \\
        --precision mixed_bfloat16 --out runs/mlp-distilled          # test accuracy 0.728, 130 epochs, taught by an earlier CNN
    course-hw5 train mlp --dataset digits --epochs 5 --out runs/mlp-digits   # no download
    course-hw5 train mlp --data photos/ --image-size 48 --out runs/photos    # a folder of class folders

An epoch of CIFAR-10 took about a minute on two cores with AVX2. The copy measured on went through JPEG once.
"""

from typing import Any

import course_hw5
from course_hw5.recipes.recipe import AUGMENTATION, IMAGE_SIZE, TEACHER, VALIDATION_SPLIT, Option, Recipe

# `homework`: the homework's layers and nothing else. `tuned`: the same layers, trained better. `distilled`: `tuned` for longer,
# with CutMix beside MixUp and a teacher's probabilities in the labels.
TUNED = {
    "epochs": 45,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "warmup_epochs": 2,
    "weight_decay": 0.02,
    "label_smoothing": 0.1,
}
CONFIGS = {
    "homework": {"epochs": 8, "optimizer": "adam", "learning_rate": 3e-4, "warmup_epochs": 1},
    "tuned": TUNED,
    "distilled": TUNED | {"epochs": 130},
}
TUNED_MODEL: dict[str, Any] = {"batch_normalization": True, "convolution_like_initialization": True}
MODELS: dict[str, dict[str, Any]] = {"homework": {}, "tuned": TUNED_MODEL, "distilled": TUNED_MODEL}
AUGMENTATIONS = {"homework": "", "tuned": "flip,shift,mixup", "distilled": "flip,shift,mixup,cutmix"}


class Mlp(Recipe):
    description = __doc__
    batch_size = 256
    configs = CONFIGS
    from_teacher = ("distilled",)
    augmentations = AUGMENTATIONS
    options = (
        Option("--recipe", choices=tuple(CONFIGS), default="homework", help="(default: %(default)s)"),
        IMAGE_SIZE,
        VALIDATION_SPLIT,
        TEACHER,
        AUGMENTATION,
    )

    def build_model(self, args, start, data):
        shape = tuple(data.train.element_spec[0].shape[1:])
        return course_hw5.mlp_classifier(shape, num_classes=len(data.class_names), **MODELS[args.recipe])
