"""Whole models in a file: of images in float16, of texts in int8 with their tokenizer.

Each output channel of a kernel and each row of an embedding has a float32 scale. What is loaded is float32 again.
"""

import json
import pathlib
import zlib
from collections.abc import Sequence

import keras
import numpy as np
import safetensors.numpy

from course_hw5.errors import require
from course_hw5.models import beit, beit_tasks, bert_classifier, task, upernet
from course_hw5.models.bert import BertBackbone
from course_hw5.models.cnn import cnn_classifier
from course_hw5.quantization import quantized

Tensors = dict[str, np.ndarray]
TOKENIZER = "tokenizer"  # name of the tensor: bytes of compressed JSON, the arguments of a `BertTokenizer`


def save_full(model: keras.Model, path: pathlib.Path, class_names: Sequence[str] | None = None) -> int:
    """Writes a `beit_classifier`, `upernet_segmenter` or `cnn_classifier`, for images of its size, or a `bert_classifier`.

    A model of images has weights in float16, and the statistics of batch normalization in float32. A model of texts has kernels
    and embeddings in int8 and all other weights in float16; its tokenizer is in the file, too. All else is metadata. The
    auxiliary head of a segmenter, which only training needs, is left out. Of equal pixels, `MeanSubpixels`, one is written.

    Args:
        model: the model.
        path: file to write, `.safetensors`.
        class_names: names of its classes, of a model that does not keep them.

    Returns:
        Size of the file in bytes.

    Raises:
        ValueError: if the model is none of those, there are no names for its classes, or a `bert_classifier` is on an MPNet or
            has no tokenizer.
    """
    names = getattr(model, "class_names", None) or class_names
    if names is None:
        raise ValueError(f"`model` must have `class_names`. Received: {model.name} without")
    arguments = {"class_names": names, **_arguments(model)}
    is_text = isinstance(model, bert_classifier.BertClassifier)
    tensors = {TOKENIZER: _compressed(model.tokenizer.get_config())} if is_text else {}
    for variable in model.weights:
        if is_text and (axes := _axes(variable)) is not None:
            steps, scale = quantized(variable.numpy(), axes)
            tensors |= {variable.path: steps, _scale(variable): np.expand_dims(scale, axes)}
        elif not variable.path.startswith("auxiliary_"):
            tensors[variable.path] = _distinct(variable).astype("float16" if is_text or variable.trainable else "float32")
    safetensors.numpy.save_file(tensors, path, metadata={"arguments": json.dumps(arguments)})
    return path.stat().st_size


def _axes(variable):
    """The axes along which one channel of a BERT's kernel or embedding lies; None for other weights."""
    *layers, name = variable.path.split("/")
    if name == "kernel":  # of attention's output (heads, size, width), of its other parts (width, heads, size)
        return (0, 1) if layers[-1] == "attention_output" else (0,)
    return (1,) if name.endswith("embeddings") else None


def _distinct(variable):
    """The array of a variable; of pixels that training keeps equal, one, if they are."""
    array = variable.numpy()
    are_equal = _keeps_pixels_equal(variable) and np.ptp(array, axis=(0, 1)).max() < 1e-6
    return array[:1, :1] if are_equal else array


def _keeps_pixels_equal(variable):
    return isinstance(variable.constraint, upernet.MeanSubpixels)


def _scale(variable):
    return f"{variable.path}:scale"


def _compressed(config):
    return np.frombuffer(zlib.compress(json.dumps(config, ensure_ascii=False).encode(), 9), "uint8")


def _arguments(model):
    """What the model is made from, as `_model` takes it."""
    if isinstance(model, bert_classifier.BertClassifier):
        backbone = model.backbone
        is_bert = lambda kind: kind is BertBackbone  # noqa: E731
        require("model", type(backbone), is_bert, "a bert_classifier on a BertBackbone")
        config = {name: value for name, value in backbone.get_config().items() if name not in ("dtype", "tokenizer")}
        return {"bert": config, "top": {"max_length": model.max_length, "dropout": model.dropout}}
    if not isinstance(model, task.Task):
        is_cnn = lambda name: name == "cnn_classifier"  # noqa: E731
        expected = "a bert_classifier, a beit_classifier, an upernet_segmenter or a cnn_classifier"
        require("model", model.name, is_cnn, expected)
        widths = [layer.channels for layer in model.layers if layer.name.startswith("stage_")]
        return {"cnn": {"input_shape": model.input_shape[1:], "widths": widths}}
    preprocessing = model.preprocessing
    raw = {"mean": None} if preprocessing is None else {"mean": preprocessing.mean, "std": preprocessing.std}
    top = {"pooling": model.pooling, "activation": model.activation} if isinstance(model, beit_tasks.BeitClassifier) else None
    backbone = model.backbone.get_config() | {"dtype": "float32"}  # whatever it was trained in
    return {"backbone": backbone, "raw": raw} | ({"top": top} if top else {"head": model.head_config()})


def make_full(tensors: Tensors, metadata: dict[str, str]) -> keras.Model:
    """Makes the model of a file that `save_full` wrote, from arrays and metadata; weights in float32, and `class_names`."""
    arguments = json.loads(metadata["arguments"])
    if TOKENIZER in tensors:
        arguments["bert"]["tokenizer"] = json.loads(zlib.decompress(tensors[TOKENIZER].tobytes()))
    model = _model(**arguments)
    for variable in model.weights:
        array = tensors[variable.path].astype("float32") * tensors.get(_scale(variable), np.float32(1))
        variable.assign(np.broadcast_to(array, variable.shape) if _keeps_pixels_equal(variable) else array)
    return model


def _model(class_names, cnn=None, bert=None, backbone=None, raw=None, head=None, top=None):
    if cnn:
        model = cnn_classifier(**cnn, num_classes=len(class_names))
        model.class_names = tuple(class_names)
        return model
    if bert:
        return bert_classifier.BertClassifier(BertBackbone.from_config(bert), **top, class_names=class_names)
    options = {"class_names": class_names, "preprocessing": task.preprocessing_of(**raw)}
    backbone = beit.BeitBackbone.from_config(backbone)
    if head:
        return upernet.UperNetSegmenter(backbone, len(class_names), **head | {"auxiliary_head": False}, **options)
    return beit_tasks.BeitClassifier(backbone, len(class_names), **top, **options)
