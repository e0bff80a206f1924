import json

import numpy as np
import pytest
import scipy.stats

import course_hw5
from course_hw5 import encode_sentence, faithfulness
from course_hw5.explanation.erasure import GRID, METRICS, erase
from course_hw5.explanation.maps import MAPS, Question
from course_hw5.reports.faithfulness import interval
from tests.explanation.toys import planted_beit, planted_bert, red_patch
from tests.golden import faithfulness as golden

KNOWING = ("relevance", "integrated_gradients", "occlusion")
TEXTS = ["the good film the film", "the film film bad the", "film the the film good"]


@pytest.fixture(scope="module")
def bert():
    return planted_bert()


@pytest.fixture(scope="module")
def of_texts(bert):
    return faithfulness(bert, TEXTS, progress=False)


@pytest.mark.parametrize("case", golden.CASES)
def test_numbers_are_those_of_quantus(case):
    model, source, values, _ = golden.CASES[case]()
    [found] = erase(Question(model, source), [values])
    count = found.counts[-1]
    for quantity, expected in json.loads(golden.GOLDEN.read_text())[case].items():
        scores, curves = found.scores(quantity), found.curves(quantity)
        for name in ("deletion", "insertion"):
            whole = np.array(expected[name])
            points = whole[found.counts]
            np.testing.assert_allclose(curves[name], np.interp(GRID, found.counts / count, points), atol=2e-4)
            assert scores[name] == pytest.approx(np.trapezoid(points, found.counts / count), abs=2e-4)
        # in this text some words change nothing, so that their order without each is rounding
        for name in METRICS[2 : 4 if case == "text" else 5]:
            assert scores[name] == pytest.approx(expected[name], abs=2e-4)


def test_maps_that_find_the_evidence_are_more_faithful_than_attention_and_chance(of_texts):
    table = of_texts.table()
    for name in KNOWING:
        row = {metric: table[metric, "mean"] for metric in METRICS}
        for other in ("attention", "random"):
            assert row["deletion"][name] < row["deletion"][other] and row["insertion"][name] > row["insertion"][other]
            assert row["comprehensiveness"][name] > row["comprehensiveness"][other]
            assert row["sufficiency"][name] < row["sufficiency"][other]
    low = of_texts.difference("occlusion", "attention", "comprehensiveness")[1]
    assert low > 0


def test_patches_that_a_model_uses_make_a_map_faithful():
    images = np.stack([red_patch(index) for index in (0, 2, 4)])
    maps = {"red": lambda model, image, target: image[::4, ::4, 0].ravel(), "first": lambda *asked: -np.arange(6)}
    scores = faithfulness(planted_beit(), images, maps, progress=False).scores["log_odds"]
    red, first = scores["comprehensiveness"]
    assert red[0] == pytest.approx(first[0]) and (red[1:] > first[1:] + 0.1).all()  # in image 0 the first patch is red
    red, first = scores["deletion"]
    assert (red[1:] < first[1:] - 0.1).all()


def test_where_each_word_is_one_piece_occlusion_is_leave_one_out(of_texts):
    assert of_texts.table()["leave_one_out", "mean"]["occlusion"] == pytest.approx(1)


def test_texts_are_read_as_strings_token_ids_or_batches(bert, of_texts):
    ids = np.stack([encode_sentence(text, 12, tokenizer=bert.tokenizer) for text in TEXTS])
    for data in (ids, (ids, [1, 0, 1])):
        found = faithfulness(bert, data, ["occlusion"], progress=False)
        expected = of_texts.scores["probability"]["deletion"][[4]]
        np.testing.assert_allclose(found.scores["probability"]["deletion"], expected, atol=1e-5)


def test_texts_of_one_word_piece_are_left_out_and_no_more_are_read_than_asked_for(bert):
    found = faithfulness(bert, ["film", *TEXTS], ["random"], examples=3, progress=False)
    assert found.examples == 2 and found.scores["log_odds"]["insertion"].shape == (1, 2)


def test_a_map_without_order_agrees_with_nothing(bert):
    [found] = erase(Question(bert, TEXTS[0]), [np.zeros(7)])
    assert found.correlation == 0 and found.counts.tolist() == [0, 1, 2, 3, 4, 5]


def test_intervals_are_those_of_the_bootstrap():
    values = np.random.default_rng(0).normal(2, 1, (2, 40))
    mean, low, high = interval(values)
    expected = scipy.stats.bootstrap((values,), np.mean, axis=-1, method="percentile", n_resamples=4000, random_state=1)
    np.testing.assert_allclose(mean, values.mean(axis=1))
    np.testing.assert_allclose((low, high), expected.confidence_interval, atol=0.03)


def test_a_table_and_a_figure_show_all_maps(of_texts):
    table = of_texts.table("probability")
    assert [*table.index] == [*MAPS] and {column for column, _ in table.columns} == {*METRICS}
    for metric in METRICS:
        assert (table[metric, "low"] <= table[metric, "mean"]).all() and (table[metric, "mean"] <= table[metric, "high"]).all()
    figure = of_texts.figure()
    assert len(figure.axes) == 6 and len(figure.axes[0].lines) == len(MAPS)
    assert figure.axes[0].get_ylabel() == "log-odds of the answer"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"maps": ["weights"]}, "`maps` must be some of attention, rollout, .* or a dict of names to functions. Received: "),
        ({"maps": "attention"}, "`maps` must be some of attention"),
        ({"maps": []}, "`maps` must be some of attention"),
        ({"maps": {"mine": 3}}, "`maps` must be some of attention"),
        ({"maps": {"mine": lambda *asked: np.zeros(3)}}, r"The map 'mine' must give a finite array \(7,\)"),
        ({"target": "sad"}, "`target` must be a class, or a pair of two, of negative, positive. Received: 'sad'"),
        ({"examples": 1}, "`examples` must be 2 or more, or None for all. Received: 1"),
        ({"seed": -1}, "`seed` must be a whole number, 0 or more. Received: -1"),
        ({"data": ["film", "good"]}, "`data` must be at least two images, or texts of two word pieces. Received: 0"),
        ({"data": "the good film"}, "`dataset` must be a tf.data.Dataset"),
        ({"data": np.full((2, 4), 99)}, r"`text` must be a string, or token ids of shape \(tokens,\), 1 to 16"),
        ({"data": np.zeros((2, 4))}, r"`text` must be a string, or token ids of shape \(tokens,\), 1 to 16"),
    ],
)
def test_what_cannot_be_tested_is_refused(options, message, bert):
    with pytest.raises(ValueError, match=message):
        faithfulness(bert, **{"data": TEXTS, "progress": False} | options)


def test_names_that_are_not_there_are_refused(of_texts):
    with pytest.raises(ValueError, match="`first` must be one of attention, rollout"):
        of_texts.difference("weights", "random", "deletion")
    with pytest.raises(ValueError, match="`metric` must be one of deletion, insertion"):
        of_texts.difference("attention", "random", "accuracy")
    with pytest.raises(ValueError, match="`quantity` must be one of log_odds, probability. Received: 'logits'"):
        of_texts.figure("logits")
    with pytest.raises(ValueError, match="`model` must be a bert_classifier or a beit_classifier"):
        faithfulness(course_hw5.mlp_classifier(hidden_units=(4,)), np.zeros((2, 32, 32, 3)))
