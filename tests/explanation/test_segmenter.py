"""`explain` of a segmenter: which patches made these pixels "tree"?"""

import keras
import numpy as np
import pytest

from course_hw5 import explain, upernet_segmenter
from course_hw5.layers.resampling import resample
from course_hw5.models.beit import beit_backbone
from tests.explanation.toys import planted_beit, red_patch


@pytest.fixture(scope="module")
def segmenter():
    keras.utils.set_random_seed(0)
    sizes = {"patch_size": 4, "hidden_dim": 8, "num_layers": 4, "num_heads": 2, "feature_layers": (0, 1, 2, 3)}
    return upernet_segmenter(beit_backbone(image_shape=(8, 12, 3), **sizes), 3, class_names=("sky", "tree", "road"))


def expected(segmenter, at, index):
    logits = keras.ops.convert_to_numpy(resample(segmenter(red_patch()[None])[0], (8, 12)))[0][at].reshape(-1, 3)
    others = np.logaddexp(*np.delete(logits, index, axis=1).T)
    return float(np.mean(logits[:, index] - others))


@pytest.mark.parametrize(
    "at, place, patch", [((3, 7), (slice(3, 4), slice(7, 8)), 2), ((4, 0, 8, 6), (slice(4, 8), slice(0, 6)), 4)]
)
def test_the_class_of_a_pixel_or_a_box_is_explained(at, place, patch, segmenter):
    explained = explain(segmenter, red_patch(), at=at, target="tree")
    assert explained.class_name == "tree" and explained.patch == patch and explained.grid == (2, 3)
    assert explained.log_odds == pytest.approx(expected(segmenter, place, 1), abs=1e-4)
    assert explained.head_changes.shape == (4, 2) and explained.occlusion.shape == (6,)
    assert sum(probability for _, probability in explained.predictions) == pytest.approx(1)
    page = explained.view(html_action="return")
    assert '"name": "tree"' in page and '"name": "occlusion"' in page


def test_a_mask_is_the_same_as_its_box_and_the_class_is_by_default_the_predicted_one(segmenter):
    mask = np.zeros((8, 12), bool)
    mask[4:8, :6] = True
    by_mask, by_box = (explain(segmenter, red_patch(), at=at, maps=()) for at in (mask, (4, 0, 8, 6)))
    assert by_mask.log_odds == by_box.log_odds and by_mask.class_name == by_mask.predictions[0][0]


def test_the_shares_of_patches_sum_to_what_they_add(segmenter):
    explained = explain(segmenter, red_patch(), at=(2, 2), target=("tree", "sky"))
    empty = np.broadcast_to(red_patch().mean(axis=(0, 1)), (8, 12, 3)).astype("float32")
    nothing = explain(segmenter, empty, at=(2, 2), target=("tree", "sky"), maps=())
    assert explained.integrated_gradients.sum() == pytest.approx(explained.log_odds - nothing.log_odds, abs=1e-3)


@pytest.mark.parametrize(
    "at", [(8, 0), (0, 12), (-1, 0), (2, 2, 2, 5), (0, 0, 9, 5), (1,), "ab", np.zeros((8, 12), bool), (0.5, 1)]
)
def test_pixels_that_are_not_there_are_refused(at, segmenter):
    with pytest.raises(ValueError, match="`at` must be a pixel .* within 8 x 12 pixels. Received: "):
        explain(segmenter, red_patch(), at=at)


def test_a_segmenter_needs_pixels_and_a_classifier_takes_none(segmenter):
    with pytest.raises(ValueError, match="`at` must be the pixels to be explained: .* Received: None"):
        explain(segmenter, red_patch())
    with pytest.raises(ValueError, match=r"`at` must be None for a classifier. Received: \(0, 0\)"):
        explain(planted_beit(), red_patch(), at=(0, 0))
