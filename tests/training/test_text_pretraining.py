"""Masked language modelling: the model, the task, a run of it, and what is fine-tuned from it."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.special
import tensorflow as tf

import course_hw5
from course_hw5.reports import pretraining_report
from course_hw5.reports.checks.diagnosis import check_run
from course_hw5.text.tokenizer import SPECIAL_TOKENS, bert_tokenizer
from course_hw5.training import train as training
from tests.cli.running import command, failure, train
from tests.training.resuming import check_resumed_is_equal

TASK = course_hw5.MaskedLanguageModeling()
TOKENIZER = bert_tokenizer([*SPECIAL_TOKENS, *(f"word{i}" for i in range(35))])
SMALL = {"num_layers": 2, "hidden_dim": 16, "mlp_dim": 32, "num_heads": 2, "vocabulary_size": 40, "max_sequence_length": 48}


def make_model(**options):
    keras.utils.set_random_seed(0)
    return course_hw5.bert_masked_language_model(
        course_hw5.bert_backbone("tiny", **SMALL | {"dropout": 0.0} | options), TOKENIZER
    )


def make_data(count=600):
    """Texts that repeat one of eight words."""
    texts = [" ".join([f"word{word}"] * 20) for word in np.random.default_rng(0).integers(0, 8, count)]
    parts = {"train": texts[:-40], "validation": texts[-40:-20], "test": texts[-20:]}
    return course_hw5.load_masked_texts(parts, TOKENIZER, 8, 24)


def inputs_of(data):
    return next(iter(TASK.prepare(data.test, None)))


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_saved_model_comes_back_with_its_tokenizer(dtype, tmp_path):
    model, (inputs, *_) = make_model(dtype=dtype), inputs_of(make_data())
    logits = model.predict_on_batch(inputs)
    assert logits.shape == (8, 4, 40) and logits.dtype == "float32"
    model.save(tmp_path / "model.keras")
    loaded = course_hw5.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(inputs), logits)
    assert loaded.tokenizer == TOKENIZER and loaded.backbone.dtype_policy.name == dtype


def test_logits_are_products_with_the_token_embedding():
    model, (inputs, *_) = make_model(), inputs_of(make_data())
    inputs["token_ids"] = np.minimum(inputs["token_ids"], 32)
    before = model.predict_on_batch(inputs)
    table = model.backbone.token_embedding.get_weights()[0]
    assert sum(weight.shape == (40, 16) for weight in model.weights) == 1
    table[33] = 0
    model.backbone.token_embedding.set_weights([table])
    after = model.predict_on_batch(inputs)
    np.testing.assert_allclose(after[..., 33], 0, atol=1e-6)
    np.testing.assert_array_equal(np.delete(before, 33, -1), np.delete(after, 33, -1))


def test_the_pooler_alone_is_not_trained():
    model = make_model()
    left_out = {variable.path for variable in model.variables} - {variable.path for variable in model.trainable_variables}
    assert left_out == {"pooled_dense/kernel", "pooled_dense/bias"}
    assert left_out < {variable.path for variable in course_hw5.bert_classifier(model.backbone).trainable_variables}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (lambda: (course_hw5.bert_backbone("tiny", **SMALL),), "`tokenizer` must be a BertTokenizer, as learn_vocabulary"),
        (lambda: (course_hw5.bert_backbone("tiny", **SMALL | {"vocabulary_size": 30}), TOKENIZER), "Received: 30 for 40"),
        (lambda: (course_hw5.mlp_classifier(), TOKENIZER), "`backbone` must be a BertBackbone"),
    ],
)
def test_what_makes_no_model_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        course_hw5.bert_masked_language_model(*arguments())


def test_loss_and_accuracy_are_those_of_hidden_tokens_alone():
    model, data = make_model(), make_data()
    training.compile_model(model, course_hw5.TrainingConfig(monitor="val_loss"), 10, None, TASK)
    inputs, tokens, weights = inputs_of(data)
    np.testing.assert_array_equal(weights, np.asarray(tokens) > 0)
    found = model.evaluate(inputs, tokens, sample_weight=weights, batch_size=8, verbose=0, return_dict=True)
    hidden, logits = np.asarray(weights, bool), model.predict_on_batch(inputs)
    log_probabilities, tokens = scipy.special.log_softmax(logits[hidden], axis=-1), np.asarray(tokens)[hidden]
    assert found["loss"] == pytest.approx(-log_probabilities[np.arange(len(tokens)), tokens].mean(), rel=1e-4)
    assert found["masked_accuracy"] == pytest.approx((log_probabilities.argmax(1) == tokens).mean(), abs=1e-6)


def test_baselines_are_those_of_the_tokens_that_are_hidden():
    inputs = {"token_ids": np.full((2, 8), 5), "masked_positions": np.tile([1, 2, 3, 4], (2, 1))}
    tokens, weights = np.array([[6, 6, 6, 9], [0, 0, 0, 0]]), np.array([[1, 1, 1, 1], [0, 0, 0, 0]], "float32")
    test = tf.data.Dataset.from_tensors((inputs, tokens, weights))
    found = pretraining_report.evaluate_masked_texts(make_model(), test)
    assert found.scores["baseline_accuracy"] == 0.75 and found.metrics["hidden_tokens"] == 4 and found.shown == []
    assert found.scores["baseline_loss"] == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert found.scores["perplexity"] == pytest.approx(np.exp(found.scores["masked_loss"]))


def test_sentences_are_shown_with_what_stood_there_and_the_best_predictions():
    sentences = [(" ".join(f"word{i}" for i in range(length)),) for length in (3, 12)]
    short, long = pretraining_report.evaluate_masked_texts(make_model(), make_empty(), sentences).shown
    assert short["text"] == "word0 word1 [MASK]" and [one["token"] for one in short["masked"]] == ["word2"]
    assert [one["token"] for one in long["masked"]] == ["word3", "word10"] and long["text"].count("[MASK]") == 2
    (first, *_), *_ = predictions = long["masked"][0]["predictions"]
    assert len(predictions) == 3 and first in TOKENIZER.get_vocabulary()
    assert 1 >= predictions[0][1] >= predictions[1][1] >= predictions[2][1] > 0


def make_empty():
    inputs = {"token_ids": np.full((1, 8), 5), "masked_positions": np.ones((1, 1), int)}
    return tf.data.Dataset.from_tensors((inputs, np.full((1, 1), 6), np.ones((1, 1), "float32")))


@pytest.mark.parametrize(
    "model, data, config, message",
    [
        (lambda: course_hw5.mlp_classifier(), make_data, {}, "`model` must be a bert_masked_language_model"),
        (make_model, lambda: course_hw5.load_images("digits"), {}, "`data` must be of load_masked_texts"),
        (lambda: make_model(max_sequence_length=16), make_data, {}, "`max_length` must be at most 16"),
        (make_model, make_data, {"label_smoothing": 0.1}, "`label_smoothing` must be 0 for pre-training"),
    ],
)
def test_what_does_not_fit_is_refused(model, data, config, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        config = course_hw5.TrainingConfig(**{"monitor": "val_loss"} | config)
        course_hw5.train(model(), data(), tmp_path / "run", config, task=TASK)
    assert not (tmp_path / "run").exists()


CONFIG = course_hw5.TrainingConfig(epochs=4, optimizer="adamw", learning_rate=3e-3, monitor="val_loss")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of four epochs, with all its backups."""
    run = tmp_path_factory.mktemp("runs") / "pretrained"
    course_hw5.train(make_model(), make_data(), run, CONFIG, task=TASK, keep_backups=4)
    return run


