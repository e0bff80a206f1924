import keras
import numpy as np
import tensorflow as tf

from course_hw5 import bert_backbone
from course_hw5.layers.keras_layers import HashedDropout


def dropped(layer):
    return keras.ops.convert_to_numpy(layer(keras.ops.ones((400, 500)), training=True)) == 0


def correlation(first, second):
    return abs(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_the_share_that_is_dropped_is_the_rate_and_the_rest_makes_up_for_it():
    for rate in (0.1, 0.5, 0.9):
        layer = HashedDropout(rate, seed=1)
        values = keras.ops.convert_to_numpy(layer(keras.ops.ones((400, 500)), training=True))
        assert abs((values == 0).mean() - rate) < 4 * (rate * (1 - rate) / values.size) ** 0.5
        np.testing.assert_allclose(values[values != 0], 1 / (1 - rate), rtol=1e-6)


def test_neighbours_rows_and_calls_are_independent():
    layer = HashedDropout(0.5, seed=2)
    first, second = dropped(layer), dropped(layer)
    limit = 4 / first.size**0.5
    assert correlation(first, second) < limit
    assert correlation(first[:, 1:], first[:, :-1]) < limit and correlation(first[1:], first[:-1]) < limit
    assert correlation(first, dropped(HashedDropout(0.5, seed=3))) < limit


def test_a_seed_repeats_what_is_dropped():
    np.testing.assert_array_equal(dropped(HashedDropout(0.3, seed=4)), dropped(HashedDropout(0.3, seed=4)))


def test_nothing_is_dropped_in_inference():
    x = keras.ops.ones((3, 4))
    for layer, training in ((HashedDropout(0.9), False), (HashedDropout(0.0), True)):
        np.testing.assert_array_equal(layer(x, training=training), x)


def test_what_was_dropped_gets_no_gradient_compiled_or_not_in_half_precision_too():
    for compiled in (False, True):
        for dtype in ("float32", "mixed_bfloat16"):
            layer = HashedDropout(0.4, seed=5, dtype=dtype)

            @tf.function(jit_compile=compiled)
            def step(x, layer=layer):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = layer(x, training=True)
                return y, tape.gradient(y, x)

            y, gradient = step(tf.ones((64, 64), layer.compute_dtype))
            np.testing.assert_array_equal(y.numpy(), gradient.numpy())
            assert 0 < (y.numpy() == 0).sum() < 64 * 64


def test_bert_drops_by_hash_everywhere():
    layers = [layer for layer in bert_backbone("tiny")._flatten_layers() if isinstance(layer, keras.layers.Dropout)]
    assert len(layers) == 1 + 3 * 2 and all(type(layer) is HashedDropout for layer in layers)
