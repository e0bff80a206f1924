import functools
import gc

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_hw5 import beit_backbone, beit_classifier, bert_backbone, bert_classifier
from course_hw5.layers import bert_attention
from course_hw5.layers.attention_weights import attention_weights
from course_hw5.layers.bert_attention import BertAttention
from course_hw5.layers.compiled import in_pieces, rounded
from course_hw5.layers.dense import Dense, EinsumDense
from course_hw5.layers.gelu import exact_gelu
from course_hw5.layers.heads import query_key_value
from course_hw5.layers.layer_normalization import LayerNormalization
from course_hw5.layers.layer_scale import LayerScale

X = tf.constant(np.random.default_rng(0).normal(size=(3, 7, 40)) * 3, "float32")


def outputs_and_gradients(model, x, in_graph):
    """The output, and the gradients of inputs and weights of a weighted sum of it."""

    def run(x):
        assert in_pieces() == in_graph
        with tf.GradientTape() as tape:
            tape.watch([tensor for tensor in [x] if tensor.dtype.is_floating])
            y = model(x)
            weights = tf.reshape(tf.sin(tf.range(tf.size(y), dtype="float32")), tf.shape(y))
            loss = tf.reduce_sum(tf.cast(y, "float32") * weights)
        sources = [x, *(v.value for v in getattr(model, "trainable_variables", []))]
        return [y, *(g for g in tape.gradient(loss, sources) if g is not None)]

    return [tf.convert_to_tensor(value).numpy() for value in (tf.function(run) if in_graph else run)(x)]


def with_bias_of_pairs(x):
    return attention_weights(x[None], tf.sin(x)[None], x[None, :1, :, :7], 0.3)


def with_bias_of_keys(x):
    return attention_weights(x[None], tf.sin(x)[None], x[None, :1, :1, :7], 0.3)


def heads_of(x):
    random = np.random.default_rng(0)
    kernel, bias = (tf.constant(random.normal(size=shape), "float32") for shape in ((40, 18), (3, 2, 3)))
    return keras.ops.concatenate(query_key_value(x, kernel, bias))


def beside_a_skip_connection():
    x = keras.Input((7, 40))
    return keras.Model(x, LayerScale(0.3)(x, keras.ops.sin(x)), name="layer_scale")


def before_a_skip_connection():
    x = keras.Input((7, 40))
    normal, skip = LayerNormalization(epsilon=1e-12)(x, return_input=True)
    return keras.Model(x, keras.ops.sin(normal) + keras.ops.cos(skip), name="return_input")


def attention_of(name, of_itself=True, masked=True):
    keras.utils.set_random_seed(0)
    x = keras.Input((7, 40))
    mask = x[:, :, :7] > -3 if masked else None
    return keras.Model(x, BertAttention(4)(x, x if of_itself else keras.ops.sin(x), attention_mask=mask), name=name)


def built(layer, *shape):
    layer.build((None, *shape))
    for number, weight in enumerate(layer.weights):
        weight.assign(np.random.default_rng(number).normal(size=weight.shape) * 0.3)
    return layer


def test_a_step_is_made_in_pieces_only_where_xla_does_not_compile_it_as_a_whole():
    found = []

    def look(x):
        found.append(in_pieces())
        return x

    look(X)
    tf.function(look)(X)
    tf.function(look, jit_compile=True)(X)
    assert found == [False, True, False]


@pytest.mark.parametrize(
    "layer",
    [
        exact_gelu,
        with_bias_of_pairs,
        with_bias_of_keys,
        built(LayerNormalization(epsilon=1e-12), 7, 40),
        beside_a_skip_connection(),
        before_a_skip_connection(),
        heads_of,
        attention_of("self_attention"),
        attention_of("cross_attention", of_itself=False),
        attention_of("unmasked_attention", masked=False),
        built(Dense(5), 7, 40),
        built(Dense(5, "tanh"), 7, 40),
        built(Dense(5, exact_gelu), 7, 40),
        built(Dense(50, exact_gelu, name="dense_of_long_rows"), 7, 40),
        built(Dense(5, use_bias=False), 7, 40),
        built(EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de"), 7, 40),
    ],
    ids=lambda layer: getattr(layer, "name", None) or layer.__name__,
)
def test_pieces_have_the_values_and_the_gradients_of_the_layer(layer):
    plain = outputs_and_gradients(layer, X, in_graph=False)
    pieces = outputs_and_gradients(layer, X, in_graph=True)
    assert len(plain) == len(pieces) >= 2
    for expected, found in zip(plain, pieces):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * max(np.abs(expected).max(), 1))


