"""`course-hw5 train beit --pretrain`: BEiT's own pre-training, masked image modelling (Bao et al. 2022, section 2.3)."""

import course_hw5
from course_hw5.recipes.beit import SHARED, Beit, drop_path

# As from scratch, but with a cosine: what is fine-tuned is the end of it.
VALUES = {"optimizer": "muon", "learning_rate": 4e-3, "epochs": 20, "warmup_epochs": 1.0}
CONFIGS = {"pretrain": SHARED | VALUES | {"label_smoothing": 0.0, "monitor": "val_loss"}}
VOCABULARY_SIZE = 512  # visual tokens
TOKENIZER_IMAGES = 2000  # on whose patches they are learnt


class BeitPretraining(Beit):
    model_class = "course_hw5.models.beit_tasks:BeitMaskedImageModel"
    configs = CONFIGS
    from_preset = ()
    summary = "loss {masked_loss:.4f}, masked accuracy {masked_accuracy:.4f} (the most frequent token: {baseline_accuracy:.4f})"

    def variant(self, args):
        return self

    def choose(self, args):
        return args.recipe or "pretrain"

    def check(self, args):
        given = {name: getattr(args, name, None) for name in ("preset", "teacher", "augmentation")}
        given["calibrate"] = args.calibrate or None
        given["recipe"] = None if args.recipe == "pretrain" else args.recipe
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"--{name} must be left out with --pretrain, which makes a new model without classes. Received: {value}"
                )
        super().check(args)

    def load_start(self, args):
        side = args.image_size or 32
        options = drop_path(args) | {"convolution_like_initialization": True, "use_mask_token": True}
        return course_hw5.beit_backbone(args.size, (side, side, 3), **options)

    def load_data(self, args, start):
        options = {"augmentation": "flip,shift", "mask_grid": start.grid, "validation_split": args.validation_split}
        options |= self.image_size(args, None) | self.given_data_options(args)
        return course_hw5.load_images(args.dataset, args.batch_size, seed=args.seed, **options)

    def build_model(self, args, start, data):
        import numpy as np

        from course_hw5.models import beit_tasks, task, visual_tokens
        from course_hw5.reports import run_folder

        saved = run_folder.local_path(args.out) / "model.keras"
        if args.resume and saved.exists():  # k-means may find others on another computer
            tokenizer = course_hw5.load_model(saved).tokenizer
            return beit_tasks.beit_masked_image_model(start, tokenizer=tokenizer, input_shape=self._shape(data))
        batches = data.train.take(-(-TOKENIZER_IMAGES // data.batch_size))
        images = np.concatenate([images for images, _ in batches])
        read = task.Preprocessing().resized(images.astype("float32"), start.image_shape)
        tokenizer = visual_tokens.VisualTokenizer.learn(read, start.patch_size, VOCABULARY_SIZE, args.seed)
        return beit_tasks.beit_masked_image_model(start, tokenizer=tokenizer, input_shape=self._shape(data))

    def _shape(self, data):
        return tuple(data.train.element_spec[0].shape[1:])

    def task(self, args, data=None):
        return course_hw5.MaskedImageModeling()

    def callbacks(self, args, data):
        return []

    def lr_multipliers(self, args, model):
        return None
