"""Exports the bundled models in each format and writes the table of `docs/guides/export.md`: size, difference, accuracy.

    TFDS_DATA_DIR=FOLDER python scripts/export_table.py     # needs course-hw5[export], SST-2 and CIFAR-10; minutes

Accuracy is that of the file in its own runtime, on SST-2's 872 sentences and on the first 2,000 test images of CIFAR-10.
"""

import argparse
import pathlib
import re
import sys
import tempfile

from course_hw5.cli import arguments
from course_hw5.exporting import formats
from course_hw5.recipes import bert

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "guides" / "export.md"
HEAD = ("model", "format", "weights", "MB", "largest difference", "accuracy")
PLACE = re.compile(r"(?<=<!-- scripts/export_table.py -->\n).*?(?=<!-- end -->)", re.DOTALL)
ATTENTION = "attention of "
MODELS = {
    "sentiment-minilm": "sst2",
    "sentiment-small": "sst2",
    "cnn-cifar10": "cifar10",
    "beit-cifar10": "cifar10",
    "segmenter-camvid": None,
    f"{ATTENTION}sentiment-minilm": None,
    f"{ATTENTION}beit-cifar10": None,
}


def load(name):
    import course_hw5

    model = course_hw5.load_model(name.removeprefix(ATTENTION))
    return course_hw5.attention_model(model) if name.startswith(ATTENTION) else model


def test_data(name, model):
    """Batches of arrays to test a model on, or none."""
    import course_hw5

    if name == "sst2":
        data = course_hw5.load_reviews("sst2", 64, bert.MAX_LENGTH, tokenizer=model.tokenizer)
        return [(ids.numpy(), labels.numpy()) for ids, labels in data.test]
    if name == "cifar10":
        batches = course_hw5.load_images("cifar10", batch_size=100).test
        return [(images.numpy().astype(model.inputs[0].dtype), labels.numpy()) for images, labels in batches.take(20)]
    return []


def accuracy(run, batches):
    """Share of right answers of a function of arrays to probabilities."""
    right = total = 0
    for inputs, labels in batches:
        (answers,) = run([inputs.astype("int32") if inputs.dtype.kind == "i" else inputs])
        classes = answers.argmax(-1) if answers.shape[-1] > 1 else answers[:, 0] > 0.5
        right, total = right + int((classes == labels).sum()), total + len(labels)
    return f"{right / total:.4f}" if total else ""


def rows(name, names):
    """The rows of one model; prints what is refused."""
    import importlib

    import numpy as np

    from course_hw5.exporting.export import export_model

    model = load(name)
    batches = test_data(MODELS[name], model)
    if batches:
        score = accuracy(lambda arrays: [np.asarray(model.predict_on_batch(arrays[0]))], batches)
        yield name, "Keras", "float32", "", "", score
    for format in names:
        if format == "huggingface" and name.startswith(ATTENTION):
            continue  # models of `transformers` give it on demand
        written_by = importlib.import_module(f"course_hw5.exporting.{format}")
        for int8 in (False, True)[: 1 + formats.FORMATS[format].has_int8]:
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / f"model{formats.FORMATS[format].suffix}"
                try:
                    written = export_model(model, path, format, int8)
                except ValueError as error:
                    print(error, file=sys.stderr)
                    yield name, format, "int8" if int8 else "float32", "", "refused", ""
                    continue
                size, difference = f"{written.size / 1e6:.1f}", f"{written.largest_difference:.1e}"
                score = accuracy(written_by.load(path, model), batches)
                yield name, format, "int8" if int8 else "float32", size, difference, score
                if format == "openvino" and not int8 and batches:
                    score = accuracy(written_by.load(path, model, "bf16"), batches)
                    yield name, format, "float32, computes in bfloat16", size, "", score


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=tuple(MODELS), help="only print the rows of these")
    parser.add_argument("--formats", nargs="+", choices=tuple(formats.FORMATS), default=tuple(formats.FORMATS))
    args = parser.parse_args(argv)
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    with arguments.user_errors(parser):
        for name in args.models or MODELS:
            for row in rows(name, args.formats):
                lines.append(f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |"))
                print(lines[-1], flush=True)
    if args.models is None:
        PAGE.write_text(PLACE.sub("\n" + "\n".join(lines) + "\n\n", PAGE.read_text()))


if __name__ == "__main__":
    main()
