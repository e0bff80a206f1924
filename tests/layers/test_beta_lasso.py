import keras
import numpy as np
import pytest

from course_hw5.layers.beta_lasso import HardThreshold, beta_lasso


def after_steps(weights, gradient, options, steps=1):
    """What SGD with a rate of 0.1 makes of weights whose loss has this gradient everywhere."""
    layer = keras.layers.Dense(1, use_bias=False, **options)
    model = keras.Sequential([keras.Input((len(weights),)), layer])
    layer.kernel.assign(np.reshape(weights, (-1, 1)).astype("float32"))
    model.compile(keras.optimizers.SGD(0.1), lambda _, output: output)
    inputs = np.array([gradient], "float32")
    model.fit(inputs, np.zeros((1, 1)), epochs=steps, verbose=0)
    return keras.ops.convert_to_numpy(layer.kernel)[:, 0]


def test_a_step_follows_the_gradient_and_the_penalty_then_the_threshold():
    weights, gradient = [1.0, -1.0, 0.3, -0.3, 0.2, 0.0], [2.0, 2.0, 0.0, 0.0, -1.0, 0.1]
    # by hand: w - 0.1 * (g + 0.5 * sign(w)) is 0.75, -1.15, 0.25, -0.25, 0.25, -0.01; the threshold is 0.6 * 0.5 = 0.3
    np.testing.assert_allclose(after_steps(weights, gradient, beta_lasso(0.5, beta=0.6)), [0.75, -1.15, 0, 0, 0, 0], atol=1e-6)


def test_a_zero_comes_back_where_one_step_takes_it_over_the_threshold():
    options = beta_lasso(0.01, beta=20)  # threshold 0.2
    np.testing.assert_allclose(after_steps([0.0, 0.0], [1.9, -2.1], options), [0, 0.21], atol=1e-6)
    np.testing.assert_allclose(after_steps([0.0, 0.0], [1.9, -2.1], options, steps=2), [0, 0.419], atol=1e-6)


def test_without_beta_it_is_l1_and_without_strength_sgd():
    np.testing.assert_allclose(after_steps([0.02, -0.5], [0, 1], beta_lasso(0.1, beta=0)), [0.01, -0.59], atol=1e-6)
    np.testing.assert_allclose(after_steps([0.02, -0.5], [0, 1], beta_lasso(0.0)), [0.02, -0.6], atol=1e-6)


def test_a_layer_is_made_again_from_its_config():
    layer = keras.layers.Dense(3, **beta_lasso(0.1, beta=20))
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(copy.kernel_constraint) is HardThreshold and copy.kernel_constraint.threshold == 2
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("arguments, name", [((-1.0,), "strength"), ((1.0, -1.0), "beta")])
def test_negative_numbers_are_refused(arguments, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be 0 or more. Received: -1"):
        beta_lasso(*arguments)
    with pytest.raises(ValueError, match="`threshold` must be 0 or more. Received: -1"):
        HardThreshold(-1.0)
