"""Queries, keys and values of models: what attention is computed from."""

import keras
import numpy as np
import pytest

from course_hw5 import attention_model, beit_backbone, beit_classifier, bert_classifier, embedding_parts, explain
from tests.attention import test_steps
from tests.attention.controls import click, texts, wait
from tests.browser import needs_browser
from tests.models.test_bert import VOCABULARY, small_backbone
from tests.models.test_mpnet import small_classifier

IMAGE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), "uint8")


@pytest.fixture(scope="module")
def bert():
    keras.utils.set_random_seed(0)
    return bert_classifier(small_backbone(vocabulary_size=len(VOCABULARY), vocabulary=VOCABULARY), max_length=8)


@pytest.fixture(scope="module")
def beit():
    keras.utils.set_random_seed(0)
    sizes = {"patch_size": 4, "hidden_dim": 12, "num_layers": 2, "num_heads": 3, "initializer_range": 0.3}
    return beit_classifier(beit_backbone(image_shape=IMAGE.shape, **sizes, convolution_like_initialization=True))


def attention_of(vectors, bias):
    """What `vectors` and the bias give, and what the head then writes."""
    logits = vectors["query"] @ vectors["key"].swapaxes(-1, -2) * vectors["query"].shape[-1] ** -0.5 + bias
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits))


def test_vectors_of_bert_are_the_projections_of_what_its_layer_reads(bert):
    explained = explain(bert, "good film")
    tokens, parts = embedding_parts(bert, "good film")
    layer = bert.backbone.transformer_layers[0].attention
    for name, array in explained.vectors.items():
        if name != "bias":
            dense = getattr(layer, f"{name}_dense")
            expected = np.einsum("tc,chd->htd", parts["sum"], dense.kernel) + np.asarray(dense.bias)[:, None]
            np.testing.assert_allclose(array[0], expected, atol=1e-5)
    assert explained.vectors["query"].shape == (2, 2, len(tokens), 4)  # without the padding to 8


def test_weights_of_bert_are_the_softmax_of_its_vectors_and_a_hidden_token_is_in_their_bias(bert):
    explained = explain(bert, "good film [PAD] bad", special_tokens=True)
    hidden = explained.tokens.index("[PAD]")
    np.testing.assert_allclose(attention_of(explained.vectors, explained.vectors["bias"]), explained.attention, atol=1e-6)
    assert (explained.vectors["bias"][..., hidden] < -1e4).all() and (explained.attention[..., hidden] == 0).all()


def test_the_bias_of_mpnet_is_that_of_distances():
    model = small_classifier()
    explained = explain(model, "not a good film")
    bias = explained.vectors["bias"]
    np.testing.assert_allclose(attention_of(explained.vectors, bias), explained.attention, atol=1e-6)
    table = keras.ops.convert_to_numpy(model.backbone.transformer_layers[1].attention.table)
    np.testing.assert_allclose(bias[1, :, 2, 3], table[17])  # the next token


def test_weights_of_beit_are_the_softmax_of_its_vectors_and_its_position_bias(beit):
    explained = explain(beit, IMAGE)
    assert {name: array.shape for name, array in explained.vectors.items()} == dict.fromkeys(
        ("query", "key", "value"), (2, 3, 7, 4)
    )
    np.testing.assert_allclose(attention_of(explained.vectors, explained.position_logits), explained.attention, atol=1e-6)


def test_an_attention_model_gives_vectors_of_a_batch(bert, beit):
    ids, images = np.array([[2, 5, 7, 3, 0, 0, 0, 0], [2, 6, 3, 0, 0, 0, 0, 0]]), np.stack([IMAGE, IMAGE[::-1]])
    found = attention_model(bert, vectors=True)(ids)
    assert {name: array.shape for name, array in found.items()} == {
        "attention_weights": (2, 2, 2, 8, 8),
        **dict.fromkeys(("query", "key", "value"), (2, 2, 2, 8, 4)),
    }
    found = {
        name: keras.ops.convert_to_numpy(array) for name, array in attention_model(beit, True, vectors=True)(images).items()
    }
    np.testing.assert_allclose(attention_of(found, found["position_logits"]), found["attention_weights"], atol=1e-6)


def test_a_long_text_has_its_vectors_only_where_they_are_asked_for(bert, monkeypatch):
    explained = explain(bert, "good film")
    assert 'id="steps"' in explained.view(html_action="return")
    assert 'id="steps"' not in explained.view(html_action="return", vectors=None)
    monkeypatch.setattr("course_hw5.attention.viewer.vectors.FEW", 3)
    assert 'id="steps"' not in explained.view(html_action="return")
    assert 'id="steps"' in explained.view(html_action="return", vectors=explained.vectors)


@needs_browser
@pytest.mark.model
@pytest.mark.parametrize("kind", ["bert", "mpnet", "beit"])
def test_the_numbers_of_a_page_are_those_of_keras(kind, request, driver, tmp_path):
    model = small_classifier() if kind == "mpnet" else request.getfixturevalue(kind)
    explained = explain(model, IMAGE if kind == "beit" else "not good film")
    explained.view(layer=1, html_action="return", path=tmp_path / "page.html")
    driver.get(f"file://{tmp_path}/page.html")
    wait(driver, "return document.body.dataset.shown")
    click(driver, "#steps-open")
    wait(driver, "return document.getElementById('steps').open")
    place = driver.execute_script("return document.getElementById('steps').dataset.shown")
    layer, head, query, key = map(int, place.split())
    q, k, v = (explained.vectors[name][layer, head] for name in ("query", "key", "value"))
    weights = explained.attention[layer, head, query]
    expected = np.stack([q[query], k[key], q[query] * k[key], v[key], weights[key] * v[key], weights @ v], axis=1)
    assert [*test_steps.table(driver, "#step-table").values()] == [test_steps.near(row) for row in expected]
    rows = test_steps.table(driver, "#step-4")
    assert [row[-1] for row in rows.values()] == test_steps.near(np.sort(weights)[::-1])
    assert not [text for text in texts(driver, "#step-4 p") if text.startswith("The model has")]  # within 0.0005
