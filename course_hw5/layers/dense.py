"""Dense layers."""

import keras

from course_hw5.layers import kernels


@keras.saving.register_keras_serializable("course_hw5")
class Dense(keras.layers.Dense):
    """Keras's `Dense`; args and input are the same."""

    def call(self, x: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        return kernels.dense(x, self.kernel, self.bias, self.activation)


@keras.saving.register_keras_serializable("course_hw5")
class EinsumDense(keras.layers.EinsumDense):
    """Keras's `EinsumDense` as `MultiHeadAttention` uses it: contracts the last axes of its input, puts new ones there."""

    def call(self, x: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        y = kernels.einsum_dense(self.equation, x, self.kernel, self.bias)
        return y if self.activation is None else self.activation(y)
