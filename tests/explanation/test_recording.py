"""Attention of models that this package did not make."""

import importlib.util
import pathlib
import threading

import keras
import keras_hub
import numpy as np
import pytest

from course_hw5 import attention_model, bert_backbone, bert_classifier, head_view
from course_hw5.explanation import extract

ROOT = pathlib.Path(__file__).parents[2]
X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
SPEC = importlib.util.spec_from_file_location("keras_hub_backbones", ROOT / "scripts" / "keras_hub_backbones.py")
BACKBONES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BACKBONES)


def functional(*attention, **options):
    """A model that calls these layers one after another for self-attention."""
    x = inputs = keras.Input((None, 8))
    for layer in attention:
        x = keras.layers.Add()([x, layer(x, x, **options)])
    return keras.Model(inputs, keras.layers.Dense(2)(x))


@pytest.mark.parametrize(
    "layer, options",
    [
        (keras.layers.MultiHeadAttention(2, 4, name="attention"), {}),
        (keras.layers.MultiHeadAttention(2, 4, dropout=0.5, name="attention"), {"use_causal_mask": True}),
        (keras.layers.GroupQueryAttention(4, 4, 2, name="attention"), {}),
    ],
)
def test_weights_are_those_that_the_layer_returns_when_asked(layer, options):
    model = functional(layer, **options)
    _, expected = layer(X, X, return_attention_scores=True, **options)
    weights = attention_model(model).predict(X, verbose=0)
    assert list(weights) == ["attention"] and weights["attention"].dtype == "float32"
    np.testing.assert_allclose(weights["attention"], expected, atol=1e-6)


@pytest.mark.parametrize("kind", [keras.layers.Attention, keras.layers.AdditiveAttention])
def test_attention_without_heads_has_one(kind):
    inputs = keras.Input((5, 8))
    weights = attention_model(keras.Model(inputs, kind(name="attention")([inputs, inputs])))(X)["attention"]
    assert weights.shape == (2, 1, 5, 5)
    np.testing.assert_allclose(keras.ops.sum(weights, axis=-1), 1, atol=1e-6)


