import json

import keras
import keras_nlp
import numpy as np
import pytest

from course_hw5 import bert_backbone, bert_classifier, encode_sentence, load_model
from course_hw5.layers.bert_inputs import BertInputs
from course_hw5.models.bert import SIZES, BertBackbone
from course_hw5.text.encoding import tokens_of
from course_hw5.text.tokenizer import SPECIAL_TOKENS

VOCABULARY = (*SPECIAL_TOKENS, "good", "bad", "film", "##s")


def small_backbone(**overrides):
    sizes = {"vocabulary_size": 200, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16}
    return bert_backbone("tiny", **sizes | {"max_sequence_length": 16} | overrides)


def token_ids(*lengths, width=12):
    ids = np.random.default_rng(0).integers(5, 200, (len(lengths), width))
    ids[ids == 102] = 103
    return np.where(np.arange(width) < np.array(lengths)[:, None], ids, 0)


def test_int64_token_ids_give_one_float32_probability_each():
    output = bert_classifier(small_backbone())(token_ids(12, 7).astype("int64"))
    assert output.shape == (2, 1) and output.dtype == "float32"
    assert 0 < float(output[0, 0]) < 1


def test_padding_changes_nothing():
    model = bert_classifier(small_backbone())
    ids = token_ids(7)
    np.testing.assert_allclose(model(ids), model(ids[:, :7]), atol=1e-6)


def test_padding_mask_and_segments_follow_from_the_ids():
    inputs = BertInputs()(np.array([[101, 7, 102, 8, 9, 102, 0, 0], [101, 7, 102, 0, 0, 0, 0, 0]]))
    assert keras.ops.convert_to_numpy(inputs["padding_mask"]).tolist() == [[1] * 6 + [0] * 2, [1] * 3 + [0] * 5]
    assert keras.ops.convert_to_numpy(inputs["segment_ids"]).tolist() == [[0, 0, 0, 1, 1, 1, 0, 0], [0] * 8]


@pytest.mark.parametrize(
    "size, parameters",  # of the published checkpoints
    [("tiny", 4_385_920), ("mini", 11_170_560), ("small", 28_763_648), ("medium", 41_373_184), ("minilm-l6", 22_713_216)],
)
def test_sizes_have_as_many_parameters_as_the_published_ones(size, parameters):
    assert bert_backbone(size).count_params() == parameters


def test_base_is_the_size_of_the_paper():
    assert SIZES["base"] == {"num_layers": 12, "hidden_dim": 768, "num_heads": 12, "mlp_dim": 3072}


@pytest.mark.parametrize("owner", ["backbone", "classifier"])
def test_saving_keeps_outputs_gelu_and_vocabulary(tmp_path, owner):
    own = {"vocabulary": [*VOCABULARY], "lowercase": False}
    backbone = small_backbone(vocabulary_size=len(VOCABULARY), **own if owner == "backbone" else {})
    model = bert_classifier(backbone, **own if owner == "classifier" else {})
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    tokenizer = loaded.tokenizer
    ids = encode_sentence("good films", 8, tokenizer=tokenizer)[None]
    assert tokens_of(ids[0], tokenizer)[:5] == ["[CLS]", "good", "film", "##s", "[SEP]"]
    assert loaded.bert_inputs.get_config() == model.bert_inputs.get_config()
    np.testing.assert_array_equal(loaded(ids), model(ids))


def test_a_classifier_has_two_names():
    assert bert_classifier(small_backbone(), class_names=["bad", "good"]).class_names == ("bad", "good")
    with pytest.raises(ValueError, match=r"`class_names` must be two names or more. Received: \['good'\]"):
        bert_classifier(small_backbone(), class_names=["good"])


def test_a_classifier_of_three_classes_gives_a_probability_of_each(tmp_path):
    model = bert_classifier(small_backbone(), num_classes=3, class_names=["sport", "news", "art"])
    model.save(tmp_path / "model.keras")
    loaded, ids = load_model(tmp_path / "model.keras"), token_ids(12, 7)
    np.testing.assert_array_equal(loaded(ids), model(ids))
    np.testing.assert_allclose(keras.ops.sum(model(ids), axis=-1), 1, atol=1e-6)
    assert loaded.class_names == ("sport", "news", "art") and loaded.num_classes == 3
    assert bert_classifier(small_backbone(), num_classes=4).class_names == ("class 0", "class 1", "class 2", "class 3")
    two = loaded.reset_classifier(("yes", "no"))
    assert two.output_shape == (None, 1) and two.backbone is loaded.backbone


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_softmax_of_class_logits_is_what_the_model_gives(num_classes):
    model = bert_classifier(small_backbone(), num_classes=num_classes)
    ids = token_ids(12, 7)
    logits = model.class_logits(model.backbone(model.bert_inputs(ids))["pooled_output"])
    np.testing.assert_allclose(keras.ops.softmax(logits)[:, num_classes == 2 :], model(ids), atol=1e-6)


def test_names_and_number_of_classes_go_together():
    for arguments in ({"num_classes": 1}, {"num_classes": 3, "class_names": ["a", "b"]}, {"class_names": "ab"}):
        with pytest.raises(ValueError, match="`(num_classes|class_names)` must be .* Received"):
            bert_classifier(small_backbone(), **arguments)


