"""What a figure shows, as tables of numbers for those who do not see it."""

import numpy as np
from matplotlib import category, collections, container, ticker
from matplotlib.figure import Figure

MOST = 400  # rows of a table
NAMING = (ticker.FixedFormatter, ticker.FuncFormatter, category.StrCategoryFormatter)


def figure_tables(figure: Figure) -> list[tuple[str, tuple[str, str, str], list[tuple]]]:
    """Reads the lines, dots, bars and matrices of numbers of a figure.

    Args:
        figure: `matplotlib.figure.Figure` that has been drawn.

    Returns:
        For each of its axes with such: the title, the names of three columns, "" where there is none, and rows: the name of the
        line or of the row of a matrix, the place along x, a name or a number, and the value. Of more than 400 rows the first.
    """
    tables = []
    for axes in figure.axes:
        title = " ".join((axes.get_title() or axes.get_title("left")).split())
        x, y = axes.get_xlabel(), axes.get_ylabel()
        points = [*_lines(axes), *_dots(axes), *_bars(axes, "vertical")]
        found = [(("", x, y), points), (("", y, x), [*_bars(axes, "horizontal")]), ((y, x, ""), [*_matrices(axes)])]
        tables += [(title, columns, rows[:MOST]) for columns, rows in found if rows and axes.get_label() != "<colorbar>"]
    return tables


def _lines(axes):
    lines = [line for line in axes.lines if line.get_transform() == axes.transData]  # not one across all of the axes
    lines = [line for line in lines if _label(line)] or ([] if axes.containers else lines)  # nor a bar's interval
    return [(_label(line), _named(axes.xaxis, x), y) for line in lines for x, y in np.array(line.get_xydata())]


def _dots(axes):
    shown = [dots for dots in axes.collections if isinstance(dots, collections.PathCollection)]
    return [(_label(dots), _named(axes.xaxis, x), y) for dots in shown for x, y in np.array(dots.get_offsets())]


def _bars(axes, orientation):
    for bars in axes.containers:
        for bar in bars if isinstance(bars, container.BarContainer) and bars.orientation == orientation else ():
            x, y, width, height = bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()
            place = _named(axes.xaxis, x + width / 2) if orientation == "vertical" else _named(axes.yaxis, y + height / 2)
            yield _label(bars), place, height if orientation == "vertical" else width


def _matrices(axes):
    meshes = [(mesh, 0.5) for mesh in axes.collections if isinstance(mesh, collections.QuadMesh)]
    for drawn, middle in meshes + [(image, 0) for image in axes.images]:
        values = np.ma.filled(drawn.get_array().astype(float), np.nan)
        for (row, column), value in np.ndenumerate(values) if values.ndim == 2 else ():
            yield _named(axes.yaxis, row + middle), _named(axes.xaxis, column + middle), value


def _label(artist):
    label = str(artist.get_label())
    return "" if label.startswith("_") else label  # matplotlib's own


def _named(axis, place):
    """The name at a place of an axis whose ticks have names, or else the place."""
    names = [label.get_text() for label in axis.get_ticklabels()]
    if not isinstance(axis.get_major_formatter(), NAMING) or not any(names):
        return float(place)
    return names[np.abs(axis.get_ticklocs() - place).argmin()]
