"""`course-hw5 train bert --pretrain`: BERT's own pre-training, masked language modelling (Devlin et al. 2019, section 3.1)."""

import course_hw5
from course_hw5.recipes import recipe
from course_hw5.recipes.bert import Bert

# What they bring is in docs/guides/pretraining-text.md. In few epochs small models do not overfit: there is no dropout.
VALUES = {"optimizer": "muon", "learning_rate": 2e-3, "epochs": 7, "warmup_epochs": 0.5, "weight_decay": 0.01}
CONFIGS = {"pretrain": VALUES | {"monitor": "val_loss"}}
DEFAULTS = {"size": "mini", "max_length": 128, "vocabulary_size": 8000}
POSITIONS = 512  # of a model, so that it can be fine-tuned on longer texts
REFUSED = (
    "preset",
    "lora",
    "epoch_fraction",
    "teacher",
    "num_pseudo_labels",
    "r_drop",
    "calibrate",
    "other_column",
    "memory_gb",
)


class BertPretraining(Bert):
    model_class = "course_hw5.models.bert_masked_language_model:BertMaskedLanguageModel"
    batch_size = 64
    configs = CONFIGS
    datasets = ("imdb",)
    data_options = (recipe.TEXT_COLUMN, recipe.LABEL_COLUMN)
    defaults = DEFAULTS
    summary = (
        "loss {masked_loss:.4f}, perplexity {perplexity:.1f}, "
        "masked accuracy {masked_accuracy:.4f} (the most frequent token: {baseline_accuracy:.4f})"
    )

    def variant(self, args):
        return self

    def choose(self, args):
        return "pretrain"

    def check(self, args):
        for name in REFUSED:
            if (value := getattr(args, name)) is not None:
                flag, made = f"--{name.replace('_', '-')}", "a new model, without classes, of single texts in memory"
                raise ValueError(f"{flag} must be left out with --pretrain, which makes {made}. Received: {value}")
        if args.max_length > POSITIONS:
            raise ValueError(f"--max-length must lie in [8, {POSITIONS}]. Received: {args.max_length}")
        if args.data is None and args.dataset not in self.datasets:
            raise ValueError(f"--dataset must be imdb with --pretrain, or --data be given. Received: {args.dataset}")

    def load_start(self, args):
        """The texts, and the tokenizer: that of the run which goes on, or one that is learnt from them."""
        from course_hw5.models.bert import SIZES
        from course_hw5.reports import run_folder

        if args.size not in SIZES:
            raise ValueError(f"--size must be one of {', '.join(SIZES)}. Received: {args.size}")
        texts = course_hw5.read_unlabelled(args.dataset, args.validation_split, args.seed, **self.given_data_options(args))
        saved = run_folder.local_path(args.out) / "model.keras"
        if args.resume and saved.exists():
            return texts, course_hw5.load_model(saved).tokenizer
        return texts, course_hw5.learn_vocabulary(texts["train"], args.vocabulary_size)

    def load_data(self, args, start):
        from course_hw5.reports import run_folder

        texts, tokenizer = start
        name = "IMDB" if args.data is None else run_folder.local_path(args.data).name
        return course_hw5.load_masked_texts(texts, tokenizer, args.batch_size, args.max_length, args.seed, name)

    def build_model(self, args, start, data):
        _, tokenizer = start
        options = {
            "vocabulary_size": tokenizer.vocabulary_size(),
            "tokenizer": tokenizer,
            "dropout": 0.0,
            "max_sequence_length": POSITIONS,
        }
        return course_hw5.bert_masked_language_model(course_hw5.bert_backbone(args.size, **options))

    def task(self, args, data=None):
        return course_hw5.MaskedLanguageModeling()

    def callbacks(self, args, data):
        return []
