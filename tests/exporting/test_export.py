"""Models that leave: the format's own runtime computes what Keras does, or nothing is written."""

import importlib.util
import itertools

import keras
import numpy as np
import pytest

import course_hw5
from course_hw5.exporting import formats, saved_model
from course_hw5.exporting.export import export_model
from course_hw5.exporting.samples import sample_inputs
from course_hw5.models.beit import beit_backbone
from tests.cli.running import command, failure

SMALL = {"hidden_dim": 8, "num_heads": 2, "mlp_dim": 16}


def bert():
    return course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", vocabulary_size=40, **SMALL))


def beit(**raw):
    return course_hw5.beit_classifier(beit_backbone("tiny", (8, 12, 3), num_layers=2, **SMALL), 3, **raw)


def segmenter():
    backbone = beit_backbone("tiny", (8, 12, 3), num_layers=1, feature_layers=(-1, 0, 0, 0), **SMALL)
    return course_hw5.upernet_segmenter(backbone, 3, pool_scales=(1, 2), auxiliary_channels=8, detail_channels=(3, 4))


def pretrained():
    tokenizer = course_hw5.learn_vocabulary(["a film", "two films"] * 9, vocabulary_size=30)
    backbone = course_hw5.bert_backbone("tiny", vocabulary_size=tokenizer.vocabulary_size(), tokenizer=tokenizer, **SMALL)
    return course_hw5.bert_masked_language_model(backbone)


MODELS = {
    "text": bert,
    "text with hidden words": pretrained,
    "image": beit,
    "segmenter": segmenter,
    "attention of a text": lambda: course_hw5.attention_model(bert()),
    "all parts of an image's attention": lambda: course_hw5.attention_model(beit(), parts=True),
}


def needs(format, int8=False):
    packages = formats.FORMATS[format].packages | (formats.INT8_PACKAGES.get(format, {}) if int8 else {})
    if missing := [package for module, package in packages.items() if importlib.util.find_spec(module) is None]:
        pytest.skip(f"{format} needs {', '.join(missing)}")


def target(folder, format):
    return folder / f"model{formats.FORMATS[format].suffix}"


@pytest.mark.parametrize(
    "format, name",
    [("saved_model", "text"), *itertools.product(("litert", "onnx", "openvino"), MODELS)],  # LiteRT reads a SavedModel, too
)
def test_the_runtime_of_a_format_computes_what_keras_does(format, name, tmp_path):
    needs(format)
    model = MODELS[name]()
    written = export_model(model, target(tmp_path, format), format)
    assert [*tmp_path.iterdir()] == [written.path] and written.size > 1000
    assert [*written.differences] == saved_model.output_names(model)
    assert written.largest_difference < 1e-5


@pytest.mark.parametrize("format", ["litert", "onnx", "openvino"])
def test_weights_of_8_bits_make_a_smaller_file_that_computes_nearly_the_same(format, tmp_path):
    needs(format, int8=True)
    model = course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", vocabulary_size=4000))
    whole, small = (export_model(model, target(tmp_path / str(int8), format), format, int8) for int8 in (False, True))
    assert small.size < whole.size / 2 and 0 < small.largest_difference < 0.02


def test_a_model_that_computes_something_else_is_not_kept(tmp_path, monkeypatch):
    load = saved_model.load
    monkeypatch.setattr(saved_model, "load", lambda *args: lambda arrays: [0.9 * array for array in load(*args)(arrays)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"within 0.0001. Received: output differs by 0\.0\d+; nothing was kept"):
        export_model(bert(), tmp_path / "empty", "saved_model")
    assert [*tmp_path.rglob("*")] == [tmp_path / "empty"]


def test_a_model_that_cannot_be_converted_is_refused_in_one_line(tmp_path):
    images = keras.Input((None, None, 3), name="images")
    resized = keras.ops.image.resize(images, (8, 8), antialias=True)
    model = keras.Model(images, keras.layers.Flatten()(resized), name="resizing")
    with pytest.raises(ValueError, match="resizing cannot be written in the format litert. Received: [^\n]+$"):
        export_model(model, tmp_path / "model.tflite", "litert")
    assert not [*tmp_path.iterdir()]


def test_a_model_that_resizes_is_written_for_images_of_the_size_that_its_network_reads(tmp_path):
    model = beit(input_shape=(None, None, 3), crop_fraction=0.5)
    assert export_model(model, tmp_path / "model.tflite", "litert").largest_difference < 1e-5


def test_a_model_in_bfloat16_is_written_in_float32(tmp_path, use_policy):
    use_policy("mixed_bfloat16")
    assert export_model(bert(), tmp_path / "saved", "saved_model").largest_difference < 1e-5


def test_samples_of_the_user_are_compared(tmp_path):
    model = bert()
    samples = np.array([[2, 7, 8, 3, 0]])
    assert export_model(model, tmp_path / "saved", "saved_model", samples=samples).largest_difference < 1e-5
    with pytest.raises(ValueError, match=r"`samples` must have the shape \(None, None\). Received: \(4,\)"):
        export_model(model, tmp_path / "other", "saved_model", samples=np.arange(4))


def test_samples_are_of_the_whole_vocabulary_and_end_with_padding():
    short, many = (arrays[0] for arrays in sample_inputs(bert()))
    assert short.shape == (1, 12) and many.shape == (3, 7) and short.min() >= 1 and short.max() < 40
    assert [(row == 0).sum() for row in many] == [0, 1, 2]


def test_what_is_no_functional_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`model` must be a functional Keras model. Received: None"):
        export_model(None, tmp_path / "new", "saved_model")


def test_the_command_writes_attention_too(tmp_path, capsys):
    bert().save(tmp_path / "bert.keras")
    command("export", tmp_path / "bert.keras", "--format", "saved_model", "--attention", "--out", tmp_path / "attention")
    assert "attention: " in (said := capsys.readouterr().out) and "(allowed: 0.0001)" in said
    message = failure(capsys, command, "export", tmp_path / "none.keras", "--format", "saved_model", "--out", tmp_path / "new")
    assert "none.keras" in message and not (tmp_path / "new").exists()
