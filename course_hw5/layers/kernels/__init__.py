"""Operations of layers in two versions each: plain `keras.ops`, and one that is fast where TensorFlow trains on a CPU.

Layers call `kernels.dense(...)`, `kernels.layer_norm(...)` and so on, and get the version that suits the step being traced.
The fused versions are for steps that XLA does not compile as a whole: oneDNN multiplies matrices faster than XLA, in bfloat16
several times as fast on a processor with instructions for it, so the products are left to oneDNN, and XLA compiles what lies
between them. Eager calls, other backends, and steps that XLA compiles as a whole take the plain versions.

The environment variable `COURSE_HW5_KERNELS=0` turns all fused versions off; `with kernels.plain():` does so for what is
traced within it. `export` of our models does so itself, for a graph of standard operations alone.

`KERNELS` lists all pairs; `tests/layers/test_kernels.py` compares the values and gradients of each.
"""

from course_hw5.layers.kernels.attention import attention_weights, biased_softmax, position_bias, qkv_projection, stack_layers
from course_hw5.layers.kernels.dense import dense, einsum_dense
from course_hw5.layers.kernels.elementwise import exact_gelu, hashed_dropout, layer_norm, layer_scale
from course_hw5.layers.kernels.xla import KERNELS, partial_jit, plain
