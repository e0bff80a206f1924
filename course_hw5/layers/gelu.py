"""The exact GELU."""

import keras

from course_hw5.layers import kernels

exact_gelu = keras.saving.register_keras_serializable("course_hw5")(kernels.exact_gelu)
