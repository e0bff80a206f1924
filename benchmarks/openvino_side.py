"""Our models in OpenVINO: exported as SavedModels by one process, then compiled, compared with ours and timed by another."""

import json
import pathlib

import numpy as np

TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2}  # of the largest number that our model gives, in float32


def export(folder, models):
    """Writes SavedModels without fused kernels, and beside each what it reads and gives.

    Args:
        folder: an existing one.
        models: dict from the name of a task to a model in float32 and its input.
    """
    from course_hw5.layers import kernels

    for task, (model, inputs) in models.items():
        path = pathlib.Path(folder) / task
        with kernels.plain():
            model.export(path, format="tf_saved_model", verbose=False)
        outputs = model.predict(inputs, batch_size=len(inputs), verbose=0)
        np.savez(path.with_suffix(".npz"), inputs, *(outputs if isinstance(outputs, list) else [outputs]))


def tasks(folder, precision):
    """A call for each model of `export`, in OpenVINO; ends the process where one gives other numbers than ours.

    Largest differences go to `differences.json` in the folder, as shares of the largest number.

    Args:
        folder: that of `export`.
        precision: "float32" or "bfloat16", which OpenVINO computes in as far as the processor can.
    """
    import openvino

    core, calls, differences = openvino.Core(), {}, {}
    hints = {"INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision], "PERFORMANCE_HINT": "LATENCY"}
    for path in sorted(pathlib.Path(folder).glob("*.npz")):
        inputs, *expected = np.load(path).values()
        model = core.read_model(path.with_suffix(""))
        model.reshape(inputs.shape)
        inputs = inputs.astype(model.input().get_element_type().to_dtype())
        calls[path.stem] = call(core.compile_model(model, "CPU", hints).create_infer_request(), inputs)
        pairs = zip(calls[path.stem]().values(), expected, strict=True)
        differences[path.stem] = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)
        if not differences[path.stem] < TOLERANCE[precision]:
            raise SystemExit(f"OpenVINO's {path.stem} must differ by less than {TOLERANCE[precision]}. Received: {differences}")
    (pathlib.Path(folder) / "differences.json").write_text(json.dumps(differences))
    return calls


def call(request, inputs):
    return lambda: request.infer([inputs], share_inputs=True, share_outputs=True)
