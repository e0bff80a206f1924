"""Models whose weights are read as soon as they are built: no random ones are drawn for them."""

import contextlib
import threading
from collections.abc import Iterator

import keras

RANDOM = (
    keras.initializers.VarianceScaling,  # of Glorot, He and LeCun
    keras.initializers.TruncatedNormal,
    keras.initializers.RandomNormal,
    keras.initializers.RandomUniform,
    keras.initializers.Orthogonal,
)
LOCK = threading.RLock()  # one loads after the other, so that each puts back what it found


@contextlib.contextmanager
def zeros_for_random() -> Iterator[None]:
    """Layers that this thread builds start from zeros, not from random numbers, which took a third of the time to load."""
    with LOCK:
        add_weight, owner = keras.layers.Layer.add_weight, threading.get_ident()

        def add(layer, shape=None, initializer=None, *args, **kwargs):
            is_name = initializer is None or isinstance(initializer, (str, dict))
            start = keras.initializers.get(initializer or "glorot_uniform") if is_name else initializer
            is_random = threading.get_ident() == owner and isinstance(start, RANDOM)
            return add_weight(layer, shape, "zeros" if is_random else initializer, *args, **kwargs)

        keras.layers.Layer.add_weight = add
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = add_weight
