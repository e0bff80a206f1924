"""`course-hw5 classify`: what is in images, and a page of where the model looked for each."""

import argparse
import pathlib

from course_hw5.cli.arguments import Commands, import_models
from course_hw5.cli.images import check_paths, each_image


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser("classify", help="say what is in images, and write a page of where the model looked")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="files in any format that Pillow opens")
    parser.add_argument("--preset", default="beit-cifar10", help="what `load_model` takes (default: %(default)s)")
    parser.add_argument("--out", default="runs/classify", help="folder for a page per image (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> str:
    check_paths(args)
    import_models(args)

    import course_hw5
    from course_hw5.data import image_files
    from course_hw5.models.beit_tasks import BeitClassifier

    model = course_hw5.load_model(args.preset)
    if not isinstance(model, BeitClassifier):
        raise ValueError(f"--preset must be a classifier of images. Received: {args.preset}, which is {model.name}")
    if model.preprocessing is None:
        raise ValueError(f"--preset must take raw images. Received: {args.preset}, without preprocessor_config.json")
    height, width, channels = model.inputs[0].shape[1:]

    def classify(path, image, stem):
        if height is not None:
            image = image_files.fit_image(image, (height, width))
        if channels == 1:
            image = image.mean(axis=2, keepdims=True)
        explained = course_hw5.explain(model, image)
        layers = layers_of_page(explained.attention.shape)
        title = pathlib.Path(path).name
        explained.view(title=title, include_layers=layers, html_action="return", path=f"{stem}.html")
        top = ", ".join(f"{answer} {probability:.3f}" for answer, probability in explained.predictions[:5])
        return f"{top}. Open {stem}.html"

    return each_image(args, classify, longest=1024)


def layers_of_page(shape: tuple[int, int, int, int], most: int = 2**24) -> list[int]:
    """The last layer and as many evenly before it as a page can hold: all at 224 pixels, every third of base at 384."""
    layers, heads, tokens, _ = shape
    step = -(-layers * heads * tokens**2 // most)
    return [*range(layers - 1, -1, -step)][::-1]
