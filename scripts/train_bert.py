"""Fine-tunes a BERT on movie reviews and leaves a run folder with its page.

python scripts/train_bert.py --dataset sst2 --out runs/sst2
python scripts/train_bert.py --dataset imdb --preset runs/sst2/model.keras --max-length 192 --out runs/imdb
"""

import course_hw5
from course_hw5 import options

RECIPE = {"optimizer": "adamw", "learning_rate": 5e-5, "weight_decay": 0.01, "monitor": "val_accuracy"}


def main(argv=None):
    parser = options.run_parser(__doc__, batch_size=32)
    parser.add_argument("--dataset", choices=("sst2", "imdb"), default="sst2", help="(default: %(default)s)")
    parser.add_argument("--preset", default="minilm", help="what `load_model` takes (default: %(default)s)")
    parser.add_argument("--max-length", type=options.whole_number(8), default=64, help="tokens per text (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=RECIPE["learning_rate"], help="(default: %(default)s)")
    args = parser.parse_args(argv)

    with options.plain_errors(parser):
        from course_hw5 import devices
        from course_hw5.models.attention import _backbone as backbone_of

        devices.seed_everything(args.seed, args.deterministic)
        devices.set_precision(args.precision)
        with devices.strategy(args.strategy).scope():
            model = course_hw5.load_model(args.preset)
            if model.name != "bert_classifier":
                model = course_hw5.bert_classifier(model)
            backbone_of(model).token_embedding.trainable = False
        data = course_hw5.load_reviews(args.dataset, args.batch_size, args.max_length, seed=args.seed)
        settings = course_hw5.Settings(
            **RECIPE
            | {"epochs": args.epochs or 3, "learning_rate": args.learning_rate, "warmup_epochs": 0.2, "seed": args.seed}
        )
        metrics = course_hw5.train(
            model,
            data,
            args.out,
            settings,
            resume=args.resume,
            overwrite=args.overwrite,
            arguments={name: getattr(args, name) for name in ("dataset", "preset", "max_length", "batch_size", "strategy")},
        )
    print(f"accuracy {metrics['accuracy']:.4f}, weighted F1 {metrics['f1']:.4f}; open {args.out}/index.html")


if __name__ == "__main__":
    main()
