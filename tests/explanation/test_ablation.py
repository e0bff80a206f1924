import keras
import numpy as np
import pytest
import tensorflow as tf

from course_hw5 import ablated, explain, head_importance, mlp_classifier, upernet_segmenter
from course_hw5.models.beit import beit_backbone
from course_hw5.segmentation.metrics import MeanIoU
from course_hw5.text.encoding import encode_sentence
from tests.explanation.toys import PLANTED, planted_beit, planted_bert, red_patch


@pytest.fixture(scope="module", params=["bert", "mpnet", "beit"])
def planted(request):
    """A model of which one head alone decides, what it reads, and what it says with the head and without."""
    if request.param == "beit":
        return planted_beit(), red_patch(), "red", "none"
    return planted_bert(request.param), "the good film", "positive", "negative"


def said(model, source, **options):
    """What a model says, and how sure it is."""
    explained = explain(model, source, maps=(), **options)
    if hasattr(explained, "predictions"):
        return explained.predictions[0]
    return ("positive", explained.probability) if explained.probability > 0.5 else ("negative", 1 - explained.probability)


def test_without_the_planted_head_the_answer_flips_and_without_any_other_it_stays(planted):
    model, source, answer, otherwise = planted
    with_it, sure = said(model, source)
    assert with_it == answer and sure > 0.8
    for head in ((0, 0), (1, 0), (1, 1)):
        assert said(model, source, ablate={head}) == (answer, pytest.approx(sure, abs=1e-5))
    for heads in ({PLANTED}, {0}, [(0, 0), [0, 1]], {0, 1}):
        assert said(model, source, ablate=heads)[0] == otherwise
    assert said(model, source, ablate={PLANTED}, ablation="mean")[0] == answer  # uniform attention gives all tokens the same


def test_the_change_of_each_head_is_that_of_the_model_without_it(planted):
    model, source, *_ = planted
    whole = explain(model, source)
    log_odds = explain(model, source, ablate={PLANTED}, target=whole.class_name, maps=()).log_odds
    expected = np.zeros(whole.head_changes.shape)
    expected[PLANTED] = log_odds - whole.log_odds
    np.testing.assert_allclose(whole.head_changes, expected, atol=1e-5)
    np.testing.assert_allclose(whole.layer_changes, [expected[PLANTED], 0], atol=1e-5)
    again = explain(model, source, ablate={PLANTED}, target=whole.class_name)  # nothing is left to be silenced
    np.testing.assert_allclose(again.head_changes, 0, atol=1e-5)


def test_a_model_without_a_head_answers_predicts_and_is_scored_as_explain_says():
    model = planted_bert()
    without = ablated(model, {PLANTED})
    ids = encode_sentence("the good film", 8, tokenizer=model.tokenizer)[None]
    expected = explain(model, "the good film", ablate={PLANTED}, maps=()).probability
    assert float(without(ids)[0, 0]) == pytest.approx(expected, abs=1e-6)
    assert float(without.predict(ids, verbose=0)[0, 0]) == pytest.approx(expected, abs=1e-6)
    assert float(model(ids)[0, 0]) > 0.8  # the model itself is as it was
    assert without.class_names == model.class_names and without.output_shape == (None, 1)


def test_the_mean_of_a_head_is_over_tokens_that_are_no_padding():
    model = planted_bert()
    short = encode_sentence("the good film", 5, tokenizer=model.tokenizer)[None]
    without = ablated(model, {PLANTED}, "mean")
    np.testing.assert_allclose(without(short), without(np.pad(short, ((0, 0), (0, 6)))), atol=1e-6)


@pytest.fixture(scope="module")
def segmenter():
    keras.utils.set_random_seed(0)
    sizes = {"patch_size": 4, "hidden_dim": 8, "num_layers": 4, "num_heads": 2, "feature_layers": (0, 1, 2, 3)}
    return upernet_segmenter(beit_backbone(image_shape=(8, 12, 3), **sizes), 3)


def test_a_segmenter_loses_heads_too(segmenter):
    image = red_patch()[None]
    whole, without = segmenter(image), ablated(segmenter, {0, 1, 2, 3})(image)
    assert [x.shape for x in without] == [x.shape for x in whole] and np.abs(without[0] - whole[0]).max() > 1e-6
    np.testing.assert_array_equal(ablated(segmenter, ())(image)[0], whole[0])


