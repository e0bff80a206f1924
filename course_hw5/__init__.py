"""What attention does, in text and in images, learnt by running it.

Public names are those of `__init__.pyi`, loaded on first use: importing the package loads neither TensorFlow nor Keras.
"""

import importlib
import os
import pathlib
import re

from course_hw5 import loading

loading.install()
# TensorFlow keeps memory from step to step; given back, it would be paged in anew.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
# Not every processor gets oneDNN otherwise, which multiplies matrices faster. TensorFlow reads this as it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.2.0"

_STUB = pathlib.Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
_HOMES = {name: home for home, name in re.findall(r"^from (\S+) import (\w+) as", _STUB, re.MULTILINE)}
__all__ = [*_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'course_hw5' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__():
    return sorted({*globals(), *_HOMES})
