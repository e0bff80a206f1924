import numpy as np
import pytest
import tensorflow as tf

from course_hw5 import beit_backbone, beit_classifier, bert_classifier, explain
from course_hw5.explanation import image, maps
from course_hw5.explanation.target import logits_model, logits_of, target_of
from tests.explanation.toys import planted_beit, planted_bert, red_patch

KNOWING = ("relevance", "integrated_gradients", "occlusion")


@pytest.fixture(scope="module")
def bert():
    return planted_bert()


@pytest.fixture(scope="module")
def beit():
    return planted_beit()


@pytest.mark.parametrize("name", KNOWING)
@pytest.mark.parametrize("text, word", [("the good film", 2), ("the film the bad film", 4)])
def test_maps_find_the_word_that_a_model_uses(name, text, word, bert):
    found = maps.MAPS[name](bert, text)
    assert found.argmax() == word and found[word] > 0
    others = np.delete(found, word)
    assert np.abs(others).max() < 0.05 * found[word]


def test_attention_looks_at_a_word_that_the_model_does_not_use(bert):
    found = maps.attention(bert, "the good film")
    assert found.shape == (5,)
    first_layer = explain(bert, "the good film", maps=()).attention[0]
    assert first_layer[0, 0].argmax() == 3 and first_layer[0, 0, 3] > 0.9  # head 0 sees "film", which changes nothing
    assert maps.rollout(bert, "the good film").argmax() in (0, 3)


@pytest.mark.parametrize("name", KNOWING)
def test_maps_find_the_patch_that_a_model_uses(name, beit):
    found = maps.MAPS[name](beit, red_patch(4))
    assert found.shape == (6,) and found.argmax() == 4
    assert np.abs(np.delete(found, 4)).max() < 0.3 * found[4]


@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion"])
def test_a_map_for_the_other_class_is_against_the_evidence(name, bert, beit):
    assert maps.MAPS[name](bert, "the good film", "negative").argmin() == 2
    assert maps.MAPS[name](beit, red_patch(1), ("blue", "none")).argmin() == 1


def test_integrated_gradients_sum_to_what_the_words_add(sentiment):
    explained = explain(sentiment, "not a good film", maps=("integrated_gradients",))
    nothing = explain(sentiment, "[MASK] [MASK] [MASK] [MASK]", special_tokens=True, maps=())
    assert explained.integrated_gradients.sum() == pytest.approx(explained.log_odds - nothing.log_odds, rel=0.01)
    np.testing.assert_allclose(explained.integrated_gradients[[0, -1]], 0, atol=1e-6)  # [CLS] and [SEP] are in both


def test_integrated_gradients_of_patches_are_those_of_their_pixels():
    model = beit_classifier(beit_backbone("tiny", (8, 8, 3), num_layers=2), 3, pooling="cls")
    source = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype("uint8")
    target, mean = target_of(model, 1, 0), source.mean(axis=(0, 1))
    nodes, weights = np.polynomial.legendre.leggauss(32)
    path = tf.constant(mean + (nodes[:, None, None, None] + 1) / 2 * (source - mean), "float32")
    with tf.GradientTape() as tape:
        tape.watch(path)
        value = target.log_odds(logits_of(model, logits_model(model)(path)))
    pixels = np.tensordot(weights / 2, tape.gradient(value, path), 1) * (source - mean)
    expected = pixels.reshape(2, 4, 2, 4, 3).sum((1, 3, 4)).ravel()
    np.testing.assert_allclose(maps.integrated_gradients(model, source, 1), expected, rtol=1e-3, atol=1e-6)


def test_occlusion_is_the_loss_without_each_word_whole(bert):
    explained = explain(bert, "the goods film")
    pieces = explained.tokens.index("##s")
    assert explained.occlusion[pieces] == explained.occlusion[pieces - 1]
    np.testing.assert_allclose(maps.occlusion(bert, "the goods film"), explained.occlusion, atol=1e-5)
    _, first, last, probability, log_odds = explained.what_if[1]
    assert (first, last) == (2, 3) and explained.occlusion[2] == pytest.approx(explained.log_odds - log_odds, abs=1e-5)
    assert probability == pytest.approx(1 / (1 + np.exp(-log_odds)))


def test_explain_gives_the_same_maps(beit):
    explained = explain(beit, red_patch())
    for name in ("integrated_gradients", "occlusion"):
        np.testing.assert_allclose(getattr(explained, name), maps.MAPS[name](beit, red_patch()), atol=1e-5)
    assert explain(beit, red_patch(), maps=()).occlusion is None


