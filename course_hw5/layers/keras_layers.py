"""Layers of Keras, computed by this package's kernels."""

import keras

from course_hw5.layers import kernels
from course_hw5.layers.layer import Registered, Tensor

exact_gelu = keras.saving.register_keras_serializable("course_hw5")(kernels.exact_gelu)


class Dense(Registered, keras.layers.Dense):
    """Keras's `Dense`; args and input are the same."""

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        return kernels.dense(x, self.kernel, self.bias, self.activation)


class EinsumDense(Registered, keras.layers.EinsumDense):
    """Keras's `EinsumDense` as `MultiHeadAttention` uses it: contracts the last axes of its input, puts new ones there.

    It has no activation.
    """

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        return kernels.einsum_dense(self.equation, x, self.kernel, self.bias)


class LayerNormalization(Registered, keras.layers.LayerNormalization):
    """Keras's `LayerNormalization` of the last axis (Ba et al. 2016, https://arxiv.org/abs/1607.06450); args are the same.

    Input and output: `(..., hidden_dim)`.
    """

    def call(self, x: Tensor) -> Tensor:
        return kernels.layer_norm(x, self.gamma, self.beta, self.epsilon)


class HashedDropout(Registered, keras.layers.Dropout):
    """Keras's `Dropout`, but what is dropped follows from a hash of each number's place and of a seed.

    XLA fuses the hash into the operation that needs it and computes it again in the backward pass, so that no random numbers
    are stored; Keras's own take a third of a training step of BERT on a CPU. Keras's way stays where the backend is PyTorch,
    which lacks unsigned arithmetic, and for a `noise_shape`.

    Args and input: as of `keras.layers.Dropout`.
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not (training and self.rate > 0) or self.noise_shape or keras.backend.backend() == "torch":
            return super().call(inputs, training=training)
        return kernels.hashed_dropout(inputs, self.rate, keras.ops.cast(self.seed_generator.next(), "uint32"))
