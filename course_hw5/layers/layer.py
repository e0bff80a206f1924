"""What the layers of this package share, and how Keras comes to know all classes of a saved model."""

import inspect
from typing import Any

import keras

Tensor = keras.KerasTensor
Shape = tuple[int, ...]
Grid = tuple[int, int]  # rows and columns
Start = str | keras.initializers.Initializer


class Registered:
    """Subclasses are registered, so that Keras finds them when it loads a model."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable("course_hw5")(cls)


class Layer(Registered, keras.layers.Layer):
    """Keras's `Layer`, whose config holds the arguments of the constructor: each is an attribute of the same name, too."""

    def get_config(self) -> dict:
        kinds = type(self).__mro__[: type(self).__mro__.index(Layer)]
        return super().get_config() | keras.saving.serialize_keras_object(arguments_of(self, *reversed(kinds)))


def arguments_of(owner: object, *kinds: Any) -> dict:
    """The arguments that the constructors of these classes name, by the attributes of the same names."""
    specs = [inspect.getfullargspec(cls.__init__) for cls in kinds]
    return {name: getattr(owner, name) for spec in specs for name in (*spec.args[1:], *spec.kwonlyargs)}
