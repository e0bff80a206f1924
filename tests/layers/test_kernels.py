import functools
import gc
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_hw5 import beit_backbone, beit_classifier, bert_backbone, bert_classifier
from course_hw5.layers import kernels
from course_hw5.layers.bert_attention import BertAttention
from course_hw5.layers.keras_layers import exact_gelu
from course_hw5.layers.kernels import xla

random = np.random.default_rng(0)


def floats(*shape):
    return random.normal(size=shape).astype("float32")


X, HEADS = 3 * floats(3, 7, 40), (floats(3, 2, 7, 5), floats(3, 2, 7, 5))
CASES = {  # arguments of each kernel; arrays of floats have gradients
    "attention_weights of a mask": (*HEADS, np.where(floats(3, 1, 1, 7) > 0, 0.0, -3e4).astype("float32"), 0.3),
    "attention_weights of a mask of pairs": (*HEADS, floats(3, 1, 7, 7), 0.3),
    "attention_weights of a bias of heads": (*HEADS, floats(1, 2, 7, 7), 0.3),
    "attention_weights of a bias of heads and examples": (*HEADS, floats(3, 2, 7, 7), 0.3),
    "biased_softmax": (floats(3, 2, 7, 7), floats(1, 2, 7, 7), floats(3, 1, 1, 7) > -1, 0.3),
    "dense": (X, floats(40, 5), floats(5), None),
    "dense without bias": (X, floats(40, 5), None, keras.ops.tanh),
    "dense with tanh": (X, floats(40, 5), floats(5), keras.ops.tanh),
    "dense with GELU": (X, floats(40, 5), floats(5), exact_gelu),
    "dense with GELU and long rows": (X, floats(40, 50) / 4, floats(50), exact_gelu),
    "einsum_dense": ("abcd,cde->abe", floats(3, 7, 2, 5), floats(2, 5, 6), floats(6)),
    "einsum_dense without bias": ("abc,cde->abde", X, floats(40, 2, 5), None),
    "einsum_dense to heads": ("abc,cde->abde", X, floats(40, 2, 5), floats(2, 5)),
    "exact_gelu": (X,),
    "hashed_dropout": (X, 0.3, np.array([3, 7], "uint32")),
    "layer_norm": (X, floats(40), floats(40), 1e-12),
    "layer_scale": (X, floats(40)),
    "position_bias": (floats(9, 2), random.integers(0, 9, (7, 5))),
    "qkv_projection": (X, floats(40, 18), floats(3, 2, 3)),
    "stack_layers": (X, floats(3, 7, 40), floats(3, 7, 40)),
}
ALWAYS_FLOAT32 = {"biased_softmax": (1,), "layer_norm": (1, 2)}  # arguments that are not cast to half precision


def is_float(value):
    return isinstance(value, np.ndarray) and value.dtype == "float32"


def outputs_and_gradients(function, args, dtype="float32", float32=()):
    """In a `tf.function`: outputs, and gradients of a weighted sum of them by all arrays of floats."""
    args = list(args)
    places = [place for place, arg in enumerate(args) if is_float(arg)]

    @tf.function
    def run(*inputs):
        for place, x in zip(places, inputs):
            args[place] = x if place in float32 else tf.cast(x, dtype)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            for place, x in zip(places, inputs):
                args[place] = x if place in float32 else tf.cast(x, dtype)
            outputs = [tf.cast(y, "float32") for y in tf.nest.flatten(function(*args))]
            loss = sum(tf.reduce_sum(y * tf.reshape(tf.sin(tf.range(tf.size(y), dtype="float32")), y.shape)) for y in outputs)
        return [*outputs, *tape.gradient(loss, inputs, unconnected_gradients="zero")]

    return [value.numpy() for value in run(*(tf.constant(args[place]) for place in places))]


def assert_near(found, expected, tolerance):
    assert len(found) == len(expected) >= 2
    for y, x in zip(found, expected):
        np.testing.assert_allclose(y, x, rtol=tolerance, atol=tolerance * max(np.abs(x).max(), 1))


def test_every_kernel_is_compared():
    assert {case.split()[0] for case in CASES} == {*kernels.KERNELS}


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 0.03)])
@pytest.mark.parametrize("case", CASES)
def test_fused_kernels_have_the_values_and_gradients_of_plain_ones(case, dtype, tolerance):
    name = case.split()[0]
    pair, options = kernels.KERNELS[name], {"dtype": dtype, "float32": ALWAYS_FLOAT32.get(name, ())}
    fused, plain = (outputs_and_gradients(function, CASES[case], **options) for function in (pair.fused, pair.plain))
    assert_near(fused, plain, tolerance)


def test_a_step_takes_fused_kernels_only_where_xla_does_not_compile_it_as_a_whole():
    def fuses(x=0):
        return tf.constant(kernels.partial_jit())

    assert not fuses()
    assert tf.function(fuses)()
    assert not tf.function(fuses, jit_compile=True)()
    with kernels.plain():
        assert not tf.function(lambda: fuses())()
    assert tf.function(lambda: fuses())()


def test_an_environment_variable_turns_fused_kernels_off():
    code = "import tensorflow as tf; from course_hw5.layers.kernels import xla; print(tf.function(xla.partial_jit)().numpy())"
    environment = os.environ | {"COURSE_HW5_KERNELS": "0"}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split()[-1] == "False"


