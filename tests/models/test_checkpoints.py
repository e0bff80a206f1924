import json
import os
import shutil

import keras
import keras_nlp
import numpy as np
import pytest
import safetensors.numpy

from course_hw5 import bert_classifier, hub, load_model, mlp_classifier
from course_hw5.text import tokenizer
from course_hw5.text.encoding import encode, tokens_of
from course_hw5.text.tokenizer import SPECIAL_TOKENS
from tests.golden import bert as golden
from tests.golden import tokenizer_files

FOLDER, MPNET = golden.GOLDEN, golden.GOLDEN_MPNET


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "model")


@pytest.fixture
def mpnet(tmp_path):
    return shutil.copytree(MPNET, tmp_path / "mpnet")


def change_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


@pytest.mark.parametrize("source, also", [(FOLDER, {"pooled_output"}), (MPNET, set())])
def test_states_attention_and_answers_equal_the_reference(source, also):
    found = golden.differences(source, dict(np.load(source / "expected.npz")))
    assert {*found} == {"sequence_output", "attention", "positive"} | also
    assert max(found.values()) < golden.TOLERANCE


def test_an_mpnet_reads_bert_s_ids_by_a_vocabulary_of_its_own(mpnet):
    model = load_model(mpnet)
    tokenizer = model.tokenizer
    assert tokens_of(encode("word7", 8, tokenizer=tokenizer).ids, tokenizer) == [
        "[CLS]",
        "word7",
        "[SEP]",
    ]
    (mpnet / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert load_model(mpnet).tokenizer("Word7 word7") == [1, 7]


def change_tensors(folder, change):
    (path,) = folder.glob("*.safetensors")
    tensors = change(safetensors.numpy.load_file(path))
    safetensors.numpy.save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path)


def test_an_mpnet_without_a_head_is_a_backbone_with_its_pooler(mpnet):
    change_tensors(
        mpnet,
        lambda tensors: {
            name.removeprefix("mpnet.").replace("classifier.dense", "pooler.dense"): value
            for name, value in tensors.items()
            if "out_proj" not in name
        },
    )
    backbone, ids = load_model(mpnet), np.load(MPNET / "expected.npz")["token_ids"]
    assert backbone.tokenizer.get_vocabulary()[0] == "[PAD]" and bert_classifier(backbone).output_shape == (None, 1)
    model = load_model(MPNET)
    inputs = model.bert_inputs(ids)
    expected = model.layers[2](inputs)["pooled_output"]
    np.testing.assert_allclose(backbone(inputs)["pooled_output"], expected, atol=1e-6)


def test_an_mpnet_with_half_a_head_is_refused(mpnet):
    change_tensors(mpnet, lambda tensors: {name: value for name, value in tensors.items() if "classifier.dense" not in name})
    with pytest.raises(ValueError, match="must hold whole weights of the model in its config.json. Received: classifier.dense"):
        load_model(mpnet)


def test_an_mpnet_takes_no_image_and_reads_the_newer_form_of_a_vocabulary(mpnet):
    with pytest.raises(ValueError, match="`image_shape` must be None but for a BEiT"):
        load_model(mpnet, image_shape=(8, 8, 3))
    ids = {word: i for i, word in enumerate(golden.mpnet_vocabulary(60))}
    (mpnet / "tokenizer.json").write_text(json.dumps(tokenizer_files.definition(model_vocab=ids, added_tokens=[])))
    (mpnet / "vocab.txt").unlink()
    assert [*load_model(mpnet).tokenizer("word7")] == [7]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"num_hidden_layers": 2}, "encoder.layer.2.*, of which config.json says nothing"),
        ({"num_hidden_layers": 4}, "encoder.layer.3.attention.attn.q.weight"),
        ({"intermediate_size": 48}, r"intermediate_dense/kernel: expected shape \(24, 48\), found \(24, 96\)"),
        ({"max_position_embeddings": 30}, r"position_embedding/embeddings: expected shape \(28, 24\), found \(24, 24\)"),
        ({"relative_attention_num_buckets": 31}, "`buckets` must be an even number from 4 to 510. Received: 31"),
        ({"hidden_act": "relu"}, "`hidden_act` in .* must be 'gelu'. Received: 'relu'"),
    ],
)
def test_an_mpnet_that_differs_from_its_config_is_refused(mpnet, changes, message):
    change_config(mpnet, **changes)
    with pytest.raises(ValueError, match=message):
        load_model(mpnet)


