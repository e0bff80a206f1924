"""A model's weights as bytes, and a page read back."""

import numpy as np
import pytest

from course_hw5.attention.live import packing
from course_hw5.attention.live.live_page import read_page
from tests import pages

pytestmark = pytest.mark.unit


def test_float32_comes_back_as_it_was_and_int8_within_half_a_step(random):
    kernel, table = random.normal(size=(9, 5)).astype("float32"), random.normal(size=(3, 7)).astype("float32")
    kernel[:, 2] = 0  # a channel without weights
    tensors = {"0.qkv": kernel, "token": table, "0.qkv_bias": kernel[0]}
    same = packing.unpack(*packing.pack(tensors, "float32"))
    assert all((same[name] == array).all() for name, array in tensors.items())
    data, places = packing.pack(tensors)
    found = packing.unpack(data, places)
    assert (np.abs(found["0.qkv"] - kernel) <= 0.5001 * np.abs(kernel).max(axis=0) / 127).all()
    assert (np.abs(found["token"] - table) <= 0.5001 * np.abs(table).max(axis=1, keepdims=True) / 127).all()
    assert (found["0.qkv_bias"] == kernel[0]).all() and (found["0.qkv"][:, 2] == 0).all()
    assert all(place["offset"] % 16 == 0 and place.get("scale", 0) % 16 == 0 for place in places.values())


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match='`precision` must be "int8" or "float32". Received: \'int4\''):
        packing.pack({}, "int4")


def test_a_page_is_read_back(tmp_path):
    config, data = pages.read_live("bert")
    live, found, tensors = read_page(pages.write_live_words(tmp_path).read_text(encoding="utf-8"), "the page")
    assert (live["name"], found) == ("mini", config)
    expected = packing.unpack(data, config["tensors"])
    assert all((tensors[name] == array).all() for name, array in expected.items())


@pytest.mark.parametrize("text", ["", "<p>another</p>", '<script id="state">{}</script>', '<script id="state">[1</script>'])
def test_another_page_is_refused(text):
    with pytest.raises(ValueError, match="x.html must be a page of `course-hw5 live`. Received: another file"):
        read_page(text, "x.html")


def test_weights_that_have_changed_are_noticed(tmp_path):
    text = pages.write_live_words(tmp_path).read_text(encoding="utf-8")
    at = text.index('id="live-weights">') + 400
    changed = text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]
    with pytest.raises(ValueError, match="x.html must hold the weights that it was written with"):
        read_page(changed, "x.html")
