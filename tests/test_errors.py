"""What no one can use is refused in one line, whichever public name gets it: what was expected, and what came."""

import dataclasses

import numpy as np
import pytest

import course_hw5
from course_hw5 import errors
from course_hw5.data import image_files
from course_hw5.training import runtime

NAN = float("nan")
ODD = (None, NAN, "typo", 1.5, [], b"x", object())
WEIGHTS = np.full((2, 2, 3, 3), 1 / 3)
PATCHES = np.full((2, 2, 5, 5), 0.2)
IMAGE = np.zeros((4, 4, 3), "uint8")
TOKENS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def bert():
    return course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", hidden_dim=16, mlp_dim=16), max_length=16)


@pytest.fixture(scope="module")
def backbone():
    return course_hw5.beit_backbone(
        image_shape=(16, 16, 3), patch_size=4, hidden_dim=8, num_layers=4, num_heads=2, feature_layers=(0, 1, 2, 3)
    )


@pytest.fixture(scope="module")
def beit():
    backbone = course_hw5.beit_backbone(image_shape=(4, 4, 3), patch_size=2, hidden_dim=8, num_layers=1, num_heads=2)
    return course_hw5.beit_classifier(backbone, 3)


def test_a_value_that_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match=r"^`size` must be 1 or more\. Received: None$"):
        errors.require("size", None, lambda size: size >= 1, "1 or more")
    with pytest.raises(ValueError, match=r"^`array` must be small\. Received: array") as error:
        errors.require("array", np.arange(10**6), lambda array: array.size < 10, "small")
    assert len(str(error.value)) < 120 and "\n" not in str(error.value)


def refused(call, values):
    """The values that are not refused by an error of ours, with what happened instead."""
    wrong = {}
    for value in values:
        try:
            call(value)
        except (ValueError, TypeError, OSError) as error:
            if "Received" not in str(error) or "\n" in str(error):
                wrong[repr(value)] = error
        except Exception as error:
            wrong[repr(value)] = error
        else:
            wrong[repr(value)] = "taken"
    return wrong


MODELS = {
    "load_model": course_hw5.load_model,
    "attention_model": course_hw5.attention_model,
    "get_att_tok": lambda value: course_hw5.get_att_tok(value, "a"),
    "explain": lambda value: course_hw5.explain(value, "a"),
    "embedding_parts": lambda value: course_hw5.embedding_parts(value, "a"),
    "bert_backbone": course_hw5.bert_backbone,
    "bert_classifier": course_hw5.bert_classifier,
    "beit_classifier": course_hw5.beit_classifier,
    "upernet_segmenter": lambda value: course_hw5.upernet_segmenter(value, 5),
    "SceneSegmenter": course_hw5.SceneSegmenter,
    "from_preset": course_hw5.SceneSegmenter.from_preset,
    "mlp_classifier": lambda value: course_hw5.mlp_classifier(value),
    "mlp_classifier, units": lambda value: course_hw5.mlp_classifier(hidden_units=[value]),
    "load_images": course_hw5.load_images,
    "load_reviews": course_hw5.load_reviews,
    "load_scenes": lambda value: course_hw5.load_scenes(value, (32, 48, 3)),
    "open_image": image_files.open_image,
    "strategy": runtime.strategy,
    "set_precision": runtime.set_precision,
    "attention_distance": lambda value: course_hw5.attention_distance(value, (1, 2)),
    "attention_distance, grid": lambda value: course_hw5.attention_distance(WEIGHTS, value),
    "attention_rollout": course_hw5.attention_rollout,
    "head_view": lambda value: course_hw5.head_view(value, TOKENS, html_action="return"),
    "patch_view": lambda value: course_hw5.patch_view(value, IMAGE, grid=(2, 2), html_action="return"),
    "patch_view, image": lambda value: course_hw5.patch_view(PATCHES, value, grid=(2, 2), html_action="return"),
    "patch_view, grid": lambda value: course_hw5.patch_view(PATCHES, IMAGE, grid=value, html_action="return"),
    "embedding_plot": lambda value: course_hw5.embedding_plot(TOKENS, value),
    "embedding_plot, tokens": lambda value: course_hw5.embedding_plot(value, {"token": np.zeros((3, 4))}),
    "train": lambda value: course_hw5.train(value, None, "run", course_hw5.TrainingConfig()),
}


@pytest.mark.parametrize("name", MODELS)
def test_odd_first_arguments_are_refused(name):
    assert refused(MODELS[name], ODD) == {}


