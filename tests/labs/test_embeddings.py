import numpy as np
import pytest

from course_hw5 import labs
from course_hw5.labs import embeddings

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_sentences")]


def test_each_vector_of_the_sum_is_needed():
    result = labs.run_lab("embeddings", sentences=32)
    assert result.verdict == "confirmed"
    assert result["sentences"] == "32 of our own, plain ones"
    first = [result[f"attention_to_first_{key}"] for key in ("with", "without")]
    assert min(first) > 0.2  # [CLS], or else the word that takes its place


def test_a_model_that_reads_tokens_alone_does_not_miss_the_other_vectors():
    result = labs.run_lab("embeddings", reads="token", sentences=32)
    assert result.verdict == "refuted"
    assert not result.held("sum") and not result.held("vectors_are_needed")
    assert result["change_without_position"] == 0


def test_what_is_left_out_leaves_no_gap():
    ids = np.array([[101, 7, 8, 102, 0, 0], [101, 9, 102, 5, 102, 0]])
    assert embeddings.left_out(ids, 101).tolist() == [[7, 8, 102, 0, 0, 0], [9, 102, 5, 102, 0, 0]]
    assert embeddings.left_out(ids, 102).tolist() == [[101, 7, 8, 0, 0, 0], [101, 9, 5, 0, 0, 0]]