@pytest.mark.parametrize("grid, most, side", [((2, 3), 6, 1), ((2, 3), 5, 2), ((48, 64), 200, 4)])
def test_of_a_fine_grid_squares_of_patches_are_taken_out(grid, most, side):
    found = image.windows(grid, most)
    assert len(found) <= most and max(map(len, found)) <= side**2
    assert sorted(token for window in found for token in window) == [*range(1, 1 + grid[0] * grid[1])]


def test_random_numbers_repeat_for_a_seed(bert):
    first, again, other = (maps.random(bert, "film", seed=seed) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist() and first.shape == (3,)


def test_maps_leave_padding_out():
    fixed = type(planted_bert()).from_config(planted_bert().get_config() | {"max_length": 12})
    assert {function(fixed, "the film").shape for function in maps.MAPS.values()} == {(4,)}


# === Classes ===


def test_log_odds_are_exact_where_the_probability_is_one(bert):
    sure = type(bert).from_config(bert.get_config())
    sure.set_weights(bert.get_weights())
    before = explain(bert, "the good film")
    sure.classifier.bias.assign(bert.classifier.bias + 40)
    after = explain(sure, "the good film")
    assert after.probability == 1 and after.log_odds == pytest.approx(before.log_odds + 40, abs=1e-4)
    np.testing.assert_allclose([word[4] for word in after.what_if], [word[4] + 40 for word in before.what_if], atol=1e-4)
    np.testing.assert_allclose(after.occlusion, before.occlusion, atol=1e-4)


def test_a_class_of_a_text_is_explained_by_name_or_number(bert):
    whole = explain(bert, "the good film")
    for target in ("negative", 0, ("negative", "positive")):
        other = explain(bert, "the good film", target=target)
        assert other.probability == pytest.approx(1 - whole.probability) and other.log_odds == pytest.approx(-whole.log_odds)
        np.testing.assert_allclose(other.gradients, -whole.gradients, atol=1e-6)
        np.testing.assert_allclose(other.head_changes, -whole.head_changes, atol=1e-5)
    assert other.class_name == "negative : positive"
    bad = explain(bert, "the bad film")
    assert (bad.class_name, bad.probability < 0.5) == ("positive", True)  # the probability stays that of label 1


def test_classes_of_an_image_are_compared(beit):
    logits = dict(zip(beit.class_names, image.image_probe(beit, red_patch()).logits()))
    against, alone = (explain(beit, red_patch(), target=target, maps=()) for target in (("blue", "red"), "blue"))
    assert against.log_odds == pytest.approx(logits["blue"] - logits["red"], abs=1e-5)
    assert alone.log_odds == pytest.approx(logits["blue"] - np.log(np.exp(logits["red"]) + np.exp(logits["none"])), abs=1e-5)
    assert alone.predictions == against.predictions and against.class_name == "blue : red"


@pytest.mark.parametrize("target", ["sad", 2, -1, True, ("positive", "positive"), ("positive", "sad"), 0.5, ["a", "b", "c"]])
def test_classes_that_are_not_there_are_refused(target, bert):
    with pytest.raises(ValueError, match="`target` must be a class, or a pair of two, of negative, positive. Received: "):
        explain(bert, "film", target=target)


@pytest.mark.parametrize("asked", ["heads", ("attention",), 3])
def test_maps_that_there_are_not_are_refused(asked, bert):
    with pytest.raises(ValueError, match="`maps` must be some of heads, integrated_gradients, occlusion. Received: "):
        explain(bert, "film", maps=asked)


def test_maps_are_of_classifiers():
    with pytest.raises(ValueError, match="`model` must be a bert_classifier or a beit_classifier. Received: "):
        maps.occlusion(beit_backbone("tiny", (8, 8, 3)), red_patch())


def test_each_of_several_classes_of_a_text_has_its_own_numbers():
    backbone = planted_bert().backbone
    model = bert_classifier(backbone, class_names=("bad", "good", "neither"))
    explained = explain(model, "the good film")
    found = {answer.name: answer for answer in explained.answers}
    assert {*found} == {*model.class_names} and explained.answers[0].name == explained.class_name
    for name, answer in found.items():
        alone = explain(model, "the good film", target=name)
        assert answer.log_odds == pytest.approx(alone.log_odds, abs=1e-5)
        np.testing.assert_allclose(answer.gradients, alone.gradients, atol=1e-6)
        np.testing.assert_allclose(answer.head_changes, alone.head_changes, atol=1e-5)
        np.testing.assert_allclose(answer.occlusion, alone.occlusion, atol=1e-5)
        assert alone.answers[0].name == name and len(alone.answers) == 3
    page = explained.view(html_action="return")
    assert page.count('"logOdds"') >= 3
