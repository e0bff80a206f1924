"""`attend`, `classify` and `segment`."""

import re

import numpy as np
import pytest
from PIL import Image

import course_hw5
from course_hw5 import cli
from course_hw5.cli import classify
from tests.cli.running import failure
from tests.golden import text_heads
from tests.golden.bert import GOLDEN

pytestmark = pytest.mark.slow


def test_attend_refuses_a_folder_in_place_of_a_page(tmp_path, capsys):
    line = failure(capsys, cli.main, ["attend", "a film", "--out", str(tmp_path)])
    assert "--out must name a page. Received: the folder" in line and not [*tmp_path.iterdir()]


def test_attend_prints_the_probability_and_writes_the_page(tmp_path, capsys):
    out = tmp_path / "pages" / "page.html"
    cli.main(["attend", "I liked this movie because of its genre", "--out", str(out)])
    assert re.fullmatch(rf"positive 0\.9[5-9]\d\d, log-odds \+\d+\.\d\d\. Open {out}\n", capsys.readouterr().out)
    assert '"whatIf"' in out.read_text() and 'id="steps"' in out.read_text()


def test_attend_and_classify_explain_a_class_without_some_heads(tmp_path, capsys):
    text, out = "I liked this movie because of its genre", tmp_path / "page.html"
    options = ["--target", "negative:positive", "--without", "3.9", "--without", "4", "--ablation", "mean", "--out", str(out)]
    cli.main(["attend", *options, text])
    found = re.fullmatch(rf"negative : positive (0\.\d+), log-odds ([+-]\d+\.\d\d)\. Open {out}\n", capsys.readouterr().out)
    asked = {"ablate": {(3, 9), 4}, "ablation": "mean", "target": ("negative", "positive"), "maps": ()}
    expected = course_hw5.explain(course_hw5.load_model("sentiment-minilm"), text, **asked)
    assert float(found[2]) == pytest.approx(expected.log_odds, abs=0.006)
    Image.new("RGB", (32, 32), "navy").save(tmp_path / "a.png")
    cli.main(["classify", str(tmp_path / "a.png"), "--target", "8:airplane", "--out", str(tmp_path)])
    assert re.search(r"; log-odds of ship : airplane [+-]\d+\.\d\d\. Open ", capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--without", "3.x"], "--without must be LAYER.HEAD or LAYER, such as 3.5 or 4. Received: '3.x'"),
        (["--without", "-1"], "--without must be LAYER.HEAD or LAYER, such as 3.5 or 4. Received: '-1'"),
        (["--target", "a:b:c"], "--target must be CLASS or CLASS:AGAINST. Received: 'a:b:c'"),
        (["--target", "a:"], "--target must be CLASS or CLASS:AGAINST. Received: 'a:'"),
    ],
)
@pytest.mark.parametrize("command", ["attend", "classify"])
def test_questions_that_cannot_be_read_are_refused_before_a_model_is_loaded(
    command, arguments, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(course_hw5, "load_model", None)
    arguments = [f"{arguments[0]}={arguments[1]}", "--out", str(tmp_path / "out")]
    assert failure(capsys, cli.main, [command, "a film", *arguments]) == f"course-hw5: error: {message}"


@pytest.mark.parametrize(
    "option, message",
    [
        ("--without=6", "`ablate` must hold (layer, head) with layers in [0, 5] and heads in [0, 11], or layers. Received: 6"),
        ("--target=sad", "`target` must be a class, or a pair of two, of negative, positive. Received: 'sad'"),
    ],
)
def test_heads_and_classes_that_are_not_there_leave_no_page(option, message, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert message in failure(capsys, cli.main, ["attend", "a film", option, "--out", str(out)]) and not out.exists()


def test_attend_says_how_much_of_a_long_text_was_read(tmp_path, capsys):
    small = course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", hidden_dim=16, mlp_dim=16), max_length=16)
    small.save(tmp_path / "small.keras")
    out = tmp_path / "page.html"
    cli.main(["attend", "a dull film " * 200, "--preset", str(tmp_path / "small.keras"), "--out", str(out)])
    assert re.fullmatch(
        rf"positive 0\.\d{{4}}, log-odds [+-]\d\.\d\d, of the first 16 of 602 tokens\. Open {out}\n", capsys.readouterr().out
    )


def test_attend_holds_the_steps_of_a_page_that_they_make_large_only_where_they_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("course_hw5.attention.viewer.vectors.FEW", 3)
    folder, out = text_heads.Case().write(tmp_path / "model"), tmp_path / "page.html"
    for more in ([], ["--steps"]):
        cli.main(["attend", "word7", "--preset", str(folder), "--out", str(out), *more])
        assert ('id="steps"' in out.read_text()) is bool(more)


def test_attend_speaks_of_the_label_of_the_model_and_reads_special_tokens(tmp_path, capsys):
    folder, out = (
        text_heads.Case(config={"id2label": {"0": "other", "1": "paraphrase"}}).write(tmp_path / "model"),
        tmp_path / "p.html",
    )
    for more, tokens in ([], '"[CLS]", "[UNK]"'), (["--special-tokens"], '"[CLS]", "[MASK]", "word7", "[SEP]"'):
        cli.main(["attend", "[MASK] word7", "--preset", str(folder), "--out", str(out), *more])
        assert re.fullmatch(rf"paraphrase 0\.\d{{4}}, log-odds [+-]\d\.\d\d\. Open {out}\n", capsys.readouterr().out)
        assert tokens in out.read_text() and '"name": "paraphrase"' in out.read_text()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([" "], "TEXT must hold a word. Received: ' '"),
        (
            ["good", "--preset", "nothing"],
            "`preset` must be sentiment-minilm, sentiment-small, beit-cifar10, cnn-cifar10, segmenter-camvid, ",
        ),
        (["good", "--preset", "minilm"], "--preset must be a classifier of texts. Received: minilm, which is bert_backbone"),
    ],
)
def test_attend_refuses_what_it_cannot_read(arguments, message, tmp_path, capsys):
    assert message in failure(capsys, cli.main, ["attend", *arguments, "--out", str(tmp_path / "page.html")])
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    "shape, layers",
    [
        ((6, 4, 65, 65), [0, 1, 2, 3, 4, 5]),
        ((12, 12, 197, 197), [*range(12)]),
        ((12, 12, 577, 577), [2, 5, 8, 11]),
        ((24, 16, 1025, 1025), [23]),
    ],
)
def test_the_page_of_an_image_holds_as_many_layers_as_it_can(shape, layers):
    assert classify.layers_of_page(shape) == layers


