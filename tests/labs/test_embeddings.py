import numpy as np
import pytest

import course_hw5
from course_hw5 import labs
from course_hw5.labs import embeddings


@pytest.fixture(scope="module")
def model():
    return course_hw5.load_model("sentiment-minilm")


@pytest.fixture(autouse=True)
def own_sentences(monkeypatch, model):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr(course_hw5, "load_model", lambda name: model)


def test_each_vector_of_the_sum_is_needed():
    result = labs.run_lab("embeddings", sentences=32)
    assert result.verdict == "confirmed"
    assert result.numbers["sentences read"] == "32 of our own, plain ones"
    first = [result.numbers[f"attention to what stands first, {name} [CLS]"] for name in ("with", "without")]
    assert min(first) > 0.2  # [CLS], or else the word that takes its place


def test_a_model_that_reads_tokens_alone_does_not_miss_the_other_vectors():
    result = labs.run_lab("embeddings", reads="token", sentences=32)
    assert result.verdict == "refuted"
    assert not result.checks["the encoder gives for the sum what the model gives for the sentence"]
    assert not result.checks["without any one of the three vectors, the probability moves by more than 0.05"]
    assert result.numbers["without the position vectors: accuracy, change of probability"].endswith(", 0.000")


def test_what_is_left_out_leaves_no_gap():
    ids = np.array([[101, 7, 8, 102, 0, 0], [101, 9, 102, 5, 102, 0]])
    assert embeddings.left_out(ids, 101).tolist() == [[7, 8, 102, 0, 0, 0], [9, 102, 5, 102, 0, 0]]
    assert embeddings.left_out(ids, 102).tolist() == [[101, 7, 8, 0, 0, 0], [101, 9, 5, 0, 0, 0]]


def test_an_encoder_that_reads_something_else_is_refused():
    with pytest.raises(ValueError, match=r"`reads` must be one of sum, token. Received: 'segment'"):
        labs.run_lab("embeddings", reads="segment")
