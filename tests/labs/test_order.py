import numpy as np
import pytest

from course_hw5 import labs
from course_hw5.labs.support import sequences

pytestmark = pytest.mark.slow


def test_without_positions_only_the_question_of_order_is_lost():
    result = labs.run_lab("order", steps=200)
    assert result.verdict == "confirmed"
    assert {"Attention with positions", "Attention without positions"} == {*result.pages}


def test_positions_put_back_turn_the_verdict():
    result = labs.run_lab("order", positions="sine", steps=100)
    assert result.verdict == "refuted"
    assert not result.held("who_chases") and not result.held("equivariant")


def test_who_chases_cannot_be_told_from_the_words_alone():
    sentences, answers = sequences.chases(200, np.random.default_rng(0))
    for sentence, answer in zip(sentences, answers):
        words, (pair, chaser) = sequences.words_of(sentence, sequences.CHASE_WORDS), (sequences.ANSWERS[i] for i in answer)
        animals = [word for word in words if word in sequences.ANIMALS]
        assert animals[0] == chaser and {*pair.split(" and ")} == {*animals}
