import numpy as np
import pytest

from course_hw5 import labs
from course_hw5.labs import long_inputs
from course_hw5.labs.support import sequence_models, sequences

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models():
    return long_inputs.make_models(longest=8)


def test_attention_keeps_accuracy_where_a_fixed_context_loses_it():
    result = labs.run_lab("long_inputs", longest=12, steps=300)
    assert result.verdict == "confirmed"
    assert len(result.figures) == 2 and len(result.pages) == 2


def test_training_has_inputs_of_every_length_that_is_tested(monkeypatch):
    class Enough(Exception):
        pass

    def train(model, inputs, *_, **__):
        raise Enough({*(inputs[0] > 0).sum(1).tolist()})

    monkeypatch.setattr(sequence_models, "train", train)
    with pytest.raises(Enough) as trained:
        labs.run_lab("long_inputs", longest=8, steps=20)
    assert trained.value.args[0] == {*range(2, 9)}


def test_uniform_weights_turn_the_verdict():
    result = labs.run_lab("long_inputs", attention="uniform", longest=12, steps=150)
    assert result.verdict == "refuted"
    assert not result.held("additive_attention_keeps") and not result.held("transformer_keeps")


def test_the_models_have_as_many_parameters_whatever_the_length(models):
    sizes = [model.count_params() for model in models.values()]
    assert max(sizes) < 1.05 * min(sizes)
    assert sizes == [model.count_params() for model in long_inputs.make_models(longest=9, uniform=True).values()]


def test_padding_gets_no_weight_and_uniform_weights_are_equal():
    *inputs, _ = sequences.reversal([3], 8, np.random.default_rng(0))
    models = long_inputs.make_models(longest=8, uniform=True)
    expected = np.array([1 / 3] * 3 + [0] * 5)
    additive = long_inputs.alignment_of(models["additive attention"], inputs)[0]
    cross = sequence_models.attention_weights(models["transformer"], inputs)["cross"][0]
    for weights in (additive, cross):
        np.testing.assert_allclose(weights, np.broadcast_to(expected, weights.shape), atol=1e-6)


def test_recording_leaves_the_model_as_it_was(models):
    *inputs, _ = sequences.reversal([8], 8, np.random.default_rng(0))
    before = models["transformer"](inputs)
    weights = sequence_models.attention_weights(models["transformer"], inputs)
    assert {name: array.shape for name, array in weights.items()} == dict.fromkeys(
        ("encoder", "decoder", "cross"), (1, 4, 8, 8)
    )
    np.testing.assert_array_equal(models["transformer"](inputs), before)
