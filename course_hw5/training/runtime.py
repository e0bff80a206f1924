"""Seeds, precision and `tf.distribute`: what must be settled before a model is built."""

import pathlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from course_hw5.data.dataset import Share
from course_hw5.errors import require
from course_hw5.training.config import PRECISIONS, STRATEGIES


def seed_everything(seed: int, deterministic: bool = False) -> None:
    """Seeds Python, NumPy and TensorFlow; `deterministic` also restricts TensorFlow to deterministic kernels."""
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def set_precision(name: str) -> None:
    """Sets the policy of layers built from now on: "float32", "mixed_bfloat16" or "mixed_float16"."""
    require("precision", name, lambda name: name in PRECISIONS, f"one of {', '.join(PRECISIONS)}")
    keras.config.set_dtype_policy(name)


def use_jit_compile(model: keras.Model) -> bool:
    """Whether XLA is best to compile a step of the model as a whole.

    Not under a `tf.distribute` strategy; nor for images of any size, whose resizing XLA cannot compile; nor, where TensorFlow
    has oneDNN, for a model with a layer that says `prefers_partial_jit`, as backbones and convolution blocks do, in float32,
    and, on a processor with instructions for it, for whatever is in bfloat16: there oneDNN multiplies matrices faster than
    XLA, which compiles what lies between the products (`layers.kernels`).
    """
    if tf.distribute.has_strategy() or any(len(tensor.shape) == 4 and None in tensor.shape[1:] for tensor in model.inputs):
        return False
    if not uses_onednn() or tf.config.list_physical_devices("GPU"):
        return True
    parts = [model, *_layers_of(model)]
    dtypes = {part.compute_dtype for part in parts}
    if "bfloat16" in dtypes:
        return not has_bfloat16_instructions()
    return "float16" in dtypes or not any(getattr(part, "prefers_partial_jit", False) for part in parts)


def _layers_of(model):
    """The layers of a model, and of the models within it."""
    for layer in model.layers:
        yield layer
        yield from _layers_of(layer) if isinstance(layer, keras.Model) else ()


def uses_onednn() -> bool:
    """Whether TensorFlow multiplies matrices by oneDNN, as importing the package asks it to, if it is imported first."""
    try:
        from tensorflow.python.framework import test_util  # no public name says it

        return test_util.IsMklEnabled()
    except (ImportError, AttributeError):
        return False


def has_bfloat16_instructions() -> bool:
    """Whether the processor multiplies matrices of bfloat16 itself (Intel's AMX or AVX-512 BF16), as far as Linux says."""
    path = pathlib.Path("/proc/cpuinfo")
    return path.exists() and not {"amx_bf16", "avx512_bf16"}.isdisjoint(path.read_text().split())


def strategy(name: str) -> tf.distribute.Strategy:
    """Makes the `tf.distribute` strategy of that name: "none", "mirrored" or "multiworker" (cluster from TF_CONFIG).

    Build the model inside its `scope()`; `course_hw5.train` does the rest.

    Raises:
        ValueError: if `name` is none of these.
    """
    require("strategy", name, lambda name: name in STRATEGIES, f"one of {', '.join(STRATEGIES)}")
    if name == "mirrored":  # every GPU, or every logical CPU
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def build_state(model: keras.Model, train_data: tf.data.Dataset) -> None:
    """Creates the variables of optimizer, loss and metrics before training.

    If they are created while TensorFlow traces the first step, TensorFlow traces that step a second time. Under a
    `tf.distribute` strategy, Keras creates them itself.

    Args:
        model: a compiled functional `keras.Model`.
        train_data: the `tf.data.Dataset` that `fit` will get.
    """
    if tf.distribute.has_strategy():
        return

    def zeros(tensor, unknown=2):
        return keras.ops.zeros([2, *(size or unknown for size in tensor.shape[1:])], tensor.dtype)

    targets = keras.tree.map_structure(zeros, train_data.element_spec[1])
    width = next((target.shape[1] for target in keras.tree.flatten(targets) if len(target.shape) == 2), 2)
    outputs = keras.tree.map_structure(lambda tensor: zeros(tensor, width), model.output)
    model.optimizer.build(model.trainable_variables)
    model.compute_loss(y=targets, y_pred=outputs)
    model.compute_metrics(None, targets, outputs)
    model.reset_metrics()


def shared_out(whole: tf.data.Dataset, share_of: Callable | None, prepare: Callable, model: keras.Model) -> Any:
    """Data for `fit` of which each of several workers reads its own share alone; `whole` where there is one worker.

    Args:
        whole: the data set that `fit` would get.
        share_of: function from a `Share` to the part of one worker; None where there is none.
        prepare: function to be applied to that part, as it was to `whole`.
        model: built in the strategy's scope.
    """
    strategy = model.distribute_strategy
    if share_of is None or not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return whole

    def share(context):
        workers = context.num_input_pipelines
        return prepare(share_of(Share(context.input_pipeline_id, workers, context.num_replicas_in_sync // workers)))

    return strategy.distribute_datasets_from_function(share)


def mend_multi_worker(model: keras.Model, train_data: tf.data.Dataset) -> None:
    """Works around two faults of Keras 3 with more than one worker (keras#20585).

    It cannot build loss and metrics from a distributed batch, so they are built from a plain one; and it averages the
    scalar logs of the workers along axis 0, so they are given that axis.

    Args:
        model: a compiled `keras.Model` built in the strategy's scope.
        train_data: the `tf.data.Dataset` that `fit` will get.
    """
    if not isinstance(model.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return
    zeros = lambda spec: tf.zeros([size or 2 for size in spec.shape], spec.dtype)  # noqa: E731
    model._symbolic_build(data_batch=keras.tree.map_structure(zeros, train_data.element_spec))
    model._maybe_symbolic_build = lambda iterator=None, data_batch=None: None
    make_function = model._make_function
    model._make_function = lambda step: make_function(lambda batch: keras.tree.map_structure(lambda v: v[None], step(batch)))
