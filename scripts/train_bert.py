"""Fine-tunes a BERT on movie reviews and leaves a run folder with its page, attention after each epoch included.

    python scripts/train_bert.py --dataset sst2 --out runs/sst2
    python scripts/train_bert.py --dataset imdb --preset runs/sst2/model.keras --max-length 256 --epochs 1 --out runs/imdb
    python scripts/train_bert.py --teacher sentiment-minilm --num-pseudo-labels 20000 --out runs/taught
    python scripts/train_bert.py --size tiny --epochs 5 --out runs/bert-tiny
    python scripts/train_bert.py --evaluate --preset sentiment-minilm --out runs/sentiment-minilm

`--preset` takes whatever `load_model` takes; its token embeddings stay as they are: most words are too rare here to learn from.
`--size` starts from random weights in place of it. `--teacher` adds sentences of IMDB, labelled by that classifier.
"""

import course_hw5
from course_hw5 import options

RECIPE = {"optimizer": "adamw", "weight_decay": 0.01, "warmup_epochs": 0.2}
SENTENCES = (
    "I liked this movie because of its genre",
    "The plot is not bad at all, but the acting is",
    "Nothing here would make me watch it again",
)


def main(argv=None):
    parser = options.run_parser(__doc__, batch_size=32)
    parser.add_argument("--dataset", choices=("sst2", "sst2_sentences", "imdb"), default="sst2", help="(default: %(default)s)")
    parser.add_argument("--preset", default="minilm", help="the model to start from (default: %(default)s)")
    parser.add_argument("--size", help="size of a new model, trained from scratch: tiny, mini, small, medium, base, minilm-l6")
    parser.add_argument("--max-length", type=options.whole_number(8), default=64, help="tokens per text (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, help="the highest (default: 5e-5, with --lora or --size 5e-4)")
    parser.add_argument("--lora", type=options.whole_number(1), metavar="RANK", help="train a change of this rank alone")
    parser.add_argument("--epoch-fraction", type=float, default=1.0, help="of the training data (default: %(default)s)")
    parser.add_argument("--teacher", help="a classifier: sentences of IMDB that it labels are trained on, too")
    parser.add_argument(
        "--num-pseudo-labels", type=options.whole_number(1), metavar="COUNT", help="how many sentences (default: all)"
    )
    parser.add_argument("--r-drop", type=float, metavar="WEIGHT", help="read batches twice, and want both answers alike")
    parser.add_argument("--validation-split", type=float, default=0.02, help="of the training data (default: %(default)s)")
    parser.add_argument("--evaluate", action="store_true", help="train nothing: report on the preset as it is")
    args = parser.parse_args(argv)

    with options.plain_errors(parser):
        from course_hw5 import devices, tasks, training
        from course_hw5.models import attention, bert

        training.check_out(args)
        if args.teacher and args.dataset == "imdb":
            raise ValueError("--teacher adds sentences of IMDB to another data set. Received: --dataset imdb")
        if args.teacher and args.evaluate:
            raise ValueError(f"--teacher is for training. Received: --teacher {args.teacher} --evaluate")
        if args.num_pseudo_labels and not args.teacher:
            raise ValueError(
                f"--num-pseudo-labels is how many sentences a --teacher reads. Received: --num-pseudo-labels {args.num_pseudo_labels} without one"
            )
        if args.lora and args.evaluate:
            raise ValueError(f"--lora is for training. Received: --lora {args.lora} --evaluate")
        if args.r_drop is not None and args.evaluate:
            raise ValueError(f"--r-drop is for training. Received: --r-drop {args.r_drop} --evaluate")
        task = tasks.CLASSIFICATION if args.r_drop is None else tasks.RDrop(args.r_drop)
        if args.size and (args.lora or args.evaluate):
            raise ValueError(f"--size makes a new model: nothing to keep or to evaluate. Received: --size {args.size}")
        devices.seed_everything(args.seed, args.deterministic)
        devices.set_precision(args.precision)
        with devices.strategy(args.strategy).scope():
            model = course_hw5.bert_backbone(args.size) if args.size else course_hw5.load_model(args.preset)
            if args.evaluate and model.name != "bert_classifier":
                raise ValueError(
                    f"--preset must be a classifier to be evaluated. Received: {args.preset}, which is {model.name}"
                )
            if isinstance(model, bert.BertBackbone):
                if model.vocabulary_size != 30522 and model.tokenizer is None:
                    raise ValueError(f"--preset without a head must bring vocab.txt or be uncased. Received: {args.preset}")
                model = course_hw5.bert_classifier(model)
            elif not args.evaluate:
                model = bert.with_precision(model, args.precision)
            bert.backbone_of(model).token_embedding.trainable = bool(args.size)
            if args.lora:
                bert.enable_lora(model, args.lora)
        if model.inputs[0].shape[1] and not args.evaluate:
            raise ValueError(f"--preset must read texts of any length, not of {model.inputs[0].shape[1]} tokens alone")
        most = bert.backbone_of(model).max_sequence_length
        if args.max_length > most:
            raise ValueError(f"--max-length must lie in [8, {most}]. Received: {args.max_length}")
        teacher = None
        if args.teacher:  # outside the strategy: it reads in order
            teacher = course_hw5.load_model(args.teacher)
            if teacher.name != "bert_classifier":
                raise ValueError(f"--teacher must be a classifier. Received: {args.teacher}, which is {teacher.name}")
            if attention.tokenizer_of(teacher).get_vocabulary() != attention.tokenizer_of(model).get_vocabulary():
                raise ValueError(f"--teacher must have the vocabulary of --preset. Received: {args.teacher}")
            if teacher.inputs[0].shape[1] or args.max_length > bert.backbone_of(teacher).max_sequence_length:
                raise ValueError(f"--teacher must read texts of any length up to {args.max_length}. Received: {args.teacher}")
            teacher = bert.with_precision(teacher, args.precision)
            teacher.compile(jit_compile=devices.compiles_whole(teacher))
        rate = (5e-4 if args.lora or args.size else 5e-5) if args.learning_rate is None else args.learning_rate
        settings = course_hw5.Settings(**RECIPE, epochs=args.epochs or 3, learning_rate=rate, seed=args.seed)
        tokenizer = attention.tokenizer_of(model)
        data = course_hw5.load_reviews(
            args.dataset,
            args.batch_size,
            args.max_length,
            args.validation_split,
            seed=args.seed,
            tokenizer=tokenizer,
            epoch_fraction=args.epoch_fraction,
            teacher=teacher.predict if teacher else None,
            num_pseudo_labels=args.num_pseudo_labels,
        )
        if args.evaluate:
            metrics = training.report(model, data, args.out, options.recorded(args))
        else:
            model.get_layer("positive").class_names = tuple(data.class_names)  # whatever its labels were called before
            metrics = course_hw5.train(
                model,
                data,
                args.out,
                settings,
                resume=args.resume,
                overwrite=args.overwrite,
                arguments=options.recorded(args),
                callbacks=[course_hw5.AttentionTimeLapse(args.out, SENTENCES, course_hw5.explain)],
                task=task,
            )
    print(f"accuracy {metrics['accuracy']:.4f}, weighted F1 {metrics['f1']:.4f}; see {args.out}")


if __name__ == "__main__":
    main()
