import numpy as np
import pytest

from course_hw5.quantization import quantized

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("axis, channels", [(0, (5,)), (1, (9,)), ((0,), (5,))])
def test_the_largest_weight_of_a_channel_is_127_steps_and_each_is_within_half_a_step(random, axis, channels):
    kernel = random.normal(size=(9, 5)).astype("float32")
    kernel[:, 2] = kernel[4] = 0
    steps, scale = quantized(kernel, axis)
    assert (steps.dtype, scale.dtype, scale.shape) == ("int8", "float32", channels)
    largest = np.abs(steps.astype("int16")).max(axis=axis)
    assert {*largest.tolist()} == {0, 127} and (largest == 0).sum() == 1
    assert (np.abs(steps * np.expand_dims(scale, axis) - kernel) <= 0.5001 * np.expand_dims(scale, axis)).all()
