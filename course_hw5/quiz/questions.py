"""Questions of `questions.toml`, filled with what drawing their images has computed. Loads no Keras until they are made.

A question names the function that draws its image, such as "weights.five_words": a module of this package and its function,
which also returns the facts that follow from the same numbers. Texts take facts in braces, as `str.format` does; an option
names the fact that makes it right, and a numerical one the fact that is its value.
"""

import dataclasses
import importlib
import importlib.resources
import io
import re
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPOSITORY = "https://github.com/course-hw5/course_hw5/blob/main"
KINDS = ("single", "multiple", "true_false", "numerical", "matching")
DPI = 140
COLORS = 160  # of an image without photographs; more would only make it larger


class Drawing(NamedTuple):
    """What a function that draws returns: the figure, the facts by name, and whether it shows a photograph."""

    figure: "Figure"
    facts: dict[str, Any]
    is_photo: bool = False


class Option(NamedTuple):
    """An answer to choose, a number to give, or one of two things that belong together.

    Attributes:
        text: what is chosen; of a number its digits.
        feedback: why it is right, or what was mistaken.
        is_right: whether it is right; of what belongs together always.
        value: the number of a numerical question, else None.
        match: what belongs to `text`; empty but in a matching question.
    """

    text: str
    feedback: str
    is_right: bool = False
    value: float | None = None
    match: str = ""


@dataclasses.dataclass(frozen=True)
class Question:
    """A question as a page or a file shows it.

    Attributes:
        name: a short name in ASCII, that no other has.
        title: a title, that no other has.
        homework: the question of the homework, such as "1-1 (1)".
        kind: one of `KINDS`.
        text: the question.
        options: of a single or a true-false question one is right, of multiple ones several; the first of a numerical
            question is right, the others are known slips.
        reason: why the answer is right.
        image: bytes of a PNG.
        alt: what the image shows, without the answer.
        is_photo: whether the image shows a photograph, whose colours are data.
        tolerance: of a numerical answer.
        shown: the command of the lab that shows it, or the file name of the notebook or guide.
        shown_by: its address.
    """

    name: str
    title: str
    homework: str
    kind: str
    text: str
    options: tuple[Option, ...]
    reason: str
    image: bytes
    alt: str
    is_photo: bool
    tolerance: float
    shown: str
    shown_by: str


def read_questions() -> list[dict[str, Any]]:
    """The questions as they are written, with the names of facts in place of numbers."""
    text = (importlib.resources.files(__package__) / "questions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["question"]


def draw(name: str) -> Drawing:
    """Draws the image of a question, given as "module.function"."""
    module, function = name.split(".")
    return getattr(importlib.import_module(f"{__package__}.{module}"), function)()


def make_questions() -> list[Question]:
    """Draws all images, which takes seconds, and fills the texts. Needs no network: all models are bundled, or made here."""
    return [filled(asked, draw(asked["figure"])) for asked in read_questions()]


def filled(asked: dict[str, Any], drawing: Drawing) -> Question:
    """A question of `read_questions` with the facts of its drawing."""
    facts = drawing.facts
    page = page_of(asked)
    return Question(
        **{name: asked[name] for name in ("name", "title", "homework", "kind")},
        **{name: _text(asked[name], facts) for name in ("text", "alt", "reason")},
        options=tuple(_option(option, facts) for option in asked["options"]),
        image=compact_png(drawing),
        is_photo=drawing.is_photo,
        tolerance=asked.get("tolerance", 0.0),
        shown=f"course-hw5 lab {asked['lab']}" if "lab" in asked else page.rsplit("/", 1)[-1].split("#")[0],
        shown_by=f"{REPOSITORY}/{page}",
    )


def page_of(asked: dict[str, Any]) -> str:
    """Where in the repository a question of `read_questions` is answered: a path, of a lab with its heading."""
    return f"docs/labs.md#{asked['lab']}" if "lab" in asked else asked["page"]


def _option(option, facts):
    feedback, is_right = _text(option["feedback"], facts), option.get("right", False)
    if "value" in option:
        value = float(facts[option["value"]])
        return Option(f"{value:.4g}", feedback, is_right, value)
    return Option(_text(option["text"], facts), feedback, is_right, match=option.get("match", ""))


def _text(text, facts):
    return re.sub(r"(?<=\d) ?%", "\N{NO-BREAK SPACE}%", text.format(**facts))


def compact_png(drawing: Drawing) -> bytes:
    """Renders a drawing as the bytes of a PNG with few colours."""
    from course_hw5.reports import plots  # here, since it loads matplotlib

    image = Image.open(io.BytesIO(plots.figure_png(drawing.figure, DPI))).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(256 if drawing.is_photo else COLORS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
