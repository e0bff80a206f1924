"""Trains BEiT + UPerNet to label every pixel of a scene, with its segmentation masks after every fourth epoch.

    course-hw5 train segmenter --preset beit-cifar10 --patch-size 16 --detail-channels 32 64 128 --image-size 192x256 \\
        --epochs 60 --out runs/camvid-192
    course-hw5 train segmenter --recipe enlarge --preset runs/camvid-192/model.keras --image-size 288x384 --epochs 12 \\
        --out runs/camvid   # keeps the best epoch on CamVid's held-out video
    course-hw5 train segmenter --dataset digits --epochs 2 --out runs/scenes   # no download
    course-hw5 train segmenter --data garden/ --preset beit-cifar10 --out runs/garden   # garden/images, masks, classes.txt

For thin and rare classes: convolutions that read the image beside BEiT, weights in the loss, averaged weights, and windows that
slide over enlarged images. Choose settings by the held-out video, then train on that video, too, as papers do, and evaluate on
`test`. `segmenter-camvid` was trained with these commands:

    course-hw5 train segmenter --preset beit-cifar10 --patch-size 16 --channels 48 --detail-channels 32 64 128 \\
        --image-size 192x256 --epochs 45 --class-weights sqrt --ema 0.99 --no-validation --precision mixed_bfloat16 \\
        --out runs/camvid-192   # test mIoU 0.518
    course-hw5 train segmenter --recipe enlarge --preset runs/camvid-192/model.keras --image-size 288x384 --epochs 16 \\
        --class-weights sqrt --ema 0.99 --no-validation --precision mixed_bfloat16 --out runs/camvid   # 0.549
    course-hw5 evaluate segmenter-camvid --sliding --flip --scales 1 1.5 --out runs/camvid-views   # 0.562

Small images come first, as for CIFAR-10. `--preset` takes whatever `load_model` takes: a segmenter goes on, of any other
BEiT only the backbone is used. Scores are at the images' own sizes, of whole images unless `--sliding` is given.
"""

import dataclasses

import course_hw5
from course_hw5.recipes import recipe
from course_hw5.recipes.recipe import Option, Recipe, height_and_width, whole_number

SHARED = {"epochs": 60, "optimizer": "muon", "weight_decay": 0.05, "monitor": "val_mean_iou"}
CONFIGS = {
    "scratch": SHARED | {"learning_rate": 2e-3, "schedule": "constant", "warmup_epochs": 1.0},
    "enlarge": SHARED | {"learning_rate": 1.5e-3, "warmup_epochs": 0.5},
}
SCALES = {"scratch": (0.35, 1.0), "enlarge": (0.5, 1.0)}  # share of an image's side that a training image shows
PATCH_SIZE, CHANNELS = 8, 64  # of a new segmenter
SIZE = {"type": height_and_width, "default": (96, 128), "metavar": "HEIGHTxWIDTH"}
IGNORE_INDEX = Option(
    "--ignore-index", type=whole_number(0), help="with --data: value of masks that is no class (default: 255)"
)
ZOOM = {"type": float, "nargs": "+", "default": [1.0]}


