"""Pages from Jinja2 templates: values are escaped, style sheets and scripts are put inside, so that nothing is fetched.

The pages of `course_hw5.reports` build on this, since `attention` imports no other part of the package: `base.html` and
`tokens.css` are here.
"""

import base64
import functools
import io
import json
import re
from typing import Any, cast

import jinja2
from markupsafe import Markup
from PIL import Image

# Modules of JavaScript in this order; without their imports and exports they share one block, where each name stands once.
SCRIPTS = (
    *("language", "text", "colors", "arrays", "layout", "svg", "dom", "shared"),
    *("weights", "scale", "numbers", "heads", "matrix", "changes", "model", "what_if", "transfer"),
    *("step_numbers", "step_charts", "step_choice", "step_sections", "step_tour", "step_panel"),
    *("patch_maps", "patch_painting", "patch_predictions", "patch_saving", "patches", "saving", "controls"),
)


def environment(*loaders: jinja2.BaseLoader) -> jinja2.Environment:
    """Makes a Jinja2 environment that escapes values and refuses unknown ones.

    In a template, `asset("name.css")` is the text of a file, that of a script without its imports and exports, since a page has
    no other file to import from; `value | tojson` is JSON that cannot end a script element, without NaN.

    Args:
        loaders: where templates and assets are looked up before the files beside this module.
    """
    loader = jinja2.ChoiceLoader([*loaders, jinja2.PackageLoader("course_hw5.attention", "viewer")])
    made = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.policies["json.dumps_kwargs"] = {"allow_nan": False}

    @functools.cache
    def asset(name: str) -> Markup:
        text = loader.get_source(made, name)[0]
        return Markup(re.sub(r"^(import [^;]*;\n|export )", "", text, flags=re.MULTILINE) if name.endswith(".js") else text)

    made.globals["asset"] = asset
    return made


class Language:
    """The texts of one kind of page, and how numbers are written among them.

    Args:
        strings: dict of the catalogue: key -> text, with names of values in braces, or the forms "one" and "other" of a text
            that depends on its value `count`; "lang" and "dir" as in HTML; "digits", what stands for each of `0123456789.,-`.
    """

    def __init__(self, strings: dict[str, Any]):
        self.strings, self.digits = strings, str.maketrans("0123456789.,-", strings["digits"])

    def number(self, value: float, form: str = ",") -> str:
        """A number as `format(value, form)`, with the digits and signs of the language."""
        return format(value, form).translate(self.digits)

    def say(self, key: str, **values: Any) -> str:
        """The text of a key, with values in place of their names."""
        text = self.strings[key]
        if not isinstance(text, str):
            text = text["one" if values["count"] == 1 else "other"]
        around = ("\u2068", "\u2069") if self.strings.get("dir") == "rtl" else ("", "")  # a name keeps its own direction
        isolated = lambda value: value.join(around) if isinstance(value, str) else self.number(value)  # noqa: E731
        return text.format(**{name: isolated(value) for name, value in values.items()})


@functools.cache
def language(environment: jinja2.Environment, name: str) -> Language:
    """The language of pages of the template `name.html`: its catalogue is `name.json` beside it."""
    loader = cast(jinja2.BaseLoader, environment.loader)
    return Language(json.loads(loader.get_source(environment, f"{name}.json")[0]))


def render(environment: jinja2.Environment, template: str, **values: Any) -> str:
    """Fills a template, where `say`, `number` and `strings` are those of its language."""
    words = language(environment, template.removesuffix(".html"))
    return environment.get_template(template).render(say=words.say, number=words.number, strings=words.strings, **values)


def data_url(data: bytes, form: str = "PNG") -> str:
    """The bytes of an image file as a data URL; `form` is the format's name."""
    return f"data:image/{form.lower()};base64,{base64.b64encode(data).decode()}"


def image_url(image: Image.Image, form: str = "PNG", **options) -> str:
    """An image as a data URL; `form` and `options` are those of `PIL.Image.Image.save`."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return data_url(buffer.getvalue(), form)
