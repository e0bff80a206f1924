import keras
import numpy as np
import pytest

from course_hw5 import (
    attention_model,
    bert_classifier,
    embedding_parts,
    explain,
    get_att_tok,
    load_model,
    mlp_classifier,
)
from course_hw5.attention import analysis
from course_hw5.explanation import extract, probe, text
from course_hw5.models.bert import bert_backbone
from tests.models.test_bert import VOCABULARY, small_backbone, token_ids


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return bert_classifier(bert_backbone("tiny", hidden_dim=16, mlp_dim=32, num_heads=4, max_sequence_length=16))


def test_rows_sum_to_one_and_padded_keys_get_nothing(model):
    scores = keras.ops.convert_to_numpy(attention_model(model)(token_ids(12, 7)))
    assert scores.shape == (2, 2, 4, 12, 12) and scores.dtype == "float32"
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-6)
    assert (scores[1, :, :, :, 7:] == 0).all()


def test_submodel_has_the_inputs_and_the_weights_of_the_model(model):
    submodel = attention_model(model)
    assert submodel.input is model.input
    assert {id(weight) for weight in submodel.weights} <= {id(weight) for weight in model.weights}
    ids = token_ids(9)
    np.testing.assert_allclose(extract.extractor(model)(ids)["output"], model(ids), atol=1e-6)


