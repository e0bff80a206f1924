"""From the one source of an assignment to notebooks: the student's, with answers left out, and the solution."""

import pathlib
import re
from typing import Any

from course_hw5 import files
from course_hw5.errors import require

SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION ?(.*)\n(?:.*\n)*?\1### END SOLUTION$", re.MULTILINE)
MARKS = re.compile(r"^ *### (?:BEGIN SOLUTION.*|END SOLUTION)\n?", re.MULTILINE)
SEED = re.compile(r"^SEED = .*$", re.MULTILINE)
TODO = "# TODO: your answer"


def build(folder: pathlib.Path, out: pathlib.Path, seed: int, with_solutions: bool = False) -> pathlib.Path:
    """Writes the notebook of one variant.

    Args:
        folder: of the assignment.
        out: path of the notebook.
        seed: of the variant.
        with_solutions: whether answers stay in.

    Returns:
        The path.

    Raises:
        ValueError: if the folder has no source.
    """
    import nbformat

    notebook = read_source(folder)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.source = MARKS.sub("", cell.source) if with_solutions else without_solution(cell.source)
        cell.source = SEED.sub(f"SEED = {seed}", cell.source)
        cell.metadata = nbformat.from_dict({})  # nothing depends on it: Colab and editors may drop it
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        }
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(out, nbformat.writes(notebook) + "\n")
    return out


def read_source(folder: pathlib.Path) -> Any:
    """The source as a notebook, answers in."""
    import jupytext

    path = folder / "with_solutions" / "notebook.py"
    if not path.is_file():
        raise ValueError(f"An assignment must be a folder with with_solutions/notebook.py. Received: {folder}")
    return jupytext.read(path)


def without_solution(source: str) -> str:
    """A cell with each solution replaced by what stands beside its first mark, three dots if nothing does.

    Example:
        >>> print(without_solution("### BEGIN SOLUTION answer = ...\\nanswer = 2 + 2\\n### END SOLUTION"))
        answer = ...  # TODO: your answer
    """
    source = SOLUTION.sub(lambda found: f"{found[1]}{found[2] or '...'}  {TODO}", source)
    require("source", source, lambda text: "SOLUTION" not in text, "a cell whose solutions are marked at begin and end")
    return source
