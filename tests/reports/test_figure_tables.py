import numpy as np
import pandas as pd
import pytest
import seaborn

from course_hw5.reports import figure_tables, plots

pytestmark = pytest.mark.unit


def tables(draw, **labels):
    figure, axes = plots.subplots(figsize=(4, 3))
    draw(axes)
    axes.set(title="A\ntitle", **labels)
    plots.figure_png(figure)
    return figure_tables.figure_tables(figure)


def test_lines_are_told_by_their_names_and_those_across_the_axes_are_not():
    def draw(axes):
        axes.plot([1, 2], [0.5, 0.25], label="training")
        axes.plot([1], [0.5], "*")
        axes.axhline(0.1)

    rows = [("training", 1, 0.5), ("training", 2, 0.25)]
    assert tables(draw, xlabel="epoch", ylabel="loss") == [("A title", ("", "epoch", "loss"), rows)]


@pytest.mark.parametrize("flat", [False, True])
def test_bars_are_told_by_the_names_at_the_axis(flat):
    data = pd.DataFrame({"name": ["a", "b"], "value": [0.5, 0.25]})
    x, y = ("value", "name") if flat else ("name", "value")
    [(_, columns, rows)] = tables(lambda axes: seaborn.barplot(data, x=x, y=y, ax=axes))
    assert columns == ("", "name", "value") and rows == [("", "a", 0.5), ("", "b", 0.25)]


def test_a_matrix_is_told_by_rows_and_columns_and_the_scale_of_its_colours_is_not():
    values = np.array([[0.0, 0.5], [1.0, np.nan]])
    names = {"xticklabels": ["a", "b"], "yticklabels": ["c", "d"]}
    [(_, columns, rows)] = tables(lambda axes: seaborn.heatmap(values, ax=axes, **names), xlabel="key", ylabel="query")
    assert columns == ("query", "key", "") and rows[:3] == [("c", "a", 0), ("c", "b", 0.5), ("d", "a", 1)] and len(rows) == 4


def test_images_of_colours_have_no_table_and_long_ones_are_cut():
    assert tables(lambda axes: axes.imshow(np.zeros((4, 4, 3), "uint8"))) == []
    [(_, _, rows)] = tables(lambda axes: axes.plot(range(1000)))
    assert len(rows) == figure_tables.MOST
