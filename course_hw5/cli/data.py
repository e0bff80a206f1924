"""`course-hw5 data`: write a page of what is in data of your own.

Examples per class and split, samples, sizes, files that cannot be read, duplicates, and equal examples of different classes.
Nothing is trained.
"""

import argparse

import course_hw5
from course_hw5.recipes import RECIPES
from course_hw5.recipes.recipe import choose_source, whole_number

KINDS = {"images": "beit", "texts": "bert", "masks": "segmenter"}  # the recipe that takes such a source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("data", metavar="SOURCE", help="what `train --data` takes")
    add("--kind", choices=tuple(KINDS), help="what it holds (default: as its folders, columns or features say)")
    add("--out", default="card.html", help="page to write (default: %(default)s)")
    add("--seed", type=whole_number(0), default=0, help="decides splits that the source lacks (default: %(default)s)")
    for option in {option.flag: option for name in KINDS.values() for option in RECIPES[name].data_options}.values():
        add(option.flag, **option.keywords)


def run(args: argparse.Namespace) -> str:
    from course_hw5.data.kinds import kind_of
    from course_hw5.reports.pages import data as page

    kind = args.kind or kind_of(args.data, has_text_column=args.text_column is not None)
    recipe = RECIPES[KINDS[kind]]
    choose_source(args, recipe)
    options = {"seed": args.seed} | recipe.given_data_options(args)
    if kind == "images":
        data = course_hw5.load_images(args.data, **options)
    elif kind == "texts":
        data = course_hw5.load_reviews(args.data, max_length=512, validation_split=0.1, batch_size=1, **options)
    else:
        data = course_hw5.load_scenes(args.data, (32, 32, 3), **options)
    if data.card is None:
        raise ValueError(f"SOURCE must be data of your own. Received: {args.data}, which docs/guides/data.md describes")
    lines = [_said(found, kind) for found in (*data.card.duplicates, *data.card.repeats)]
    return "; ".join([data.note, *lines]) + f". Open {page.write_card(data.card, args.out)}"


def _said(found, kind):
    count = found.exact + found.near
    examples, repeat, are = ("example", "repeats", "is") if count == 1 else ("examples", "repeat", "are")
    where = f"{repeat} earlier ones" if found.first == found.second else f"{are} in {found.first}, too"
    differ = f", {found.contradicting} with another {'mask' if kind == 'masks' else 'class'}" if found.contradicting else ""
    return f"{count} {examples} of {found.second} {where} ({found.exact} exactly{differ})"
