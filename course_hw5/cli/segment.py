"""`course-hw5 segment`: the class of every pixel of images: overlays, segmentation masks, pages."""

import argparse
import pathlib

from course_hw5.cli.arguments import Commands, import_models
from course_hw5.cli.images import check_paths, each_image


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("segment", help="name the class of every pixel of images: overlays, segmentation masks, pages")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="files in any format that Pillow opens")
    parser.add_argument("--preset", default="segmenter-camvid", help="what `load_model` takes (default: %(default)s)")
    parser.add_argument("--out", default="runs/segment", help="folder for three files per image (default: %(default)s)")
    parser.add_argument("--sliding", action="store_true", help="slide windows over images: slower, finer")
    parser.add_argument("--flip", action="store_true", help="average each image and its mirror image")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> str:
    check_paths(args)
    import_models(args)

    import course_hw5
    from course_hw5.models.upernet import UperNetSegmenter
    from course_hw5.reports.pages import scene
    from course_hw5.segmentation import masks

    model = course_hw5.load_model(args.preset)
    if not isinstance(model, UperNetSegmenter):
        raise ValueError(f"--preset must be a segmenter of images. Received: {args.preset}, which is {model.name}")
    segmenter = course_hw5.SceneSegmenter(model, sliding=args.sliding, flip=args.flip)

    def segment(path, image, stem):
        labels = segmenter.segment(image)
        page = scene.write_scene(image, labels, segmenter.class_names, stem, title=pathlib.Path(path).name)
        top = ", ".join(f"{entry.name} {entry.share:.0%}" for entry in masks.legend(labels, segmenter.class_names)[:5])
        return f"{top}. Open {page}"

    return each_image(args, segment)
