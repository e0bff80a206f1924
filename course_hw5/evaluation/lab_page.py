"""What a lab found as one page that opens offline: claim, verdict, checks, numbers, figures, attention."""

import html

from course_hw5.evaluation import elements, plots, run_folder


def write_lab(result, name, explanation, out):
    """Writes `index.html` and a PNG for each figure.

    Args:
        result: a `LabResult`.
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


def lab_html(result, title, explanation=""):
    """Shows a `LabResult` as a page; everything is inside it."""
    text = html.escape
    checks = (f'<li class="{"held" if held else "failed"}">{text(name)}</li>' for name, held in result.checks.items())
    numbers = (f"<tr><th>{text(name)}</th><td>{text(shown(value))}</td></tr>" for name, value in result.numbers.items())
    figures = (
        f"<figure>{_picture(figure, caption)}<figcaption>{text(caption)}</figcaption></figure>"
        for caption, figure in result.figures.items()
    )
    pages = (
        f'<section><h2>{text(caption)}</h2><iframe srcdoc="{text(page)}" title="{text(caption)}"></iframe></section>'
        for caption, page in result.pages.items()
    )
    return elements.fill(
        "lab.html",
        title=text(title),
        claim=text(result.claim),
        verdict=result.verdict,
        explanation="".join(f"<p>{text(part)}</p>" for part in explanation.split("\n\n")[1:]),
        checks="".join(checks),
        numbers="".join(numbers),
        figures="".join(figures),
        pages="".join(pages),
    )


def shown(value):
    """A number with four digits; texts and whole numbers as they are.

    Example:
        >>> shown(0.123456), shown(3e-07), shown(1200), shown("never")
        ('0.1235', '3e-07', '1,200', 'never')
    """
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _picture(figure, caption):
    is_photo = any(image.get_array().ndim == 3 for axes in figure.axes for image in axes.images)  # its colours are data
    return elements.picture(plots.figure_png(figure), caption, is_photo)
