import base64
import re
import zlib

import numpy as np
import pytest

from course_hw5.attention.viewer import vectors
from course_hw5.attention.viewer.page import head_view, patch_view
from tests.attention.test_patches import state_of
from tests.attention.test_viewer import FakeTensor

pytestmark = pytest.mark.unit

LAYERS, HEADS, TOKENS, DIMS = 2, 3, 5, 4
SHAPE = (LAYERS, HEADS, TOKENS, TOKENS)
NAMES = ["[CLS]", "a", "b", "c", "[SEP]"]
RANDOM = np.random.default_rng(0)
QUERY, KEY, VALUE = RANDOM.normal(size=(3, LAYERS, HEADS, TOKENS, DIMS)).astype("float32") * 2
BIAS = RANDOM.normal(size=SHAPE).astype("float32")
VECTORS = {"query": QUERY, "key": KEY, "value": VALUE}
IMAGE = np.zeros((4, 4, 3), "uint8")


def softmax_of(bias=0.0, scale=DIMS**-0.5):
    logits = QUERY @ KEY.swapaxes(-1, -2) * scale + bias
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True)).astype("float32")


ATTENTION = softmax_of()


def page_of(attention=ATTENTION, found=VECTORS, **options):
    return head_view(attention, NAMES, vectors=found, html_action="return", **options)


def array_of(page, name, layer):
    """An array of a layer, unpacked as the scripts of the page do it."""
    form = state_of(page)["vectors"]["arrays"][name]
    data = re.search(f'id="weights-{name}-{layer}">([^<]*)<', page).group(1)
    planes = np.frombuffer(zlib.decompress(base64.b64decode(data)), "u1").reshape(2, -1).astype(int)
    values = (planes[0] + 256 * planes[1] - form["zeros"][layer]) * form["scales"][layer]
    return values.reshape(form["heads"], form["rows"], form["columns"])


def test_vectors_survive_the_packing_to_sixteen_bits():
    page = page_of()
    for name, array in VECTORS.items():
        for layer in range(LAYERS):
            np.testing.assert_allclose(array_of(page, name, layer), array[layer], atol=np.ptp(array) / 65535)
    shown = state_of(page)["vectors"]
    assert (shown["scale"], shown["dims"], shown["valueDims"], shown["bias"]) == (0.5, 4, 4, None)
    assert {*shown["arrays"]} == {"query", "key", "value"}


def test_a_page_has_the_vectors_of_its_layers_only():
    page = page_of(include_layers=[1])
    np.testing.assert_allclose(array_of(page, "key", 0), KEY[1], atol=np.ptp(KEY) / 65535)
    assert 'id="weights-key-1"' not in page


def test_a_page_without_vectors_has_none_of_their_scripts():
    page = head_view(ATTENTION, NAMES, html_action="return")
    assert state_of(page)["vectors"] is None
    assert not any(word in page for word in ("stepsOf", 'id="steps"', "#steps", 'id="tip"'))
    assert all(word in page_of() for word in ("stepsOf", 'id="steps"', "#steps", 'id="tip"'))


@pytest.mark.parametrize(
    "form",
    [lambda a: a[None], list, lambda a: [layer[None] for layer in a], lambda a: [FakeTensor(layer[None]) for layer in a]],
    ids=["batch", "list", "batches", "PyTorch tensors"],
)
def test_vectors_come_in_every_form_of_attention(form):
    assert page_of(found={name: form(array) for name, array in VECTORS.items()}) == page_of()


def test_a_bias_may_be_one_for_all_heads_and_a_hidden_key_is_told_from_it():
    bias = np.zeros((LAYERS, 1, 1, TOKENS), "float32")
    bias[..., 1], bias[..., 4] = 0.5, -np.inf
    page = page_of(softmax_of(bias), VECTORS | {"bias": bias})
    np.testing.assert_array_equal(array_of(page, "mask", 1), [[[0, 0, 0, 0, 1]]])
    np.testing.assert_allclose(array_of(page, "bias", 1), [[[0, 0.5, 0, 0, 0]]], atol=1e-5)
    same = page_of(
        softmax_of(bias), VECTORS | {"bias": np.maximum(bias[0, 0], -3e4)}
    )  # one for all layers, as models hide keys
    np.testing.assert_array_equal(array_of(same, "mask", 1), array_of(page, "mask", 1))


def test_a_bias_of_zeros_takes_no_room():
    assert page_of(found=VECTORS | {"bias": np.zeros(SHAPE)}) == page_of()


