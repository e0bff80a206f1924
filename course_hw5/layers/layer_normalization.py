"""Layer normalization of the last axis."""

import keras

from course_hw5.layers import kernels


@keras.saving.register_keras_serializable("course_hw5")
class LayerNormalization(keras.layers.LayerNormalization):
    """Keras's `LayerNormalization` of the last axis (Ba et al. 2016, https://arxiv.org/abs/1607.06450); args are the same.

    Input and output: `(..., hidden_dim)`.
    """

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return kernels.layer_norm(x, self.gamma, self.beta, self.epsilon)
