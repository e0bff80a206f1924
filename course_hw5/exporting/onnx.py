"""ONNX, by tf2onnx, and ONNX Runtime."""

import logging
import pathlib
import tempfile

import keras

from course_hw5.exporting import saved_model
from course_hw5.layers import kernels

OPSET = 17


def write(model: keras.Model, path: pathlib.Path, int8: bool = False) -> None:
    """Writes an `.onnx` file; with `int8` the weights of matrix products are stored in 8 bits."""
    import tf2onnx
    from onnxruntime import quantization

    for name in ("tf2onnx", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)
    function, signature = saved_model.serving(model)
    with kernels.plain(), tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / "model.onnx" if int8 else path
        tf2onnx.convert.from_function(function, signature, opset=OPSET, output_path=str(whole))
        if int8:
            quantization.quantize_dynamic(whole, path, weight_type=quantization.QuantType.QInt8)


def load(path: pathlib.Path, model: keras.Model) -> saved_model.Run:
    """As `saved_model.load`, by ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names, outputs = saved_model.input_names(model), saved_model.output_names(model)
    return lambda arrays: session.run(outputs, dict(zip(names, arrays)))
