"""What pages are made of: templates, tiles, lists, pictures. Everything is inside the page, so that it opens offline."""

import base64
import html
import importlib.resources
import io
import string

import numpy as np
from PIL import Image

ASSETS = importlib.resources.files("course_hw5.evaluation") / "assets"


def fill(template, **parts):
    """Fills a template of `assets/`; the style sheet comes with it. Parts are HTML and are not escaped."""
    text, css = ((ASSETS / name).read_text(encoding="utf-8") for name in (template, "page.css"))
    return string.Template(text).substitute(css=css, **parts)


def tiles(values, best=()):
    """Shows a dict of name -> text as tiles; those whose names are in `best` are marked."""
    tiles = []
    for name, value in values.items():
        kind = ' class="best"' if name in best else ""
        tiles.append(f"<div{kind}><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>")
    return "".join(tiles)


def items(lines):
    """Shows sentences as the items of a list."""
    return "".join(f"<li>{html.escape(line)}</li>" for line in lines)


def short_number(number):
    """Shows a large number with three digits and a unit.

    Example:
        >>> short_number(950), short_number(61450), short_number(47552316), short_number(1405531073)
        ('950', '61.5 k', '47.6 M', '1.41 G')
    """
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            value = number / unit
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {name}"
    return f"{number:g}"


def image_url(image, form="PNG", **options):
    """A `PIL.Image.Image` as a data URL; options are those of its `save`."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def thumbnail(picture, side=64):
    """A picture, an array `(height, width, 1 or 3)`, as the data URL of a PNG, `side` pixels at most."""
    if picture.dtype != np.uint8:  # floats: stretch to the visible range
        picture = np.nan_to_num(picture.astype("float64"))
        low, high = picture.min(), picture.max()
        picture = ((picture - low) / max(high - low, 1e-9) * 255).astype("uint8")
    image = Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture)
    image.thumbnail((side, side))
    return image_url(image)


def picture(png, alt, is_photo=False):
    """Shows the bytes of a PNG file; what is no photograph is inverted on a dark screen."""
    kind = ' class="photo"' if is_photo else ""
    return f'<img{kind} src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="{html.escape(alt)}">'