@pytest.mark.parametrize(
    "words, message",
    [
        (None, "must hold vocab.txt, by which ids become BERT's. Received: .*config.json"),
        (["[PAD]", "[UNK]"], "must hold MPNet's special tokens. Received: no <pad>, <s>, </s>, <mask>"),
        (golden.mpnet_vocabulary(61), "embeddings.word_embeddings.weight: 65 rows for 66 word pieces"),
    ],
)
def test_an_mpnet_without_its_vocabulary_is_refused(mpnet, words, message):
    (mpnet / "vocab.txt").unlink() if words is None else (mpnet / "vocab.txt").write_text("\n".join(words))
    with pytest.raises(ValueError, match=message):
        load_model(mpnet)


def test_the_real_minilm_is_loaded_without_a_head():
    model = load_model("minilm")
    assert model.count_params() == 22_713_216 and "sequence_output" in model.output


def test_a_folder_with_its_own_vocabulary_keeps_it(folder):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{i}" for i in range(55))]
    (folder / "vocab.txt").write_text("\n".join(words))
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    model = load_model(folder)
    inputs = model.bert_inputs
    assert [*model.tokenizer("word7")] == [12]
    assert inputs.separator_id == 3 and not model.tokenizer.lowercase


def test_a_folder_without_a_head_gives_its_vocabulary_to_a_classifier(folder, tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[MASK]", "[SEP]", *(f"word{i}" for i in range(55))]
    (folder / "vocab.txt").write_text("\n".join(words))
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    (path,) = folder.glob("*.safetensors")
    tensors = {name: value for name, value in safetensors.numpy.load_file(path).items() if "classifier" not in name}
    safetensors.numpy.save_file(tensors, path)
    model = bert_classifier(load_model(folder))
    inputs = model.bert_inputs
    assert [*model.tokenizer("word7")] == [12] and inputs.separator_id == 4 and not model.tokenizer.lowercase


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[MASK]", "[SEP]", "Film", "film", "good"]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A function that makes parts of keras-nlp's what its preset "bert_base_en" consists of."""

    def store(*parts):
        for part in parts:
            part.save_to_preset(tmp_path)
        monkeypatch.setitem(keras_nlp.models.BertBackbone.presets["bert_base_en"], "kaggle_handle", str(tmp_path))
        return "bert_base_en"

    return store


def plain_backbone():
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    return keras_nlp.models.BertBackbone(len(WORDS), **sizes, max_sequence_length=16)


def test_a_preset_of_keras_nlp_keeps_its_vocabulary_and_case(store, tmp_path):
    backbone = load_model(store(plain_backbone(), keras_nlp.tokenizers.BertTokenizer(WORDS)))
    model = bert_classifier(backbone)
    inputs = model.bert_inputs
    assert [*model.tokenizer("film Film")] == [6, 5] and inputs.separator_id == 4 and not model.tokenizer.lowercase
    backbone.save(tmp_path / "backbone.keras")
    assert load_model(tmp_path / "backbone.keras").tokenizer is model.tokenizer


def test_a_preset_with_the_published_vocabulary_brings_none_of_its_own(store, monkeypatch):
    monkeypatch.setattr(tokenizer, "uncased_vocabulary", lambda: tuple(WORDS))
    cased = load_model(store(plain_backbone(), keras_nlp.tokenizers.BertTokenizer(WORDS)))
    uncased = load_model(store(keras_nlp.tokenizers.BertTokenizer(WORDS, lowercase=True)))
    assert cased.tokenizer.get_vocabulary() == WORDS and not cased.tokenizer.lowercase and uncased.tokenizer is None


def plain_classifier(labels):
    reader = keras_nlp.models.BertTextClassifierPreprocessor(keras_nlp.tokenizers.BertTokenizer(WORDS), sequence_length=8)
    return keras_nlp.models.BertTextClassifier(plain_backbone(), labels, preprocessor=reader)


@pytest.mark.parametrize("labels", [1, 2, 3])
def test_a_preset_of_keras_nlp_keeps_its_head(store, labels):
    task = plain_classifier(labels)
    model = load_model(store(task))
    ids = np.array([[2, 5, 7, 4, 0]])
    logits = task({"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 1 * (ids != 0)})
    expected = keras.ops.sigmoid(logits) if labels == 1 else keras.ops.softmax(logits)[:, labels == 2 :]
    np.testing.assert_allclose(model(ids), expected, atol=1e-4)  # its GELU is not exact
    assert model.bert_inputs.separator_id == 4


@pytest.mark.parametrize(
    "tokenizer, arguments, message",
    [
        ("BertTokenizer", [WORDS[::-1]], r"bert_base_en must hold \[PAD\] first, .* Received: 'good' first"),
        ("BertTokenizer", [[*WORDS, "a"]], "bert_base_en must hold an embedding for each word piece. Received: 8 for 9"),
        ("BytePairTokenizer", [{"a": 0, "aa": 1}, ["a a"]], "must hold a WordPiece tokenizer. Received: BytePairTokenizer"),
    ],
)
def test_a_preset_that_reads_otherwise_is_refused(store, tokenizer, arguments, message):
    with pytest.raises(ValueError, match=message):
        load_model(store(plain_backbone(), getattr(keras_nlp.tokenizers, tokenizer)(*arguments)))


def test_the_model_of_a_run_folder_is_loaded(tmp_path):
    model = mlp_classifier(hidden_units=(4,))
    model.save(tmp_path / "model.keras")
    (tmp_path / "config.json").write_text("{}")  # the run's, not a model's
    images = np.zeros((1, 32, 32, 3), "uint8")
    np.testing.assert_array_equal(load_model(tmp_path)(images), model(images))
    with pytest.raises(ValueError, match="`image_shape` must be None but for a folder"):
        load_model(tmp_path, image_shape=(8, 8, 3))


def test_a_vocabulary_in_the_newer_form_is_read(folder):
    words = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Film", "film"])}
    cased = tokenizer_files.normalizer(lowercase=False)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_files.definition(normalizer=cased, model_vocab=words)))
    assert [*load_model(folder).tokenizer("film Film")] == [6, 5]
    few = tokenizer_files.definition(model_vocab={"film": 0}, added_tokens=[])
    (folder / "tokenizer.json").write_text(json.dumps(few))
    with pytest.raises(ValueError, match=r"tokenizer.json must hold BERT's special tokens. Received: no \[PAD\]"):
        load_model(folder)
    (folder / "tokenizer.json").write_text('{"model": {}}')
    with pytest.raises(ValueError, match="tokenizer.json must hold a tokenizer that `tokenizers` reads. Received: "):
        load_model(folder)


def test_the_label_that_is_positive_is_found_by_its_name(folder):
    ids = np.array([[2, 5, 6, 3]])
    expected = float(load_model(folder)(ids)[0, 0])
    change_config(folder, id2label={"0": "POSITIVE", "1": "NEGATIVE"})
    assert float(load_model(folder)(ids)[0, 0]) == pytest.approx(1 - expected, abs=1e-6)


@pytest.mark.parametrize("name", ["beit-cifar10", FOLDER])
def test_an_image_shape_is_refused_where_it_would_be_ignored(name):
    with pytest.raises(ValueError, match="`image_shape` must be None "):
        load_model(name, image_shape=(64, 64, 3))


def test_a_checkpoint_of_the_hub_is_loaded_from_where_it_was_downloaded(monkeypatch):
    monkeypatch.setattr(hub, "download", {"someone/bert": FOLDER}.__getitem__)
    assert load_model("hf://someone/bert").output_shape == (None, 1)


@pytest.mark.parametrize("name", ["nothing", "bert_huge", "runs/missing", ""])
def test_an_unknown_name_is_refused(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"`preset` must be .* Received: '{name}'"):
        load_model(name)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold config\.json in Hugging Face's format\. Received: an empty folder"):
        load_model(tmp_path)


def test_a_pickle_is_never_loaded(folder):
    os.rename(folder / "model.safetensors", folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="a pickle is never loaded. Received: .*pytorch_model.bin"):
        load_model(folder)


def test_half_a_file_of_weights_is_refused(folder):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="must hold whole weights of the model in its config.json. Received: "):
        load_model(folder)


