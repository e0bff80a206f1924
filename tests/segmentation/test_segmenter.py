import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from course_hw5 import SceneSegmenter, beit_backbone, mlp_classifier, upernet_segmenter
from course_hw5.segmentation import segmenter as segmenter_module

SMALL = {"patch_size": 8, "hidden_dim": 12, "num_layers": 4, "num_heads": 3, "feature_layers": (0, 1, 2, 3)}
WINDOW = (32, 48)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    backbone = beit_backbone(image_shape=(*WINDOW, 3), **SMALL, initializer_range=0.3)
    return upernet_segmenter(backbone, 5, channels=8, auxiliary_channels=6, class_names="abcde")


@pytest.fixture(scope="module")
def pointwise():
    """A segmenter whose logits at a place are the pixels there: what a window is does not change its answer."""
    inputs = keras.Input((32, 48, 3))
    return keras.Model(inputs, keras.layers.AveragePooling2D(4)(keras.layers.Rescaling(1 / 8)(inputs)))


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype("uint8")


def blocks(height, width):
    """Large one-coloured parts: red, green and blue by rows."""
    colors = np.zeros((height, width, 3), "uint8")
    for index in range(3):
        colors[index * height // 3 : (index + 1) * height // 3, :, index] = 250
    return colors


def test_a_whole_image_is_the_reference_s_enlarged_logits(model):
    image = noise(*WINDOW)
    labels, probabilities = SceneSegmenter(model).segment(image, probabilities=True)
    expected = tf.image.resize(model(image[None])[0], WINDOW)[0]  # half-pixel centres, as `interpolate(align_corners=False)`
    np.testing.assert_array_equal(labels, np.argmax(expected, axis=-1))
    np.testing.assert_allclose(probabilities, tf.nn.softmax(expected), atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"sliding": True}, {"flip": True}, {"sliding": True, "scales": (0.75, 1.0, 1.5)}])
def test_each_image_gets_a_map_of_its_own_size(model, options):
    images = [noise(32, 48), noise(50, 31), noise(7, 200), noise(1, 1), Image.fromarray(noise(60, 40)).convert("L")]
    results = SceneSegmenter(model, **options).segment(images, probabilities=True)
    assert [labels.shape for labels, _ in results] == [(32, 48), (50, 31), (7, 200), (1, 1), (60, 40)]
    for labels, probabilities in results:
        assert labels.dtype == np.uint8 and probabilities.dtype == np.float32 and labels.max() < 5
        np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-4)
        np.testing.assert_array_equal(probabilities.argmax(-1), labels)


@pytest.mark.parametrize("options", [{"sliding": True}, {"sliding": True, "flip": True, "scales": (1.0, 2.0)}, {"flip": True}])
def test_windows_views_and_strips_are_put_together_in_place(pointwise, options, monkeypatch):
    monkeypatch.setattr(segmenter_module, "STRIP_BYTES", 20_000)  # several strips
    image = blocks(120, 270)
    labels = SceneSegmenter(pointwise, batch_size=3, **options).segment(image)
    assert (labels == image.argmax(-1)).mean() > 0.9  # all but the seams, which pooling blurs


def test_the_mirror_image_is_averaged_in_after_it_is_turned_back(model):
    image = noise(*WINDOW)
    segmenter = SceneSegmenter(model, flip=True)
    _, probabilities = segmenter.segment(image, probabilities=True)
    _, mirrored = segmenter.segment(image[:, ::-1], probabilities=True)
    np.testing.assert_allclose(probabilities, mirrored[:, ::-1], atol=1e-5)


def test_windows_cover_everything_and_overlap_by_a_third():
    for length, window in ((8, 8), (9, 8), (40, 8), (5, 8)):
        places = segmenter_module._places(length, window)
        covered = {place for start in places for place in range(start, start + window)}
        assert {*range(length)} <= covered
        assert all(second - first <= window * 2 / 3 + 1 for first, second in itertools.pairwise(places))
        assert places[-1] + window <= max(length, window)


def test_one_image_gives_one_map_and_four_axes_or_a_list_give_a_list(model, tmp_path):
    segmenter = SceneSegmenter(model)
    image = noise(20, 30)
    Image.fromarray(image).save(tmp_path / "image.png")
    expected = segmenter.segment(image)
    np.testing.assert_array_equal(segmenter.segment(tmp_path / "image.png"), expected)
    np.testing.assert_array_equal(segmenter.segment(image.astype("float64")), expected)
    for many in ([image], image[None]):
        (found,) = segmenter.segment(many)
        np.testing.assert_array_equal(found, expected)
    assert segmenter.segment([]) == []


