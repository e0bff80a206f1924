"""What a trained model does with a few examples: the facts that `model_checks` judges. Loads Keras."""

import base64
import pathlib
from typing import Any

import keras
import numpy as np
from PIL import Image

from course_hw5.data.image_files import open_image
from course_hw5.explanation import extract
from course_hw5.models.checkpoints.load import load_model
from course_hw5.models.task import Backbone, Task
from course_hw5.reports import run_folder
from course_hw5.reports.checks.recorded_run import TRAINING_FILE, ModelFacts

EXAMPLES, TOKENS, SIDE = 8, 16, 32


def examine(folder: pathlib.Path, training: dict[str, Any]) -> ModelFacts:
    """Runs the model of a run folder on misclassified images, or on random images or tokens.

    Args:
        folder: with `model.keras`, read in Keras's safe mode, and `misclassified.json` where it is there.
        training: of `training.json`, for the range of the inputs.

    Raises:
        ValueError: if the model cannot be loaded, or `misclassified.json` is damaged.
    """
    model = load_model(folder / "model.keras")
    broken = [weight.path for weight in model.weights if not _is_finite(weight)]
    if broken:
        return ModelFacts(broken, not_run="weights of model.keras are NaN or infinite")
    examples = _examples(model, folder, training)
    if isinstance(examples, str):
        return ModelFacts(broken, not_run=examples)
    try:
        outputs = keras.tree.flatten(model.predict_on_batch(examples))[0]
        answers = np.asarray(outputs, "float64").reshape(len(examples), -1)
        return ModelFacts(broken, float(np.ptp(answers, axis=0).max()), *_heads(model, examples))
    except Exception as error:  # a model of somebody else raises anything
        return ModelFacts(broken, not_run=f"model.keras cannot be run on such examples ({run_folder.reason(error)})")


def _is_finite(weight):
    values = keras.ops.convert_to_numpy(weight)
    return values.dtype.kind != "f" or np.isfinite(values).all()


def _examples(model, folder, training):
    """A batch of inputs, or why there is none."""
    random = np.random.default_rng(0)
    others = "model.keras takes neither one batch of images nor texts of a known tokenizer"
    if len(model.inputs) != 1:
        return others
    shape, dtype = model.inputs[0].shape, model.inputs[0].dtype
    if len(shape) == 2 and isinstance(model, Task) and hasattr(model, "tokenizer"):
        length, tokenizer = shape[1] or TOKENS, model.tokenizer
        ids = random.integers(
            len(tokenizer.get_vocabulary()) // 10, len(tokenizer.get_vocabulary()), (EXAMPLES, length), "int32"
        )
        ids[:, 0], ids[:, -1] = tokenizer.cls_token_id, tokenizer.sep_token_id
        return ids
    if len(shape) != 4 or shape[3] not in (1, 3):
        return others
    inputs, takes_floats = training.get("inputs") or {}, "float" in dtype
    if takes_floats and not inputs.get("dtype") and not isinstance(model, Task):  # which takes bytes
        return f"the range of the inputs of model.keras is not known ({TRAINING_FILE} does not hold it)"
    size = (shape[1] or SIDE, shape[2] or SIDE)
    images = [*_misclassified(folder, size)][:EXAMPLES]
    images += [_random_image(random, size) for _ in range(EXAMPLES - len(images))]
    batch = np.stack(images)[..., : shape[3]]
    if not takes_floats or not str(inputs.get("dtype")).startswith("float"):
        return batch.astype(dtype)
    return (inputs["min"] + batch / 255 * (inputs["max"] - inputs["min"])).astype(dtype)


def _misclassified(folder, size):
    """One image of each cell of the confusion matrix."""
    path = folder / "misclassified.json"
    for cell in run_folder.read_list(path):
        try:
            image = cell["examples"][0].get("image") if cell["examples"] else None
            file = base64.b64decode(image.partition(",")[2]) if image else None
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{path} must hold cells with images. Received: {run_folder.reason(error)}") from error
        if file is not None:
            yield np.asarray(Image.fromarray(open_image(file, name=f"An image in {path}")).resize(size[::-1]))


def _random_image(random, size):
    return np.asarray(Image.fromarray(random.integers(0, 256, (4, 4, 3), "uint8")).resize(size[::-1], Image.Resampling.BICUBIC))


def _heads(model, examples):
    """Of each layer and head: how far its rows are from uniform, and how far from their mean over all examples."""
    if not (isinstance(model, (Task, Backbone)) or any(isinstance(layer, Backbone) for layer in model.layers)):
        return np.zeros((0, 0)), np.zeros((0, 0))
    layers = extract.extractor(model).predict_on_batch(examples)["attention_weights"]
    layers = [np.asarray(layer, "float64") for layer in layers]
    uniform = np.stack([_distance(layer, 1 / layer.shape[-1]) for layer in layers])
    return uniform, np.stack([_distance(layer, layer.mean(axis=0)) for layer in layers])


def _distance(attention, other):
    """The mean total variation distance of each head's rows from others: 0 where they are equal, 1 at most."""
    return (np.abs(attention - other).sum(axis=-1) / 2).mean(axis=(0, 2))
