"""One layer of BEiT: attention, then a small network for each token, each a branch beside a skip connection."""

import keras

from course_hw5.layers import intervention
from course_hw5.layers.beit_attention import BeitAttention
from course_hw5.layers.keras_layers import Dense, LayerNormalization, exact_gelu
from course_hw5.layers.layer import Grid, Layer, Shape, Start, Tensor
from course_hw5.layers.layer_scale import LayerScale
from course_hw5.layers.relative_position_bias import RelativePositionBias


class BeitBlock(Layer):
    """Normalization first (pre-norm), exact GELU, LayerScale, drop path, and a position bias of its own.

    Args:
        num_heads: number of heads.
        mlp_dim: units between the two dense layers.
        grid: rows and columns of patches, for a relative position bias of this block; None for none.
        bias_initializer: of its table.
        layer_scale_init: start of the LayerScale factors; 0 for no LayerScale.
        drop_path_rate: share of examples whose branch is dropped in training (Huang et al. 2016,
            https://arxiv.org/abs/1603.09382).
        dropout: rate after attention and after the second dense layer.
        attention_dropout: rate on the attention weights.
        initializer_range: standard deviation of the kernels' start.

    Input: `(batch, tokens, hidden_dim)`, and a shared bias `(heads, tokens, tokens)` or None. Output:
    `(batch, tokens, hidden_dim)`; with `return_attention_scores` also the dict of `BeitAttention`.
    """

    def __init__(
        self,
        num_heads: int,
        mlp_dim: int,
        grid: Grid | None = None,
        bias_initializer: Start = "zeros",
        layer_scale_init: float = 0.1,
        drop_path_rate: float = 0.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        initializer_range: float = 0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads, self.mlp_dim, self.grid = num_heads, mlp_dim, grid and (grid[0], grid[1])
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.layer_scale_init, self.initializer_range = layer_scale_init, initializer_range
        self.drop_path_rate, self.dropout, self.attention_dropout = drop_path_rate, dropout, attention_dropout

    def build(self, x_shape: Shape, shared_bias_shape: Shape | None = None) -> None:
        num_heads, initializer_range, dtype = self.num_heads, self.initializer_range, self.dtype_policy
        start = keras.initializers.TruncatedNormal(stddev=initializer_range)
        self.norm_before = LayerNormalization(epsilon=1e-12, dtype=dtype, name="norm_before")
        self.norm_after = LayerNormalization(epsilon=1e-12, dtype=dtype, name="norm_after")
        self.attention = BeitAttention(num_heads, self.attention_dropout, initializer_range, dtype=dtype, name="attention")
        self.dense_1 = Dense(self.mlp_dim, exact_gelu, kernel_initializer=start, dtype=dtype, name="dense_1")
        self.dense_2 = Dense(x_shape[-1], kernel_initializer=start, dtype=dtype, name="dense_2")
        self.dropouts = keras.layers.Dropout(self.dropout, dtype=dtype)
        self.drop_path = keras.layers.Dropout(self.drop_path_rate, (None, 1, 1), dtype=dtype, name="drop_path")
        names = ("lambda_1", "lambda_2") if self.layer_scale_init else ()
        self.scales = [LayerScale(self.layer_scale_init, dtype=dtype, name=name) for name in names]
        parts: list[keras.layers.Layer] = [self.norm_before, self.attention, self.norm_after, self.dense_1, *self.scales]
        for part in parts:
            part.build(x_shape)
        self.dense_2.build((*x_shape[:-1], self.mlp_dim))
        options = {"dtype": dtype, "name": "relative_position_bias"}
        self.position_bias = RelativePositionBias(num_heads, self.grid, self.bias_initializer, **options) if self.grid else None

    def call(self, x: Tensor, shared_bias: Tensor | None = None, return_attention_scores=False, training=None):
        x, bias = intervention.block_input(self, x), shared_bias
        if self.position_bias:
            bias = self.position_bias() if bias is None else self.position_bias() + bias
        branch = self.attention(self.norm_before(x), bias, return_attention_scores=return_attention_scores, training=training)
        if return_attention_scores:
            branch, parts = branch
        x = self._with_branch(x, branch, 0, training)
        branch = self.dense_2(self.dense_1(self.norm_after(x)))
        x = self._with_branch(x, branch, 1, training)
        return (x, parts) if return_attention_scores else x

    def _with_branch(self, x, branch, index, training):
        branch = self.drop_path(self.dropouts(branch, training=training), training=training)
        return x + (self.scales[index](branch) if self.scales else branch)