@pytest.mark.slow
def test_a_run_learns_and_says_what_it_learnt(finished):
    history, metrics = pd.read_csv(finished / "history.csv"), json.loads((finished / "metrics.json").read_text())
    assert history["val_loss"].is_monotonic_decreasing and metrics["masked_loss"] < metrics["baseline_loss"]
    assert metrics["masked_accuracy"] > metrics["baseline_accuracy"] and metrics["tokens"] == 40
    facts = json.loads((finished / "training.json").read_text())
    assert not {"labels", "overlap"} & {*facts} and facts["inputs"]["shape"] == [8, 24], "of token ids, not of positions"
    assert check_run(finished).problems == []
    found = TASK.evaluate(course_hw5.load_model(finished), make_data())
    assert {name: metrics[name] for name in found.scores} == pytest.approx(found.scores)


@pytest.mark.slow
def test_a_run_that_goes_on_ends_as_one_that_was_never_stopped(finished, tmp_path):
    check_resumed_is_equal(finished, tmp_path / "run", make_model(), make_data(), CONFIG, TASK)


@pytest.mark.slow
def test_the_page_shows_curves_scores_and_predicted_words(finished, capsys, tmp_path):
    page = (finished / "index.html").read_text()
    for text in (
        "Accuracy of what was hidden, per epoch",
        "perplexity",
        "Predicted words",
        "[MASK]",
        "prediction 3",
        "hidden tokens",
    ):
        assert text in page
    assert "Confusion matrix" not in page and "Reconstructions" not in page
    (finished / "index.html").unlink()
    command("page", finished)
    assert (finished / "index.html").read_text() == page
    line = failure(capsys, command, "evaluate", finished, "--dataset", "imdb", "--out", tmp_path / "evaluated")
    assert "must be a classifier or a segmenter" in line