def test_grey_rgba_sixteen_bit_and_rotated_files_are_read(model, tmp_path):
    rgb = Image.fromarray(noise(40, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    rgb.save(tmp_path / "turned.jpg", exif=exif)
    rgb.convert("L").save(tmp_path / "grey.png")
    rgb.convert("RGBA").save(tmp_path / "alpha.png")
    Image.fromarray(noise(40, 30)[..., 0].astype("uint16") * 257).save(tmp_path / "deep.png")
    labels = SceneSegmenter(model).segment([tmp_path / name for name in ("turned.jpg", "grey.png", "alpha.png", "deep.png")])
    assert [found.shape for found in labels] == [(30, 40), (40, 30), (40, 30), (40, 30)]


def test_names_come_from_the_model_or_are_numbers(model, pointwise):
    assert SceneSegmenter(model).class_names == tuple("abcde")
    assert SceneSegmenter(pointwise).class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    "image, message",
    [
        (np.zeros((0, 4, 3), "uint8"), r"shape \(height, width, 3\). Received: uint8 \(0, 4, 3\)"),
        (np.zeros((4, 4, 2), "uint8"), r"Received: uint8 \(4, 4, 2\)"),
        (np.full((4, 4, 3), np.nan), "Pixels must lie in"),
        (np.full((4, 4, 3), 300.0), "Received: 300.0 to 300.0"),
        (np.array(["a"]), r"Received: <U1 \(1,\)"),
    ],
)
def test_what_is_no_image_is_refused_before_anything_is_computed(model, image, message, monkeypatch):
    monkeypatch.setattr(model, "predict_on_batch", lambda windows: pytest.fail("computed"))
    with pytest.raises(ValueError, match=message):
        SceneSegmenter(model).segment([noise(8, 8), image])


def test_broken_and_missing_files_are_named(model, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    for name in ("broken.png", "missing.png"):
        with pytest.raises((ValueError, OSError), match=name):
            SceneSegmenter(model).segment(tmp_path / name)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"scales": (0.5,)}, r"`scales` must be \(1.0,\), or sliding"),
        ({"scales": (), "sliding": True}, "`scales`"),
        ({"batch_size": 0}, "`batch_size` must be a whole number, 1 or more. Received: 0"),
    ],
)
def test_wrong_options_are_refused(model, options, message):
    with pytest.raises(ValueError, match=message):
        SceneSegmenter(model, **options)


def test_windows_do_not_slide_where_logits_do_not_divide_them():
    inputs = keras.Input((32, 48, 3))
    model = keras.Model(inputs, keras.layers.AveragePooling2D(3)(inputs))
    with pytest.raises(ValueError, match=r"`sliding` must be False where logits \(10, 16\) do not divide images \(32, 48\)"):
        SceneSegmenter(model, sliding=True)
    assert SceneSegmenter(model).segment(noise(20, 30)).shape == (20, 30)


def test_the_order_of_scales_does_not_matter(model):
    image = noise(40, 70)
    first, second = (SceneSegmenter(model, sliding=True, scales=scales).segment(image) for scales in ((0.5, 1.5), (1.5, 0.5)))
    np.testing.assert_array_equal(first, second)


def test_a_classifier_is_refused():
    with pytest.raises(ValueError, match="gives logits"):
        SceneSegmenter(mlp_classifier(hidden_units=(4,)))


def test_windows_are_cut_and_enlarged_piece_by_piece(pointwise, monkeypatch):
    """Memory is bounded: no batch exceeds `batch_size`, no enlarged strip `STRIP_BYTES`."""
    strips, batches = [], []
    enlarge, predict = segmenter_module.resized_rows, pointwise.predict_on_batch
    monkeypatch.setattr(segmenter_module, "STRIP_BYTES", 1e6)
    monkeypatch.setattr(segmenter_module, "resized_rows", lambda *args: strips.append(enlarge(*args)) or strips[-1])
    monkeypatch.setattr(pointwise, "predict_on_batch", lambda windows: batches.append(len(windows)) or predict(windows))
    assert SceneSegmenter(pointwise, sliding=True, batch_size=2).segment(noise(1200, 1800)).shape == (1200, 1800)
    assert max(strip.nbytes for strip in strips) <= 1e6 and sum(len(strip) for strip in strips) == 1200
    assert max(batches) <= 2
