"""What is in a data set as a card: a page of its own, and the beginning of a run's page."""

import pathlib
from typing import Any

from markupsafe import Markup

from course_hw5.data.card import SHOWN, DataCard, alike_names
from course_hw5.files import AnyPath, local_path, write_text
from course_hw5.reports.pages import components
from course_hw5.segmentation import masks

FILE = "data.json"  # of a run folder
LONGEST = 160  # letters of a text that are shown


def card_facts(card: DataCard) -> dict[str, Any]:
    """A card as an object that JSON can hold; images are data URLs."""
    pairs = {
        name: [_named(card, found) for found in each]
        for name, each in (("duplicates", card.duplicates), ("repeats", card.repeats))
    }
    samples = {
        name: [shown for example in found for shown in _shown(example, len(card.class_names))]
        for name, found in card.samples().items()
    }
    names = ("name", "unit", "class_names", "counts", "examples", "sizes")
    facts = {name: getattr(card, name) for name in names}
    facts |= pairs | {"broken": card.broken[:SHOWN], "num_broken": len(card.broken), "samples": samples}
    return facts | {"alike_names": alike_names(card.class_names)}


def _named(card, found):
    """Duplicates with names in place of indices."""
    pairs = [[card.name_of(found.first, one), card.name_of(found.second, other)] for one, other in found.pairs]
    return found._asdict() | {"pairs": pairs}


def _shown(example, num_classes):
    """A text, an image, or an image without and with its mask."""
    if isinstance(example, str):
        return [example if len(example) <= LONGEST else f"{example[:LONGEST]} …"]
    images = (example[0], masks.overlay(*example, num_classes)) if isinstance(example, tuple) else (example,)
    return [components.thumbnail(image, side=96) for image in images]


def card_html(facts: dict[str, Any]) -> Markup:
    """A card as a part of a page."""
    return Markup(components.render("data_card.html", card=facts))


def write_card(card: DataCard, path: AnyPath) -> pathlib.Path:
    """Writes the page of a card; everything is inside it."""
    facts, path = card_facts(card), local_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, components.render("data.html", title=card.name, card=card_html(facts)))
    return path
