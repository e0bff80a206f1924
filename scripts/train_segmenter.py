"""Trains BEiT + UPerNet to label every pixel of a scene, and leaves a run folder with its page.

    python scripts/train_segmenter.py --preset beit-cifar10 --image-size 96x128 --epochs 60 --out runs/camvid-96
    python scripts/train_segmenter.py --recipe enlarge --preset runs/camvid-96/model.keras --image-size 192x256 --epochs 12 \\
        --out runs/camvid
    python scripts/train_segmenter.py --evaluate --preset segmenter-camvid --out runs/segmenter-camvid
    python scripts/train_segmenter.py --evaluate --sliding --flip --dataset scene_parse150 --out runs/ade20k \\
        --preset hf://microsoft/beit-base-finetuned-ade-640-640

Small pictures come first, as for CIFAR-10. `--preset` takes whatever `load_model` takes: a segmenter goes on, of any other
BEiT only the backbone is used. Scores are at the pictures' own sizes, of whole pictures unless `--sliding` is given.
"""

import argparse

import course_hw5
from course_hw5 import options

RECIPES = {
    "scratch": {"optimizer": "muon", "learning_rate": 2e-3, "schedule": "constant", "warmup_epochs": 1.0},
    "enlarge": {"optimizer": "muon", "learning_rate": 1.5e-3, "warmup_epochs": 0.5},
}
SCALES = {"scratch": (0.35, 1.0), "enlarge": (0.6, 1.0)}  # share of a picture's side that a training picture shows
PATCH_SIZE, CHANNELS = 8, 64  # of a new segmenter


def main(argv=None):
    parser = options.run_parser(__doc__, batch_size=8)
    add = parser.add_argument
    add("--dataset", choices=("camvid", "scene_parse150", "digits"), default="camvid", help="(default: %(default)s)")
    add("--preset", help="the model to start from, in place of a new one")
    add("--size", default="tiny", help="size of a new backbone (default: %(default)s)")
    add("--recipe", choices=tuple(RECIPES), default="scratch", help="(default: %(default)s)")
    add("--image-size", type=height_and_width, default=(96, 128), help="HEIGHTxWIDTH that the network reads (default: 96x128)")
    add("--learning-rate", type=float, help="the highest (default: the recipe's)")
    add("--evaluate", action="store_true", help="train nothing: report on the preset as it is")
    add("--sliding", action="store_true", help="score with windows that slide over pictures, not with whole ones")
    add("--flip", action="store_true", help="score the mean of each picture and its mirror image")
    add("--scales", type=float, nargs="+", default=[1.0], help="with --sliding: sizes at which pictures are seen (default: 1)")
    args = parser.parse_args(argv)

    with options.plain_errors(parser):
        from course_hw5 import devices, tasks, training
        from course_hw5.evaluation.scene_report import SceneTimeLapse
        from course_hw5.models.upernet import UperNetSegmenter

        training.check_out(args)
        if (args.evaluate or args.recipe == "enlarge") and not args.preset:
            raise ValueError(
                f"--preset is needed {'to evaluate' if args.evaluate else 'for the recipe enlarge'}. Received: none"
            )
        devices.seed_everything(args.seed, args.deterministic)
        devices.set_precision(args.precision)
        start = course_hw5.load_model(args.preset) if args.preset else None
        if args.evaluate and not isinstance(start, UperNetSegmenter):
            raise ValueError(f"--preset must be a segmenter to be evaluated. Received: {args.preset}, which is {start.name}")
        image_shape = (*args.image_size, 3)
        data = course_hw5.load_scenes(args.dataset, image_shape, args.batch_size, seed=args.seed, scales=SCALES[args.recipe])
        task = tasks.Segmentation(sliding=args.sliding, flip=args.flip, scales=args.scales)
        if args.evaluate:
            metrics = training.report(start, data, args.out, options.recorded(args), task)
        else:
            settings = RECIPES[args.recipe] | {"weight_decay": 0.05, "epochs": args.epochs or 60}
            settings["warmup_epochs"] = min(settings["warmup_epochs"], settings["epochs"] / 2)
            settings |= {} if args.learning_rate is None else {"learning_rate": args.learning_rate}
            with devices.strategy(args.strategy).scope():
                model = make_model(start, data, args.size, image_shape)
            task.check(model, data)
            pictures, labels = next(iter(data.validation))
            metrics = course_hw5.train(
                model,
                data,
                args.out,
                course_hw5.Settings(**settings, monitor=task.monitor, seed=args.seed),
                resume=args.resume,
                overwrite=args.overwrite,
                arguments=options.recorded(args),
                callbacks=[SceneTimeLapse(args.out, [*zip(pictures[:3], labels[:3])])],
                task=task,
            )
    print(f"mIoU {metrics['mean_iou']:.4f}, pixel accuracy {metrics['pixel_accuracy']:.4f}; see {args.out}")


def make_model(start, data, size, image_shape):
    import keras

    from course_hw5.models.beit import BeitBackbone
    from course_hw5.models.beit_tasks import BeitTask
    from course_hw5.models.fine_tuning import adapted_segmenter

    if start is None:
        start = course_hw5.beit_backbone(size, image_shape, patch_size=PATCH_SIZE, local_initialization=True)
    if not isinstance(start, (BeitBackbone, BeitTask)):
        raise ValueError(f"--preset must be built on a BEiT. Received: {start.name}")
    backbone = getattr(start, "backbone", start)
    changes = {"image_shape": image_shape, "dtype": keras.config.dtype_policy().name}
    side = max(PATCH_SIZE, backbone.patch_size)
    names = getattr(start, "class_names", None)
    if not (names and len(names) == len(data.class_names) and data.class_names[0].isdecimal()):
        names = data.class_names  # else the start's own are better than numbers
    head = {"class_names": names, "channels": CHANNELS, "auxiliary_channels": CHANNELS}
    return adapted_segmenter(start, len(data.class_names), **head, patch_size=side, **changes)


def height_and_width(text):
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH in pixels, such as 96x128. Received: {text}")
    return tuple(map(int, sides))


if __name__ == "__main__":
    main()