class Segmenter(Recipe):
    description = __doc__
    model_class = "course_hw5.models.upernet:UperNetSegmenter"
    batch_size = 8
    configs = CONFIGS
    from_preset = ("enlarge",)
    datasets = ("camvid", "scene_parse150", "digits")
    source = "a folder with the folders images and masks, or tfds:NAME"
    data_options = (recipe.IMAGE_COLUMN, recipe.MASK_COLUMN, IGNORE_INDEX, recipe.SKIP_BROKEN)
    options = (
        Option("--preset", help="the model to start from, in place of a new one"),
        Option("--size", default="tiny", help="of a new backbone: tiny, mini, small, base, large (default: %(default)s)"),
        Option("--recipe", choices=tuple(CONFIGS), default="scratch", help="(default: %(default)s)"),
        Option("--image-size", **SIZE, help="what the network reads (default: 96x128)"),
        Option("--patch-size", type=whole_number(1), help="of a new segmenter, in pixels (default: 8)"),
        Option("--channels", type=whole_number(1), help="width of a new segmenter's head (default: 64)"),
        Option(
            "--detail-channels",
            type=whole_number(1),
            nargs="+",
            help="widths of convolutions of a new segmenter that read the image beside its BEiT, such as 32 64 128",
        ),
        Option(
            "--class-weights",
            choices=("median", "log", "sqrt"),
            help="the fewer pixels a class has, the more each counts in the loss",
        ),
        Option("--ema", type=float, metavar="MOMENTUM", help="average the weights over steps (default: none)"),
        Option("--no-validation", action="store_true", help="train on all images but those of the test; keep the last epoch"),
        Option("--sliding", action="store_true", help="score with windows that slide over images, not with whole ones"),
        recipe.FLIP,
        Option("--scales", **ZOOM, help="with --sliding: sizes at which images are seen (default: 1)"),
    )
    test_options = (
        Option(
            "--split",
            choices=("test", "validation", "held-out"),
            help="scenes: what is read (default: test, if it is there); held-out: CamVid's video that validates",
        ),
        Option("--sliding", action="store_true", help="scenes: windows slide over images"),
        recipe.FLIP,
        Option("--scales", **ZOOM, help="scenes, with --sliding: sizes of images"),
    )
    summary = "mIoU {mean_iou:.4f}, pixel accuracy {pixel_accuracy:.4f}"

    def load_start(self, args):
        from course_hw5.models.beit_tasks import BeitTask
        from course_hw5.models.upernet import UperNetSegmenter

        start = course_hw5.load_model(args.preset) if args.preset else None
        if start is not None and not isinstance(start, BeitTask):
            raise ValueError(f"--preset must be built on a BEiT. Received: {start.name}")
        if isinstance(start, UperNetSegmenter):
            for option in ("patch_size", "channels", "detail_channels"):
                if (value := getattr(args, option)) is not None:
                    name = f"--{option.replace('_', '-')}"
                    raise ValueError(f"{name} must be left out: a segmenter of --preset keeps its own. Received: {value}")
        return start

    def load_data(self, args, start):
        shape, scales = (*args.image_size, 3), SCALES[args.recipe]
        options = {"seed": args.seed, "scales": scales} | self.given_data_options(args)
        if args.no_validation:
            options["validation_split"] = 0
        return course_hw5.load_scenes(args.dataset, shape, args.batch_size, **options)

    def training_config(self, args):
        changes = {} if args.ema is None else {"ema": args.ema}
        changes |= {"monitor": "epoch"} if args.no_validation else {}
        return dataclasses.replace(super().training_config(args), **changes)

    def check(self, args):
        super().check(args)
        if args.no_validation and args.data is not None:
            raise ValueError(f"--no-validation is for --dataset. Received: --data {args.data}")
        if args.calibrate:
            raise ValueError("--calibrate is for classifiers. Received: a segmenter")

    def build_model(self, args, start, data):
        from course_hw5.models.fine_tuning import adapted_segmenter
        from course_hw5.models.upernet import UperNetSegmenter

        shape, names = (*args.image_size, 3), data.class_names
        own_names = getattr(start, "class_names", None) or ()
        if len(own_names) == len(names) and names[0].isdecimal():
            names = own_names  # the data have numbers alone
        patch_size, channels = args.patch_size or PATCH_SIZE, args.channels or CHANNELS
        if start is None:
            start = course_hw5.beit_backbone(args.size, shape, patch_size=patch_size, convolution_like_initialization=True)
        elif isinstance(start, UperNetSegmenter):
            patch_size = start.backbone.patch_size
        elif args.patch_size is None:
            patch_size = max(patch_size, start.backbone.patch_size)
        head = {"channels": channels, "auxiliary_channels": channels, "detail_channels": args.detail_channels or ()}
        options = {"patch_size": patch_size, "image_shape": shape, "dtype": args.precision}
        return adapted_segmenter(start, len(names), names, **head, **options)

    def load_test(self, args, model):
        options = {"seed": args.seed, "test_split": args.split} | self.given_data_options(args)
        return course_hw5.load_scenes(args.dataset, (96, 128, 3), args.batch_size, **options)

    def task(self, args, data=None):
        from course_hw5.segmentation.losses import class_weights

        kind = getattr(args, "class_weights", None)  # an option of training alone
        weights = class_weights(data.class_pixels, kind) if kind and data is not None else None
        return course_hw5.Segmentation(class_weights=weights, sliding=args.sliding, flip=args.flip, scales=args.scales)

    def callbacks(self, args, data):
        from course_hw5.data import dataset
        from course_hw5.reports.segmentation_report import SceneTimeLapse

        scenes = zip(*(part.numpy() for part in next(iter(data.validation or data.train))))
        labelled = [(image, labels) for image, labels in scenes if (labels != dataset.IGNORE_INDEX).any()]
        return [SceneTimeLapse(args.out, labelled[:3])]
