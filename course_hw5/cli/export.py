"""`course-hw5 export`: write a model for another program, which must compute the same."""

import argparse
import pathlib

import course_hw5
from course_hw5 import hub
from course_hw5.exporting import formats, model_card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("preset", metavar="MODEL", help="what `load_model` takes: a preset, a run folder, a file")
    add("--format", required=True, choices=tuple(formats.FORMATS), help="of the program that reads it")
    add("--out", required=True, help="file (litert: .tflite, onnx: .onnx) or new folder to write")
    add("--int8", action="store_true", help="store weights in 8 bits (litert, onnx, openvino)")
    add("--attention", action="store_true", help="the model that outputs the attention of all layers")
    add("--license", help="of the model card (huggingface), such as apache-2.0 (default: a bundled model's own, else unknown)")
    add("--push", metavar="OWNER/NAME", help="upload the folder (huggingface) to the Hugging Face hub, after a question")


def run(args: argparse.Namespace) -> str:
    formats.check_target(args.out, args.format, args.int8)
    _check(args)
    card = model_card.card_of(args.preset, args.license) if args.format == "huggingface" else None
    model = course_hw5.load_model(args.preset)
    if args.attention:
        model = course_hw5.attention_model(model)
    written = course_hw5.export_model(model, pathlib.Path(args.out), args.format, int8=args.int8, card=card)
    difference, size = f"{written.largest_difference:.1e}", f"{written.size / 1e6:.1f} MB"
    said = f"{written.path}: {size}, equal to {difference} (allowed: {written.tolerance:g})"
    if args.push is None:
        return said
    pushed = hub.push(written.path, args.push)
    return f"{said}. {f'Pushed to {pushed}' if pushed else 'Not pushed'}"


def _check(args):
    """Refuses options of another format."""
    for option, value in {"--license": args.license, "--push": args.push}.items():
        if value is not None and args.format != "huggingface":
            raise ValueError(f"{option} must not be given but for --format huggingface. Received: {value}, {args.format}")
    if args.push is not None:
        hub.check_name(args.push)
    if args.attention and args.format == "huggingface":
        raise ValueError("--attention must not be given for --format huggingface, whose models give it on demand")