@pytest.mark.parametrize(
    "name, value",
    [
        ("layer", NAN),
        ("layer", None),
        ("heads", [NAN]),
        ("include_layers", "x"),
        ("sentence_b_start", NAN),
        ("html_action", None),
        ("path", 0),
        ("path", ""),
        ("gradients", "x"),
        ("gradients", (None, None)),
        ("probability", "x"),
        ("probability", NAN),
        ("what_if", [("a", 0, 0, NAN)]),
        ("title", NAN),
        ("title", b"x"),
        ("tokens", ["a", None, "c"]),
        ("tokens", 3),
    ],
)
def test_odd_options_of_a_view_are_refused(name, value):
    call = {"tokens": TOKENS, "probability": 0.5, "html_action": "return"}
    assert refused(lambda value: course_hw5.head_view(WEIGHTS, **call | {name: value}), [value]) == {}


@pytest.mark.parametrize("attention", [None, (None, None), [None, WEIGHTS[0]]])
def test_attention_that_transformers_did_not_return_says_how_to_get_it(attention):
    with pytest.raises(ValueError, match=r"`attention` .*output_attentions=True.* Received: None"):
        course_hw5.head_view(attention, TOKENS)


def test_attention_without_numbers_is_refused():
    for attention in (np.full_like(WEIGHTS, NAN), np.full((2, 2, 3, 3), None), WEIGHTS[:0]):
        for call in (course_hw5.attention_rollout, lambda weights: course_hw5.attention_distance(weights, (1, 2))):
            assert refused(call, [attention]) == {}


def test_odd_numbers_of_models_are_refused(backbone):
    calls = (
        lambda value: course_hw5.beit_classifier(backbone, value),
        lambda value: course_hw5.upernet_segmenter(backbone, value),
        lambda value: course_hw5.beit_backbone("tiny", value),
        lambda value: course_hw5.beit_backbone("tiny", (32, 32, 3), hidden_dim=value or "x"),
        lambda value: course_hw5.beit_backbone("tiny", (32, 32, 3), drop_path_rate=value or "x"),
        lambda value: course_hw5.mlp_classifier(num_classes=value),
    )
    for call in calls:
        assert refused(call, (None, NAN, "typo", 1.5, -1)) == {}


def test_odd_numbers_of_data_are_refused():
    for name in ("batch_size", "seed", "validation_split"):
        assert refused(lambda value, name=name: course_hw5.load_images("digits", **{name: value}), (None, NAN, "x", -1)) == {}
        call = lambda value, name=name: course_hw5.load_scenes("digits", (32, 48, 3), **{name: value})  # noqa: E731
        assert refused(call, (None, NAN, "x", -1)) == {}
    assert (
        refused(lambda value: course_hw5.load_scenes("digits", value), (None, NAN, "x", (32, 48), (0, 0, 3), (NAN, 3, 3))) == {}
    )
    assert refused(lambda value: course_hw5.load_images("digits", augmentation=value), (NAN, 1.5, b"x", ["typo"])) == {}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(course_hw5.TrainingConfig)])
def test_odd_settings_are_refused(field):
    values = ([], -1, NAN) if field == "jit_compile" else (None, [], -1, NAN, float("inf"))
    assert refused(lambda value: course_hw5.TrainingConfig(**{field: value}), values) == {}


def test_odd_images_are_refused(beit, backbone):
    wrong = (None, "text", NAN, [], IMAGE * NAN, np.full((4, 4, 3), np.inf), np.full((4, 4, 3), -1), IMAGE.astype(str))
    assert refused(lambda value: course_hw5.explain(beit, value), (*wrong, IMAGE.astype(object), IMAGE.astype(bool))) == {}
    segmenter = course_hw5.SceneSegmenter(course_hw5.upernet_segmenter(backbone, 5, auxiliary_head=False))
    assert refused(segmenter.segment, (*wrong[:3], [None], *wrong[4:], IMAGE[:0], object())) == {}


def test_odd_texts_are_refused(bert, beit):
    for call in (course_hw5.explain, course_hw5.get_att_tok, course_hw5.embedding_parts):
        assert refused(lambda value, call=call: call(bert, value), (None, NAN, b"x", 1, ["a"])) == {}
    assert refused(lambda value: course_hw5.explain(beit, IMAGE, value), ["a second text"]) == {}
    assert refused(course_hw5.encode_sentence, (None, NAN, b"x", 1, ["a"])) == {}
