import keras
import numpy as np
import pytest

from course_hw5 import mlp_classifier
from course_hw5.models.mlp import ConvolutionLikeKernels


def test_the_default_has_the_report_s_layers():
    model = mlp_classifier()
    widths = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [model.get_layer("flatten").output.shape[-1], *widths] == [3072, 4096, 2048, 1024, 512, 256, 64, 10]
    assert round(model.count_params() / 1e6, 1) == 23.7


def test_probabilities_are_float32_under_any_precision(random, use_policy):
    images = random.integers(0, 256, (4, 32, 32, 3), dtype="uint8")
    for precision in ("float32", "mixed_bfloat16", "float16"):
        use_policy(precision)
        probabilities = mlp_classifier(hidden_units=(16, 8))(images)
        assert keras.backend.standardize_dtype(probabilities.dtype) == "float32"
        np.testing.assert_allclose(keras.ops.sum(probabilities, axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"dropout": 0.3, "batch_normalization": True, "convolution_like_initialization": True}]
)
def test_saving_and_loading_changes_nothing(options, tmp_path, random):
    model = mlp_classifier(input_shape=(8, 6, 3), hidden_units=(16, 8), num_classes=3, **options)
    images = random.integers(0, 256, (4, 8, 6, 3), dtype="uint8")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict(images, verbose=0), loaded.predict(images, verbose=0))


def test_local_kernels_look_at_one_neighbourhood():
    kernels = np.asarray(ConvolutionLikeKernels((32, 32, 3), widths=(1.5, 1.5))((3072, 50)))
    energy = (kernels**2).reshape(32, 32, 3, 50).sum(2)
    np.testing.assert_allclose(energy.sum((0, 1)), 2, rtol=1e-5)
    for unit in range(50):
        row, column = np.unravel_index(energy[..., unit].argmax(), (32, 32))
        near = energy[max(0, row - 5) : row + 6, max(0, column - 5) : column + 6, unit].sum()
        assert near > 0.95 * 2


def test_local_kernels_are_from_little_more_than_a_pixel_to_four_pixels_wide():
    kernels = np.asarray(ConvolutionLikeKernels((32, 32, 3))((3072, 400)))
    share = (kernels**2).reshape(32, 32 * 3, 400).sum(1) / 2  # of each row of pixels in a unit's squared weights
    rows = np.arange(32)[:, None]
    middle = (share * rows).sum(0)
    spread = np.sqrt(2 * (share * (rows - middle) ** 2).sum(0))[(middle > 10) & (middle < 21)]  # no window meets the border
    np.testing.assert_allclose(np.quantile(spread, (0.02, 0.98)), (1.2, 4.0), rtol=0.1)


def test_local_kernels_are_rebuilt_from_their_config():
    kernels = ConvolutionLikeKernels((8, 8, 3), widths=(1, 2), seed=3)
    again = keras.initializers.deserialize(keras.initializers.serialize(kernels))
    np.testing.assert_array_equal(kernels((192, 5)), again((192, 5)))


def test_local_kernels_refuse_another_number_of_pixels():
    with pytest.raises(ValueError, match="must start with 3072"):
        ConvolutionLikeKernels((32, 32, 3))((100, 5))


@pytest.mark.parametrize("options", [{"dropout": 1.0}, {"dropout": -0.1}, {"hidden_units": (8, 0)}, {"num_classes": 0}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ValueError, match=r"Received"):
        mlp_classifier(**options)