@pytest.mark.parametrize(
    "heads, ablation, message",
    [
        (
            {(2, 0)},
            "zero",
            r"`ablate` must hold \(layer, head\) with layers in \[0, 1\] and heads in \[0, 1\].* Received: \(2, 0\)",
        ),
        ({(0, 2)}, "zero", r"Received: \(0, 2\)"),
        ({-1}, "zero", "or layers. Received: -1"),
        ({(0, 1, 1)}, "zero", r"Received: \(0, 1, 1\)"),
        (5, "zero", "`ablate` must be a set of .* Received: 5"),
        ("0.1", "zero", "Received: '0.1'"),
        ((), "noise", '`ablation` must be "zero" or "mean". Received: \'noise\''),
    ],
)
def test_heads_that_are_not_there_are_refused(heads, ablation, message):
    model = planted_bert()
    for call in (lambda: ablated(model, heads, ablation), lambda: explain(model, "film", ablate=heads, ablation=ablation)):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_model_without_attention_has_no_heads():
    with pytest.raises(ValueError, match="`model` must be, or call, a BertBackbone or a BeitBackbone .* Received: 'mlp"):
        ablated(mlp_classifier(hidden_units=(4,)), {(0, 0)})


# === Over a data set ===


def texts_and_labels(model):
    texts = ["the good film", "good", "the bad film", "bad films", "film"]
    return np.stack([encode_sentence(text, 6, tokenizer=model.tokenizer) for text in texts]), np.array([1, 1, 0, 0, 0])


@pytest.mark.parametrize("kind", ["zero", "mean"])
def test_the_importance_of_heads_is_what_is_lost_without_them(kind, capsys):
    model = planted_bert()
    found = head_importance(model, texts_and_labels(model), ablation=kind)
    assert (found.score_name, found.score, found.examples) == ("accuracy", 1.0, 5)
    loss = -0.4 if kind == "zero" else 0  # two of five are positive
    np.testing.assert_allclose(found.score_changes, [[0, loss], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(found.layer_score_changes, [loss, 0], atol=1e-6)
    assert (found.log_odds_changes[PLANTED] < -0.5) == (kind == "zero") and found.log_odds > 1
    assert "head" in capsys.readouterr().out


def test_importance_is_the_same_batch_by_batch():
    model = planted_bert()
    inputs, labels = texts_and_labels(model)
    whole = head_importance(model, (inputs, labels), progress=False)
    batches = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(2)
    parts = head_importance(model, batches, progress=False)
    np.testing.assert_allclose(parts.log_odds_changes, whole.log_odds_changes, atol=1e-5)
    first = head_importance(model, batches, steps=1, progress=False)
    assert (parts.examples, first.examples) == (5, 2)


def test_importance_of_a_classifier_of_images_counts_classes():
    images = np.stack([red_patch(0), np.full((8, 12, 3), 127, "uint8")])
    found = head_importance(planted_beit(), (images, np.array([0, 2])), progress=False)
    np.testing.assert_allclose(found.score_changes, [[0, -0.5], [0, 0]], atol=1e-6)


def test_importance_of_a_segmenter_counts_pixels(segmenter):
    masks = np.array([[[0, 1, 255]] * 2, [[2, 1, 0]] * 2]).repeat(4, axis=1).repeat(4, axis=2)
    images = np.stack([red_patch(), red_patch(1)])
    found = head_importance(segmenter, (images, masks), progress=False)
    assert (found.score_name, found.examples) == ("mean_iou", 2 * 96 - 32) and found.score_changes.shape == (4, 2)
    metric = MeanIoU(3)
    metric.update_state(masks, ablated(segmenter, {(3, 1)})(images)[0])
    assert found.score + found.score_changes[3, 1] == pytest.approx(float(metric.result()), abs=1e-6)


@pytest.mark.parametrize(
    "data, message",
    [
        ((np.ones((2, 4), int), np.array([[0.0, 1.0], [1.0, 1.0]])), "`data` must have one class for each input"),
        ((np.ones((2, 4), int), np.array([-1, 7])), "`data` must be at least one batch with a label"),
        (3, "`dataset` must be a tf.data.Dataset"),
    ],
)
def test_data_without_one_class_each_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        head_importance(planted_bert(), data, progress=False)
