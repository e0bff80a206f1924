"""Fine-tunes a BERT on movie reviews, or on texts of your own, with its attention after each epoch.

    course-hw5 train bert --dataset sst2 --out runs/sst2
    course-hw5 train bert --dataset imdb --preset runs/sst2/model.keras --max-length 256 --epochs 1 --out runs/imdb
    course-hw5 train bert --teacher sentiment-minilm --num-pseudo-labels 20000 --out runs/sst2-pseudo-labels
    course-hw5 train bert --size tiny --epochs 5 --out runs/bert-tiny   # test accuracy 0.784
    course-hw5 train bert --pretrain --out runs/pretrained   # then fine-tune: --preset runs/pretrained
    course-hw5 train bert --data letters.csv --validation-split 0.1 --out runs/letters   # columns "text" and "label"
    course-hw5 train bert --data tfds:ag_news_subset --text-column description --out runs/news   # four classes

`--preset` takes whatever `load_model` takes; its token embeddings stay as they are: most words are too rare here to learn from.
Those of a model of `--pretrain`, whose words are its own, are trained. `--size` starts from random weights instead.
`--teacher`, of any vocabulary, adds sentences of IMDB with that classifier's pseudo-labels.
The best MiniLM, by pseudo-labels of an MPNet, has a test accuracy of 0.912 on SST-2: see docs/results.md.
"""

import course_hw5
from course_hw5.recipes import recipe
from course_hw5.recipes.recipe import Option, Recipe, load_kind, whole_number

FINETUNE = {"epochs": 3, "optimizer": "adamw", "learning_rate": 5e-5, "weight_decay": 0.01, "warmup_epochs": 0.2}
CONFIGS = {"finetune": FINETUNE, "lora": FINETUNE | {"learning_rate": 5e-4}, "scratch": FINETUNE | {"learning_rate": 5e-4}}
SENTENCES = (
    "I liked this movie because of its genre",
    "The plot is not bad at all, but the acting is",
    "Nothing here would make me watch it again",
)
MAX_LENGTH = 64
DEFAULTS = {"preset": "minilm", "max_length": MAX_LENGTH, "epoch_fraction": 1.0}  # other than those of --pretrain
DROPOUT = 0.1  # of a backbone that was pre-trained without
COUNT = {"type": whole_number(1), "metavar": "COUNT"}


