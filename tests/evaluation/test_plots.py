import numpy as np
import pandas as pd

from course_hw5.evaluation import plots


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


def test_figure_pixels_are_one_image_batch():
    pixels = plots.figure_pixels(plots.confusion_matrix_plot([[1]], ["cat"]))
    assert pixels.dtype == np.uint8 and pixels.ndim == 4 and pixels.shape[0] == 1 and pixels.shape[-1] == 4
    assert pixels.min() < 100 < pixels.max()
