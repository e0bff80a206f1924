"""One layer of BEiT: attention, then a small network for each token, each a branch beside a skip connection."""

import keras

from course_hw5.layers.beit_attention import BeitAttention
from course_hw5.layers.dense import Dense
from course_hw5.layers.gelu import exact_gelu
from course_hw5.layers.layer_normalization import LayerNormalization
from course_hw5.layers.layer_scale import LayerScale
from course_hw5.layers.relative_position_bias import RelativePositionBias


@keras.saving.register_keras_serializable("course_hw5")
class BeitBlock(keras.layers.Layer):
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
        grid: tuple[int, int] | None = None,
        bias_initializer: str | keras.initializers.Initializer = "zeros",
        layer_scale_init: float = 0.1,
        drop_path_rate: float = 0.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        initializer_range: float = 0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim
        self.grid = grid and (grid[0], grid[1])
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.layer_scale_init = layer_scale_init
        self.drop_path_rate = drop_path_rate
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.initializer_range = initializer_range

    def build(self, x_shape: tuple[int, ...], shared_bias_shape: tuple[int, ...] | None = None) -> None:
        hidden_dim, dtype = x_shape[-1], self.dtype_policy
        start = keras.initializers.TruncatedNormal(stddev=self.initializer_range)
        self.norm_before = LayerNormalization(epsilon=1e-12, dtype=dtype, name="norm_before")
        self.norm_after = LayerNormalization(epsilon=1e-12, dtype=dtype, name="norm_after")
        self.attention = BeitAttention(
            self.num_heads, self.attention_dropout, self.initializer_range, dtype=dtype, name="attention"
        )
        self.dense_1 = Dense(self.mlp_dim, exact_gelu, kernel_initializer=start, dtype=dtype, name="dense_1")
        self.dense_2 = Dense(hidden_dim, kernel_initializer=start, dtype=dtype, name="dense_2")
        self.dropouts = keras.layers.Dropout(self.dropout, dtype=dtype)
        self.drop_path = keras.layers.Dropout(self.drop_path_rate, (None, 1, 1), dtype=dtype, name="drop_path")
        for layer, shape in (
            (self.norm_before, x_shape),
            (self.attention, x_shape),
            (self.norm_after, x_shape),
            (self.dense_1, x_shape),
            (self.dense_2, (*x_shape[:-1], self.mlp_dim)),
        ):
            layer.build(shape)
        self.scales = []
        if self.layer_scale_init:
            self.scales = [LayerScale(self.layer_scale_init, dtype=dtype, name=f"lambda_{i}") for i in (1, 2)]
            for scale in self.scales:
                scale.build(x_shape)
        self.position_bias = None
        if self.grid:
            self.position_bias = RelativePositionBias(
                self.num_heads, self.grid, self.bias_initializer, dtype=dtype, name="relative_position_bias"
            )
            self.position_bias.build()

    def call(
        self,
        x: keras.KerasTensor,
        shared_bias: keras.KerasTensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> keras.KerasTensor | tuple[keras.KerasTensor, dict[str, keras.KerasTensor]]:
        bias = shared_bias
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

    def get_config(self) -> dict:
        names = ("num_heads", "mlp_dim", "grid", "layer_scale_init", "drop_path_rate", "dropout", "attention_dropout")
        return (
            super().get_config()
            | {name: getattr(self, name) for name in (*names, "initializer_range")}
            | {"bias_initializer": keras.initializers.serialize(self.bias_initializer)}
        )
