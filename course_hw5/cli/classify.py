"""`course-hw5 classify`: say what is in images, and write a page of where the model looked."""

import argparse

import course_hw5
from course_hw5.cli import arguments, questions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_image_arguments(parser, "beit-cifar10", "runs/classify", "folder for a page per image")
    questions.add_arguments(parser)
    arguments.add_steps_argument(parser)


def run(args: argparse.Namespace) -> str:
    from course_hw5.data import image_files

    asked = questions.read(args)
    model = arguments.load_image_model(args, "beit", "a BEiT that classifies images")
    if model.preprocessing is None:
        raise ValueError(f"--preset must take raw images. Received: {args.preset}, without preprocessor_config.json")
    height, width, channels = model.inputs[0].shape[1:]

    def classify(name, image, stem):
        if height is not None:
            image = image_files.fit_image(image, (height, width))
        if channels == 1:
            image = image.mean(axis=2, keepdims=True)
        explained = course_hw5.explain(model, image, **asked)
        layers = layers_of_page(explained.attention.shape)
        options = {"title": name, "include_layers": layers, "html_action": "return", "path": f"{stem}.html"}
        explained.view(**options, **arguments.steps_of(args, explained))
        top = ", ".join(f"{answer} {probability:.3f}" for answer, probability in explained.predictions[:5])
        return f"{top}; log-odds of {explained.class_name} {explained.log_odds:+.2f}. Open {stem}.html"

    return arguments.each_image(args, classify, longest=1024)


def layers_of_page(shape: tuple[int, int, int, int], most: int = 2**24) -> list[int]:
    """The last layer and as many evenly before it as a page can hold: all at 224 pixels, every third of base at 384."""
    layers, heads, tokens, _ = shape
    step = -(-layers * heads * tokens**2 // most)
    return [*range(layers - 1, -1, -step)][::-1]
