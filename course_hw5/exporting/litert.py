"""LiteRT (until 2024 TensorFlow Lite): one file for phones and small devices."""

import pathlib
import tempfile
import warnings

import keras

from course_hw5.exporting import saved_model


def write(model: keras.Model, path: pathlib.Path, int8: bool = False) -> None:
    """Writes a `.tflite` file; with `int8` the weights of large layers are stored in 8 bits."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        saved_model.write(model, pathlib.Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        path.write_bytes(converter.convert())


def load(path: pathlib.Path, model: keras.Model) -> saved_model.Run:
    """As `saved_model.load`, by TensorFlow's copy of LiteRT, as its own package cannot be imported beside TensorFlow 2.20."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated")
        function = tf.lite.Interpreter(str(path)).get_signature_runner()
    names, outputs = saved_model.input_names(model), saved_model.output_names(model)

    def run(arrays):
        found = function(**dict(zip(names, arrays)))
        return [found[name] for name in outputs]

    return run
