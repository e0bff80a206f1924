"""Pages from Jinja2 templates: values are escaped, style sheets and scripts are put inside, so that nothing is fetched.

The pages of `course_hw5.reports` build on this, since `attention` imports no other part of the package: `base.html` and
`tokens.css` are here.
"""

import base64
import functools
import io
import pathlib
import re

import jinja2
from markupsafe import Markup
from PIL import Image

# Modules of JavaScript in this order; without their imports and exports they share one block, where each name stands once.
SCRIPTS = (
    *("text", "colors", "arrays", "layout", "svg", "dom", "shared"),
    *("weights", "scale", "numbers", "heads", "matrix", "model", "what_if"),
    *("patch_maps", "patch_painting", "patch_saving", "patches", "saving", "controls"),
)


def environment(*loaders: jinja2.BaseLoader) -> jinja2.Environment:
    """Makes a Jinja2 environment that escapes values and refuses unknown ones.

    In a template, `asset("name.css")` is the text of a file as it is, and `value | tojson` is JSON that cannot end a script
    element, without NaN.

    Args:
        loaders: where templates and assets are looked up before the files beside this module.
    """
    loader = jinja2.ChoiceLoader([*loaders, jinja2.PackageLoader("course_hw5.attention", "viewer")])
    made = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.policies["json.dumps_kwargs"] = {"allow_nan": False}
    made.globals["asset"] = functools.cache(lambda name: Markup(loader.get_source(made, name)[0]))
    return made


def data_url(data: bytes, form: str = "PNG") -> str:
    """The bytes of an image file as a data URL; `form` is the format's name."""
    return f"data:image/{form.lower()};base64,{base64.b64encode(data).decode()}"


def image_url(image: Image.Image, form: str = "PNG", **options) -> str:
    """An image as a data URL; `form` and `options` are those of `PIL.Image.Image.save`."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return data_url(buffer.getvalue(), form)


@functools.cache
def scripts(with_image: bool) -> Markup:
    """The modules of JavaScript as one text, without imports and exports: a page has no other file to import from."""
    names = [name for name in SCRIPTS if with_image or not name.startswith("patch")]
    modules = "\n".join(pathlib.Path(__file__).with_name(f"{name}.js").read_text("utf-8") for name in names)
    return Markup(re.sub(r"^(import [^;]*;\n|export )", "", modules, flags=re.MULTILINE))
