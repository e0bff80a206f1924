"""What a lab found as one page that opens offline: claim, verdict, checks, numbers, figures, attention."""

import pathlib
from typing import TYPE_CHECKING

from course_hw5.reports import figure_tables, plots, run_folder
from course_hw5.reports.pages import components

if TYPE_CHECKING:
    from course_hw5.labs.support.result import LabResult


def write_lab(result: "LabResult", name: str, explanation: str, out: run_folder.AnyPath) -> pathlib.Path:
    """Writes `index.html` and a PNG for each figure.

    Args:
        result: of the lab.
        name: of the lab.
        explanation: text of several paragraphs: the claim, its source, what would refute it.
        out: folder to write; created when missing.

    Returns:
        Path of the page.
    """
    out = run_folder.local_path(out)
    out.mkdir(parents=True, exist_ok=True)
    for number, figure in enumerate(result.figures.values(), 1):
        run_folder.write_figure(out / f"figure-{number}.png", figure)
    run_folder.write_text(out / "index.html", lab_html(result, name.replace("_", " "), explanation))
    return out / "index.html"


def lab_html(result: "LabResult", title: str | None = None, explanation: str = "") -> str:
    """Shows a `LabResult` as a page; everything is inside it."""
    figures = {}
    for caption, figure in result.figures.items():
        figures[caption] = (plots.figure_png(figure), _is_photo(figure), figure_tables.figure_tables(figure))
    title, paragraphs = title or components.language("lab").say("title"), explanation.split("\n\n")[1:]
    return components.render("lab.html", title=title, result=result, figures=figures, paragraphs=paragraphs)


def _is_photo(figure):
    """Whether a figure shows a photograph, whose colours are data."""
    return any(image.get_array().ndim == 3 for axes in figure.axes for image in axes.images)
