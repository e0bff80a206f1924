"""TensorFlow's SavedModel, from which LiteRT and OpenVINO are made, too."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from course_hw5.layers import kernels

Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


def write(model: keras.Model, folder: pathlib.Path, int8: bool = False) -> None:
    """Writes a SavedModel whose function takes the model's inputs by name and gives its outputs by `output_names`."""
    import tensorflow as tf

    function, _ = serving(model)
    with kernels.plain():
        module = tf.Module()
        module.tracked = [variable.value for variable in model.variables]  # Keras's own archive stores each of them twice
        module.serve = function
        tf.saved_model.save(module, str(folder), {"serving_default": function.get_concrete_function()})


def load(folder: pathlib.Path, model: keras.Model) -> Run:
    """The function of a SavedModel, of arrays in the order of the inputs of `model` to arrays in the order of its outputs."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    function, (names, outputs) = loaded.signatures["serving_default"], (input_names(model), output_names(model))

    def run(arrays, loaded=loaded):  # its variables live as long as it does
        found = function(**{name: tf.constant(array) for name, array in zip(names, arrays)})
        return [found[name].numpy() for name in outputs]

    return run


def serving(model: keras.Model) -> tuple[Any, list]:
    """A `tf.function` of the model without dropout, to a dict of its outputs, and the `tf.TensorSpec` of each of its inputs."""
    import tensorflow as tf

    signature = [tf.TensorSpec(each.shape, each.dtype, each.name) for each in model.inputs]
    names, structure = output_names(model), model.input

    @tf.function(input_signature=signature, autograph=False)
    def serve(*inputs):
        outputs = model(keras.tree.pack_sequence_as(structure, [*inputs]), training=False)
        return dict(zip(names, keras.tree.flatten(outputs)))

    return serve, signature


def input_names(model: keras.Model) -> list[str]:
    """The name of each input."""
    return [each.name for each in model.inputs]


def output_names(model: keras.Model) -> list[str]:
    """The name of each output: its keys and numbers in the structure of the outputs, after "output" where it has no key."""
    paths = [path for path, _ in keras.tree.flatten_with_path(model.output)]
    return ["_".join(map(str, path if path and isinstance(path[0], str) else ("output", *path))) for path in paths]
