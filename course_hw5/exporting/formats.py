"""The formats, what each needs, and where it may be written. Loads neither Keras nor a runtime."""

import importlib.util
from typing import NamedTuple

from course_hw5.errors import require
from course_hw5.files import AnyPath, local_path


class Format(NamedTuple):
    """What is known of a format before it is used.

    Attributes:
        suffix: of its file; "" where it is a folder.
        packages: of PyPI, by the modules that are imported, besides those that the package needs anyway.
        has_int8: whether its weights can be stored in 8 bits.
    """

    suffix: str
    packages: dict[str, str]
    has_int8: bool


FORMATS = {
    "litert": Format(".tflite", {}, True),
    "onnx": Format(".onnx", {"tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"}, True),
    "saved_model": Format("", {}, False),
    "openvino": Format("", {"openvino": "openvino"}, True),
    "huggingface": Format("", {}, False),
}
INT8_PACKAGES = {"openvino": {"nncf": "nncf"}}


def check_target(path: AnyPath, format: str, int8: bool = False) -> None:
    """Raises what can be said before a model is loaded.

    Args:
        path: file or folder to write.
        format: a key of `FORMATS`.
        int8: whether weights are to be stored in 8 bits.

    Raises:
        ValueError: if there is no such format, or it has no 8-bit weights, or the path has another suffix.
        FileExistsError: if the path is a file, or a folder that holds files.
        ModuleNotFoundError: if a package that the format needs is not installed.
    """
    require("format", format, FORMATS.__contains__, f"one of {', '.join(FORMATS)}")
    known = FORMATS[format]
    if int8 and not known.has_int8:
        able = ", ".join(name for name, other in FORMATS.items() if other.has_int8)
        raise ValueError(f"`int8` must be False but for {able}. Received: True, {format}")
    path = local_path(path)
    if known.suffix and path.suffix != known.suffix:
        raise ValueError(f"A model in the format {format} must be a file {known.suffix}. Received: {path}")
    if path.is_file() or (path.exists() and known.suffix):
        expected = "a new file" if known.suffix else "a folder"
        raise FileExistsError(f"A model in the format {format} must be written to {expected}. Received: {path}, which exists")
    if path.is_dir() and any(path.iterdir()):
        raise FileExistsError(f"A model must be written to an empty folder. Received: {path}, which holds files")
    packages = known.packages | (INT8_PACKAGES.get(format, {}) if int8 else {})
    if missing := [package for module, package in packages.items() if importlib.util.find_spec(module) is None]:
        advice = f"pip install {' '.join(missing)}, or course-hw5[export]"
        raise ModuleNotFoundError(f"The format {format} needs {', '.join(missing)}. Run {advice}")
