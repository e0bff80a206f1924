import keras
import numpy as np
import pytest

from course_hw5.layers.beit_attention import BeitAttention
from course_hw5.layers.beit_block import BeitBlock
from course_hw5.layers.layer_scale import LayerScale
from course_hw5.layers.patch_embedding import PatchEmbedding, interpolate_positions
from course_hw5.layers.relative_position_bias import (
    ConvolutionLikeBias,
    RelativePositionBias,
    interpolate_table,
    relative_position_index,
)

random = np.random.default_rng(0)
TOKENS = random.normal(size=(2, 7, 12)).astype("float32")


@pytest.mark.parametrize(
    "layer, x",
    [
        (BeitAttention(3, dropout=0.1, initializer_range=0.1), TOKENS),
        (BeitBlock(3, 20, grid=(2, 3), bias_initializer=ConvolutionLikeBias((2, 3)), drop_path_rate=0.2), TOKENS),
        (LayerScale(0.3), TOKENS),
        (PatchEmbedding(4, 12, use_absolute_positions=True, initializer_range=0.1), random.normal(size=(2, 8, 12, 3))),
        (RelativePositionBias(3, (2, 3), "normal"), TOKENS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_config_and_weights_make_the_same_layer(layer, x):
    expected = layer(x)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    copy(x)
    copy.set_weights(layer.get_weights())
    assert copy.get_config() == layer.get_config()
    np.testing.assert_array_equal(copy(x), expected)


def test_patches_are_embedded_row_by_row_after_cls():
    layer = PatchEmbedding(4, 5)
    images = random.normal(size=(1, 8, 12, 3)).astype("float32")
    tokens = keras.ops.convert_to_numpy(layer(images))
    layer.cls_token.assign(np.ones((1, 1, 5)))
    assert tokens.shape == (1, 7, 5)
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    np.testing.assert_allclose(tokens[0, 1 + 3 + 2], images[0, 4:8, 8:12].reshape(-1) @ kernel, atol=1e-5)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(images))[0, 0], np.ones(5))


def test_masked_patches_become_the_mask_token():
    layer = PatchEmbedding(4, 5, use_mask_token=True)
    images, mask = random.normal(size=(2, 8, 8, 3)), np.array([[1, 0, 0, 1], [0, 0, 0, 0]])
    plain = keras.ops.convert_to_numpy(layer(images))
    layer.mask_token.assign(np.full((1, 1, 5), 7.0))
    masked = keras.ops.convert_to_numpy(layer(images, mask))[:, 1:]
    assert (masked[mask == 1] == 7).all()
    np.testing.assert_array_equal(masked[mask == 0], plain[:, 1:][mask == 0])


def test_an_image_that_the_patch_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="divisible by `patch_size` 4. Received: 8 x 10"):
        PatchEmbedding(4, 5)(np.zeros((1, 8, 10, 3)))


def test_pairs_with_the_same_offset_share_a_bias_and_cls_has_three_of_its_own():
    index = relative_position_index((2, 3))
    assert index.shape == (7, 7) and index.max() == 3 * 5 + 2
    assert index[1, 2] == index[2, 3] == index[4, 5] != index[2, 1]  # one to the right
    assert index[1, 5] == index[2, 6]  # one down, one to the right
    assert (index[0, 1:] == 15).all() and (index[1:, 0] == 16).all() and index[0, 0] == 17


def test_each_head_starts_at_one_neighbour():
    grid = (5, 5)
    bias = RelativePositionBias(9, grid, ConvolutionLikeBias(grid))(TOKENS)
    scores = keras.ops.convert_to_numpy(bias)[:, 1:, 1:].reshape(9, 25, 5, 5)
    middle = [divmod(int(scores[head, 12].argmax()), 5) for head in range(9)]
    assert {*middle} == {(row, column) for row in (1, 2, 3) for column in (1, 2, 3)}
    assert middle[8] == (2, 2)


def test_a_table_for_the_same_grid_is_left_as_it_is_and_a_ramp_stays_a_ramp():
    rows, columns = np.meshgrid(np.arange(-3, 4), np.arange(-3, 4), indexing="ij")
    table = np.stack([rows.reshape(-1), columns.reshape(-1)], axis=1).astype("float32")
    table = np.concatenate([table, [[7, 8], [9, 10], [11, 12]]])
    assert interpolate_table(table, (4, 4), (4, 4)) is table
    larger = interpolate_table(table, (4, 4), (8, 6))
    assert larger.shape == (15 * 11 + 3, 2)
    np.testing.assert_array_equal(larger[-3:], table[-3:])
    np.testing.assert_allclose(np.diff(larger[:-3, 0].reshape(15, 11)[2:-2, 0]), 7 / 15, atol=1e-5)


def test_absolute_positions_of_a_constant_stay_constant():
    positions = np.full((1, 1 + 6, 4), 3.0)
    positions[:, 0] = 5
    resized = interpolate_positions(positions, (2, 3), (5, 4))
    assert resized.shape == (1, 21, 4)
    np.testing.assert_allclose(resized[:, 1:], 3, atol=1e-6)
    assert (resized[:, 0] == 5).all()


def test_scores_are_the_softmax_of_content_and_position():
    layer = BeitAttention(3, initializer_range=0.5)
    bias = random.normal(size=(3, 7, 7)).astype("float32")
    x, parts = layer(TOKENS, bias, return_attention_scores=True)
    np.testing.assert_array_equal(x, layer(TOKENS, bias))
    np.testing.assert_allclose(parts["attention_weights"], keras.ops.softmax(parts["content_logits"] + bias), atol=1e-6)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(parts["position_logits"])[1], bias)


def test_the_key_has_no_bias():
    layer = BeitAttention(3)
    layer(TOKENS)
    assert {weight.name for weight in layer.weights} == {
        "qkv_kernel",
        "query_bias",
        "value_bias",
        "output_kernel",
        "output_bias",
    }


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="`num_heads` must divide the vectors' length 12. Received: 5"):
        BeitAttention(5)(TOKENS)


def test_drop_path_drops_branches_of_whole_examples_and_the_mean_stays():
    keras.utils.set_random_seed(0)
    block = BeitBlock(3, 20, drop_path_rate=0.25)
    block.build((None, 2, 3))
    x = np.ones((4000, 2, 3), "float32")
    dropped = keras.ops.convert_to_numpy(block.drop_path(x, training=True))
    np.testing.assert_allclose(np.unique(dropped), [0, 4 / 3], atol=1e-6)
    assert (dropped == dropped[:, :1, :1]).all() and dropped.mean() == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(block.drop_path(x), x)
