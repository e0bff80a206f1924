"""What models on a backbone share: `BertClassifier`, `BeitClassifier`, `UperNetSegmenter` and their kin.

And what those for images do to these before their network.
"""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any

import keras
import numpy as np

from course_hw5.layers import kernels
from course_hw5.layers.layer import Registered, Shape, Tensor

NOT_DECAYED = ("bias", "gamma", "beta")


class LayersFirst:
    """Lets the constructor of a functional model keep layers as attributes before it calls `super().__init__`."""

    def __setattr__(self, name, value):
        if keras.backend.backend() == "torch" and "_modules" not in self.__dict__:
            object.__setattr__(self, name, value)  # PyTorch refuses it; the functional model tracks the layer
        else:
            super().__setattr__(name, value)


class Backbone(LayersFirst):
    """What the backbones of BERT and BEiT share, beside `no_weight_decay` and `layer_groups`.

    It is no `keras.Model`: Keras changes the bases of a functional model's class, and a change here would hide what keras-nlp's
    backbone defines.
    """

    prefers_partial_jit = True
    input: Any
    name: str
    call_with_attention: Callable[[Any], tuple[Any, dict]]

    @property
    def attention_blocks(self) -> Sequence[keras.layers.Layer]:
        """Its layers from input to output, each with the layer of its heads as `attention`."""
        raise NotImplementedError

    def with_attention(self) -> keras.Model:
        """Makes the model that also outputs what `call_with_attention` records; "output" is what this one outputs."""
        output, recorded = self.call_with_attention(self.input)
        return keras.Model(self.input, recorded | {"output": output}, name=f"{self.name}_with_attention")


class Task(LayersFirst, Registered, keras.Model):
    """A backbone and a head, built as a functional model by the constructor of a subclass.

    A subclass takes the backbone as its first argument and returns its other arguments from `get_config`.

    Attributes:
        backbone: `BertBackbone` or `BeitBackbone`.
        class_names: tuple of one string per class, or None.
    """

    backbone: Any
    class_names: tuple[str, ...] | None = None

    def with_attention(self) -> keras.Model:
        """Makes the model that also outputs the attention of each layer.

        Returns:
            Functional `keras.Model` with the inputs and the weights of this one, to a dict: "output", what this model outputs,
            and what `call_with_attention` of the backbone records.
        """
        return with_attention(self, self.backbone)

    def no_weight_decay(self) -> tuple[str, ...]:
        """Names of variables, or parts of names, that weight decay leaves out, as `exclude_from_weight_decay` takes them."""
        return self.backbone.no_weight_decay()

    def layer_groups(self) -> list[list[keras.Variable]]:
        """Trainable variables from the input to the head: the embedding, each block, then all above the blocks."""
        *groups, top = self.backbone.layer_groups()
        of_backbone = {id(variable) for variable in self.backbone.variables}
        return [*groups, top + [variable for variable in self.trainable_variables if id(variable) not in of_backbone]]

    def export(self, *args, **kwargs) -> None:
        """As Keras's `export`, of a graph without fused kernels, which other programs could not run."""
        with kernels.plain():
            return super().export(*args, **kwargs)

    def get_config(self) -> dict:
        return {"backbone": keras.saving.serialize_keras_object(self.backbone), "name": self.name, "trainable": self.trainable}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "Task":
        config = dict(config)
        backbone = config.pop("backbone")
        if not isinstance(backbone, keras.Model):
            backbone = keras.saving.deserialize_keras_object(backbone, custom_objects)
        is_trainable = config.pop("trainable", True)
        model = cls(backbone, **config)
        if not is_trainable:  # else the backbone says of itself whether it is
            model.trainable = False
        return model


def with_attention(model: keras.Model, backbone: keras.Model, **layers: keras.layers.Layer) -> keras.Model:
    """Makes the model that also outputs the attention of each layer, of any functional model that calls the backbone.

    The model's graph is run again on its inputs, with the same layers, but that the backbone is asked for its attention.

    Args:
        model: functional model.
        backbone: a layer of it, `BertBackbone` or `BeitBackbone`.
        **layers: further layers of it, whose outputs are given by these names.

    Returns:
        As `Task.with_attention`.
    """
    recorded = {}

    def call(layer, *args, **kwargs):
        if layer is backbone:
            outputs, attention = backbone.call_with_attention(*args)
            recorded.update(attention)
            return outputs
        output = layer(*args, **kwargs)
        recorded.update({name: output for name, other in layers.items() if layer is other})
        return output

    graph = keras.Model(model.input, model.output)  # uncompiled, else Keras would compile the copy, too
    again = keras.models.clone_model(graph, model.input, clone_function=lambda layer: layer, call_function=call)
    return keras.Model(model.input, recorded | {"output": again.output}, name=f"{model.name}_with_attention")


