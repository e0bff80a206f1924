import numpy as np
import pytest

from course_hw5 import labs
from course_hw5.labs.support import receptive_fields

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "attention, failed",
    [
        ("trained", set()),
        ("positions", {"attention_follows"}),
        ("uniform", {"attention_follows", "nearest_head"}),
    ],
)
def test_only_trained_attention_is_near_and_far_and_follows_the_image(attention, failed):
    result = labs.run_lab("local_and_global", attention=attention, layers=2)
    assert {check.key for check in result.checks if not check.held} == failed
    assert result["sides"] == "3, 5"


def test_what_a_unit_reads_surrounds_where_it_stands(random):
    pixels = random.random((2, 32, 32, 3)).astype("float32")
    convolution, deeper = (receptive_fields.field(model, pixels) for model in receptive_fields.small_cnn(2))
    for place, (row, column) in enumerate(receptive_fields.PLACES):
        for reach, field in ((1, convolution), (2, deeper)):
            inside = field[:, place, row - reach : row + reach + 1, column - reach : column + reach + 1]
            np.testing.assert_allclose(inside.sum((1, 2)), 1, atol=1e-5)
    assert receptive_fields.change(convolution) == 0 < receptive_fields.change(deeper)
