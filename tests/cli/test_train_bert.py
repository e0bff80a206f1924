"""The recipe `bert`."""

import json
import shutil

import numpy as np
import pytest

import course_hw5
from course_hw5.data import reviews
from course_hw5.models.task import with_precision
from course_hw5.text.tokenizer import SPECIAL_TOKENS, bert_tokenizer
from course_hw5.training import runtime, tasks
from tests.cli.running import command, failure, train
from tests.golden.bert import GOLDEN

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    """A folder with a BERT of sixty words."""
    words = [*SPECIAL_TOKENS, "good", "bad", "film", "story", *(f"word{i}" for i in range(51))]
    folder = shutil.copytree(GOLDEN, tmp_path_factory.mktemp("preset") / "bert")
    (folder / "vocab.txt").write_text("\n".join(words))
    return folder


def made_up_reviews():
    """Sixty reviews in place of SST-2."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    texts = np.array([f"{'good' if label else 'bad'} film word{random.integers(51)}".encode() for label in labels], object)
    return (texts, labels), (texts[:20], labels[:20]), "made up", reviews.split_indices


@pytest.fixture
def small_bert(bert_folder, monkeypatch):
    monkeypatch.setitem(reviews.SOURCES, "sst2", made_up_reviews)
    return bert_folder


def bert_arguments(folder, out, *more):
    return ("--preset", folder, "--max-length", 16, "--batch-size", 8, "--out", out, *more)


@pytest.fixture(scope="module")
def trained_bert(bert_folder, tmp_path_factory):
    """The run folder of two epochs."""
    out = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(reviews.SOURCES, "sst2", made_up_reviews)
        train("bert", *bert_arguments(bert_folder, out, "--epochs", 2, "--learning-rate", 5e-3))
    return out


def test_the_recipe_bert_leaves_a_run_folder_with_a_time_lapse(trained_bert, small_bert, tmp_path):
    accuracy = json.loads((trained_bert / "metrics.json").read_text())["accuracy"]
    frames = json.loads((trained_bert / "attention.json").read_text())
    assert [frame["epoch"] for frame in frames] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert {frame["answer"] for frame in frames} == {"positive"}  # by the data, whatever the labels were called before
    assert all(len(frame["tokens"]) == len(frame["relevance"]) and 0 < frame["probability"] < 1 for frame in frames)
    assert all((trained_bert / frame["page"]).read_text().startswith("<!DOCTYPE html>") for frame in frames)
    page = (trained_bert / "index.html").read_text()
    assert "Attention during training" in page and "attention/epoch-0002-0.html" in page

    command("evaluate", trained_bert, "--max-length", 16, "--out", tmp_path / "again")
    assert json.loads((tmp_path / "again" / "metrics.json").read_text())["accuracy"] == accuracy


def test_the_recipe_bert_learns_from_a_teacher_and_reads_batches_twice(trained_bert, small_bert, tmp_path, monkeypatch):
    texts = np.array([b"A warm film. A dull story.", b"A cold ending!<br />A film"], object)
    monkeypatch.setattr(reviews, "_read", lambda *_: [(texts, np.array([1, 0])), None])
    weights, call = [], tasks.RDropLoss.call
    monkeypatch.setattr(tasks.RDropLoss, "call", lambda loss, *pair: weights.append(loss.weight) or call(loss, *pair))
    more = ("--epochs", 1, "--teacher", trained_bert / "model.keras", "--r-drop", 0.5)
    train("bert", *bert_arguments(small_bert, tmp_path / "run", *more))
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data"]["note"].endswith("also 3 sentences of IMDB's training reviews, labelled by a teacher")
    assert config["arguments"]["teacher"].endswith("model.keras") and config["arguments"]["r_drop"] == 0.5
    assert set(weights) == {0.5}
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["examples"] == 20


def test_a_teacher_of_another_vocabulary_trains_a_bert(small_bert, tmp_path, monkeypatch):
    texts = np.array([b"A bad film, really. A fine film of art.<br />Good"], object)
    monkeypatch.setattr(reviews, "_read", lambda *_: [(texts, np.array([1])), None])
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*SPECIAL_TOKENS, "good", "bad", "film", *letters, *(f"##{letter}" for letter in letters)]
    sizes = {"num_layers": 1, "hidden_dim": 8, "mlp_dim": 8, "max_sequence_length": 24}
    backbone = course_hw5.bert_backbone("tiny", vocabulary=pieces, vocabulary_size=len(pieces), **sizes)
    course_hw5.bert_classifier(backbone).save(tmp_path / "teacher.keras")
    more = ("--epochs", 1, "--teacher", tmp_path / "teacher.keras")
    train("bert", *bert_arguments(small_bert, tmp_path / "run", *more))
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data"]["note"].endswith("also 2 sentences of IMDB's training reviews, labelled by a teacher")


@pytest.mark.parametrize("longest", [24, 128])
def test_a_bert_with_a_vocabulary_and_positions_of_its_own_is_evaluated(longest, tmp_path, monkeypatch):
    pieces = [*SPECIAL_TOKENS, "good", "bad", "film", "word", *(f"##{number}" for number in range(51))]
    sizes = {"num_layers": 1, "hidden_dim": 8, "mlp_dim": 8, "max_sequence_length": longest}
    model = course_hw5.bert_classifier(
        course_hw5.bert_backbone("tiny", vocabulary=pieces, **sizes, vocabulary_size=len(pieces))
    )
    model.save(tmp_path / "small.keras")
    (texts, labels), _, note, split = made_up_reviews()
    long = np.array([text + b" film" * 80 for text in texts[:8]], object)
    for name in ("sst2", "imdb"):
        monkeypatch.setitem(reviews.SOURCES, name, lambda: ((texts, labels), (long, labels[:8]), note, split))
        command("evaluate", tmp_path / "small.keras", "--dataset", name, "--out", tmp_path / name)
        config, metrics = (json.loads((tmp_path / name / f"{part}.json").read_text()) for part in ("config", "metrics"))
        assert config["arguments"]["max_length"] == min(64, longest) and metrics["examples"] == 8
        data = course_hw5.load_reviews(name, 8, min(64, longest), tokenizer=model.tokenizer)
        [(ids, right)] = data.test
        assert metrics["accuracy"] == float(np.mean((model(ids)[:, 0] > 0.5) == right.numpy()))


def test_the_recipe_bert_trains_on_contrast_and_is_calibrated(small_bert, tmp_path):
    more = ("--dataset", "sst2_contrast", "--epochs", 1, "--epoch-fraction", 0.02, "--calibrate")
    train("bert", *bert_arguments(small_bert, tmp_path / "run", *more))
    config, metrics = (json.loads((tmp_path / "run" / f"{name}.json").read_text()) for name in ("config", "metrics"))
    assert "18,086 sentences of contrast" in config["data"]["note"] and metrics["examples"] == 20
    assert config["calibration"]["temperature"] == metrics["temperature"] and 0 <= metrics["expected_calibration_error"] <= 1
    command("evaluate", tmp_path / "run", "--dataset", "contrast", "--max-length", 16, "--out", tmp_path / "contrast")
    assert json.loads((tmp_path / "contrast" / "metrics.json").read_text())["examples"] == 516


def test_the_recipe_bert_trains_a_new_model_embeddings_included(small_bert, tmp_path):
    arguments = ("--size", "tiny", "--max-length", 16, "--batch-size", 8, "--epochs", 1)
    train("bert", *arguments, "--out", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["arguments"]["size"] == "tiny"
    runtime.seed_everything(0)
    start, end = course_hw5.bert_backbone("tiny"), course_hw5.load_model(tmp_path / "run" / "model.keras").backbone
    before, after = (backbone.token_embedding.get_weights()[0] for backbone in (start, end))
    seen, unseen = (bert_tokenizer().token_to_id(word) for word in ("film", "zebra"))
    moved = np.abs(after - before).max(axis=1)
    assert moved[seen] > 1e-4 > moved[unseen]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--max-length", 32), "--max-length must lie in [8, 24]. Received: 32"),
        (("--learning-rate", 0, "--max-length", 16), "`learning_rate` must be above 0. Received: 0.0"),
        (("--teacher", "sentiment-minilm", "--dataset", "imdb"), "--teacher adds sentences of IMDB to another data set"),
        (
            ("--teacher", "minilm", "--max-length", 16),
            "--teacher must be a classifier of two classes. Received: minilm, which is bert_backbone",
        ),
        (
            ("--num-pseudo-labels", 10),
            "--num-pseudo-labels needs a --teacher. Received: 10",
        ),
        (("--r-drop", 0), "`weight` must be above 0, for R-Drop. Received: 0.0"),
    ],
)
def test_the_recipe_bert_refuses_before_it_reads_data(small_bert, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.delitem(reviews.SOURCES, "sst2")
    last = failure(capsys, train, "bert", "--preset", small_bert, "--out", tmp_path / "run", *arguments)
    assert message in last


def test_a_bert_of_one_length_is_not_trained(small_bert, tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(reviews.SOURCES, "sst2")
    fixed = course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", hidden_dim=16, mlp_dim=16), max_length=16)
    fixed.save(tmp_path / "fixed.keras")
    line = failure(capsys, train, "bert", "--preset", tmp_path / "fixed.keras", "--out", tmp_path / "run")
    assert "--preset must read texts of any length, not of 16 tokens alone" in line


def test_a_saved_model_goes_on_in_the_precision_that_is_asked_for(trained_bert, small_bert, tmp_path):
    more = ("--epochs", 1, "--precision", "mixed_bfloat16")
    train("bert", *bert_arguments(trained_bert / "model.keras", tmp_path / "run", *more))
    before, after = (course_hw5.load_model(folder / "model.keras") for folder in (trained_bert, tmp_path / "run"))
    assert [model.backbone.compute_dtype for model in (before, after)] == ["float32", "bfloat16"]
    vocabularies = [model.tokenizer.get_vocabulary() for model in (before, after)]
    assert vocabularies[0] == vocabularies[1]
    ids = np.array([[2, 5, 7, 9, 3, 0]])
    np.testing.assert_allclose(with_precision(after, "float32")(ids), after(ids), atol=0.02)


def test_a_new_bert_takes_no_lora(tmp_path, capsys):
    line = failure(capsys, train, "bert", "--size", "tiny", "--lora", 4, "--out", tmp_path / "run")
    assert "--lora" in line and line.endswith("Received: tiny")


def test_a_lora_that_was_stopped_goes_on_to_the_same_weights(small_bert, tmp_path, monkeypatch):
    arguments = ("--epochs", 2, "--lora", 2)
    train("bert", *bert_arguments(small_bert, tmp_path / "whole", *arguments))

    def stop(self, epoch, logs=None, begin=course_hw5.AttentionTimeLapse.on_epoch_end):
        if epoch == 1:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(course_hw5.AttentionTimeLapse, "on_epoch_end", stop)
        train("bert", *bert_arguments(small_bert, tmp_path / "stopped", *arguments))
    train("bert", *bert_arguments(small_bert, tmp_path / "stopped", *arguments, "--resume"))
    start = course_hw5.load_model(small_bert).get_weights()
    whole, stopped = (course_hw5.load_model(tmp_path / name / "model.keras").get_weights() for name in ("whole", "stopped"))
    for before, expected, found in zip(start, whole, stopped):
        np.testing.assert_array_equal(found, expected)
        assert found.shape == before.shape  # the factors are merged
    changed = sum(not np.array_equal(before, after) for before, after in zip(start, whole))
    assert 0 < changed < len(start)
    rows = (tmp_path / "whole" / "attention.json").read_text(), (tmp_path / "stopped" / "attention.json").read_text()
    assert rows[0] == rows[1]


SENTENCES = {
    "fa": {
        "ورزش": ("توپ در زمین است", "بازی خوب بود"),
        "هنر": ("آواز خوب است", "رقص در شب بود"),
        "خبر": ("باران در شهر است", "شهر خوب بود"),
    },
    "zh": {"体育": ("球在场上", "比赛很好"), "艺术": ("歌很好听", "舞在夜里"), "新闻": ("城里有雨", "雨很大")},
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_bert_of_another_language_is_fine_tuned_on_a_table(language, tmp_path, capsys):
    rows = [(sentence, name) for name, sentences in SENTENCES[language].items() for sentence in sentences for _ in range(10)]
    pieces = sorted({piece for sentence, _ in rows for piece in (sentence.split() if language == "fa" else sentence)})
    vocabulary = [*SPECIAL_TOKENS, *pieces]
    folder = shutil.copytree(GOLDEN, tmp_path / "bert")
    (folder / "vocab.txt").write_text(
        "\n".join([*vocabulary, *(f"[unused{i}]" for i in range(60 - len(vocabulary)))]), encoding="utf-8"
    )
    (tmp_path / "mine.csv").write_text("\n".join(["text,label", *map(",".join, rows)]), encoding="utf-8")
    run, options = tmp_path / "run", ("--data", tmp_path / "mine.csv")
    more = ("--epochs", 4, "--learning-rate", 5e-3, "--validation-split", 0.2, "--batch-size", 4)
    train("bert", "--preset", folder, "--max-length", 12, "--out", run, *options, *more)
    names = sorted(SENTENCES[language])
    model = course_hw5.load_model(run)
    assert [*model.class_names] == names and model.output_shape == (None, 3)
    assert "[UNK]" not in course_hw5.explain(model, rows[0][0]).tokens
    page, frames = (
        (run / "index.html").read_text(encoding="utf-8"),
        json.loads((run / "attention.json").read_text(encoding="utf-8")),
    )
    assert all(name in page for name in names) and {frame["answer"] for frame in frames} <= {*names}
    assert {frame["name"] for frame in frames} <= {sentence for sentence, _ in rows}
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.5 and metrics["examples"] == 12
    command("evaluate", run, *options, "--max-length", 12, "--out", tmp_path / "evaluated")
    command("attend", rows[0][0], "--preset", run, "--out", tmp_path / "attention.html")
    assert capsys.readouterr().out.splitlines()[-1].startswith(rows[0][1] + " 0.")
