"""What is refused before a model is loaded."""

import importlib.util
import json
import pathlib

import pytest

from course_hw5.exporting import formats, model_card
from tests.cli.running import command, failure

pytestmark = pytest.mark.unit
ROOT = pathlib.Path(__file__).parents[2]


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="openvino needs openvino, nncf. Run pip install openvino nncf"):
        formats.check_target(tmp_path / "new", "openvino", int8=True)


def test_a_folder_may_be_empty(tmp_path):
    formats.check_target(tmp_path, "saved_model")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--format", "saved_model", "--out", "full"), "must be written to an empty folder. Received: full, which holds files"),
        (("--format", "saved_model", "--out", "full/a"), "must be written to a folder. Received: full/a, which exists"),
        (("--format", "litert", "--out", "full/b.tflite"), "must be written to a new file"),
        (("--format", "litert", "--out", "model.onnx"), "in the format litert must be a file .tflite. Received: model.onnx"),
        (("--format", "saved_model", "--int8", "--out", "new"), "`int8` must be False but for litert, onnx, openvino"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused_in_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("kept")
    (tmp_path / "full" / "b.tflite").write_text("kept")
    assert message in failure(capsys, command, "export", "beit-cifar10", *arguments)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b.tflite", "full"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--format", "onnx", "--push", "me/film"), "--push must not be given but for --format huggingface. Received: me/film"),
        (("--format", "saved_model", "--license", "mit"), "--license must not be given but for --format huggingface"),
        (("--format", "huggingface", "--push", "film"), "A model of the hub must be named owner/name. Received: film"),
        (("--format", "huggingface", "--attention"), "--attention must not be given for --format huggingface"),
    ],
)
def test_options_of_another_format_are_refused(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    out = tmp_path / ("out.onnx" if "onnx" in arguments else "out")
    assert message in failure(capsys, command, "export", "beit-cifar10", *arguments, "--out", out)


def test_cards_of_bundled_models_have_the_scores_of_their_pages():
    for name, card in json.loads(model_card.CARDS.read_text()).items():
        page = (ROOT / "docs" / "models" / f"{name}.md").read_text()
        assert all(f"{score:.4f}" in page for score in card["scores"].values()) and model_card.card_of(name).title == name


def test_a_card_without_data_says_so():
    text = model_card.card_of("hf://owner/name").text("BertModel")
    assert "license: unknown" in text and "- Trained on: not recorded" in text and text.endswith("Not recorded\n")
