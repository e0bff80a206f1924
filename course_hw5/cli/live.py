"""`course-hw5 live`: write a page that runs a model: type a sentence or draw an image, and see attention at once."""

import argparse
import pathlib

import course_hw5
from course_hw5.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    arguments.add_text_preset(parser, "a BERT or BEiT that classifies")
    add("--out", default="live.html", help="page to write (default: %(default)s)")
    add("--precision", choices=("int8", "float32"), default="int8", help="of the weights on the page (default: %(default)s)")
    add("--check", metavar="PAGE", help="say which model a page holds, and whether its answers still agree; writes nothing")


def run(args: argparse.Namespace) -> str:
    if args.check is not None:
        path = pathlib.Path(args.check)
        if not path.is_file():
            raise FileNotFoundError(
                f"--check must name a page. Received: {path}, which is {'a folder' if path.is_dir() else 'none'}"
            )
        from course_hw5.explanation import live

        return live.check_page(path, course_hw5.load_model)
    out = pathlib.Path(args.out)
    if out.is_dir():
        raise ValueError(f"--out must name a page. Received: the folder {out}")
    out.parent.mkdir(parents=True, exist_ok=True)
    arguments.choose_text_preset(args)
    model = arguments.load_model(args, ("bert", "beit"), "a BERT or BEiT that classifies")
    from course_hw5 import files
    from course_hw5.explanation import live

    files.write_text(out, live.live_page(model, args.preset, args.precision))
    return f"{args.preset}, {out.stat().st_size / 1e6:.1f} MB. Open {out}"
