"""`export_model`: a model in another program's format, kept only if that program computes what Keras does."""

import dataclasses
import importlib
import os
import pathlib
import shutil
import tempfile
from typing import Any

import keras
import numpy as np

from course_hw5.errors import require
from course_hw5.exporting import formats, huggingface, saved_model
from course_hw5.exporting.model_card import ModelCard
from course_hw5.exporting.samples import as_batches, sample_inputs
from course_hw5.files import AnyPath, local_path
from course_hw5.models import task

TOLERANCE, INT8_TOLERANCE = 1e-4, 0.1


@dataclasses.dataclass(frozen=True)
class Export:
    """What `export_model` has written.

    Attributes:
        path: file or folder.
        format: a name in `formats.FORMATS`.
        size: of all its files, in bytes.
        differences: largest absolute difference of each output, by name.
        tolerance: what they may be at most, for outputs of up to 1, and in proportion for larger ones.
    """

    path: pathlib.Path
    format: str
    size: int
    differences: dict[str, float]
    tolerance: float

    @property
    def largest_difference(self) -> float:
        return max(self.differences.values())


def export_model(
    model: keras.Model,
    path: AnyPath,
    format: str,
    int8: bool = False,
    samples: Any = None,
    tolerance: float | None = None,
    card: ModelCard | None = None,
) -> Export:
    """Writes a model for another program, loads it with that program's runtime, and keeps it only if it computes the same.

    Args:
        model: any functional model: a classifier, a segmenter, what `attention_model` makes, or your own.
        path: file or folder to write, which must not exist or be an empty folder.
        format: "litert" (a file `.tflite`), "onnx" (a file `.onnx`), "saved_model", "openvino" or "huggingface" (folders).
        int8: whether weights are stored in 8 bits, for "litert", "onnx" and "openvino".
        samples: what the model takes, to compare on; None for random token ids or images.
        tolerance: largest difference of any output, for outputs of up to 1, and in proportion for larger ones; by default
            1e-4, and 0.1 with `int8`.
        card: for "huggingface", what its model card says of data, scores and licence.

    Returns:
        `Export`: path, size and differences.

    Raises:
        ValueError: if the model cannot be written in this format, or computes something else there; nothing is left then.
        OSError: if the path exists, or cannot be written.
        ModuleNotFoundError: if a package that the format needs is not installed; says which.
    """
    formats.check_target(path, format, int8)
    functional = "a functional Keras model"
    require("model", model, lambda model: isinstance(model, keras.Model) and model.inputs and model.outputs, functional)
    tolerance = (INT8_TOLERANCE if int8 else TOLERANCE) if tolerance is None else tolerance
    require("tolerance", tolerance, lambda tolerance: tolerance >= 0, "a number, 0 or more")
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(f"`export_model` needs the backend tensorflow. Received: {keras.backend.backend()}")
    path, written_by = local_path(path), importlib.import_module(f"course_hw5.exporting.{format}")
    model = _ready(model, format)
    batches = sample_inputs(model) if samples is None else as_batches(model, samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as folder:
        partial = pathlib.Path(folder) / path.name
        differences = _proved(model, partial, written_by, format, int8, batches, tolerance)
        if format == "huggingface":
            huggingface.write_card(model, partial, card or ModelCard())
        if path.is_dir():
            path.rmdir()  # it is empty
        shutil.move(partial, path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Export(path, format, sum(os.path.getsize(file) for file in files), differences, tolerance)


def _ready(model, format):
    """The model that is written: in float32, and without resizing where the format has none with antialiasing."""
    if format == "huggingface":
        huggingface.check(model)
    if not isinstance(model, task.Task):
        return model
    model = task.with_precision(model, "float32")
    shape = getattr(getattr(model, "preprocessing", None), "input_shape", None)
    if shape is None or None not in shape or format in ("saved_model", "huggingface"):
        return model
    preprocessing = dataclasses.asdict(model.preprocessing) | {"input_shape": None, "crop_fraction": 1.0}
    resized = type(model).from_config(model.get_config() | {"backbone": model.backbone, "preprocessing": preprocessing})
    task.copy_head(model, resized)
    return resized


def _differences(model, partial, written_by, int8, batches):
    """Writes the model, and runs both: the largest difference of each output, alone and beside its largest number."""
    written_by.write(model, partial, int8)
    run, names, worst = written_by.load(partial, model), saved_model.output_names(model), {}
    for batch in batches:
        expected = model.predict_on_batch(keras.tree.pack_sequence_as(model.input, batch))
        for name, ours, theirs in zip(names, keras.tree.flatten(expected), run(batch), strict=True):
            ours = keras.ops.convert_to_numpy(ours)
            difference = float(np.abs(ours - theirs).max()) if ours.shape == np.shape(theirs) else np.inf
            worst.setdefault(name, []).append((difference, difference / max(1.0, float(np.abs(ours).max()))))
    return {name: tuple(np.max(both, axis=0).tolist()) for name, both in worst.items()}


def _proved(model, partial, written_by, format, int8, batches, tolerance):
    """`_differences`, of each output alone; raises ValueError if one is too large, or if the model cannot be written."""
    try:
        differences = _differences(model, partial, written_by, int8, batches)
    except OSError:
        raise
    except Exception as error:  # converters and runtimes raise many kinds
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise ValueError(f"{model.name} cannot be written in the format {format}. Received: {reason}") from error
    for name, (difference, relative) in differences.items():
        if not relative <= tolerance:
            expected = f"{model.name} in the format {format} must compute what it does in Keras, within {tolerance:g}"
            raise ValueError(f"{expected}. Received: {name} differs by {difference:.2g}; nothing was kept")
    return {name: difference for name, (difference, _) in differences.items()}
