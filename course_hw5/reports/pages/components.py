"""What pages are made of: `render` fills a template of `assets/`, whose parts are the macros of `components.html`."""

import jinja2
import numpy as np
from PIL import Image

from course_hw5.attention.viewer import templates
from course_hw5.attention.viewer.templates import image_url

ENVIRONMENT = templates.environment(jinja2.PackageLoader(__package__, "assets"))
ENVIRONMENT.filters["data_url"] = templates.data_url


def language(page: str) -> templates.Language:
    """The language of one kind of page: "run", "comparison", "lab" or "scene"."""
    return templates.language(ENVIRONMENT, page)


def render(template: str, **values) -> str:
    """Fills a template; values are escaped, texts come from its catalogue, and the style sheet is put inside."""
    return templates.render(ENVIRONMENT, template, style="page.css", **values)


def short_number(number: float, words: templates.Language) -> str:
    """Shows a large number with three digits and a unit, in the digits of a language.

    Example:
        >>> [short_number(number, language("run")) for number in (950, 61450, 47552316, 1405531073)]
        ['950', '61.5 k', '47.6 M', '1.41 G']
    """
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            value = number / unit
            return f"{words.number(value, f'.{2 if value < 10 else 1 if value < 100 else 0}f')} {name}"
    return words.number(number, "g")


def thumbnail(image: np.ndarray, side: int = 64) -> str:
    """An image, an array `(height, width, 1 or 3)`, as the data URL of a PNG, `side` pixels at most."""
    if image.dtype != np.uint8:  # floats: stretch to the visible range
        image = np.nan_to_num(image.astype("float64"))
        low, high = image.min(), image.max()
        image = ((image - low) / max(high - low, 1e-9) * 255).astype("uint8")
    shown = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    shown.thumbnail((side, side))
    return image_url(shown)
