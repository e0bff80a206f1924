"""Folders that `transformers` reads: what it computed of the very same ones is in `tests/golden/huggingface`."""

import json

import numpy as np
import pytest

import course_hw5
from course_hw5.exporting.export import export_model
from course_hw5.exporting.model_card import card_of
from course_hw5.models.checkpoints import write
from course_hw5.text.encoding import encode
from tests.cli.running import command
from tests.golden import huggingface as golden
from tests.golden import text_heads, tokenizer_files

EXPECTED = dict(np.load(golden.GOLDEN / "expected.npz"))
RECORDED = json.loads((golden.GOLDEN / "expected.json").read_text())
SAME_WEIGHTS = ("bert", "mpnet-backbone", "beit-several", "beit-masked", "segmenter")


@pytest.mark.parametrize("name", golden.CASES)
def test_transformers_computes_of_a_folder_what_the_model_does(name, tmp_path):
    model = golden.small_model(name)
    write.check(model)
    write.write_folder(model, tmp_path)
    assert golden.digest(tmp_path) == RECORDED["folders"][name]
    found = golden.differences(model, name, EXPECTED, RECORDED["pipelines"].get(name))
    assert max(found.values()) < golden.TOLERANCE
    if name in SAME_WEIGHTS:
        ours, theirs = ({v.path: v.numpy() for v in each.weights} for each in (model, course_hw5.load_model(tmp_path)))
        assert all((ours[path] == theirs[path]).all() for path in ours)  # a segmenter gets a block of zeros besides


@pytest.mark.parametrize("name", golden.BUNDLED)
def test_a_pipeline_of_transformers_answers_as_a_bundled_model(name):
    found = golden.differences(course_hw5.load_model(name), name, EXPECTED, RECORDED["pipelines"][name])
    assert {*found} == {"logits", "pipeline"} and max(found.values()) < golden.TOLERANCE


@pytest.mark.parametrize("name", golden.TUNED)
def test_a_model_that_transformers_fine_tuned_is_loaded(name):
    model = course_hw5.load_model(golden.GOLDEN / "tuned" / name)
    assert golden.differences(model, name, EXPECTED, None, "tuned/")["logits"] < golden.TOLERANCE
    assert np.abs(EXPECTED[f"tuned/{name}/logits"] - EXPECTED[f"{name}/logits"]).max() > 0.01


@pytest.mark.parametrize("name", ["accents", "added tokens", "mpnet", "sentencepiece"])
def test_a_folder_reads_texts_as_the_one_that_it_was_loaded_from(name, tmp_path):
    model = course_hw5.load_model(text_heads.CASES[name].write(tmp_path / "before"))
    write.write_folder(model, tmp_path / "after")
    again = course_hw5.load_model(tmp_path / "after")
    for text in (text_heads.CASES[name].text, *tokenizer_files.TEXTS[:-1]):
        ids, same = (encode(text, 24, text_heads.OTHER, each.tokenizer).ids for each in (model, again))
        np.testing.assert_array_equal(ids, same)
    assert all((a == b).all() for a, b in zip(model.get_weights(), again.get_weights(), strict=True))


def test_a_classifier_of_three_classes_comes_back(tmp_path):
    model = golden.small_model("bert").reset_classifier(["bad", "so so", "good"])
    write.write_folder(model, tmp_path)
    again = course_hw5.load_model(tmp_path)
    assert again.class_names == model.class_names
    ids = np.array([[2, 7, 8, 3]])
    np.testing.assert_allclose(again(ids), model(ids), atol=1e-6)


def test_the_folder_of_a_run_has_a_card_with_its_data_and_scores(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text('{"data": {"note": "Ten films."}}')
    (tmp_path / "run" / "metrics.json").write_text('{"accuracy": 0.9, "loss": 1.5}')
    model = golden.small_model("bert")
    written = export_model(model, tmp_path / "out", "huggingface", card=card_of(tmp_path / "run" / "model.keras", "mit"))
    card = (written.path / "README.md").read_text()
    for line in ("license: mit", "pipeline_tag: text-classification", "- Trained on: Ten films.", "| test accuracy | 0.9 |"):
        assert line in card.splitlines()
    assert {path.name for path in written.path.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer_config.json",
        "vocab.txt",
    }


def mpnet_that_learnt_apart():
    model = golden.small_model("mpnet")
    table = model.backbone.transformer_layers[0].attention.table
    table.assign(table + 1)
    return model


def swapped():
    return course_hw5.bert_classifier(golden.bert(head=False), class_names=("positive", "negative"))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: course_hw5.mlp_classifier(hidden_units=(4,)), r"must be a BERT, MPNet, BEiT or BEiT \+ UPerNet of course_hw5"),
        (lambda: golden.segmenter(20), "The head of upernet_segmenter must be at most as wide as the backbone, 12 channels. R"),
        (lambda: golden.segmenter(detail_channels=(3,)), r"`detail_channels` must be \(\): .*Received: \(3,\)"),
        (lambda: golden.beit((8, 12, 3)), "`image_shape` must be square, since .* differently. Received: \\(8, 12, 3\\)$"),
        (mpnet_that_learnt_apart, "The layers of an MPNet must share distances"),
        (swapped, "`class_names` must be in another order"),
    ],
)
def test_a_model_that_transformers_has_no_class_for_is_refused_in_one_line(make, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export_model(make(), tmp_path / "out", "huggingface")
    assert not [*tmp_path.iterdir()]


def test_the_command_pushes_after_a_question(tmp_path, monkeypatch, capsys):
    pushed = []

    class Client:
        def create_repo(self, name, private, exist_ok):
            pushed.append((name, private))

        def upload_folder(self, folder_path, repo_id, commit_message):
            pushed.append((repo_id, sorted(path.name for path in folder_path.iterdir())))

    monkeypatch.setattr("huggingface_hub.HfApi", Client)
    golden.small_model("bert").save(tmp_path / "bert.keras")
    asked = []
    for answer in ("n", "y"):
        monkeypatch.setattr("builtins.input", lambda question, answer=answer: asked.append(question) or answer)
        out = tmp_path / answer
        command("export", tmp_path / "bert.keras", "--format", "huggingface", "--out", out, "--push", "me/film")
    no, yes = capsys.readouterr().out.splitlines()
    assert no.endswith("Not pushed") and yes.endswith("Pushed to hf://me/film")
    assert "Push 5 files" in asked[0] and "to me/film on the Hugging Face hub? [y/N]" in asked[0]
    files = ["README.md", "config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]
    assert pushed == [("me/film", True), ("me/film", files)]
