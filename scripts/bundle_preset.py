"""Writes what a run of `train_bert.py` or `train_beit.py` learned as a small file: see `course_hw5/models/presets.py`.

python scripts/bundle_preset.py runs/sst2/model.keras --out course_hw5/assets/sentiment-minilm.safetensors
python scripts/bundle_preset.py runs/beit/model.keras --out course_hw5/assets/beit-cifar10.safetensors
"""

import argparse
import pathlib

import course_hw5
from course_hw5 import options


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the .keras file of a BEiT, or of a BERT that started from `minilm`")
    parser.add_argument("--out", required=True, help="file to write")
    args = parser.parse_args(argv)
    with options.plain_errors(parser):
        from course_hw5.models import beit, presets

        model, out = course_hw5.load_model(args.model), pathlib.Path(args.out)
        if beit.backbone_of(model) is None:
            start = course_hw5.bert_classifier(course_hw5.load_model("minilm"))
            start.get_layer("positive").set_weights([0 * weight for weight in start.get_layer("positive").get_weights()])
            size = presets.save_change(model, start, out)
        else:
            size = presets.save_whole(model, out)
    print(f"{args.out}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