@pytest.fixture
def table(tmp_path):
    random = np.random.default_rng(0)
    rows = [f"{('bad', 'good')[i % 2]} {' '.join(f'w{j}' for j in random.integers(9, size=12))},{i % 2}" for i in range(80)]
    (tmp_path / "own.csv").write_text("\n".join(["text,label", *rows]))
    return tmp_path / "own.csv"


@pytest.mark.slow
def test_a_bert_is_pretrained_and_fine_tuned(table, tmp_path, capsys):
    pretrained, tuned = tmp_path / "pretrained", tmp_path / "tuned"
    options = ("bert", "--pretrain", "--data", table, "--size", "tiny", "--max-length", 16, "--batch-size", 8)
    train(*options, "--vocabulary-size", 50, "--epochs", 1, "--out", pretrained)
    assert "perplexity" in capsys.readouterr().out
    config = json.loads((pretrained / "config.json").read_text())
    assert config["arguments"]["pretrain"] is True and config["settings"]["monitor"] == "val_loss"
    assert config["settings"]["optimizer"] == "muon"
    train(*options, "--vocabulary-size", 50, "--epochs", 1, "--out", pretrained, "--resume")
    options = ("--data", table, "--max-length", 16, "--batch-size", 8, "--epochs", 2, "--learning-rate", 1e-3)
    train("bert", "--preset", pretrained, *options, "--keep-backups", 2, "--out", tuned)
    first, second = (course_hw5.load_model(run) for run in (pretrained, tuned))
    assert first.tokenizer == second.tokenizer and (first.backbone.dropout, second.backbone.dropout) == (0, 0.1)
    moved = second.backbone.token_embedding.get_weights()[0] - first.backbone.token_embedding.get_weights()[0]
    assert 0 < np.abs(moved).max() < 0.05, "word embeddings are trained, from what they were"
    command("evaluate", tuned, "--data", table, "--max-length", 16, "--out", tmp_path / "evaluated")
    found, expected = (json.loads((run / "metrics.json").read_text())["accuracy"] for run in (tmp_path / "evaluated", tuned))
    assert found == expected
    line = failure(capsys, command, "verify", tuned, "--data", table)
    assert (
        f"--preset must name what the run started from, which decides what is trained. Received: none, for {pretrained}" in line
    )
    command("verify", tuned, "--data", table, "--preset", pretrained)


REASON = "must be left out with --pretrain, which makes a new model, without classes, of single texts in memory. Received: "


@pytest.mark.parametrize(
    "options, message",
    [
        (("--preset", "minilm"), f"--preset {REASON}minilm"),
        (("--teacher", "sentiment-minilm"), f"--teacher {REASON}sentiment-minilm"),
        (("--lora", 4), f"--lora {REASON}4"),
        (("--r-drop", 1), f"--r-drop {REASON}1.0"),
        (("--epoch-fraction", 0.5), f"--epoch-fraction {REASON}0.5"),
        (("--calibrate",), f"--calibrate {REASON}True"),
        (("--data", "own.csv", "--other-column", "second"), f"--other-column {REASON}second"),
        (("--data", "own.csv", "--memory-gb", 2), f"--memory-gb {REASON}2.0"),
        (("--dataset", "contrast"), "--dataset must be imdb with --pretrain, or --data be given. Received: contrast"),
        (("--size", "huge"), "--size must be one of tiny, mini, small, medium, base, minilm-l6. Received: huge"),
        (("--max-length", 513), "--max-length must lie in [8, 512]. Received: 513"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message, tmp_path, capsys):
    line = failure(capsys, train, "bert", "--pretrain", *options, "--out", tmp_path / "run")
    assert message in line and not (tmp_path / "run").exists()


def test_a_vocabulary_is_learnt_in_pretraining_alone(tmp_path, capsys):
    line = failure(capsys, train, "bert", "--vocabulary-size", 100, "--out", tmp_path / "run")
    assert "--vocabulary-size is for --pretrain. Received: 100 without it" in line