def test_weights_of_another_size_are_refused(folder):
    change_config(folder, intermediate_size=48)
    with pytest.raises(ValueError, match="must hold whole weights of the model in its config.json. Received: "):
        load_model(folder)


def test_a_layer_that_the_config_does_not_use_is_named(folder):
    change_config(folder, num_hidden_layers=1)
    with pytest.raises(ValueError, match="Received: .*encoder.layer.1.*, of which config.json says nothing"):
        load_model(folder)


def test_more_word_pieces_than_embeddings_are_refused(folder):
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *(f"piece{i}" for i in range(60))]))
    with pytest.raises(ValueError, match="must hold an embedding for each word piece. Received: 60 for 65"):
        load_model(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_file_that_holds_no_object_is_named(folder, name):
    (folder / name).write_text("[]")
    with pytest.raises(ValueError, match=f"{name} "):
        load_model(folder)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model_type": "gpt2"}, "`model_type` in .* must be one of bert, beit, mpnet. Received: 'gpt2'"),
        ({"hidden_act": "relu"}, "`hidden_act` in .* must be 'gelu'. Received: 'relu'"),
        ({"position_embedding_type": "relative_key"}, "`position_embedding_type` in .* must be 'absolute'"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(folder, changes, message):
    change_config(folder, **changes)
    with pytest.raises(ValueError, match=message):
        load_model(folder)


@pytest.mark.parametrize("content, found", [(None, "no such file"), (b"not a zip", "no zip archive")])
def test_a_damaged_keras_file_is_refused(tmp_path, content, found):
    path = tmp_path / "model.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"model.keras must be a whole .keras file. Received: .*{found}"):
        load_model(path)