class Bert(Recipe):
    description = __doc__
    model_class = "course_hw5.models.bert_classifier:BertClassifier"
    batch_size = 32
    configs = CONFIGS
    datasets: tuple[str, ...] = ("sst2", "sst2_sentences", "imdb", "contrast", "sst2_contrast", "sst2_sentences_contrast")
    source = "a table of texts and labels (.csv, .tsv, .jsonl), a folder of such tables, or tfds:NAME"
    data_options: tuple[Option, ...] = (recipe.TEXT_COLUMN, recipe.OTHER_COLUMN, recipe.LABEL_COLUMN, recipe.MEMORY)
    options = (
        Option("--preset", help="the model to start from (default: minilm)"),
        Option(
            "--size",
            help="size of a new model: tiny, mini, small, medium, base, minilm-l6 (with --pretrain: mini)",
        ),
        Option("--max-length", type=whole_number(8), help=f"tokens per text (default: {MAX_LENGTH}; 128 with --pretrain)"),
        Option("--lora", type=whole_number(1), metavar="RANK", help="train a low-rank change alone; its learning rate is 5e-4"),
        Option("--epoch-fraction", type=float, help="of the training data (default: 1.0)"),
        Option("--teacher", help="a classifier: sentences of IMDB with its pseudo-labels are trained on, too"),
        Option("--num-pseudo-labels", **COUNT, help="how many sentences --teacher labels (default: all)"),
        Option("--r-drop", type=float, metavar="WEIGHT", help="read batches twice, and want both predictions alike"),
        Option("--validation-split", type=float, default=0.02, help="of the training data (default: %(default)s)"),
        Option(
            "--pretrain",
            action="store_true",
            default=None,
            help="learn to predict hidden words, without labels (default --dataset imdb, --batch-size 64)",
        ),
        Option(
            "--vocabulary-size", **COUNT, help="with --pretrain: word pieces that are learnt from the texts (default: 8000)"
        ),
    )
    defaults = DEFAULTS
    test_options = (
        Option("--max-length", type=whole_number(8), help=f"texts: tokens per text (default: {MAX_LENGTH} at most)"),
    )

    def variant(self, args):
        from course_hw5.recipes.bert_pretraining import BertPretraining

        return BertPretraining() if args.pretrain else self

    def choose(self, args):
        return "scratch" if args.size else "lora" if args.lora else "finetune"

    def check(self, args):
        if args.size and args.lora:
            raise ValueError(f"--size makes a new model, which --lora cannot keep. Received: {args.size}")
        if args.teacher and (args.data or args.dataset == "imdb"):
            raise ValueError(
                f"--teacher adds sentences of IMDB to another data set. Received: {'--data' if args.data else '--dataset imdb'}"
            )
        if args.vocabulary_size:
            raise ValueError(f"--vocabulary-size is for --pretrain. Received: {args.vocabulary_size} without it")
        if args.num_pseudo_labels and not args.teacher:
            raise ValueError(f"--num-pseudo-labels needs a --teacher. Received: {args.num_pseudo_labels} without one")

    def load_start(self, args):
        from course_hw5.models.bert import BertBackbone
        from course_hw5.models.bert_classifier import enable_lora
        from course_hw5.models.bert_masked_language_model import BertMaskedLanguageModel
        from course_hw5.models.task import with_precision

        model = course_hw5.bert_backbone(args.size) if args.size else course_hw5.load_model(args.preset)
        has_own_words = bool(args.size) or isinstance(model, BertMaskedLanguageModel)
        if isinstance(model, BertMaskedLanguageModel):
            model = course_hw5.bert_classifier(with_precision(model, args.precision, dropout=DROPOUT).backbone)
        elif not isinstance(model, BertBackbone):
            model = with_precision(model, args.precision)
        elif model.vocabulary_size != 30522 and model.tokenizer is None:
            raise ValueError(f"--preset without a head must bring vocab.txt or be uncased. Received: {args.preset}")
        else:
            model = course_hw5.bert_classifier(model)
        model.backbone.token_embedding.trainable = has_own_words
        if args.lora:
            enable_lora(model, args.lora)
        if model.inputs[0].shape[1]:
            raise ValueError(f"--preset must read texts of any length, not of {model.inputs[0].shape[1]} tokens alone")
        _check_length(args.max_length, model)
        return model

    def load_data(self, args, start):
        options = {"seed": args.seed, "tokenizer": start.tokenizer, "epoch_fraction": args.epoch_fraction}
        options |= self.given_data_options(args)
        if args.teacher:
            teacher = self._load_teacher(args)
            options |= {"teacher": teacher.predict, "teacher_tokenizer": teacher.tokenizer}
            options["num_pseudo_labels"] = args.num_pseudo_labels
        return course_hw5.load_reviews(args.dataset, args.batch_size, args.max_length, args.validation_split, **options)

    def build_model(self, args, start, data):
        names = tuple(data.class_names)
        if len(names) != start.num_classes or (len(names) > 2 and names != start.class_names):
            return start.reset_classifier(names)
        start.class_names = names  # whatever its two labels were called before
        return start

    def load_test(self, args, model):
        args.max_length = args.max_length or min(MAX_LENGTH, model.backbone.max_sequence_length)
        _check_length(args.max_length, model)
        options = {"seed": args.seed, "tokenizer": model.tokenizer} | self.given_data_options(args)
        data = course_hw5.load_reviews(args.dataset, args.batch_size, args.max_length, **options)
        names = tuple(data.class_names)
        if len(names) != model.num_classes or (args.data and names != model.class_names):
            classes = ", ".join(model.class_names[:5])
            raise ValueError(f"{args.dataset} must have the model's classes {classes}. Received: {', '.join(names[:5])}")
        return data

    def task(self, args, data=None):
        weight = getattr(args, "r_drop", None)  # an option of training alone
        return super().task(args) if weight is None else course_hw5.RDrop(weight)

    def callbacks(self, args, data):
        texts = data.samples or tuple((sentence,) for sentence in SENTENCES)
        sources = {" / ".join(text): text for text in texts}
        return [course_hw5.AttentionTimeLapse(args.out, sources, lambda model, text: course_hw5.explain(model, *text))]

    def _load_teacher(self, args):
        from course_hw5.models.task import with_precision
        from course_hw5.training import runtime

        is_binary = lambda model: self.is_for(model) and model.num_classes == 2  # noqa: E731
        teacher = load_kind("--teacher", args.teacher, is_binary, "a classifier of two classes")
        if teacher.inputs[0].shape[1] or args.max_length > teacher.backbone.max_sequence_length:
            raise ValueError(f"--teacher must read texts of any length up to {args.max_length}. Received: {args.teacher}")
        teacher = with_precision(teacher, args.precision)
        teacher.compile(jit_compile=runtime.use_jit_compile(teacher))
        return teacher


def _check_length(length, model):
    most = model.backbone.max_sequence_length
    if length > most:
        raise ValueError(f"--max-length must lie in [8, {most}]. Received: {length}")
