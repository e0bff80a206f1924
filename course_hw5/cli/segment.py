"""`course-hw5 segment`: name the class of every pixel of images: overlays, segmentation masks, pages."""

import argparse

import course_hw5
from course_hw5.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_image_arguments(parser, "segmenter-camvid", "runs/segment", "folder for three files per image")
    parser.add_argument("--sliding", action="store_true", help="slide windows over images: slower, finer")
    parser.add_argument("--flip", action="store_true", help="average each image and its mirror image")


def run(args: argparse.Namespace) -> str:
    model = arguments.load_image_model(args, "segmenter", "a segmenter of images")
    segmenter = course_hw5.SceneSegmenter(model, sliding=args.sliding, flip=args.flip)

    from course_hw5.reports.pages import scene
    from course_hw5.segmentation import masks

    def segment(name, image, stem):
        labels = segmenter.segment(image)
        page = scene.write_scene(image, labels, segmenter.class_names, stem, title=name)
        top = ", ".join(f"{entry.name} {entry.share:.0%}" for entry in masks.legend(labels, segmenter.class_names)[:5])
        return f"{top}. Open {page}"

    return arguments.each_image(args, segment)