def test_a_model_from_the_config_keeps_vocabulary_names_and_length():
    backbone = small_backbone(vocabulary=VOCABULARY, lowercase=False)
    model = bert_classifier(backbone, max_length=8, dropout=0.3, class_names=("bad", "good"))
    copy = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert copy.tokenizer == backbone.tokenizer and not copy.tokenizer.lowercase and copy.bert_inputs.separator_id == 3
    assert copy.input_shape == (None, 8) and copy.dropout == 0.3 and copy.class_names == ("bad", "good")
    assert type(backbone).from_config(backbone.get_config()).tokenizer.get_vocabulary() == [*VOCABULARY]


def test_a_clone_and_weights_by_path_give_the_same_numbers(tmp_path):
    model, ids = bert_classifier(small_backbone()), token_ids(12, 7)
    clone, fresh = keras.models.clone_model(model), type(model).from_config(model.get_config())
    clone.set_weights(model.get_weights())
    model.save_weights(tmp_path / "model.weights.h5")
    fresh.load_weights(tmp_path / "model.weights.h5")
    for other in (clone, fresh):
        assert [w.path for w in other.weights] == [w.path for w in model.weights]
        np.testing.assert_array_equal(other(ids), model(ids))


def test_a_model_for_other_labels_shares_the_backbone():
    model = bert_classifier(small_backbone())
    other = model.reset_classifier(("sad", "glad"))
    assert other.backbone is model.backbone and other.class_names == ("sad", "glad")
    assert not np.array_equal(other.classifier.kernel, model.classifier.kernel)


def test_variables_are_grouped_from_the_embeddings_to_the_head():
    model = bert_classifier(small_backbone())
    embeddings, first, second, head = ([v.path for v in group] for group in model.layer_groups())
    assert sorted(embeddings + first + second + head) == sorted(v.path for v in model.trainable_variables)
    assert "token_embedding/embeddings" in embeddings and {"pooled_dense/kernel", "classifier/kernel"} <= {*head}
    assert all(path.startswith("transformer_layer_1/") for path in second)
    model.backbone.token_embedding.trainable = False
    assert "token_embedding/embeddings" not in [v.path for v in model.layer_groups()[0]]


def test_weights_have_the_paths_and_the_order_of_keras_nlp():
    sizes = {"vocabulary_size": 200, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    ours, theirs = small_backbone(), keras_nlp.models.BertBackbone(**sizes, max_sequence_length=16)
    assert [(w.path, w.shape) for w in ours.weights] == [(w.path, w.shape) for w in theirs.weights]


def test_a_preset_of_keras_nlp_is_loaded_by_the_class(tmp_path):
    sizes = {"vocabulary_size": 200, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    theirs = keras_nlp.models.BertBackbone(**sizes)
    theirs.save_to_preset(tmp_path)
    ours = BertBackbone.from_preset(str(tmp_path))
    assert isinstance(ours, BertBackbone)
    for expected, found in zip(theirs.get_weights(), ours.get_weights()):
        np.testing.assert_array_equal(found, expected)


def test_a_backbone_of_keras_nlp_becomes_one_with_exact_gelu():
    sizes = {"vocabulary_size": 200, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    plain = keras_nlp.models.BertBackbone(**sizes, max_sequence_length=16, dtype="mixed_bfloat16", name="plain")
    backbone = bert_classifier(plain).backbone
    assert backbone.name == "plain" and backbone.dtype_policy.name == "mixed_bfloat16"
    for expected, found in zip(plain.get_weights(), backbone.get_weights()):
        np.testing.assert_array_equal(found, expected)
    for other in (bert_classifier(backbone), "tiny"):
        with pytest.raises(ValueError, match="`backbone` must be a BertBackbone, .* Received: "):
            bert_classifier(other)


@pytest.mark.parametrize("vocabulary", [VOCABULARY, None])
def test_more_word_pieces_than_embeddings_are_refused(vocabulary):
    own = {} if vocabulary else {"vocabulary": VOCABULARY}
    with pytest.raises(ValueError, match="`backbone` must hold an embedding for each word piece. Received: 8 for 9"):
        bert_classifier(small_backbone(vocabulary_size=8, **own), vocabulary=vocabulary)


def test_a_vocabulary_without_special_tokens_is_refused():
    with pytest.raises(ValueError, match=r"`vocabulary` must hold BERT's special tokens. Received: no \[CLS\]"):
        bert_classifier(small_backbone(), vocabulary=["[PAD]", "[UNK]", "[SEP]", "[MASK]", "good"])


def test_a_text_of_more_tokens_than_positions_is_refused():
    with pytest.raises(ValueError, match="A text must have at most 16 tokens, one per position. Received: 17"):
        bert_classifier(small_backbone())(token_ids(17, width=17))


def test_exact_gelu_is_used_and_not_the_approximation():
    layer = small_backbone().transformer_layers[0]
    x = keras.ops.array([[-1.0]])
    np.testing.assert_allclose(layer.activation(x), [[-0.15865525]], rtol=1e-6)  # approximated: -0.158808


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_answers_in_float32(policy, use_policy):
    use_policy(policy)
    output = bert_classifier(small_backbone())(token_ids(12, 7))
    assert output.dtype == "float32" and np.isfinite(output).all()


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="`size` must be one of tiny, mini, small, medium, base, minilm-l6. Received: 'huge'"):
        bert_backbone("huge")
    for length in (17, 2, 8.0):
        with pytest.raises(ValueError, match=rf"`max_length` must be None or a whole number in \[3, 16\]\. Received: {length}"):
            bert_classifier(small_backbone(), max_length=length)
