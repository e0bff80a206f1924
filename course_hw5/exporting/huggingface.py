"""A folder that `transformers` reads: `config.json`, `model.safetensors`, the vocabulary or the preprocessing, a model card."""

import pathlib

import keras

from course_hw5.exporting import saved_model
from course_hw5.exporting.model_card import ModelCard
from course_hw5.files import read_object, write_text
from course_hw5.models.beit_tasks import BeitClassifier
from course_hw5.models.checkpoints import load as checkpoints
from course_hw5.models.checkpoints import write as writers


def check(model: keras.Model) -> None:
    """Raises ValueError, which says why, for a model that no class of `transformers` is."""
    writers.check(model)


def write(model: keras.Model, folder: pathlib.Path, int8: bool = False) -> None:
    """Writes the folder."""
    writers.write_folder(model, folder)


def write_card(model: keras.Model, folder: pathlib.Path, card: ModelCard) -> None:
    """Writes the model card, `README.md`, of a folder."""
    (architecture,) = read_object(folder / "config.json")["architectures"]
    write_text(folder / "README.md", card.text(architecture, getattr(model, "class_names", None)))


def load(folder: pathlib.Path, model: keras.Model) -> saved_model.Run:
    """As `saved_model.load`, by `load_model`, with the probabilities that the model's own logits become."""
    loaded = checkpoints.load_model(folder)

    def run(arrays):
        outputs = loaded.predict_on_batch(keras.tree.pack_sequence_as(loaded.input, arrays))
        if isinstance(model, BeitClassifier) and model.activation == "softmax":
            outputs = keras.ops.softmax(outputs)
        return [keras.ops.convert_to_numpy(output) for output in keras.tree.flatten(outputs)]

    return run
