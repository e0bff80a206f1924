import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from course_hw5.reports import plots

pytestmark = pytest.mark.unit


def test_history_plot_marks_the_best_epoch_by_validation():
    history = pd.DataFrame(
        {"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "val_loss": [2.0, 1.5, 1.8], "accuracy": [0.1, 0.2, 0.3]}
    )
    axes = plots.history_plot(history, "loss").axes[0]
    star = axes.get_lines()[-1]
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (2, 1.5)
    assert axes.get_xlabel() == "epoch" and axes.get_ylabel() == "loss"
    assert len(plots.history_plot(history, "accuracy").axes[0].get_lines()) == 1  # no validation, no star


def test_confusion_matrix_plot_shows_counts_and_row_shares():
    matrix = np.array([[3, 1], [0, 0]])
    axes = plots.confusion_matrix_plot(matrix, ["cat", "dog"]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["3", "1", "0", "0"]
    np.testing.assert_allclose(axes.collections[0].get_array().ravel(), [0.75, 0.25, 0, 0])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]


def test_confusion_matrix_plot_of_many_classes_stays_small_enough_to_save():
    names = [str(number) for number in range(60)]
    figure = plots.confusion_matrix_plot(np.eye(60, dtype=int), names)
    axes = figure.axes[0]
    assert max(figure.get_size_inches()) < 21 and not axes.texts
    assert [label.get_text() for label in axes.get_yticklabels()] == names


def test_confusion_matrix_plot_of_thousands_is_an_image_without_names():
    axes = plots.confusion_matrix_plot(np.eye(301, dtype=int), [str(number) for number in range(301)]).axes[0]
    assert axes.images[0].get_array().shape == (301, 301) and not axes.get_yticklabels()


def test_embedding_plot_of_many_tokens_shows_the_first():
    figure = plots.embedding_plot([f"t{i}" for i in range(90)], {"token": np.ones((90, 100)), "sum": np.ones((90, 100))})
    assert figure.axes[0].get_title(loc="left") == "token, of the first 64 of 90 tokens"
    assert figure.axes[0].images[0].get_array().shape == (64, 64)


def test_runs_plot_draws_runs_of_different_length_validation_solid_and_training_dashed():
    short = pd.DataFrame({"epoch": [1, 2], "loss": [3.0, 2.0], "val_loss": [2.0, 1.5]})
    long = pd.DataFrame({"epoch": [1, 2, 3], "loss": [2.0, 1.0, 0.5]})
    axes = plots.runs_plot({"_short": short, "long $5": long}, "loss").axes[0]
    drawn = [(line.get_linestyle(), len(line.get_xdata()), line.get_color()) for line in axes.get_lines()]
    first, second = plots.run_colors(2)
    assert drawn == [("--", 2, first), ("-", 2, first), ("None", 1, first), ("--", 3, second)]
    assert axes.get_lines()[2].get_xdata()[0] == 2  # the star is on the lowest validation loss
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["_short", r"long \$5", "validation", "training"]


def test_class_scores_plot_shows_the_classes_on_which_runs_differ_most():
    scores = pd.DataFrame({"a": [0.5, 0.2, 0.9], "b": [0.5, 0.4, 0.8]}, index=["same", "far", "near"])
    axes = plots.class_scores_plot(scores).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["far", "same", "near"]  # from below
    np.testing.assert_allclose(axes.collections[2].get_offsets()[:, 0], [0.4, 0.5, 0.8])
    axes = plots.class_scores_plot(scores, most=2).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["far", "near"]
    assert "the 2 on which the runs differ most" in axes.get_title()


def test_comparison_plot_holds_curves_and_scores():
    history = pd.DataFrame({"epoch": [1], "accuracy": [0.5]})
    figure = plots.comparison_plot({"a": history, "b": history}, pd.DataFrame({"a": [0.5], "b": [0.6]}, index=["cat"]))
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "F1"]
    assert plots.figure_png(figure).startswith(b"\x89PNG")


def test_names_of_forty_letters_fit_into_the_figures():
    names = ["x" * 40, "y" * 39 + "$", "z"]
    scores = pd.DataFrame({"a": [0.1, 0.2, 0.3], "_b": [0.3, 0.2, 0.1]}, index=names)
    history = pd.DataFrame({"epoch": [1], "accuracy": [0.5]})
    for figure in (
        plots.confusion_matrix_plot(np.eye(3, dtype=int), names),
        plots.class_scores_plot(scores),
        plots.comparison_plot({"a": history, "_b": history}, scores),
    ):
        plots.figure_png(figure, figure.dpi)  # lays it out
        for axes in figure.axes:
            labels = [*axes.get_xticklabels(), *axes.get_yticklabels()]
            for box in (label.get_window_extent() for label in labels if label.get_text()[:1] in ("x", "y", "z")):
                assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1
            assert min(axes.get_window_extent().size) > 10  # pixels


def test_figures_of_class_scores_name_every_run():
    figure = plots.class_scores_plot(pd.DataFrame({"_old": [0.1], "$new$": [0.2]}, index=["cat"]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_old", r"\$new\$"]


def test_a_metric_that_is_never_a_number_is_drawn_without_a_best_epoch():
    history = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0], "val_loss": [np.nan, np.nan]})
    axes = plots.history_plot(history, "loss").axes[0]
    assert [line.get_label() for line in axes.get_lines()] == ["training", "validation"]


def test_many_names_take_no_gigabytes():
    code = """
import resource
import numpy as np
from course_hw5.reports import plots
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
plots.confusion_matrix_plot(np.eye(60, dtype=int), [f"class {number}" for number in range(60)])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""  # in a process of its own: the peak of this one may lie higher already
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 500_000  # KiB
