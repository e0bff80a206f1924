"""`course-hw5 prepare-camvid`: store CamVid's folders of images and masks as a data set, once."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", help="holds train, trainannot, val, valannot and perhaps test, testannot")
    parser.add_argument("--data-dir", help="folder to write to (default: TFDS_DATA_DIR, or TensorFlow Datasets' own)")


def run(args: argparse.Namespace) -> str:
    from course_hw5.data import camvid

    counts = camvid.prepare_camvid(args.folder, args.data_dir)
    return f"CamVid is stored: {', '.join(f'{split} {count}' for split, count in counts.items())}. Use --dataset camvid"
