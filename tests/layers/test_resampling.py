import keras
import numpy as np
import pytest

from course_hw5.layers.pyramid_pooling import PyramidPooling
from course_hw5.layers.resampling import Resampling, resample

MAPS = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")


@pytest.mark.parametrize("size", [(5, 7), (10, 14), (13, 8), (1, 1)])
def test_bilinear_enlarging_equals_keras(size):
    found = keras.ops.convert_to_numpy(Resampling(size)(MAPS))
    expected = keras.ops.image.resize(MAPS, size, interpolation="bilinear", antialias=False, data_format="channels_last")
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (6, 6)])
def test_average_pooling_takes_the_mean_of_all_pixels_that_a_cell_touches(size):
    found = keras.ops.convert_to_numpy(resample(MAPS, size, "average"))
    for row, column in np.ndindex(size):
        top, bottom = int(np.floor(row * 5 / size[0])), int(np.ceil((row + 1) * 5 / size[0]))
        left, right = int(np.floor(column * 7 / size[1])), int(np.ceil((column + 1) * 7 / size[1]))
        np.testing.assert_allclose(found[:, row, column], MAPS[:, top:bottom, left:right].mean((1, 2)), atol=1e-6)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="`kind` must be one of bilinear, average. Received: 'cubic'"):
        Resampling((2, 2), "cubic")


def test_pyramid_pooling_keeps_the_maps_and_puts_the_whole_image_beside_each_place():
    layer = PyramidPooling(4, scales=(1, 2))
    found = keras.ops.convert_to_numpy(layer(MAPS))
    assert found.shape == (2, 5, 7, 3 + 2 * 4) == layer.compute_output_shape(MAPS.shape)
    np.testing.assert_array_equal(found[..., :3], MAPS)
    np.testing.assert_allclose(found[..., 3:7], np.broadcast_to(found[:, :1, :1, 3:7], (2, 5, 7, 4)), atol=1e-6)
