"""OpenVINO: a folder that Intel's runtime reads, the quickest on Intel's processors."""

import contextlib
import io
import logging
import pathlib
import tempfile

import keras

from course_hw5.exporting import saved_model

FILE = "openvino_model.xml"  # and `.bin` beside it, as Hugging Face's libraries name them


def write(model: keras.Model, folder: pathlib.Path, int8: bool = False) -> None:
    """Writes OpenVINO's representation in float32; with `int8` weights are stored in 8 bits."""
    import openvino

    folder.mkdir()
    with tempfile.TemporaryDirectory() as source:
        saved_model.write(model, pathlib.Path(source))
        converted = openvino.convert_model(source)
    if int8:
        import nncf

        nncf.set_log_level(logging.ERROR)
        with contextlib.redirect_stdout(io.StringIO()):  # its progress
            converted = nncf.compress_weights(converted, mode=nncf.CompressWeightsMode.INT8_ASYM)
    openvino.save_model(converted, folder / FILE, compress_to_fp16=False)


def load(folder: pathlib.Path, model: keras.Model, precision: str = "f32") -> saved_model.Run:
    """As `saved_model.load`, by OpenVINO on the processor.

    Args:
        folder, model: as of `saved_model.load`.
        precision: that it computes in, "f32" or "bf16"; where a processor has bfloat16, OpenVINO's own choice is that.
    """
    import openvino

    compiled = openvino.compile_model(folder / FILE, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    names, outputs = saved_model.input_names(model), saved_model.output_names(model)

    def run(arrays):
        found = compiled(dict(zip(names, arrays)))
        return [found[name] for name in outputs]

    return run
