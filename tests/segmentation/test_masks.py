import numpy as np
import pytest

from course_hw5.segmentation import masks
from course_hw5.segmentation.masks import IGNORE_INDEX

pytestmark = pytest.mark.unit

IMAGE = np.full((4, 6, 3), 100, "uint8")
LABELS = np.array([[0] * 6, [1] * 6, [1] * 6, [IGNORE_INDEX] * 6], "uint8")


@pytest.mark.parametrize("matrix", [np.eye(3), masks.DEUTERANOPIA, masks.PROTANOPIA])
def test_colours_of_eleven_classes_are_apart_for_every_reader(matrix):
    linear = masks._linear(masks.palette(11) / 255)
    lab = masks._lab(np.clip(linear @ np.transpose(matrix), 0, 1))
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[np.triu_indices(11, 1)]
    assert distances.min() > 20  # 2.3 is a just noticeable difference


def test_a_palette_of_fewer_classes_starts_one_of_more():
    np.testing.assert_array_equal(masks.palette(5), masks.palette(150)[:5])
    assert len(np.unique(masks.palette(150), axis=0)) == 150


def test_an_overlay_mixes_colour_in_where_there_is_a_label():
    mixed = masks.overlay(IMAGE, LABELS, alpha=0.5)
    assert mixed.dtype == np.uint8 and mixed.shape == IMAGE.shape
    np.testing.assert_array_equal(mixed[3], IMAGE[3])
    np.testing.assert_allclose(mixed[0, 0], (100 + masks.palette(2)[0].astype(float)) / 2, atol=1)
    np.testing.assert_array_equal(masks.overlay(IMAGE, LABELS, alpha=0), IMAGE)


def test_a_legend_gives_shares_of_the_labelled_pixels_largest_first():
    entries = masks.legend(LABELS, ("road", "sky", "car"))
    assert [(entry.name, round(entry.share, 3)) for entry in entries] == [("sky", 0.667), ("road", 0.333)]
    assert entries[1].color == tuple(masks.palette(3)[0])


@pytest.mark.parametrize(
    "draw, message",
    [
        (lambda: masks.overlay(IMAGE, LABELS[:2]), r"image's size, \(4, 6\). Received: \(2, 6\)"),
        (lambda: masks.colored(LABELS, 1), r"lie in \[0, 0\], or be 255. Received: 1"),
        (lambda: masks.colored(LABELS / 2, 3), r"integers \(height, width\). Received: float64"),
        (lambda: masks.colored(LABELS.astype(int) - 1, 3), r"Received: -1"),
    ],
)
def test_maps_that_do_not_fit_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
