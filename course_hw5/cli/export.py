"""`course-hw5 export`: write a model for another program, which must compute the same."""

import argparse
import pathlib

import course_hw5
from course_hw5.exporting import formats


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("preset", metavar="MODEL", help="what `load_model` takes: a preset, a run folder, a file")
    add("--format", required=True, choices=tuple(formats.FORMATS), help="of the program that reads it")
    add("--out", required=True, help="file (litert: .tflite, onnx: .onnx) or new folder to write")
    add("--int8", action="store_true", help="store weights in 8 bits (litert, onnx, openvino)")
    add("--attention", action="store_true", help="the model that outputs the attention of all layers")


def run(args: argparse.Namespace) -> str:
    formats.check_target(args.out, args.format, args.int8)
    model = course_hw5.load_model(args.preset)
    if args.attention:
        model = course_hw5.attention_model(model)
    written = course_hw5.export_model(model, pathlib.Path(args.out), args.format, int8=args.int8)
    difference, size = f"{written.largest_difference:.1e}", f"{written.size / 1e6:.1f} MB"
    return f"{written.path}: {size}, equal to {difference} (allowed: {written.tolerance:g})"
