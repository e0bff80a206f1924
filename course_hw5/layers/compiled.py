"""Pieces of a model as small XLA programs, for steps that XLA does not compile as a whole.

Where TensorFlow has it, oneDNN multiplies matrices faster than XLA, in bfloat16 several times on a processor with instructions
for that, so that XLA is best left what lies between the products. `devices.compiles_whole` decides.
"""

import functools

import keras


def in_pieces():
    """Whether a TensorFlow graph is being made that XLA will not compile as a whole."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf  # here, since layers are otherwise neutral
    from tensorflow.python.ops import control_flow_util  # says it, and nothing public does

    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    # Keras infers shapes in scratch graphs. A custom gradient registers itself for good, and would keep graph and variables.
    is_scratch = getattr(graph, "name", "").startswith("scratch_graph")
    return not is_scratch and not control_flow_util.GraphOrParentsInXlaContext(graph)


def compiled(function):
    """Makes a function of tensors one XLA program, and its gradient another, which computes anew what it needs.

    Where no step is made in pieces, the function is left as it is.

    Args:
        function: of tensors alone, to one tensor; built of `keras.ops`. In pieces, integers and scalars get no gradient.

    Returns:
        A function of the same arguments and values.
    """

    def backward(upstream, output, *inputs):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch([tensor for tensor in inputs if tensor.dtype.is_floating and tensor.shape.rank != 0])
            output = function(*inputs)
        return tape.gradient(output, inputs, upstream)

    return _in_pieces(function, program(function), program(backward))


def with_gradient(backward):
    """Gives a function of tensors a gradient of its own, where a step is made in pieces.

    Args:
        backward: of the output's gradient, the output and the inputs, to a gradient, or None, for each input.

    Returns:
        A decorator of such functions.
    """
    return lambda function: _in_pieces(function, function, backward)


def _in_pieces(function, forward, backward):
    @functools.wraps(function)
    def run(*inputs):
        if not in_pieces():
            return function(*inputs)
        import tensorflow as tf

        @tf.custom_gradient
        def call(*inputs):
            output = forward(*inputs)
            output = tf.nest.map_structure(lambda x: tf.ensure_shape(x, x.shape), output)  # else the graph's optimizer warns
            return output, lambda *upstream: backward(upstream if isinstance(output, tuple) else upstream[0], output, *inputs)

        return call(*(keras.ops.convert_to_tensor(tensor) for tensor in inputs))

    return run


def program(function):
    """Makes a function of tensors one XLA program, for where a step is made in pieces and no gradient is asked for."""

    @functools.cache
    def made():
        import tensorflow as tf

        return tf.function(function, jit_compile=True, autograph=False)

    return lambda *tensors: made()(*tensors)


def rounded(x, dtype):
    """A tensor of float32 in another type of floats.

    To bfloat16 by whole numbers, to the same values: XLA makes quicker code of them on a CPU than of a cast, which takes a
    third of the time of a GELU.
    """
    if keras.backend.standardize_dtype(dtype) != "bfloat16" or keras.backend.backend() != "tensorflow":
        return keras.ops.cast(x, dtype)
    return _rounded_to_bfloat16(x)


@keras.ops.custom_gradient
def _rounded_to_bfloat16(x):
    import tensorflow as tf  # `keras.ops.view` takes no length that is not known beforehand

    bits, half = tf.bitcast(x, "uint32"), tf.constant(16, "uint32")
    is_odd = tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, half), tf.constant(1, "uint32"))
    upper = tf.bitwise.right_shift(bits + is_odd + tf.constant(0x7FFF, "uint32"), half)  # half way: to the even one
    return tf.bitcast(tf.cast(upper, "uint16"), "bfloat16"), lambda upstream: tf.cast(upstream, "float32")


def rows_of(x):
    """A tensor `(..., dim)` as a matrix `(rows, dim)` of float32."""
    return keras.ops.reshape(keras.ops.cast(x, "float32"), (-1, keras.ops.shape(x)[-1]))


def sum_of_rows(x):
    """The sum of a matrix `(rows, dim)` over its rows, by a product, which is quicker than a sum by XLA on a CPU.

    Twice at once: of a product with a single row XLA may make a loop that takes longer than all else in a gradient.
    """
    return keras.ops.matmul(keras.ops.ones((2, keras.ops.shape(x)[0]), x.dtype), x)[0]
