"""Writes what a run of `course-hw5 train` learned as a small file, a bundled preset.

python scripts/bundle_preset.py runs/sentences/model.keras --out course_hw5/assets/sentiment-minilm.safetensors
python scripts/bundle_preset.py runs/contrast/model.keras --rank 12 --calibrate sst2_sentences --out sentiment.safetensors
python scripts/bundle_preset.py runs/beit/model.keras --out course_hw5/assets/beit-cifar10.safetensors
python scripts/bundle_preset.py runs/cnn/model.keras --out cnn.safetensors
"""

import argparse
import json
import pathlib

import course_hw5
from course_hw5.cli import arguments
from course_hw5.recipes.recipe import whole_number


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "model", help="the .keras file of a BEiT, a segmenter, a CNN in its run folder, or a BERT that started from `minilm`"
    )
    parser.add_argument("--out", required=True, help="file to write")
    parser.add_argument("--rank", type=whole_number(1), help="of a BERT's change of weights (default: 5)")
    told = "of a BERT: calibrate the packed weights by the validation set of this --dataset of `course-hw5 train bert`"
    parser.add_argument("--calibrate", metavar="DATASET", help=told)
    parser.add_argument(
        "--validation-split", type=float, default=0.02, help="with --calibrate: of the run (default: %(default)s)"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="with --calibrate: of the run (default: %(default)s)")
    args = parser.parse_args(argv)
    with arguments.user_errors(parser):
        from course_hw5.models.bert_classifier import BertClassifier
        from course_hw5.models.checkpoints import bundled
        from course_hw5.training import calibration

        model, out = course_hw5.load_model(args.model), pathlib.Path(args.out)
        for name in ("rank", "calibrate"):
            if (value := getattr(args, name)) is not None and not isinstance(model, BertClassifier):
                raise ValueError(f"--{name} is for a BERT. Received: {value}, for {model.name}")
        rank = args.rank or bundled.RANK
        if isinstance(model, BertClassifier):
            start = bundled.zero_head(course_hw5.load_model("minilm"))
            size = bundled.save_delta(model, start, out, rank)
            if args.calibrate:
                options = {"validation_split": args.validation_split, "seed": args.seed}
                data = course_hw5.load_reviews(args.calibrate, max_length=64, **options)
                packed = bundled.load_delta(out, course_hw5.load_model("minilm"))
                temperature = calibration.fit_temperature(packed, data.validation)
                calibration.scale_logits(model, temperature)
                size = bundled.save_delta(model, start, out, rank)
                print(f"temperature {temperature:.3f}, of the packed weights")
        else:
            config = pathlib.Path(args.model).with_name("config.json")  # a CNN does not keep the names of its classes
            names = json.loads(config.read_text())["data"]["class_names"] if config.exists() else None
            size = bundled.save_full(model, out, names)
    print(f"{args.out}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
