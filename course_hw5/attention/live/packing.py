"""A model's weights as the bytes of a live page, and back: kernels and tables in int8, all else in float32."""

from typing import Any

import numpy as np
from jaxtyping import Float32

from course_hw5.errors import require
from course_hw5.quantization import quantized

Tensors = dict[str, Float32[np.ndarray, "..."]]
KERNELS = ("qkv", "out", "dense_1", "dense_2", "patch", "pooler")  # (inputs, outputs): a scale for each output
TABLES = ("token", "position", "positions")  # (rows, width): a scale for each row
ALIGNMENT = 16  # bytes, for WebAssembly's vectors
PRECISIONS = ("int8", "float32")


def pack(tensors: Tensors, precision: str = "int8") -> tuple[bytes, dict[str, Any]]:
    """Packs tensors one after the other.

    Args:
        tensors: dict of float32 arrays; what `KERNELS` and `TABLES` name, after the number of a layer, has two axes.
        precision: "int8" or "float32", of kernels and tables.

    Returns:
        The bytes, and a dict of names to "type", "shape", "offset" and, for int8, "scale", the offset of float32 scales: one
        for each column of a kernel, one for each row of a table.
    """
    require("precision", precision, PRECISIONS.__contains__, '"int8" or "float32"')
    packed, places = bytearray(), {}

    def put(array):
        packed.extend(bytes(-len(packed) % ALIGNMENT))
        offset = len(packed)
        packed.extend(np.ascontiguousarray(array).tobytes())
        return offset

    for name, array in tensors.items():
        axis = _axis(name) if precision == "int8" else None
        place: dict[str, Any] = {"type": "float32" if axis is None else "int8", "shape": [*array.shape]}
        if axis is None:
            place["offset"] = put(array.astype("<f4"))
        else:
            steps, scale = quantized(array, axis)
            place |= {"offset": put(steps), "scale": put(scale.astype("<f4"))}
        places[name] = place
    return bytes(packed), places


def unpack(data: bytes, places: dict[str, Any]) -> Tensors:
    """The tensors of `pack`, as the page computes with them."""
    tensors = {}
    for name, place in places.items():
        shape = place["shape"]
        read = lambda kind, at, count: np.frombuffer(data, kind, count, at)  # noqa: E731
        if place["type"] == "float32":
            tensors[name] = read("<f4", place["offset"], int(np.prod(shape))).reshape(shape)
        else:
            steps = read("i1", place["offset"], int(np.prod(shape))).reshape(shape).astype("float32")
            axis = _axis(name)
            scale = read("<f4", place["scale"], shape[1 - (axis or 0)])
            tensors[name] = steps * np.expand_dims(scale, axis or 0)
    return tensors


def _axis(name):
    """What a tensor's channels are measured along; None where it stays in float32."""
    part = name.split(".")[-1]
    return 0 if part in KERNELS else 1 if part in TABLES else None