def test_an_exported_graph_holds_no_xla_function(tmp_path):
    model = beit_classifier(beit_backbone(image_shape=(8, 8, 3), patch_size=4, hidden_dim=8, num_layers=1, num_heads=2))
    images = tf.constant(random.uniform(0, 255, (2, 8, 8, 3)), "float32")
    model.export(tmp_path, verbose=False)
    read = tf.saved_model.load(str(tmp_path))
    graph = read.signatures["serving_default"].graph.as_graph_def()
    assert not any("_XlaMustCompile" in function.attr for function in graph.library.function)
    np.testing.assert_allclose(read.serve(images), model(images), atol=1e-6)


def test_bert_and_beit_with_fused_kernels_have_the_gradients_of_plain_ones():
    ids = tf.constant([[101, 2023, 3185, 102, 0, 0], [101, 2003, 2025, 2919, 2012, 102]])
    images = tf.constant(random.uniform(0, 255, (2, 16, 24, 3)), "float32")
    sizes = {"patch_size": 4, "hidden_dim": 32, "num_layers": 2, "num_heads": 2}

    def step(model, x):
        with tf.GradientTape() as tape:
            y = model(x)
            loss = tf.reduce_sum(y * tf.reshape(tf.sin(tf.range(tf.size(y), dtype="float32")), y.shape))
        return [
            y,
            *(
                tf.convert_to_tensor(g)
                for g in tape.gradient(loss, [v.value for v in model.trainable_variables])
                if g is not None
            ),
        ]

    for model, x in (
        (bert_classifier(bert_backbone("tiny", vocabulary_size=4000)), ids),
        (beit_classifier(beit_backbone(image_shape=(16, 24, 3), **sizes), activation="linear"), images),
    ):
        for expected, found in zip(step(model, x), tf.function(functools.partial(step, model))(x)):
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * max(np.abs(expected).max(), 1e-3))


@pytest.mark.parametrize("of_itself, masked", [(True, True), (False, True), (True, False)])
def test_attention_of_bert_is_keras_own(of_itself, masked):
    keras.utils.set_random_seed(0)
    query, layer, kerass = tf.constant(X), BertAttention(4), keras.layers.MultiHeadAttention(4, 10)
    value, mask = query if of_itself else tf.sin(query), query[:, :, :7] > -3 if masked else None
    expected = kerass(query, value, attention_mask=mask)
    layer.build(query.shape, value.shape)
    layer.set_weights(kerass.get_weights())
    for call in (layer, tf.function(layer)):
        np.testing.assert_allclose(call(query, value, attention_mask=mask), expected, atol=1e-5)


def test_a_fast_cast_is_a_cast_in_values_and_gradient():
    numbers = random.normal(size=10000) * 10.0 ** np.linspace(-44, 38, 10000)
    half_way = [1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8]
    x = tf.constant(np.concatenate([numbers, half_way, [0.0, -0.0, np.inf, -np.inf, np.nan, 3.4e38]]), "float32")
    cast = functools.partial(xla.fast_cast, dtype="bfloat16")
    for run in (cast, tf.function(cast, jit_compile=True), tf.function(cast, [tf.TensorSpec((None,))])):
        bits = [tf.bitcast(y, tf.uint16).numpy() for y in (run(x), tf.cast(x, "bfloat16"))]
        np.testing.assert_array_equal(*bits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = 3 * cast(x)
    np.testing.assert_array_equal(tape.gradient(y, x), np.full(x.shape, 3.0))


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("mixed_bfloat16", 0.02)])
def test_a_graph_reads_texts_of_any_length(dtype, tolerance):
    model = bert_classifier(bert_backbone("tiny", vocabulary_size=4000, dtype=dtype))
    signature = [tf.TensorSpec((None, None), "int32")]
    read = tf.function(lambda ids: model(ids), input_signature=signature)
    train = tf.function(lambda ids: tf.gradients(model(ids, training=True), model.trainable_variables[5].value), signature)
    for length in (5, 9):
        ids = tf.constant([[101, *[2000] * (length - 2), 102]])
        np.testing.assert_allclose(read(ids), model(ids), atol=tolerance)
        assert np.isfinite(train(ids)[0]).all()


def test_bfloat16_is_near_float32():
    images, answers = random.uniform(0, 255, (4, 16, 16, 3)), []
    for dtype in ("float32", "mixed_bfloat16"):
        keras.utils.set_random_seed(0)
        backbone = beit_backbone(image_shape=(16, 16, 3), patch_size=4, hidden_dim=32, num_layers=2, num_heads=2, dtype=dtype)
        model = beit_classifier(backbone, activation="linear")
        model.compile(jit_compile=False)
        answers.append(model.predict(images, verbose=0))
    np.testing.assert_allclose(answers[1], answers[0], atol=0.03 * np.abs(answers[0]).max())


def test_a_step_that_was_traced_and_dropped_gives_back_its_weights():
    def handles():
        gc.collect()
        return sum(type(value).__name__ == "EagerTensor" and value.dtype == tf.resource for value in gc.get_objects())

    def train(model, x):
        step = tf.function(lambda x: tf.gradients(model(x, training=True), [v.value for v in model.trainable_variables]))
        step(tf.constant(x))

    before = handles()
    backbone = beit_backbone(image_shape=(8, 8, 3), patch_size=4, hidden_dim=8, num_layers=1, num_heads=2)
    train(beit_classifier(backbone), floats(2, 8, 8, 3))
    del backbone
    train(bert_classifier(bert_backbone("tiny", vocabulary_size=50)), random.integers(1, 50, (2, 5)))
    assert handles() <= before  # fewer, where what other tests left was collected meanwhile
