import keras
import numpy as np
import pytest
import tensorflow as tf

from course_hw5 import attention_model, bert_classifier, explain, load_model, tokenization
from course_hw5.layers.token_distance import distance_bucket
from course_hw5.models.bert import backbone_of, with_precision
from course_hw5.models.mpnet import MPNetBackbone

WORDS = (*tokenization.SPECIAL_TOKENS, "good", "bad", "film", "not", *(f"word{i}" for i in range(20)))
IDS = np.array([[2, 8, 5, 7, 9, 11, 3], [2, 5, 7, 3, 0, 0, 0]])


def small_classifier(**overrides):
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16, "max_sequence_length": 16}
    backbone = MPNetBackbone(len(WORDS), **sizes, vocabulary=WORDS, **overrides)
    for encoder in backbone.transformer_layers:
        table = encoder._self_attention_layer.table
        table.assign(np.random.default_rng(0).normal(size=table.shape))
    return bert_classifier(backbone)


def test_distances_share_buckets_as_in_t5():
    distance = np.array([0, -1, -7, -8, -11, -12, -90, -91, -500, 1, 7, 500], "int32")
    found = keras.ops.convert_to_numpy(distance_bucket(distance, 32))
    assert found.tolist() == [0, 1, 7, 8, 8, 9, 14, 15, 15, 17, 23, 31]


def test_a_word_is_looked_at_by_where_it_is():
    model = small_classifier()
    for encoder in backbone_of(model).transformer_layers:
        table = np.zeros((32, 2), "float32")
        table[17], table[1] = (20, 0), (0, 20)  # the next token, and the one before
        encoder._self_attention_layer.table.assign(table)
    attention = keras.ops.convert_to_numpy(attention_model(model)(IDS))[0]
    np.testing.assert_allclose(attention[:, 0][:, range(6), range(1, 7)], 1, atol=1e-3)
    np.testing.assert_allclose(attention[:, 1][:, range(1, 7), range(6)], 1, atol=1e-3)


def test_padding_changes_nothing_and_is_not_looked_at():
    model = small_classifier()
    np.testing.assert_allclose(model(IDS)[1:], model(IDS[1:, :4]), atol=1e-6)
    assert not keras.ops.convert_to_numpy(attention_model(model)(IDS))[1, ..., 4:].any()


@pytest.mark.parametrize("part", ["classifier", "attention"])
def test_saving_keeps_the_answers(tmp_path, part):
    model = small_classifier() if part == "classifier" else attention_model(small_classifier())
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(IDS), model(IDS))


def test_another_precision_keeps_tables_and_kind():
    model = small_classifier()
    copy = with_precision(model, "mixed_bfloat16")
    assert isinstance(backbone_of(copy), MPNetBackbone) and backbone_of(copy).dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_allclose(copy(IDS), model(IDS), atol=0.03)


def test_a_step_in_pieces_has_the_gradients_of_the_whole():
    model = small_classifier()

    def run():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(IDS) * [[1.0], [-2.0]])
        return tape.gradient(loss, [v.value for v in model.trainable_variables])

    tables = [i for i, v in enumerate(model.trainable_variables) if "distance_bias" in v.path]
    whole, pieces = run(), tf.function(run)()
    assert len(tables) == 2 and all(np.abs(whole[i]).max() > 0 for i in tables)
    for expected, found in zip(whole, pieces):
        expected, found = (tf.convert_to_tensor(gradient).numpy() for gradient in (expected, found))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * max(np.abs(expected).max(), 1e-3))


def test_a_sentence_is_explained():
    shown = explain(small_classifier(), "not a good film")
    assert shown["attention"].shape == shown["gradients"].shape == (2, 2, 6, 6) and np.abs(shown["gradients"]).max() > 0
    assert [name for name, *_ in shown["what_if"]] == ["not", "[UNK]", "good", "film"]
