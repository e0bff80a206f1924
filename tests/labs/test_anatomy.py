import keras
import numpy as np
import pytest

from course_hw5 import labs
from course_hw5.labs import anatomy
from course_hw5.labs.support import sequence_models, sequences

pytestmark = pytest.mark.slow


def test_a_transformer_that_translates_has_blocks_and_nothing_recurrent():
    result = labs.run_lab("anatomy", blocks=1, steps=200)
    assert result.verdict == "confirmed"
    assert result["recurrent_layers"] == 0 and result["encoder_blocks"] == 1
    assert len(result.pages) == 3 and all("vierzig" in page for page in [*result.pages.values()][1:])


def test_lstms_in_its_place_turn_the_verdict():
    result = labs.run_lab("anatomy", layer="lstm", blocks=1, steps=1)
    assert result.verdict == "refuted" and result.pages == {}
    assert not result.held("no_rnn") and not result.held("any_order")


@pytest.mark.parametrize("builder, same", [(sequence_models.transformer, True), (sequence_models.lstms, False)])
def test_only_an_lstm_needs_its_steps_in_order(builder, same):
    model, random = builder(*sequences.TRANSLATION_SIZES, 16, 2), np.random.default_rng(0)
    *example, _ = sequences.translation([anatomy.EXAMPLE])
    _, decoder = anatomy.blocks_of(model)
    arguments = keras.Model(model.input, decoder[0].input)(example)
    change = sequence_models.change_by_shuffling(decoder, arguments, random, shuffles=3)
    assert (change.max() < sequence_models.ROUNDING) == same


@pytest.mark.parametrize("builder", [sequence_models.transformer, sequence_models.lstms])
def test_no_step_depends_on_later_words_and_each_on_earlier_ones(builder):
    *example, _ = sequences.translation([anatomy.EXAMPLE])
    influence = sequence_models.influence_of_words(builder(*sequences.TRANSLATION_SIZES, 16, 1), example)
    assert np.triu(influence, 1).max() < sequence_models.ROUNDING < influence[-1].min()
