import keras
import numpy as np
import pytest

from course_hw5 import labs
from course_hw5.labs.convolution_as_attention import OFFSETS, HeadsAsConvolution, missing_with_heads

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("grid, read, written", [((2, 2), 1, 1), ((5, 8), 3, 4), ((6, 3), 2, 40), ((4, 4), 12, 2)])
def test_nine_heads_equal_a_convolution_of_any_kernel_and_size(grid, read, written, random):
    convolution = keras.layers.Conv2D(written, 3, padding="same", bias_initializer="normal")
    images = random.normal(size=(2, *grid, read)).astype("float32")
    expected = keras.ops.convert_to_numpy(convolution(images))
    heads = HeadsAsConvolution(convolution, grid)
    np.testing.assert_allclose(heads(images), expected, atol=1e-5)
    weights = heads.weights(images)
    np.testing.assert_allclose(weights.max(axis=-1)[:, :, 1:], 1, atol=1e-6)  # each head looks at one place
    np.testing.assert_allclose(weights[0], weights[1], atol=1e-6)
    assert heads.size >= min(read, written) and heads.hidden_dim >= max(read, written)


def test_a_kernel_of_full_rank_needs_as_many_heads_as_offsets(random):
    kernel = random.normal(size=(3, 3, 3, 4))
    missing = missing_with_heads(kernel)
    assert missing[0] == 1 and (np.diff(missing) < 0).all() and missing[9] == 0
    blur = np.ones((3, 3, 1, 1))  # one head that looks at all nine alike
    assert missing_with_heads(blur)[1] == pytest.approx(0, abs=1e-7) and len(OFFSETS) == 9


@pytest.mark.parametrize("attention, verdict", [("positions", "confirmed"), ("uniform", "refuted")])
def test_without_positions_heads_are_no_convolution(attention, verdict):
    result = labs.run_lab("convolution_as_attention", attention=attention, side=8, channels=4)
    assert result.verdict == verdict
    assert result.held("equal") == (attention == "positions")
    assert result.held("convolution_is_fixed")
