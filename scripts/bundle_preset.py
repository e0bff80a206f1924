"""Writes what a run of `course-hw5 train` learned as a small file, a bundled preset.

python scripts/bundle_preset.py runs/sentences/model.keras --out course_hw5/assets/sentiment-minilm.safetensors
python scripts/bundle_preset.py runs/beit/model.keras --out course_hw5/assets/beit-cifar10.safetensors
python scripts/bundle_preset.py runs/cnn/model.keras --out cnn.safetensors
"""

import argparse
import json
import pathlib

import course_hw5
from course_hw5.cli import arguments


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "model", help="the .keras file of a BEiT, a segmenter, a CNN in its run folder, or a BERT that started from `minilm`"
    )
    parser.add_argument("--out", required=True, help="file to write")
    args = parser.parse_args(argv)
    with arguments.user_errors(parser):
        from course_hw5.models.bert_classifier import BertClassifier
        from course_hw5.models.checkpoints import bundled

        model, out = course_hw5.load_model(args.model), pathlib.Path(args.out)
        if isinstance(model, BertClassifier):
            size = bundled.save_delta(model, bundled.zero_head(course_hw5.load_model("minilm")), out)
        else:
            config = pathlib.Path(args.model).with_name("config.json")  # a CNN does not keep the names of its classes
            names = json.loads(config.read_text())["data"]["class_names"] if config.exists() else None
            size = bundled.save_full(model, out, names)
    print(f"{args.out}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