def test_bert_and_beit_in_pieces_have_the_gradients_of_the_whole():
    ids = tf.constant([[101, 2023, 3185, 102, 0, 0], [101, 2003, 2025, 2919, 2012, 102]])
    pictures = tf.constant(np.random.default_rng(0).uniform(0, 255, (2, 16, 24, 3)), "float32")
    sizes = {"patch_size": 4, "dim": 32, "depth": 2, "heads": 2}
    for model, x in (
        (bert_classifier(bert_backbone("tiny", vocabulary_size=4000)), ids),
        (beit_classifier(beit_backbone(image_shape=(16, 24, 3), **sizes), activation="linear"), pictures),
    ):
        for expected, found in zip(outputs_and_gradients(model, x, False), outputs_and_gradients(model, x, True)):
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * max(np.abs(expected).max(), 1e-3))


def test_rounding_is_a_cast_in_values_and_gradient():
    random = np.random.default_rng(0).normal(size=10000) * 10.0 ** np.linspace(-44, 38, 10000)
    half_way = [1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8]
    x = tf.constant(np.concatenate([random, half_way, [0.0, -0.0, np.inf, -np.inf, np.nan, 3.4e38]]), "float32")
    to_bfloat16 = functools.partial(rounded, dtype="bfloat16")
    for run in (to_bfloat16, tf.function(to_bfloat16, jit_compile=True), tf.function(to_bfloat16, [tf.TensorSpec((None,))])):
        bits = [tf.bitcast(y, tf.uint16).numpy() for y in (run(x), tf.cast(x, "bfloat16"))]
        np.testing.assert_array_equal(*bits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = 3 * rounded(x, "bfloat16")
    np.testing.assert_array_equal(tape.gradient(y, x), np.full(x.shape, 3.0))


def test_bert_projects_to_all_heads_by_one_product(monkeypatch):
    calls = []
    monkeypatch.setattr(bert_attention, "query_key_value", lambda *args: calls.append(args) or query_key_value(*args))
    model = bert_classifier(bert_backbone("tiny", vocabulary_size=4000))
    tf.function(lambda ids: model(ids))(tf.constant([[101, 2023, 102, 0]]))
    assert len(calls) == 2


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("mixed_bfloat16", 0.02)])
def test_lengths_that_are_not_known_beforehand_are_read_in_pieces(dtype, tolerance):
    model = bert_classifier(bert_backbone("tiny", vocabulary_size=4000, dtype=dtype))
    signature = [tf.TensorSpec((None, None), "int32")]
    read = tf.function(lambda ids: model(ids), input_signature=signature)
    train = tf.function(lambda ids: tf.gradients(model(ids, training=True), model.trainable_variables[5].value), signature)
    for length in (5, 9):
        ids = tf.constant([[101, *[2000] * (length - 2), 102]])
        np.testing.assert_allclose(read(ids), model(ids), atol=tolerance)
        assert np.isfinite(train(ids)[0]).all()


def test_bfloat16_in_pieces_is_near_float32():
    images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3))
    answers = []
    for dtype in ("float32", "mixed_bfloat16"):
        keras.utils.set_random_seed(0)
        backbone = beit_backbone(image_shape=(16, 16, 3), patch_size=4, dim=32, depth=2, heads=2, dtype=dtype)
        model = beit_classifier(backbone, activation="linear")
        model.compile(jit_compile=False)
        answers.append(model.predict(images, verbose=0))
    np.testing.assert_allclose(answers[1], answers[0], atol=0.03 * np.abs(answers[0]).max())


def test_a_model_that_is_dropped_gives_back_its_weights():
    def handles():
        gc.collect()
        return sum(type(value).__name__ == "EagerTensor" and value.dtype == tf.resource for value in gc.get_objects())

    before = handles()
    beit_classifier(beit_backbone(image_shape=(8, 8, 3), patch_size=4, dim=8, depth=1, heads=2))
    bert_classifier(bert_backbone("tiny", vocabulary_size=50))
    assert handles() == before