def test_submodel_saves_and_loads(model, tmp_path):
    submodel, ids = attention_model(model), token_ids(5)
    submodel.save(tmp_path / "attention.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "attention.keras")(ids), submodel(ids))


def test_a_loaded_model_is_explained_as_the_one_that_was_saved(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    expected, found = explain(model, "a fine film"), explain(loaded, "a fine film")
    assert found.tokens == expected.tokens and found.probability == expected.probability
    np.testing.assert_array_equal(found.attention, expected.attention)
    ids = token_ids(5)
    np.testing.assert_array_equal(attention_model(loaded)(ids), attention_model(model)(ids))


def test_a_clone_and_a_functional_model_around_the_backbone_give_the_same_attention(model):
    ids = token_ids(9)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    pooled = model.backbone(model.bert_inputs(model.input))["pooled_output"]
    own = keras.Model(model.input, keras.layers.Dense(3)(pooled), name="own")
    for other in (clone, own):
        np.testing.assert_allclose(attention_model(other)(ids), attention_model(model)(ids), atol=1e-6)
    assert own.output.shape == (None, 3)
    with pytest.raises(
        ValueError, match="`model` must be a bert_classifier, .* or an upernet_segmenter. Received: <Functional"
    ):
        explain(own, "a film")


def test_tokens_and_attention_come_without_padding(model):
    tokens, scores = get_att_tok(model, "a fine film", other="yes")
    assert tokens == ["[CLS]", "a", "fine", "film", "[SEP]", "yes", "[SEP]"]
    assert isinstance(scores, np.ndarray) and scores.shape == (2, 4, 7, 7)


def test_a_model_of_fixed_length_gives_the_same_attention(model):
    fixed = bert_classifier(model.backbone, max_length=16)
    np.testing.assert_allclose(get_att_tok(fixed, "a fine film")[1], get_att_tok(model, "a fine film")[1], atol=1e-6)


def test_a_sentence_longer_than_the_model_reads_is_cut(model):
    tokens, scores = get_att_tok(model, "word " * 500)
    assert len(tokens) == 16 == scores.shape[-1] and tokens[-1] == "[SEP]"


def test_an_explanation_says_how_long_a_cut_text_was(model):
    cut, whole = explain(model, "word " * 40), explain(model, "word " * 14)
    assert (len(cut.tokens), cut.truncated_from) == (16, 42) and (len(whole.tokens), whole.truncated_from) == (16, None)


def test_gradients_are_those_of_the_predicted_logit(model):
    explained = explain(model, "a fine film")
    assert explained.gradients.shape == explained.attention.shape
    assert np.abs(explained.gradients[-1, :, 0]).max() > 0
    assert (explained.gradients[-1, :, 1:] == 0).all()  # in the last layer, only what [CLS] sees reaches the answer


@pytest.mark.parametrize("bias", [-150.0, 40.0])
def test_a_probability_of_zero_or_one_has_gradients_too(model, bias):
    sure = type(model).from_config(model.get_config())
    sure.set_weights(model.get_weights())
    sure.classifier.bias.assign([bias])
    gradients = explain(sure, "a fine film").gradients
    assert np.isfinite(gradients).all()
    sure.classifier.bias.assign([np.sign(bias)])
    np.testing.assert_allclose(gradients, explain(sure, "a fine film").gradients, atol=1e-6)


def test_what_if_masks_whole_words(model):
    explained = explain(model, "an unbelievably fine film")
    assert [entry[:3] for entry in explained.what_if] == [
        ("an", 1, 1),
        ("unbelievably", 2, 6),
        ("fine", 7, 7),
        ("film", 8, 8),
    ]
    ids = text.read(model, "an unbelievably fine film")[1]
    ids[0, 2:7] = 103
    assert explained.what_if[1][3] == pytest.approx(float(model(ids)[0, 0]), abs=1e-6)
    whole = text.read(model, "an unbelievably fine film")[1]
    assert explained.probability == pytest.approx(float(model(whole)[0, 0]), abs=1e-6)


def test_of_many_words_those_that_count_most_are_masked(sentiment, monkeypatch):
    sentence = "the plot is bad but all actors are wonderful"
    every = explain(sentiment, sentence).what_if
    monkeypatch.setattr(text, "MASKED_WORDS", 2)
    explained = explain(sentiment, sentence)
    relevance = analysis.token_relevance(explained.attention, explained.gradients)
    best, other = (np.sort(np.argsort(-row[1:-1])[:2]) + 1 for row in relevance[:2])
    assert best.tolist() != other.tolist()  # those that count for [CLS], not for another token
    assert [first for _, first, *_ in explained.what_if] == best.tolist()
    assert {word[:3] for word in explained.what_if} < {word[:3] for word in every}


def test_a_model_that_reads_no_text_is_refused():
    backbone = bert_backbone("tiny", hidden_dim=16, mlp_dim=32, num_heads=4)
    for read in (get_att_tok, explain, embedding_parts):
        with pytest.raises(ValueError, match="`model` must be a bert_classifier.* Received: <BertBackbone"):
            read(backbone, "a film")


def test_text_is_not_read_by_a_vocabulary_that_the_model_has_no_embeddings_for():
    for read in (get_att_tok, explain, embedding_parts):
        with pytest.raises(ValueError, match="`model` must hold an embedding for each word piece. Received: 200 for 30522"):
            read(bert_classifier(small_backbone()), "a film")


def test_the_tokenizer_of_a_backbone_is_that_of_a_classifier_on_it():
    backbone = small_backbone(vocabulary=VOCABULARY)
    assert backbone.tokenizer is bert_classifier(backbone).tokenizer


def test_masked_sentences_are_read_a_few_at_a_time_to_the_same_numbers(model, monkeypatch):
    expected = explain(model, "an unbelievably fine film").what_if
    monkeypatch.setattr(probe, "WEIGHTS_AT_ONCE", 3 * 10**2)  # of ten tokens
    read, call = [], probe.logits_of
    monkeypatch.setattr(probe, "logits_of", lambda model, outputs: read.append(outputs) or call(model, outputs))
    found = explain(model, "an unbelievably fine film", maps=()).what_if
    batches = [len(outputs["pooled_output"]) for outputs in read]
    assert batches[-2:] == [4, 2] and max(batches) == 4  # the text without any word is read with each three
    assert [entry[:3] for entry in found] == [entry[:3] for entry in expected]
    np.testing.assert_allclose([entry[3:] for entry in found], [entry[3:] for entry in expected], atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_model_in_mixed_precision_is_explained(policy, use_policy):
    use_policy(policy)
    model = bert_classifier(bert_backbone("tiny", hidden_dim=16, mlp_dim=32, num_heads=4))
    explained = explain(model, "a fine film")
    assert explained.attention.dtype == explained.gradients.dtype == attention_model(model).output.dtype == "float32"
    np.testing.assert_allclose(explained.attention.sum(-1), 1, atol=0.02)
    assert np.abs(explained.gradients[-1, :, 0]).max() > 0


def test_an_explained_pair_goes_into_the_viewer_as_it_is(model):
    explained = explain(model, "a fine film", other="not at all")
    assert explained.sentence_b_start == 5
    page = explained.view(html_action="return")
    assert '"name": "relevance"' in page and '"word": "fine"' in page


def test_the_empty_sentence_has_no_word_to_mask(model):
    assert explain(model, "").what_if == []


def test_embedding_parts_add_up_to_what_the_first_layer_reads(model):
    tokens, parts = embedding_parts(model, "a film", other="b")
    assert tokens == ["[CLS]", "a", "film", "[SEP]", "b", "[SEP]"] and parts["token"].shape == (6, 16)
    summed = parts["token"] + parts["position"] + parts["segment"]
    normalized = (summed - summed.mean(1, keepdims=True)) / summed.std(1, keepdims=True)
    np.testing.assert_allclose(parts["sum"], normalized, atol=1e-4)  # of a new model: scale 1, offset 0
    assert (parts["segment"][:4] == parts["segment"][0]).all() and (parts["segment"][4:] != parts["segment"][0]).any()


def test_a_model_without_attention_is_refused():
    with pytest.raises(ValueError, match="`model` must have layers that attend.* Received: 'mlp"):
        attention_model(mlp_classifier(hidden_units=(4,)))


def test_of_three_classes_the_predicted_one_is_explained():
    model = bert_classifier(small_backbone(vocabulary_size=9, vocabulary=VOCABULARY), class_names=("sport", "news", "art"))
    model.classifier.bias.assign([0.0, 0.0, 2.0])
    explained = explain(model, "good film")
    assert explained.class_name == "art" and [word for word, *_ in explained.what_if] == ["good", "film"]
    _, ids, _ = text.read(model, "good film")
    np.testing.assert_allclose(explained.probability, model(ids)[0, 2], atol=1e-6)
    ids[0, 1] = model.tokenizer.mask_token_id
    np.testing.assert_allclose(explained.what_if[0][3], model(ids)[0, 2], atol=1e-6)
    page = explained.view(html_action="return")
    assert '"art"' in page and np.abs(explained.gradients).max() > 0
