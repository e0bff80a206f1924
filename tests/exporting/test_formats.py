"""What is refused before a model is loaded."""

import importlib.util

import pytest

from course_hw5.exporting import formats
from tests.cli.running import command, failure

pytestmark = pytest.mark.unit


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