def copy_head(old: keras.Model, new: keras.Model, left_out: Collection[str] = ()) -> None:
    """Gives the layers of a new model outside its backbone the weights of the old one's that have the same name and shape.

    Args:
        old, new: models with a `backbone`.
        left_out: names of layers that keep their new weights.
    """
    values = _head_variables(old)
    for path, variable in _head_variables(new, left_out).items():
        if path in values and values[path].shape == variable.shape:
            variable.assign(variable.constraint(values[path]) if variable.constraint else values[path])


def _head_variables(model, left_out=()):
    layers = (layer for layer in model.layers if layer is not model.backbone and layer.name not in left_out)
    return {variable.path: variable for layer in layers for variable in layer.variables}


def with_precision(model: Task, policy: str, **changes) -> Task:
    """The same model, its backbone with another policy, such as "mixed_bfloat16", and with `changes`, such as `dropout`."""
    backbone = model.backbone
    if backbone.dtype_policy.name == policy and not changes:
        return model
    copy = type(backbone).from_config(backbone.get_config() | {"dtype": policy} | changes)
    copy.set_weights(backbone.get_weights())
    changed = type(model).from_config(model.get_config() | {"backbone": copy})
    copy_head(model, changed)
    return changed


class WithAttention(Registered, keras.layers.Wrapper):
    """Calls a layer, shared and not copied, for its output and its attention.

    A layer of its own, since a Functional model wants all calls of one layer to have outputs of one structure.

    Args:
        layer: a built layer whose `call` takes `return_attention_scores`.

    Input: the first and the second argument of the layer, whose second may be None.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs):
        super().__init__(layer, **{"dtype": layer.dtype_policy} | kwargs)
        self.supports_masking = True

    def call(self, x: Tensor, second: Tensor | None = None) -> tuple:
        return self.layer(x, second, return_attention_scores=True, training=False)


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """Resizing, a crop of the centre and normalization of raw images, floats in [0, 255] or uint8.

    Attributes:
        mean: of all channels, or one of each, of pixels scaled to [0, 1].
        std: in the same form.
        input_shape: of the raw images where they are to be resized, `(None, None, 3)` for any size; None where they have the
            shape that the network reads.
        interpolation: of the resizing, with antialiasing where images may have any size.
        crop_fraction: side of the centre that is used, as a fraction of the side of the resized image.
    """

    mean: float | Sequence[float] = 0.5
    std: float | Sequence[float] = 0.5
    input_shape: tuple[int | None, int | None, int] | None = None
    interpolation: str = "bilinear"
    crop_fraction: float = 1.0

    def __post_init__(self):
        for name in ("mean", "std", "input_shape"):  # a saved model's file holds lists
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))

    def __call__(self, images: Tensor, image_shape: Shape, dtype: str | keras.DTypePolicy | None = None) -> Tensor:
        """Makes of raw images what the network reads; `dtype` is the policy that the normalization computes in.

        Args:
            images: symbolic tensor `(batch, height, width, channels)`.
            image_shape: `(height, width, channels)` that the network reads.
        """
        mean, std = (np.broadcast_to(value, (image_shape[2],)) for value in (self.mean, self.std))
        rescaling = keras.layers.Rescaling((1 / (255 * std)).tolist(), (-mean / std).tolist(), dtype=dtype, name="rescaling")
        return rescaling(self.resized(images, image_shape))

    def resized(self, images: Tensor, image_shape: Shape) -> Tensor:
        """Images `(batch, height, width, channels)` resized and cropped to the `image_shape` that the network reads."""
        height, width, _ = image_shape
        if tuple(images.shape[1:3]) == (height, width):
            return images
        resized = (round(height / self.crop_fraction), round(width / self.crop_fraction))
        # Operations, not Keras's layers Resizing and CenterCrop: those switch the layers after them to training.
        antialias = None in images.shape[1:3]  # XLA, which trains on images of one size, cannot compile it
        options = {"interpolation": self.interpolation, "antialias": antialias, "data_format": "channels_last"}
        images = keras.ops.image.resize(images, resized, **options)
        top, left = (resized[0] - height) // 2, (resized[1] - width) // 2
        return images[:, top : top + height, left : left + width]


def preprocessing_of(mean: float | Sequence[float] | None = 0.5, **options) -> Preprocessing | None:
    """The `Preprocessing` with these attributes; None where `mean` is None, for images that are normalised already."""
    if mean is not None:
        return Preprocessing(mean, **options)
    if options.get("input_shape") is not None:
        raise ValueError(f"`input_shape` must be None where `mean` is. Received: {options['input_shape']!r}")
    return None


def image_inputs(preprocessing: Preprocessing | None, backbone: keras.Model) -> tuple[Tensor, Tensor]:
    """The input of a model on a `BeitBackbone`, and the tensor that the backbone takes.

    Returns:
        `keras.Input`, float32 `(batch, height, width, channels)` (uint8 is accepted), and a tensor
        `(batch, *backbone.image_shape)`.
    """
    shape = preprocessing and preprocessing.input_shape
    images = keras.Input(shape or backbone.image_shape, dtype="float32", name="images")
    return images, preprocessing(images, backbone.image_shape, backbone.dtype_policy) if preprocessing else images
