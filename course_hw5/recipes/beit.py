"""Trains a BEiT on CIFAR-10 from scratch, or fine-tunes one, with its attention after every second epoch.

    course-hw5 train beit --size tiny --image-size 24 --epochs 8 --out runs/beit-24
    course-hw5 train beit --recipe enlarge --preset runs/beit-24/model.keras --image-size 32 --epochs 5 \\
        --out runs/beit   # test accuracy 0.855
    course-hw5 train beit --recipe distilled --teacher cnn-cifar10 --size mini --image-size 24 \\
        --validation-split 0.04 --precision mixed_bfloat16 --out runs/beit-distilled-24
    course-hw5 train beit --recipe enlarge --teacher cnn-cifar10 --preset runs/beit-distilled-24/model.keras \\
        --image-size 32 --epochs 12 --validation-split 0.04 --precision mixed_bfloat16 \\
        --out runs/beit-distilled   # test accuracy 0.896, taught by an earlier cnn-cifar10
    course-hw5 train beit --recipe enlarge --teacher cnn-cifar10 --preset runs/beit-distilled/model.keras \\
        --augmentation flip,shift,mixup,cutmix --learning-rate 2e-3 --epochs 7 --validation-split 0.04 \\
        --out runs/beit-mixed   # test accuracy 0.902, taught by cnn-cifar10
    course-hw5 train beit --preset hf://microsoft/beit-base-patch16-224-pt22k-ft22k --batch-size 32 \\
        --learning-rate 2e-5 --out runs/beit-base
    course-hw5 train beit --pretrain --image-size 24 --out runs/pretrained   # then fine-tune: --preset runs/pretrained
    course-hw5 train beit --data photos/ --preset beit-cifar10 --image-size 64 --out runs/photos   # a folder of class folders

From scratch, small images come first: half the tokens, half the time. `--preset` takes whatever `load_model` takes.
"""

import course_hw5
from course_hw5.recipes.recipe import AUGMENTATION, TEACHER, VALIDATION_SPLIT, Option, Recipe, load_kind, whole_number

# Muon learns in one epoch from scratch what AdamW learns in two. `distilled` is `scratch` for longer, with mixed images and a
# teacher; mixing is off in the last epochs, those of `enlarge`. Fine-tuning has BEiT's schedule, rates that decay by layer and
# drop path; its rate is the authors' 4e-3 at batches of 1024, for a checkpoint that has learnt no classes yet.
SHARED = {"epochs": 8, "weight_decay": 0.05, "label_smoothing": 0.1}
SCRATCH = SHARED | {"optimizer": "muon", "learning_rate": 4e-3, "schedule": "constant"}
CONFIGS = {
    "scratch": SCRATCH,
    "distilled": SCRATCH | {"epochs": 24},
    "enlarge": SHARED | {"optimizer": "muon", "learning_rate": 3e-3, "warmup_epochs": 0.2},
    "finetune": SHARED | {"optimizer": "adamw", "learning_rate": 5e-4, "warmup_epochs": 0.5},
}
PLAIN, MIXED = "flip,shift", "flip,shift,mixup,cutmix"
AUGMENTATIONS = {"scratch": PLAIN, "distilled": MIXED, "enlarge": PLAIN, "finetune": MIXED}
LAYER_DECAY, DROP_PATH_RATE = 0.75, 0.1  # for fine-tuning


def drop_path(args):
    """`{"drop_path_rate": ...}` for `BeitBackbone`; {} keeps that of the preset, which is 0 for a new model."""
    default = DROP_PATH_RATE if args.recipe == "finetune" else None
    rate = default if args.drop_path_rate is None else args.drop_path_rate
    return {} if rate is None else {"drop_path_rate": rate}


class Beit(Recipe):
    description = __doc__
    model_class = "course_hw5.models.beit_tasks:BeitClassifier"
    batch_size = 128
    configs = CONFIGS
    from_preset: tuple[str, ...] = ("enlarge", "finetune")
    from_teacher = ("distilled",)
    augmentations = AUGMENTATIONS
    options = (
        Option("--preset", help="the model to start from, in place of a new one"),
        Option("--size", default="tiny", help="of a new model: tiny, mini, small, base, large (default: %(default)s)"),
        Option("--recipe", choices=tuple(CONFIGS), help="(default: finetune with --preset, else scratch)"),
        Option("--image-size", type=whole_number(8), help="side of what the network reads (default: 32, or the preset's)"),
        Option("--drop-path-rate", type=float, help="in [0, 1) (default: 0.1 for finetune, else that of --preset, or 0)"),
        VALIDATION_SPLIT,
        TEACHER,
        AUGMENTATION,
        Option("--pretrain", action="store_true", default=None, help="learn to predict hidden patches, without labels"),
    )

    def variant(self, args):
        from course_hw5.recipes.beit_pretraining import BeitPretraining

        return BeitPretraining() if args.pretrain else self

    def choose(self, args):
        return args.recipe or ("finetune" if args.preset else "scratch")

    def check(self, args):
        super().check(args)
        if args.drop_path_rate is not None and not 0 <= args.drop_path_rate < 1:
            raise ValueError(f"--drop-path-rate must be in [0, 1). Received: {args.drop_path_rate}")

    def load_start(self, args):
        from course_hw5.models.beit_tasks import BeitTask

        return load_kind("--preset", args.preset, lambda model: isinstance(model, BeitTask), "a BEiT") if args.preset else None

    def build_model(self, args, start, data):
        from course_hw5.models.fine_tuning import adapted_classifier

        head = {"num_classes": len(data.class_names), "class_names": data.class_names}
        head["input_shape"] = tuple(data.train.element_spec[0].shape[1:])
        if start is None:
            shape = (args.image_size or 32, args.image_size or 32, 3)
            options = drop_path(args) | {"convolution_like_initialization": True}
            backbone = course_hw5.beit_backbone(args.size, shape, **options)
            return course_hw5.beit_classifier(backbone, **head)
        changes = {"dtype": args.precision} | drop_path(args)
        changes |= {"image_shape": (args.image_size, args.image_size, 3)} if args.image_size else {}
        return adapted_classifier(start, **head, **changes)

    def image_size(self, args, model):
        """Images of one's own have the size that the network reads."""
        if args.dataset in self.datasets:
            return {}
        side = getattr(args, "image_size", None)  # an option of training alone
        if side or model is None:
            return {"image_size": side or 32}
        raw = model.input.shape[1:3] if self.is_for(model) else (None, None)
        return {"image_size": model.backbone.image_shape[:2] if None in raw else raw}

    def load_test(self, args, model):
        if model.preprocessing is None:
            raise ValueError(f"The model must take raw images. Received: {args.preset}, without preprocessor_config.json")
        data = super().load_test(args, model)
        names = tuple(model.class_names or data.class_names)
        if names != tuple(data.class_names) and not any(name.startswith("LABEL_") for name in names):
            raise ValueError(f"The model must have the classes of {args.dataset}. Received: {', '.join(names[:5])}, ...")
        return data

    def callbacks(self, args, data):
        images, labels = next(iter(data.validation))
        looked_at = {f"{i}: {data.class_names[int(labels[i])]}": images[i].numpy() for i in range(min(4, len(images)))}
        return [course_hw5.AttentionTimeLapse(args.out, looked_at, course_hw5.explain, every=2)]

    def lr_multipliers(self, args, model):
        from course_hw5.training import optimizers

        return optimizers.layerwise_multipliers(model, LAYER_DECAY) if args.recipe == "finetune" else None
