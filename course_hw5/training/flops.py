"""How much arithmetic one prediction takes."""

import logging
import math

import keras
import tensorflow as tf

# The profiler looks into none of these, and would count their arithmetic as nothing.
UNCOUNTED = {"PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile", "If", "StatelessIf"}


def prediction_flops(model: keras.Model, length: int | None = None) -> int:
    """Counts the floating-point operations of one prediction of one example, with TensorFlow's own profiler.

    A multiplication and an addition are two, so a matrix product `(1, n) x (n, m)` is `2 n m`. Sums, means, comparisons,
    normalisation and softmax count too; lookups, casts, `tanh` and `erf` do not. Nothing is computed: shapes decide.

    Args:
        model: built `keras.Model` of TensorFlow's backend.
        length: what stands for axes without a size, such as the tokens of a text.

    Returns:
        int.

    Raises:
        ValueError: if an axis has no size and `length` is None, or the model holds an operation that cannot be counted.

    Example:
        >>> prediction_flops(keras.Sequential([keras.Input((3072,)), keras.layers.Dense(10)]))  # 2 x 3072 x 10, and 10 biases
        61450
    """
    if length is None and any(None in tensor.shape[1:] for tensor in model.inputs):
        shapes = ", ".join(str(tensor.shape) for tensor in model.inputs)
        raise ValueError(f"`length` must be a number for a model whose inputs have axes without a size. Received: {shapes}")
    inputs = [tf.TensorSpec((1, *(size or length for size in tensor.shape[1:])), tensor.dtype) for tensor in model.inputs]
    flat = keras.Model(model.inputs, model.outputs)  # inputs in a list, in whatever structure the model takes them
    # to be compiled as a whole: else our layers put small programs into the graph, which the profiler cannot look into
    graph = tf.function(lambda *args: flat([*args], training=False), jit_compile=True).get_concrete_function(*inputs).graph
    operations = graph.get_operations()
    if unknown := UNCOUNTED & {operation.type for operation in operations}:
        found = ", ".join(sorted(unknown))
        raise ValueError(f"The model must be one plain graph for its operations to be counted. Received: {found}")
    einsums = sum(_einsum_flops(operation) for operation in operations if operation.type == "Einsum")
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)  # the profiler warns of its own use of a deprecated function
    try:
        return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops + einsums
    finally:
        logger.setLevel(level)


def _einsum_flops(operation):
    """The profiler knows no Einsum, which Keras's attention is made of: one product and one sum per combination of indices."""
    equation = operation.get_attr("equation").decode()
    terms = equation.split("->")[0].split(",")
    if "." in equation:
        raise ValueError(f"An Einsum must name all its axes for its operations to be counted. Received: {equation}")
    sizes = {axis: size for term, tensor in zip(terms, operation.inputs) for axis, size in zip(term, tensor.shape)}
    return len(terms) * math.prod(sizes.values())
