"""One picture and its label map as a page that opens offline: pointing at a pixel names its class."""

import html
import json

import numpy as np
from PIL import Image

from course_hw5.evaluation import elements, label_maps, run_folder

LONGEST = 1600  # pixels of a side that a page shows


def write_scene(image, labels, class_names, stem, title):
    """Writes a label map as a page, as an overlay and as a PNG with a palette.

    Args:
        image: uint8 array `(height, width, 3)`.
        labels: integers `(height, width)`, one per pixel: a class, or 255 for none.
        class_names: one string per class.
        stem: path of the files without their ending: `.html`, `-overlay.png` and `-labels.png`, whose pixels are the labels,
            both of the picture's own size.
        title: of the page.

    Returns:
        Path of the page.

    Raises:
        ValueError: if picture, labels and names do not fit together.
    """
    stem, labels = run_folder.local_path(stem), np.asarray(labels)
    colored = label_maps.colored(labels, len(class_names))
    overlay = label_maps.overlay(image, labels, len(class_names))
    stem.parent.mkdir(parents=True, exist_ok=True)
    pictures = {"overlay": Image.fromarray(overlay), "labels": label_maps.with_palette(labels, len(class_names))}
    for kind, picture in pictures.items():
        with run_folder.replacing(f"{stem}-{kind}.png") as partial:
            picture.save(partial)
    entries = label_maps.legend(labels, class_names)
    size = tuple(max(1, round(side * min(1, LONGEST / max(labels.shape)))) for side in labels.shape[::-1])
    facts = {
        "picture": elements.image_url(Image.fromarray(image).resize(size), "JPEG", quality=90),
        "labels": elements.image_url(Image.fromarray(colored).resize(size, Image.Resampling.NEAREST)),
        "classes": [entry._asdict() for entry in entries],
        "ignored": "no label",
    }
    text = elements.fill(
        "scene.html",
        title=html.escape(title),
        width=size[0],
        height=size[1],
        summary=html.escape(", ".join(f"{entry.name} {entry.share:.0%}" for entry in entries[:8])),
        facts=json.dumps(facts).replace("<", "\\u003c"),  # no text can end the script element
        javascript=(elements.ASSETS / "scene.js").read_text(encoding="utf-8"),
    )
    path = stem.parent / f"{stem.name}.html"
    run_folder.write_text(path, text)
    return path