def test_the_bias_of_an_image_is_its_position_logits():
    options = {"grid": (2, 2), "position_logits": BIAS, "html_action": "return"}
    shown = state_of(patch_view(softmax_of(BIAS), IMAGE, vectors=VECTORS, **options))
    assert shown["kinds"][shown["vectors"]["bias"]]["name"] == "position_logits"
    assert "bias" not in shown["vectors"]["arrays"]
    other = patch_view(ATTENTION, IMAGE, vectors=VECTORS | {"bias": 0 * BIAS}, **options)  # its own counts
    assert state_of(other)["vectors"]["bias"] is None


def test_the_scale_can_be_another():
    assert state_of(page_of(softmax_of(scale=1.0), VECTORS | {"scale": 1}))["vectors"]["scale"] == 1


def test_values_may_have_another_length_than_keys():
    longer = VECTORS | {"value": np.concatenate([VALUE, VALUE], axis=-1)}
    assert [state_of(page_of(found=longer))["vectors"][name] for name in ("dims", "valueDims")] == [4, 8]


def test_a_weight_may_be_open_at_first():
    assert state_of(page_of(layer=1, weight=(2, np.int64(0), 4)))["weight"] == {"head": 2, "query": 0, "key": 4}
    options = {"grid": (2, 2), "weight": (0, 1, 2), "html_action": "return"}
    assert state_of(patch_view(ATTENTION, IMAGE, vectors=VECTORS, **options))["weight"]["key"] == 2
    assert state_of(page_of())["weight"] is None


@pytest.mark.parametrize("weight", [(3, 0, 0), (0, 5, 0), (0, 0, -1), (0, 0), (0, 0, 0, 0), 1, (0, 0, 1.0), "abc"])
def test_a_weight_that_is_not_there_is_refused(weight):
    with pytest.raises(ValueError, match=r"`weight` must be \(head, query, key\) in \(3, 5, 5\)\. Received: "):
        page_of(weight=weight)


def test_a_weight_without_vectors_is_refused():
    with pytest.raises(ValueError, match=r"`weight` needs the `vectors` that it is computed from\. Received: \(0, 0, 0\)"):
        page_of(found=None, weight=(0, 0, 0))


def test_arrays_that_add_a_megabyte_are_left_out_by_default():
    small = {"query": np.ones(200_000), "key": np.ones(170_000), "value": np.ones(4), "bias": np.zeros(10**6)}
    assert vectors.by_default(small) is small
    assert vectors.by_default(small | {"bias": np.ones(5000)}) is None
    assert vectors.by_default(None) is None


@pytest.mark.parametrize(
    "found, message",
    [
        (QUERY, "`vectors` must be a dict of query, key, value and perhaps bias and scale. Received: ndarray"),
        ({"query": QUERY, "key": KEY}, r"must be a dict of .*Received: \['key', 'query'\]"),
        (VECTORS | {"values": VALUE}, r"must be a dict of .*Received: \['key', 'query', 'value', 'values'\]"),
        (VECTORS | {"key": KEY[:1]}, r"`vectors\['key'\]` must have shape \(2, 3, 5, head_dim\), .*Received: \(1, 3, 5, 4\)"),
        (VECTORS | {"value": VALUE[:, :, :4]}, r"`vectors\['value'\]` must have shape \(2, 3, 5, head_dim\)"),
        (VECTORS | {"key": KEY[..., :3]}, r"`vectors\['key'\]` must have head_dim 4, as queries have\. Received: 3"),
        (VECTORS | {"query": QUERY * np.nan}, r"`vectors\['query'\]` must be finite"),
        (VECTORS | {"query": QUERY[0]}, r"`vectors\['query'\]` must have shape .*Received: \(3, 5, 4\)"),
        (VECTORS | {"scale": "2"}, r"`vectors\['scale'\]` must be a number\. Received: '2'"),
        (VECTORS | {"scale": np.inf}, r"`vectors\['scale'\]` must be a number\. Received: inf"),
        (
            VECTORS | {"bias": BIAS[:, :2]},
            r"`vectors\['bias'\]` must broadcast to `attention`, \(2, 3, 5, 5\)\. Received: \(2, 2",
        ),
        (VECTORS | {"bias": BIAS * np.nan}, r"`vectors\['bias'\]` must be finite, or -inf where a key is hidden"),
        (VECTORS | {"bias": "none"}, r"`vectors\['bias'\]` must be numbers\. Received: 'none'"),
        (
            VECTORS | {"query": KEY},
            r"must be the softmax of the scaled products of `vectors`.*Received: \d\d% of a query's attention in layer 0",
        ),
        (VECTORS | {"scale": 1.0}, "must be the softmax of the scaled products"),
    ],
)
def test_vectors_that_are_not_those_of_the_attention_are_refused(found, message):
    with pytest.raises(ValueError, match=message):
        page_of(found=found)
