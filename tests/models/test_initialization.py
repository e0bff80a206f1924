import threading

import keras
import numpy as np

import course_hw5
from course_hw5.models.checkpoints import load as checkpoints


def kernel():
    layer = keras.layers.Dense(4)
    layer.build((None, 3))
    return layer.kernel.numpy()


def test_no_random_numbers_are_drawn_for_weights_that_are_read():
    others = []
    with checkpoints.zeros_for_random():
        assert not kernel().any()
        thread = threading.Thread(target=lambda: others.append(kernel()))  # who builds a model of its own
        thread.start()
        thread.join()
    assert others[0].any() and kernel().any()


@keras.saving.register_keras_serializable("tests")
class Positional(keras.layers.Layer):
    """As people write layers: shape, initializer and dtype without their names."""

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 2), "glorot_uniform", "float32", name="kernel")

    def call(self, inputs):
        return inputs @ self.kernel


def test_a_layer_that_names_no_argument_of_its_weight_is_loaded(tmp_path):
    model = keras.Sequential([keras.Input((3,)), Positional()])
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(course_hw5.load_model(tmp_path / "model.keras").get_weights()[0], model.get_weights()[0])


def test_a_loaded_model_is_as_it_was_saved_and_later_ones_are_random(tmp_path, small_mlp):
    small_mlp.save(tmp_path / "model.keras")
    loaded = course_hw5.load_model(tmp_path / "model.keras")
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(loaded.get_weights(), small_mlp.get_weights()))
    assert kernel().any() and checkpoints.load_model.__name__ == "load_model"
