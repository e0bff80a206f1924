"""Trains BEiT + UPerNet to label every pixel of a scene, with its segmentation masks after every fourth epoch.

    course-hw5 train segmenter --preset beit-cifar10 --image-size 96x128 --epochs 60 --out runs/camvid-96
    course-hw5 train segmenter --recipe enlarge --preset runs/camvid-96/model.keras --image-size 192x256 --epochs 12 \\
        --out runs/camvid   # test mIoU 0.612
    course-hw5 train segmenter --dataset digits --epochs 2 --out runs/scenes   # no download

Small images come first, as for CIFAR-10. `--preset` takes whatever `load_model` takes: a segmenter goes on, of any other
BEiT only the backbone is used. Scores are at the images' own sizes, of whole images unless `--sliding` is given.
"""

from typing import TYPE_CHECKING

import course_hw5
from course_hw5.data.dataset import Dataset
from course_hw5.recipes.options import Arguments, Option, height_and_width
from course_hw5.recipes.recipe import Recipe

if TYPE_CHECKING:
    import keras

    from course_hw5.models.beit import BeitBackbone
    from course_hw5.models.beit_tasks import BeitTask
    from course_hw5.models.upernet import UperNetSegmenter
    from course_hw5.training.tasks import Task

SHARED = {"epochs": 60, "optimizer": "muon", "weight_decay": 0.05, "monitor": "val_mean_iou"}
CONFIGS = {
    "scratch": SHARED | {"learning_rate": 2e-3, "schedule": "constant", "warmup_epochs": 1.0},
    "enlarge": SHARED | {"learning_rate": 1.5e-3, "warmup_epochs": 0.5},
}
SCALES = {"scratch": (0.35, 1.0), "enlarge": (0.6, 1.0)}  # share of an image's side that a training image shows
PATCH_SIZE, CHANNELS = 8, 64  # of a new segmenter
DATASETS = ("camvid", "scene_parse150", "digits")


def task(args: Arguments) -> "Task":
    from course_hw5.training import tasks

    return tasks.Segmentation(sliding=args.sliding, flip=args.flip, scales=args.scales)


def load_start(args: Arguments) -> "BeitTask | None":
    from course_hw5.models.beit_tasks import BeitTask

    start = course_hw5.load_model(args.preset) if args.preset else None
    if start is not None and not isinstance(start, BeitTask):
        raise ValueError(f"--preset must be built on a BEiT. Received: {start.name}")
    return start


def load_data(args: Arguments, start: "BeitTask | None") -> Dataset:
    shape, scales = (*args.image_size, 3), SCALES[args.recipe]
    return course_hw5.load_scenes(args.dataset, shape, args.batch_size, seed=args.seed, scales=scales)


def build_model(args: Arguments, start: "BeitTask | BeitBackbone | None", data: Dataset) -> "UperNetSegmenter":
    from course_hw5.models.beit_tasks import BeitTask
    from course_hw5.models.fine_tuning import adapted_segmenter

    shape = (*args.image_size, 3)
    if start is None:
        start = course_hw5.beit_backbone(args.size, shape, patch_size=PATCH_SIZE, convolution_like_initialization=True)
    return adapted_segmenter(
        start,
        len(data.class_names),
        class_names=_class_names(start, data),
        channels=CHANNELS,
        auxiliary_channels=CHANNELS,
        patch_size=max(PATCH_SIZE, (start.backbone if isinstance(start, BeitTask) else start).patch_size),
        image_shape=shape,
        dtype=args.precision,
    )


def load_test(args: Arguments, model: "UperNetSegmenter") -> Dataset:
    return course_hw5.load_scenes(args.dataset, (96, 128, 3), args.batch_size, seed=args.seed)


def callbacks(args: Arguments, data: Dataset) -> "list[keras.callbacks.Callback]":
    from course_hw5.reports.segmentation_report import SceneTimeLapse

    images, labels = next(iter(data.validation))
    return [SceneTimeLapse(args.out, [*zip(images[:3], labels[:3])])]


def _class_names(start, data):
    """The data's names, but where these are numbers the start's own."""
    names = getattr(start, "class_names", None)
    return names if names and len(names) == len(data.class_names) and data.class_names[0].isdecimal() else data.class_names


def is_segmenter(model: "keras.Model") -> bool:
    from course_hw5.models.upernet import UperNetSegmenter

    return isinstance(model, UperNetSegmenter)


RECIPE = Recipe(
    name="segmenter",
    description=__doc__,
    batch_size=8,
    configs=CONFIGS,
    options=(
        Option("--dataset", choices=DATASETS, default=DATASETS[0], help="(default: %(default)s)"),
        Option("--preset", help="the model to start from, in place of a new one"),
        Option("--size", default="tiny", help="size of a new backbone (default: %(default)s)"),
        Option(
            "--recipe",
            (
                lambda args: args.recipe == "enlarge" and not args.preset,
                "--preset is needed for the recipe {recipe}. Received: none",
            ),
            choices=tuple(CONFIGS),
            default="scratch",
            help="(default: %(default)s)",
        ),
        Option(
            "--image-size",
            type=height_and_width,
            default=(96, 128),
            metavar="HEIGHTxWIDTH",
            help="what the network reads (default: 96x128)",
        ),
        Option("--sliding", action="store_true", help="score with windows that slide over images, not with whole ones"),
        Option("--flip", action="store_true", help="score the mean of each image and its mirror image"),
        Option(
            "--scales",
            type=float,
            nargs="+",
            default=[1.0],
            help="with --sliding: sizes at which images are seen (default: 1)",
        ),
    ),
    choose=lambda args: args.recipe,
    load_start=load_start,
    load_data=load_data,
    build_model=build_model,
    load_test=load_test,
    is_for=is_segmenter,
    summary="mIoU {mean_iou:.4f}, pixel accuracy {pixel_accuracy:.4f}",
    task=task,
    callbacks=callbacks,
)
