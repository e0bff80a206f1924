"""Writes what a run of `course-hw5 train` learned as a small file, a bundled preset.

python scripts/bundle_preset.py runs/student/model.keras --calibrate sst2_sentences --validation-split 0.05 \\
    --out course_hw5/assets/sentiment-minilm.safetensors
python scripts/bundle_preset.py runs/small/model.keras runs/small-both/model.keras --calibrate sst2_sentences \\
    --validation-split 0.05 --out course_hw5/assets/sentiment-small.safetensors   # a BERT of our own: the mean of two, in int8
python scripts/bundle_preset.py runs/beit-mixed/model.keras --out course_hw5/assets/beit-cifar10.safetensors
python scripts/bundle_preset.py runs/cnn/model.keras --out course_hw5/assets/cnn-cifar10.safetensors
"""

import argparse
import json
import pathlib

import numpy as np

import course_hw5
from course_hw5.cli import arguments
from course_hw5.recipes.recipe import whole_number


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told = "the .keras file of a BEiT, a segmenter, a BERT, or a CNN in its run folder; of several the weights are averaged"
    parser.add_argument("model", nargs="+", help=told)
    parser.add_argument("--out", required=True, help="file to write")
    parser.add_argument("--rank", type=whole_number(1), help="of the change of a BERT that started from `minilm` (default: 12)")
    parser.add_argument("--whole", action="store_true", help="write a BERT whole, in int8, whatever it started from")
    told = "of a BERT: calibrate the packed weights by the validation set of this --dataset of `course-hw5 train bert`"
    parser.add_argument("--calibrate", metavar="DATASET", help=told)
    parser.add_argument(
        "--validation-split", type=float, default=0.02, help="with --calibrate: of the run (default: %(default)s)"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="with --calibrate: of the run (default: %(default)s)")
    args = parser.parse_args(argv)
    with arguments.user_errors(parser):
        model = _average([course_hw5.load_model(path) for path in args.model], args.model)
        write, read = _form(model, args)
        size = write()
        if args.calibrate:
            size = _calibrate(model, args, write, read)
    print(f"{args.out}: {size / 1e6:.2f} MB")


def _average(models, paths):
    """The first model with the mean of all weights, for models of one training (Wortsman et al. 2022, arXiv 2203.05482)."""
    first, *others = models
    for model, path in zip(others, paths[1:]):
        if _form_of_weights(model) != _form_of_weights(first):
            told = "weights of the same shapes, the same classes and word pieces"
            raise ValueError(f"All models must have {told}. Received: {path}, which differs from {paths[0]}")
    if others:
        first.set_weights([np.mean(weights, axis=0) for weights in zip(*(model.get_weights() for model in models))])
    return first


def _form_of_weights(model):
    """Shapes of the weights, names of the classes, and the tokenizer."""
    names = getattr(model, "class_names", None)
    return [weights.shape for weights in model.get_weights()], names and tuple(names), getattr(model, "tokenizer", None)


def _form(model, args):
    """Functions that write the model in its form and read it again; refuses options of another form."""
    from course_hw5.models.bert_classifier import BertClassifier
    from course_hw5.models.checkpoints import bundled, full

    is_text, out = isinstance(model, BertClassifier), pathlib.Path(args.out)
    is_delta = is_text and not args.whole and _is_minilm(model)
    for name, is_taken in (("rank", is_delta), ("whole", is_text), ("calibrate", is_text)):
        if (value := getattr(args, name)) and not is_taken:
            kind = "a BERT that started from `minilm`" if name == "rank" else "a BERT"
            raise ValueError(f"--{name} is for {kind}. Received: {value}, for {model.name}")
    if is_delta:
        start = bundled.zero_head(course_hw5.load_model("minilm"))
        write = lambda: bundled.save_delta(model, start, out, args.rank or bundled.RANK)  # noqa: E731
        return write, lambda: bundled.load_delta(out, course_hw5.load_model("minilm"))
    config = pathlib.Path(args.model[0]).with_name("config.json")  # a CNN does not keep the names of its classes
    names = json.loads(config.read_text())["data"]["class_names"] if config.exists() else None
    return lambda: full.save_full(model, out, names), lambda: bundled.load_file(out)


def _is_minilm(model):
    """Whether a BERT has the sizes of MiniLM, and two classes: whether its weights may be a change of that."""
    from course_hw5.models.bert import SIZES

    sizes = SIZES["minilm-l6"] | {"vocabulary_size": 30522}
    return model.num_classes == 2 and all(getattr(model.backbone, name) == size for name, size in sizes.items())


def _calibrate(model, args, write, read):
    """Divides the logits by the temperature of the packed weights, and writes them again; returns the size."""
    from course_hw5.training import calibration

    longest = min(64, model.backbone.max_sequence_length)
    options = {"validation_split": args.validation_split, "seed": args.seed, "tokenizer": model.tokenizer}
    data = course_hw5.load_reviews(args.calibrate, max_length=longest, **options)
    temperature = calibration.fit_temperature(read(), data.validation)
    calibration.scale_logits(model, temperature)
    print(f"temperature {temperature:.3f}, of the packed weights")
    return write()


if __name__ == "__main__":
    main()
