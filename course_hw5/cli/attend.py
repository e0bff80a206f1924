"""`course-hw5 attend`: say what a model makes of a text, and write a page of what it attended to."""

import argparse
import pathlib

import course_hw5
from course_hw5.cli import arguments, questions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="a sentence, or a review")
    parser.add_argument("--other", metavar="TEXT", help="a second text, to be read as a pair")
    parser.add_argument("--special-tokens", action="store_true", help='read "[MASK]" and "[SEP]" in a text as those tokens')
    questions.add_arguments(parser)
    help = "a second text of as many word pieces: what the model computes for TEXT is put into it, part by part"
    parser.add_argument("--against", metavar="TEXT", help=help)
    arguments.add_text_preset(parser, "what `load_model` takes")
    parser.add_argument("--out", default="attention.html", help="page to write (default: %(default)s)")
    arguments.add_steps_argument(parser)


def run(args: argparse.Namespace) -> str:
    from course_hw5.text.encoding import is_blank

    for name, text in (("TEXT", args.text), ("--other", args.other), ("--against", args.against)):
        if text is not None and is_blank(text):
            raise ValueError(f"{name} must hold a word. Received: {text!a}")
    given = (("--other", args.other), ("--special-tokens", args.special_tokens), ("--without", args.without))
    options = [name for name, value in given if value]
    if args.against is not None and options:
        raise ValueError(f"--against must come without --other, --special-tokens and --without. Received: {options[0]}")
    asked, out = questions.read(args), pathlib.Path(args.out)
    if out.is_dir():
        raise ValueError(f"--out must name a page. Received: the folder {out}")
    out.parent.mkdir(parents=True, exist_ok=True)
    arguments.choose_text_preset(args)
    model = arguments.load_model(args, "bert", "a classifier of texts")
    more = {} if args.against is None else {"patching": _patched(model, args, asked["target"])}
    explained = course_hw5.explain(model, args.text, args.other, args.special_tokens, **asked)
    title = " / ".join(filter(None, (args.text, args.other, args.against)))
    explained.view(title=title, html_action="return", path=out, **arguments.steps_of(args, explained), **more)
    read = f", of the first {len(explained.tokens)} of {explained.truncated_from} tokens" if explained.truncated_from else ""
    answer = f"{explained.class_name} {explained.probability:.4f}, log-odds {explained.log_odds:+.2f}"
    return f"{answer}{read}. Open {out}"


def _patched(model, args, target):
    """What --against asks for: each kind of activations of TEXT, put into the other text."""
    kinds = ("position", "head", "layer")
    return [course_hw5.patch_activations(model, args.text, args.against, what, target) for what in kinds]
