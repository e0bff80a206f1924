"""One image and its segmentation mask as a page that opens offline: pointing at a pixel names its class."""

import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from course_hw5 import files
from course_hw5.reports.pages import components
from course_hw5.segmentation import masks

LONGEST = 1600  # pixels of a side that a page shows


def write_scene(
    image: masks.RgbImage, labels: masks.Mask, class_names: Sequence[str], stem: files.AnyPath, title: str
) -> pathlib.Path:
    """Writes a segmentation mask as a page, as an overlay and as a PNG with a palette.

    Args:
        image: uint8 array `(height, width, 3)`.
        labels: integers `(height, width)`, one per pixel: a class, or 255 for none.
        class_names: one string per class.
        stem: path of the files without their ending: `.html`, `-overlay.png` and `-labels.png`, whose pixels are the labels,
            both of the image's own size.
        title: of the page.

    Returns:
        Path of the page.

    Raises:
        ValueError: if image, labels and names do not fit together.
    """
    stem, labels = files.local_path(stem), np.asarray(labels)
    colored = masks.colored(labels, len(class_names))
    overlay = Image.fromarray(masks.overlay(image, labels, len(class_names)))
    stem.parent.mkdir(parents=True, exist_ok=True)
    for kind, shown in (("overlay", overlay), ("labels", masks.with_palette(labels, len(class_names)))):
        with files.atomic_write(f"{stem}-{kind}.png") as partial:
            shown.save(partial)
    entries = masks.legend(labels, class_names)
    width, height = (max(1, round(side * min(1, LONGEST / max(labels.shape)))) for side in labels.shape[::-1])
    words = components.language("scene")
    shares = [words.say("class", name=entry.name, share=words.number(100 * entry.share, ".0f")) for entry in entries[:8]]
    photo = components.image_url(Image.fromarray(image).resize((width, height)), "JPEG", quality=90)
    mask = components.image_url(Image.fromarray(colored).resize((width, height), Image.Resampling.NEAREST))
    facts = {"image": photo, "mask": mask, "classes": [entry._asdict() for entry in entries]}
    values = {"width": width, "height": height, "description": words.say("comma").join(shares), "facts": facts}
    path = stem.parent / f"{stem.name}.html"
    files.write_text(path, components.render("scene.html", title=title, **values))
    return path
