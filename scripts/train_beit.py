"""Trains a BEiT on CIFAR-10, or fine-tunes one, and leaves a run folder with its page.

python scripts/train_beit.py --size tiny --image-size 24 --epochs 18 --out runs/beit-24
python scripts/train_beit.py --preset runs/beit-24/model.keras --image-size 32 --epochs 8 --out runs/beit
"""

import course_hw5
from course_hw5 import options

RECIPES = {
    "scratch": {
        "optimizer": "muon",
        "learning_rate": 4e-3,
        "weight_decay": 0.05,
        "schedule": "constant",
        "label_smoothing": 0.1,
    },
    "tuning": {"optimizer": "muon", "learning_rate": 3e-3, "weight_decay": 0.05, "warmup_epochs": 0.2, "label_smoothing": 0.1},
}


def main(argv=None):
    parser = options.run_parser(__doc__, batch_size=128)
    parser.add_argument("--dataset", choices=("cifar10", "digits"), default="cifar10", help="(default: %(default)s)")
    parser.add_argument("--size", default="tiny", help="size of a new model (default: %(default)s)")
    parser.add_argument("--preset", help="the model to start from, in place of a new one")
    parser.add_argument("--image-size", type=options.whole_number(8), help="side of the pictures that the network reads")
    parser.add_argument("--learning-rate", type=float, help="the highest (default: the recipe's)")
    parser.add_argument("--augmentation", default="flip,shift", help="(default: %(default)s)")
    args = parser.parse_args(argv)

    with options.plain_errors(parser):
        from course_hw5 import devices
        from course_hw5.models import beit

        devices.seed_everything(args.seed, args.deterministic)
        devices.set_precision(args.precision)
        data = course_hw5.load_images(args.dataset, args.batch_size, seed=args.seed, augmentation=args.augmentation)
        classes = {"classes": len(data.class_names), "class_names": data.class_names}
        with devices.strategy(args.strategy).scope():
            side = args.image_size or 32
            if args.preset:
                start = course_hw5.load_model(args.preset)
                backbone = beit.rebuilt_backbone(beit.backbone_of(start), image_shape=(side, side, 3))
                model = course_hw5.beit_classifier(backbone, input_shape=(32, 32, 3), **classes)
                for name in ("pooled_norm", "logits"):
                    model.get_layer(name).set_weights(start.get_layer(name).get_weights())
            else:
                backbone = course_hw5.beit_backbone(args.size, (side, side, 3), local_initialization=True)
                model = course_hw5.beit_classifier(backbone, input_shape=(32, 32, 3), **classes)
        recipe = RECIPES["tuning" if args.preset else "scratch"]
        if args.learning_rate:
            recipe |= {"learning_rate": args.learning_rate}
        metrics = course_hw5.train(
            model,
            data,
            args.out,
            course_hw5.Settings(**recipe, epochs=args.epochs or 18, seed=args.seed),
            resume=args.resume,
            overwrite=args.overwrite,
            arguments={name: getattr(args, name) for name in ("dataset", "size", "preset", "image_size", "batch_size")},
        )
    print(f"accuracy {metrics['accuracy']:.4f}, weighted F1 {metrics['f1']:.4f}; open {args.out}/index.html")


if __name__ == "__main__":
    main()