class OwnBlock(keras.layers.Layer):
    """As courses write it: TensorFlow's functions, several heads, no layer of Keras for the attention itself."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.project = keras.layers.Dense(24)

    def build(self, shape):
        self.project.build(shape)

    def call(self, x):
        import tensorflow as tf

        shape = tf.shape(x)
        query, key, value = tf.unstack(tf.reshape(self.project(x), (shape[0], shape[1], 3, 2, 4)), axis=2)
        weights = tf.nn.softmax(tf.einsum("bqhd,bkhd->bhqk", query, key))
        return tf.reshape(tf.einsum("bhqk,bkhd->bqhd", weights, value), shape)


def test_layers_of_ones_own_and_nested_models_are_read_in_order_by_path():
    inputs = keras.Input((None, 8))
    inner = functional(keras.layers.MultiHeadAttention(2, 4, name="attention"))
    inner.name = "inner"
    block = OwnBlock(name="block")
    model = keras.Model(inputs, keras.layers.Dense(8)(inner(block(block(inputs)))))
    weights = attention_model(model).predict(X, verbose=0)
    assert list(weights) == ["block", "block:2", "inner/attention"]
    assert {array.shape for array in weights.values()} == {(2, 2, 5, 5)}
    page = head_view([array[:1] for array in weights.values()], list("abcde"), html_action="return")
    assert "</html>" in page.data


def test_the_model_stays_as_it_is():
    model = functional(keras.layers.MultiHeadAttention(2, 4), keras.layers.MultiHeadAttention(2, 4))
    before, called = model.get_weights(), keras.layers.Layer.__call__
    expected = model.predict(X, verbose=0)
    recorded = extract.extractor(model)
    np.testing.assert_allclose(recorded.predict(X, verbose=0)["output"], expected, atol=1e-6)
    np.testing.assert_array_equal(model.predict(X, verbose=0), expected)
    assert all((a == b).all() for a, b in zip(model.get_weights(), before)) and keras.layers.Layer.__call__ is called
    assert [id(v) for v in recorded.variables] == [id(v) for v in model.variables]


def test_a_model_in_another_thread_is_not_recorded():
    model, other = functional(keras.layers.MultiHeadAttention(2, 4)), functional(keras.layers.MultiHeadAttention(2, 4))
    recorder = extract.recording.Recorder()
    with recorder.watching():
        thread = threading.Thread(target=other, args=(X,))
        thread.start()
        thread.join()
        assert recorder.weights == {}
        model(X)
    assert len(recorder.weights) == 1


def test_a_softmax_that_is_no_attention_is_left_out():
    images = keras.Input((8, 8, 3))
    classes = keras.layers.Conv2D(4, 1, activation="softmax")(images)
    with pytest.raises(
        ValueError, match=r"^`model` must have layers that attend, by a softmax over keys\. Received: 'pixels'$"
    ):
        attention_model(keras.Model(images, keras.layers.Softmax()(classes), name="pixels"))


class LinearAttention(keras.layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], shape[-1]))

    def call(self, x):
        return x @ self.kernel


def test_layers_that_cannot_be_read_are_named():
    inputs = keras.Input((5, 8))
    x = keras.layers.MultiHeadAttention(2, 4)(inputs, inputs)
    model = keras.Model(inputs, LinearAttention(name="linear")(x), name="mixed")
    with pytest.raises(
        ValueError, match=r"^`model` .* can be read\. Received: 'mixed', .*: 'linear' \(no softmax over keys\)$"
    ):
        attention_model(model)


class Compiled(OwnBlock):
    def call(self, x):
        import tensorflow as tf

        return tf.function(super().call)(x)


def test_attention_within_a_function_of_tensorflow_is_named():
    inputs = keras.Input((5, 8))
    with pytest.raises(ValueError, match=r"'block' \(computed in a loop or a tf.function\)$"):
        attention_model(keras.Model(inputs, Compiled(name="block")(inputs)))


class Asks(OwnBlock):
    """As some layers of keras-hub, which cannot be traced before they know how many tokens there are."""

    def call(self, x):
        return super().call(x / 2 if keras.ops.shape(x)[1] > 5 else x)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def test_a_layer_that_asks_for_the_number_of_tokens_is_read():
    inputs = keras.Input((None, 8))
    model = attention_model(keras.Model(inputs, Asks(name="block")(inputs)))
    assert model.output["block"].shape == (None, 2, None, None)
    assert model.predict(X, verbose=0)["block"].shape == (2, 2, 5, 5)


class Fails(OwnBlock):
    def call(self, x):
        raise TypeError("no tokens\nof any size")

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def test_a_model_that_cannot_run_on_open_sizes_is_refused_in_one_line():
    inputs = keras.Input((5, 8))
    with pytest.raises(ValueError, match=r"^`model` must run on inputs of open sizes\. Received: 'odd': [^\n]+$"):
        attention_model(keras.Model(inputs, Fails()(inputs), name="odd"))


@pytest.mark.parametrize(
    "options", [{}, {"is_causal": True}, {"scale": 0.5}, {"mask": True}, {"mask": True, "is_causal": True}]
)
def test_what_stands_in_for_fused_attention_computes_the_same(options):
    random = np.random.default_rng(0)
    query, key, value = (random.normal(size=(2, 5, heads, 8)).astype("float32") for heads in (4, 2, 2))
    if "mask" in options:
        options = options | {"mask": random.random((2, 1, 5, 5)) < 0.8}
    repeated = (np.repeat(x, 2, axis=2) for x in (key, value))  # each for two heads of the query, which Keras 3.10 does not do
    expected = keras.ops.dot_product_attention(query, *repeated, **options)
    np.testing.assert_allclose(extract.recording.jax_attention(None, query, key, value, **options), expected, atol=1e-6)
    options = {{"mask": "attn_mask"}.get(name, name): value for name, value in options.items()}
    heads_first = (np.swapaxes(x, 1, 2) for x in (query, key, value))
    found = extract.recording.torch_attention(None, *heads_first, **options)
    np.testing.assert_allclose(np.swapaxes(found, 1, 2), expected, atol=1e-6)


class Subclass(keras.Model):
    def call(self, x):
        return x


def test_a_model_that_is_not_functional_is_refused():
    for model in (Subclass(name="own"), keras.Sequential([keras.layers.Dense(2)], name="own")):
        with pytest.raises(ValueError, match=r"^`model` must be a functional model\. Received: 'own', a S\w+$"):
            attention_model(model)


def test_parts_are_of_beit_alone():
    with pytest.raises(ValueError, match="`parts` must be False"):
        attention_model(functional(keras.layers.MultiHeadAttention(2, 4)), parts=True)


def test_a_model_of_this_package_within_a_layer_is_read_too():
    text = bert_classifier(bert_backbone("tiny", hidden_dim=16, mlp_dim=32), max_length=6)
    ids = np.array([[101, 2023, 3185, 102, 0, 0]], "int32")
    inputs = keras.Input((6,), dtype="int32")
    weights = attention_model(keras.Model(inputs, keras.Sequential([text])(inputs)))(ids)
    np.testing.assert_allclose(keras.ops.stack([*weights.values()], axis=1), attention_model(text)(ids), atol=1e-6)


@pytest.mark.parametrize("name", ["BertBackbone", "GPT2Backbone", "GemmaBackbone", "T5Backbone", "ViTBackbone"])
def test_a_backbone_of_keras_hub_is_read_and_gives_the_same_outputs(name):
    weights, difference = BACKBONES.read(name)
    assert len(weights) == {"T5Backbone": 6}.get(name, 2) and difference < 1e-5
    for array in weights.values():
        np.testing.assert_allclose(array.sum(-1), 1, atol=1e-5)


def test_a_model_with_a_head_is_read_saved_and_loaded(tmp_path):
    model = keras_hub.models.ViTImageClassifier(BACKBONES.BACKBONES["ViTBackbone"](), num_classes=3)
    images = BACKBONES.inputs_of(model)
    attention = attention_model(model)
    expected = attention.predict(images, verbose=0)
    attention.save(tmp_path / "attention.keras")
    found = keras.models.load_model(tmp_path / "attention.keras").predict(images, verbose=0)
    assert list(found) == list(expected) and len(found) == 2
    for path, array in expected.items():
        np.testing.assert_array_equal(found[path], array)


class SampledPoints(keras.layers.Layer):
    """Deformable attention: each query weighs four points of its own."""

    num_heads = 2

    def build(self, shape):
        self.project = keras.layers.Dense(2 * 4)

    def call(self, x):
        logits = keras.ops.reshape(self.project(x), (-1, x.shape[1], 2, 4))
        return x * keras.ops.mean(keras.ops.softmax(logits), axis=(2, 3))[..., None]


def test_weights_of_points_that_are_sampled_are_not_taken_for_attention():
    inputs = keras.Input((5, 8))
    with pytest.raises(ValueError, match=r"'points' \(its weights have the shape \(None, 5, 2, 4\), not \(batch, heads, .*\)$"):
        attention_model(keras.Model(inputs, SampledPoints(name="points")(inputs)))
