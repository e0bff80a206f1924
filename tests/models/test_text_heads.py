import json
import shutil

import numpy as np
import pytest
import safetensors

from course_hw5 import encode_sentence, explain, get_att_tok, load_model
from course_hw5.layers.bert_inputs import BertInputs
from tests.golden import bert
from tests.golden import text_heads as golden

EXPECTED = json.loads(golden.GOLDEN.read_text())


@pytest.mark.parametrize("name", golden.CASES)
def test_a_text_gets_the_answer_of_the_reference(name, tmp_path):
    case = golden.CASES[name]
    explained = explain(load_model(case.write(tmp_path)), case.text, case.other, special_tokens=True)
    expected = {"positive first": EXPECTED[name][0], "four labels": max(EXPECTED[name])}.get(name, EXPECTED[name][-1])
    assert explained.probability == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("source, tokens, start", [("bert", ["[SEP]"], 5), ("mpnet", ["[SEP]", "[SEP]"], 6)])
def test_a_pair_has_the_separators_of_its_model(source, tokens, start, tmp_path):
    case = golden.Case("word7 word8 word9", "word10", source=source)
    model = load_model(case.write(tmp_path))
    explained = explain(model, case.text, case.other)
    assert explained.tokens == ["[CLS]", "word7", "word8", "word9", *tokens, "word10", "[SEP]"]
    assert explained.sentence_b_start == start and get_att_tok(model, case.text, case.other)[0] == explained.tokens


def test_typed_special_tokens_are_text_unless_asked_for_and_are_no_words(tmp_path):
    model = load_model(golden.Case().write(tmp_path))
    text, other = "word7 [SEP] word8 [MASK]", "[CLS] word9"
    plain, special = (explain(model, text, other, special_tokens=asked) for asked in (False, True))
    assert [word for word, *_ in plain.what_if].count("[UNK]") == 9  # brackets, and what they hold
    assert special.tokens == ["[CLS]", "word7", "[SEP]", "word8", "[MASK]", "[SEP]", "[CLS]", "word9", "[SEP]"]
    assert [word[:3] for word in special.what_if] == [("word7", 1, 1), ("word8", 3, 3), ("word9", 7, 7)]
    assert special.sentence_b_start == 6
    ids = encode_sentence(text, 12, other, model.tokenizer, special_tokens=True)
    assert ids.tolist() == [2, 14, 3, 15, 4, 3, 2, 16, 3, 0, 0, 0]


@pytest.mark.parametrize(
    "names, expected",
    [
        (None, ("LABEL_0", "LABEL_1")),
        ({"0": "not_equivalent", "1": "equivalent"}, ("not_equivalent", "equivalent")),
        ({"0": "POSITIVE", "1": "NEGATIVE"}, ("NEGATIVE", "POSITIVE")),
        ({"1": "good", "0": "bad"}, ("bad", "good")),
    ],
)
def test_a_classifier_keeps_the_names_of_its_labels(names, expected, tmp_path):
    model = load_model(golden.Case(config={"id2label": names}).write(tmp_path))
    model.save(tmp_path / "model.keras")
    for each in (model, load_model(tmp_path / "model.keras")):
        assert each.class_names == expected
        assert explain(each, "word7").class_name == expected[1]


def test_a_classifier_of_four_labels_says_which_it_chooses(tmp_path):
    model = load_model(golden.CASES["four labels"].write(tmp_path))
    assert model.class_names == ("world", "sports", "business", "science") and model.output_shape == (None, 4)
    explained = explain(model, golden.TEXT)
    assert explained.class_name == model.class_names[int(np.argmax(EXPECTED["four labels"]))]


def test_the_one_label_of_a_classifier_is_named(tmp_path):
    model = load_model(golden.CASES["one label"].write(tmp_path))
    assert model.class_names == ("not toxic", "toxic")