@pytest.mark.parametrize("command", ["classify", "segment"])
def test_images_that_are_not_there_are_refused_before_a_model_is_loaded(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(course_hw5, "load_model", None)
    line = failure(capsys, cli.main, [command, "a.jpg", "b.png", "--out", str(tmp_path / "out")])
    assert line == "course-hw5: error: IMAGE must name files. Received: a.jpg, b.png, of which there is none"


def test_images_are_classified_and_bad_ones_refused_in_a_line_each(tmp_path, capsys):
    from sklearn.datasets import load_sample_image

    (tmp_path / "other").mkdir()
    paths = [tmp_path / "a.jpg", tmp_path / "broken.png", tmp_path / "other" / "a.png", tmp_path / "missing.png"]
    paths.append(tmp_path / f"{'long' * 62}.png")
    Image.fromarray(load_sample_image("china.jpg")).save(paths[0])
    paths[1].write_bytes(b"no image")
    Image.new("LA", (1, 1)).save(paths[2])
    Image.new("L", (9, 9)).save(paths[4])
    with pytest.raises(SystemExit) as error:
        cli.main(["classify", *map(str, paths), "--out", str(tmp_path / "out")])
    assert error.value.code == 2
    printed = capsys.readouterr()
    pages = {page.name for page in (tmp_path / "out").iterdir()}
    assert printed.out.count("Open ") == 3 and pages == {"a.html", "a-1.html", f"{'long' * 50}.html"}
    lines = [line for line in printed.err.splitlines() if line.startswith("course-hw5: ")]
    assert "broken.png must be an image" in lines[0] and "missing.png must be an image" in lines[1]
    assert lines[2] == "course-hw5: error: 2 of 5 images were refused"


def test_a_preset_that_does_not_see_is_refused(tmp_path, capsys):
    line = failure(capsys, cli.main, ["classify", __file__, "--preset", str(GOLDEN), "--out", str(tmp_path)])
    assert "--preset must be a BEiT that classifies images" in line


def test_images_are_segmented_and_bad_ones_refused_in_a_line_each(tmp_path, capsys):
    from sklearn.datasets import load_sample_image

    paths = [tmp_path / name for name in ("street.jpg", "empty.png", "deep.png")]
    Image.fromarray(load_sample_image("china.jpg")[:200]).save(paths[0])
    paths[1].write_bytes(b"")
    Image.fromarray(np.arange(6, dtype="uint16").reshape(2, 3) * 9999).save(paths[2])
    with pytest.raises(SystemExit) as error:
        cli.main(["segment", *map(str, paths), "--out", str(tmp_path / "out")])
    assert error.value.code == 2
    printed = capsys.readouterr()
    assert printed.out.count("Open ") == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"{stem}{ending}" for stem in ("street", "deep") for ending in (".html", "-labels.png", "-overlay.png")
    }
    assert "empty.png must be an image" in printed.err and "1 of 3 images were refused" in printed.err
    line = failure(capsys, cli.main, ["segment", str(paths[0]), "--preset", "beit-cifar10", "--out", str(tmp_path / "other")])
    assert "--preset must be a segmenter of images. Received: beit-cifar10, which is beit_classifier" in line
    assert not (tmp_path / "other").exists()
