import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_hw5 import attention_model, bert_classifier, explain, load_model
from course_hw5.layers.token_distance import distance_bucket
from course_hw5.models.bert_classifier import enable_lora
from course_hw5.models.mpnet import MPNetBackbone
from course_hw5.models.task import with_precision
from course_hw5.text.tokenizer import SPECIAL_TOKENS

WORDS = (*SPECIAL_TOKENS, "good", "bad", "film", "not", *(f"word{i}" for i in range(20)))
IDS = np.array([[2, 8, 5, 7, 9, 11, 3], [2, 5, 7, 3, 0, 0, 0]])


def small_classifier(**overrides):
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16, "max_sequence_length": 16} | overrides
    backbone = MPNetBackbone(len(WORDS), **sizes, vocabulary=WORDS)
    for encoder in backbone.transformer_layers:
        table = encoder.attention.table
        table.assign(np.random.default_rng(0).normal(size=table.shape))
    return bert_classifier(backbone)


def test_distances_share_buckets_as_in_t5():
    distance = np.array([0, -1, -7, -8, -11, -12, -15, -16, -31, -32, -63, -64, -90, -91, -500, 1, 7, 12, 64, 500], "int32")
    expected = [0, 1, 7, 8, 8, 9, 9, 10, 11, 12, 13, 14, 14, 15, 15, 17, 23, 25, 30, 31]  # by transformers' MPNet
    for run in (distance_bucket, tf.function(distance_bucket), tf.function(distance_bucket, jit_compile=True)):
        assert keras.ops.convert_to_numpy(run(distance, 32)).tolist() == expected


def test_sizes_that_are_not_given_are_those_of_the_published_model():
    config = small_classifier().backbone.get_config()
    assert {name: config[name] for name in ("buckets", "layer_norm_epsilon")} == {"buckets": 32, "layer_norm_epsilon": 1e-5}


@pytest.mark.parametrize("buckets", [31, 2, 512])
def test_a_wrong_number_of_buckets_is_refused(buckets):
    with pytest.raises(ValueError, match=f"`buckets` must be an even number from 4 to 510. Received: {buckets}"):
        small_classifier(buckets=buckets)


def test_attention_to_another_text_is_refused():
    layer = small_classifier().backbone.transformer_layers[0].attention
    with pytest.raises(ValueError, match="`value` must be the tensor that `query` is"):
        layer(np.zeros((1, 4, 8)), np.ones((1, 4, 8)))


def test_a_word_is_looked_at_by_where_it_is():
    model = small_classifier()
    for encoder in model.backbone.transformer_layers:
        table = np.zeros((32, 2), "float32")
        table[17], table[1] = (20, 0), (0, 20)  # the next token, and the one before
        encoder.attention.table.assign(table)
    attention = keras.ops.convert_to_numpy(attention_model(model)(IDS))[0]
    np.testing.assert_allclose(attention[:, 0][:, range(6), range(1, 7)], 1, atol=1e-3)
    np.testing.assert_allclose(attention[:, 1][:, range(1, 7), range(6)], 1, atol=1e-3)


def test_padding_changes_nothing_and_is_not_looked_at():
    model = small_classifier()
    np.testing.assert_allclose(model(IDS)[1:], model(IDS[1:, :4]), atol=1e-6)
    assert not keras.ops.convert_to_numpy(attention_model(model)(IDS))[1, ..., 4:].any()


@pytest.mark.parametrize("part", ["classifier", "attention"])
def test_saving_keeps_the_answers(tmp_path, part):
    model = small_classifier(buckets=6, layer_norm_epsilon=0.1)
    model = model if part == "classifier" else attention_model(model)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(IDS), model(IDS))


def test_another_precision_keeps_tables_and_kind():
    model = small_classifier(buckets=6, layer_norm_epsilon=0.1)
    copy = with_precision(model, "mixed_bfloat16")
    assert isinstance(copy.backbone, MPNetBackbone) and copy.backbone.dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_allclose(copy(IDS), model(IDS), atol=0.03)


def test_a_beit_that_was_built_before_changes_nothing_in_what_a_bert_saves():
    code = """from course_hw5 import beit_backbone, bert_backbone
beit_backbone(image_shape=(8, 8, 3), patch_size=4, hidden_dim=8, num_layers=1, num_heads=2)
sizes = {"num_layers": 1, "hidden_dim": 8, "num_heads": 2, "mlp_dim": 8}
bert = bert_backbone("tiny", vocabulary_size=9, dtype="mixed_bfloat16", **sizes)
print(type(bert).from_config(bert.get_config()).dtype_policy.name)"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["mixed_bfloat16"]


def gradients(model, ids, options=None):
    """Of every trained variable, by its number and name; in a graph with `options` of `tf.function`."""

    def run(ids):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(ids))
        return [tf.convert_to_tensor(part) for part in tape.gradient(loss, [v.value for v in model.trainable_variables])]

    found = run(ids) if options is None else tf.function(run, **options)(ids)
    return {f"{i} {v.name}": part.numpy() for i, (v, part) in enumerate(zip(model.trainable_variables, found))}


@pytest.mark.parametrize(
    "options", [{}, {"jit_compile": True}, {"input_signature": [tf.TensorSpec((None, None), "int32")]}], ids=str
)
def test_a_step_in_a_graph_has_the_gradients_of_the_whole(options):
    model = small_classifier()
    whole, pieces = gradients(model, IDS), gradients(model, tf.constant(IDS, "int32"), options)
    tables = [name for name in whole if "distance_bias" in name]
    assert len(tables) == 2 and all(np.abs(whole[name]).max() > 0 for name in tables)
    for name, expected in whole.items():
        np.testing.assert_allclose(pieces[name], expected, rtol=1e-3, atol=1e-4 * max(np.abs(expected).max(), 1e-3))


def test_the_gradient_of_a_table_in_bfloat16_counts_every_pair_of_a_long_text(random):
    model = small_classifier(max_sequence_length=256)
    ids = tf.constant(random.integers(5, len(WORDS), (4, 256)), "int32")
    plain, mixed = (gradients(each, ids, {}) for each in (model, with_precision(model, "mixed_bfloat16")))
    name = next(name for name in plain if "distance_bias" in name)
    np.testing.assert_allclose(mixed[name], plain[name], atol=0.1 * np.abs(plain[name]).max())


def test_a_change_of_low_rank_goes_with_the_tables(tmp_path):
    model = small_classifier()
    enable_lora(model, 2)
    assert sum("distance_bias" in v.path for v in model.trainable_variables) == 2
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(load_model(tmp_path / "model.keras")(IDS), model(IDS), atol=1e-6)


def test_a_sentence_is_explained():
    shown = explain(small_classifier(), "not a good film")
    assert shown.attention.shape == shown.gradients.shape == (2, 2, 6, 6) and np.abs(shown.gradients).max() > 0
    assert [name for name, *_ in shown.what_if] == ["not", "[UNK]", "good", "film"]