@pytest.mark.parametrize(
    "source, config, message",
    [
        ("bert", {"problem_type": "regression"}, "`problem_type` in .* 'single_label_classification'. Received: 'regression'"),
        ("mpnet", {"problem_type": "regression"}, "Received: 'regression'"),
        ("bert", {"problem_type": "multi_label_classification"}, "Received: 'multi_label_classification'"),
        ("mpnet", {"problem_type": "multi_label_classification"}, "Received: 'multi_label_classification'"),
        ("bert", {"is_decoder": True}, "`is_decoder` in .* must be False. Received: True"),
        ("bert", {"add_cross_attention": True}, "`add_cross_attention` in .* must be False. Received: True"),
        ("bert", {"quantization_config": {"bits": 8}}, "`quantization_config` in .* must be None. Received: "),
        ("bert", {"architectures": ["BertForTokenClassification"]}, "`architectures` in .* Received: BertForTokenClass"),
        ("bert", {"architectures": ["BertForMultipleChoice"]}, "Received: BertForMultipleChoice"),
        ("bert", {"architectures": ["BertForQuestionAnswering"]}, "Received: BertForQuestionAnswering"),
        ("bert", {"architectures": ["BertForNextSentencePrediction"]}, "Received: BertForNextSentencePrediction"),
        ("mpnet", {"architectures": ["MPNetForTokenClassification"]}, "Received: MPNetForTokenClassification"),
        ("bert", {"id2label": {"0": "a", "1": "b", "2": "c"}}, "2 labels, for which config.json has 3 names in `id2label`"),
        ("bert", {"type_vocab_size": 1}, r"segment_embedding/embeddings: expected shape \(1, 24\), found \(2, 24\)"),
        ("bert", {"vocab_size": 70}, r"token_embedding/embeddings: expected shape \(70, 24\), found \(60, 24\)"),
        ("mpnet", {"vocab_size": 70}, "65 rows for a `vocab_size` of 70"),
    ],
)
def test_what_would_be_answered_wrongly_is_refused_by_its_name(source, config, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_model(golden.Case(source=source, config=config).write(tmp_path))


def test_a_head_of_another_task_is_refused_whatever_the_config_says(tmp_path):
    def answers(tensors):
        return {name.replace("classifier", "qa_outputs"): tensor for name, tensor in tensors.items()}

    with pytest.raises(ValueError, match="qa_outputs.bias, of which config.json says nothing"):
        load_model(golden.Case(config={"architectures": None}, tensors=answers).write(tmp_path))


def test_a_bert_without_a_pooler_is_a_backbone_with_the_reference_s_states(tmp_path):
    def without(tensors):
        return {
            name.removeprefix("bert."): t for name, t in tensors.items() if "pooler" not in name and "classifier" not in name
        }

    backbone = load_model(golden.Case(config={"architectures": ["BertModel"]}, tensors=without).write(tmp_path))
    expected = np.load(bert.GOLDEN / "expected.npz")
    states = backbone(BertInputs(separator_id=59)(expected["token_ids"]))["sequence_output"]
    kept = expected["token_ids"] != 0
    np.testing.assert_allclose(np.array(states)[kept], expected["sequence_output"][kept], atol=bert.TOLERANCE)
    assert backbone.tokenizer.get_vocabulary() == golden.PIECES
    assert np.std(backbone.pooled_dense.kernel) == pytest.approx(0.02, rel=0.3)  # to be trained, and so not of zeros


def test_weights_are_read_once_and_from_one_file(tmp_path, monkeypatch):
    folder = golden.Case().write(tmp_path)
    shutil.copy(folder / "model.safetensors", folder / "other.safetensors")
    read, open_ = [], safetensors.safe_open
    monkeypatch.setattr(safetensors, "safe_open", lambda path, **options: read.append(path.name) or open_(path, **options))
    load_model(folder)
    assert read == ["model.safetensors"]


@pytest.mark.parametrize("config, rate", [({}, 0.1), ({"classifier_dropout": 0.3}, 0.3), ({"hidden_dropout_prob": 0.2}, 0.2)])
def test_dropout_before_the_head_is_that_of_the_config(config, rate, tmp_path):
    model = load_model(golden.Case(config=config).write(tmp_path))
    assert model.get_layer("classifier_dropout").rate == rate
