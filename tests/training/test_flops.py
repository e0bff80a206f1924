import keras
import pytest

import course_hw5
from course_hw5.training import flops


def test_a_dense_layer_takes_two_operations_per_weight():
    model = keras.Sequential([keras.Input((3072,)), keras.layers.Dense(10)])
    assert flops.prediction_flops(model) == 2 * 3072 * 10 + 10


def test_a_perceptron_takes_two_operations_per_parameter():
    model = course_hw5.mlp_classifier(hidden_units=(128, 64))
    assert flops.prediction_flops(model) == pytest.approx(2 * model.count_params(), rel=0.01)


def test_a_convolution_takes_two_operations_per_weight_and_place():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, padding="same", use_bias=False)])
    assert flops.prediction_flops(model) == 2 * 3 * 3 * 3 * 4 * 8 * 8


def test_attention_counts_for_a_text_of_the_given_length():
    tokens = keras.Input((None, 16))
    model = keras.Model(tokens, keras.layers.MultiHeadAttention(2, 8, use_bias=False)(tokens, tokens))
    for length in (32, 64):
        projections, products, softmax = 4 * 2 * length * 16 * 16, 2 * 2 * length * length * 16, 6 * 2 * length * length
        assert flops.prediction_flops(model, length) == projections + products + softmax
    with pytest.raises(ValueError, match=r"`length` must be a number .* Received: \(None, None, 16\)"):
        flops.prediction_flops(model)


def test_bert_and_beit_take_two_operations_per_weight_and_token_and_those_of_attention():
    bert = course_hw5.bert_classifier(course_hw5.bert_backbone("tiny", vocabulary_size=100))
    beit = course_hw5.beit_classifier(course_hw5.beit_backbone("tiny", (32, 32, 3)))
    for model, tokens, dim, depth in ((bert, 20, 128, 2), (beit, 65, 128, 6)):
        products = depth * (2 * 12 * dim * dim * tokens + 4 * tokens * tokens * dim)
        assert products < flops.prediction_flops(model, tokens) < 1.1 * products


def test_several_inputs_count_together():
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    model = keras.Model({"left": left, "right": right}, keras.layers.Dense(2, use_bias=False)(left + right))
    assert flops.prediction_flops(model) == 4 + 2 * 4 * 2


def test_a_loop_is_refused_since_its_turns_cannot_be_counted():
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, keras.layers.GRU(3)(inputs))
    with pytest.raises(ValueError, match=r"one plain graph .* Received: .*"):
        flops.prediction_flops(model)
