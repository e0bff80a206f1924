"""Trains a BEiT on CIFAR-10 from scratch, or fine-tunes one, and leaves a run folder with its page.

    python scripts/train_beit.py --size tiny --image-size 24 --epochs 8 --out runs/beit-24
    python scripts/train_beit.py --recipe enlarge --preset runs/beit-24/model.keras --image-size 32 --epochs 5 --out runs/beit
    python scripts/train_beit.py --evaluate --preset beit-cifar10 --out runs/beit-cifar10
    python scripts/train_beit.py --preset hf://microsoft/beit-base-patch16-224-pt22k-ft22k --batch-size 32 \\
        --learning-rate 2e-5 --out runs/beit-base

From scratch, small pictures come first: half the tokens, half the time. `--preset` takes whatever `load_model` takes.
"""

import course_hw5
from course_hw5 import options

# Muon learns in one epoch from scratch what AdamW learns in two. Fine-tuning has BEiT's schedule, rates that decay by layer and
# stochastic depth; its rate is the authors' 4e-3 at batches of 1024, for a checkpoint that has learnt no classes yet.
RECIPES = {
    "scratch": {"optimizer": "muon", "learning_rate": 4e-3, "schedule": "constant"},
    "enlarge": {"optimizer": "muon", "learning_rate": 3e-3, "warmup_epochs": 0.2},
    "finetune": {"optimizer": "adamw", "learning_rate": 5e-4, "warmup_epochs": 0.5},
}
AUGMENTATIONS = {"scratch": "flip,shift", "enlarge": "flip,shift", "finetune": "flip,shift,mixup,cutmix"}
LAYER_DECAY, DROP_PATH_RATE = 0.75, 0.1  # for fine-tuning


def main(argv=None):
    parser = options.run_parser(__doc__, batch_size=128)
    add = parser.add_argument
    add("--dataset", choices=("cifar10", "digits"), default="cifar10", help="(default: %(default)s)")
    add("--preset", help="the model to start from, in place of a new one")
    add("--size", default="tiny", help="size of a new model (default: %(default)s)")
    add("--recipe", choices=tuple(RECIPES), help="(default: finetune with --preset, else scratch)")
    add("--image-size", type=options.whole_number(8), help="side of what the network reads (default: 32, or the preset's)")
    add("--learning-rate", type=float, help="the highest (default: the recipe's)")
    add("--evaluate", action="store_true", help="train nothing: report on the preset as it is")
    args = parser.parse_args(argv)
    recipe = args.recipe or ("finetune" if args.preset else "scratch")

    with options.plain_errors(parser):
        from course_hw5 import devices, training
        from course_hw5.models.beit_tasks import BeitClassifier, BeitTask

        training.check_out(args)
        if (args.evaluate or recipe != "scratch") and not args.preset:
            raise ValueError(
                f"--preset is needed {'to evaluate' if args.evaluate else f'for the recipe {recipe}'}. Received: none"
            )
        if args.evaluate and args.image_size:
            raise ValueError(f"--image-size is for training. Received: {args.image_size} and --evaluate")
        devices.seed_everything(args.seed, args.deterministic)
        devices.set_precision(args.precision)
        with devices.strategy(args.strategy).scope():
            start = course_hw5.load_model(args.preset) if args.preset else None
        if start is not None and not isinstance(start, BeitTask):
            raise ValueError(f"--preset must be a BEiT. Received: {args.preset}, which is {start.name}")
        if args.evaluate and not isinstance(start, BeitClassifier):
            raise ValueError(f"--preset must be a classifier to be evaluated. Received: {args.preset}, which is {start.name}")
        data = course_hw5.load_images(args.dataset, args.batch_size, seed=args.seed, augmentation=AUGMENTATIONS[recipe])
        if args.evaluate:
            check_fit(start, data, args)
            metrics = training.report(start, data, args.out, options.recorded(args))
        else:
            settings = RECIPES[recipe] | {"weight_decay": 0.05, "label_smoothing": 0.1, "epochs": args.epochs or 8}
            settings |= {} if args.learning_rate is None else {"learning_rate": args.learning_rate}
            with devices.strategy(args.strategy).scope():
                changes = {"drop_path_rate": DROP_PATH_RATE} if recipe == "finetune" else {}
                model = make_model(start, data, args, changes | {"dtype": args.precision})
            pictures, labels = next(iter(data.validation))
            looked_at = {f"{i}: {data.class_names[int(labels[i])]}": pictures[i].numpy() for i in range(4)}
            metrics = course_hw5.train(
                model,
                data,
                args.out,
                course_hw5.Settings(**settings, seed=args.seed),
                resume=args.resume,
                overwrite=args.overwrite,
                arguments=options.recorded(args) | {"recipe": recipe},
                callbacks=[course_hw5.AttentionTimeLapse(args.out, looked_at, course_hw5.explain, every=2)],
                rate_factors=layerwise_rates(model) if recipe == "finetune" else None,
            )
    print(f"accuracy {metrics['accuracy']:.4f}, weighted F1 {metrics['f1']:.4f}; see {args.out}")


def check_fit(model, data, args):
    """Raises ValueError where a model would be scored on classes that are not its own, or on pictures that it cannot read."""
    names = model.class_names
    is_named = names is not None and not any(name.startswith("LABEL_") for name in names)
    if is_named and tuple(names) != tuple(data.class_names):
        raise ValueError(f"--preset must have the classes of {args.dataset}. Received: {', '.join(names[:5])}, ...")
    if model.preprocessing is None:
        raise ValueError(f"--preset must take raw pictures. Received: {args.preset}, without preprocessor_config.json")


def make_model(start, data, args, changes):
    from course_hw5.models import fine_tuning

    heads = {"classes": len(data.class_names), "class_names": data.class_names, "input_shape": (32, 32, 3)}
    side = args.image_size
    if start is None:
        backbone = course_hw5.beit_backbone(args.size, (side or 32, side or 32, 3), local_initialization=True)
        return course_hw5.beit_classifier(backbone, **heads)
    return fine_tuning.adapted_classifier(start, **heads, **changes | ({"image_shape": (side, side, 3)} if side else {}))


def layerwise_rates(model):
    """Factors of the learning rate that fall from block to block towards the pixels (BEiT, appendix), by variables' paths."""
    groups = model.layer_groups()
    return {v.path: LAYER_DECAY ** (len(groups) - 1 - index) for index, group in enumerate(groups) for v in group}


if __name__ == "__main__":
    main()
