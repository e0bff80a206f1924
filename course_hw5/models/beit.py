"""BEiT: a vision transformer that knows where its patches lie from a learnt bias on its attention.

Bao et al. 2022, "BEiT: BERT Pre-Training of Image Transformers", https://arxiv.org/abs/2106.08254. Equal to `transformers`'
`BeitModel` to float rounding.
"""

import keras

from course_hw5.errors import is_whole, require
from course_hw5.layers.beit_block import BeitBlock
from course_hw5.layers.layer import Registered, arguments_of
from course_hw5.layers.patch_embedding import PatchEmbedding
from course_hw5.layers.relative_position_bias import ConvolutionLikeBias, RelativePositionBias
from course_hw5.models.task import NOT_DECAYED, Backbone, WithAttention

# === Model ===


class BeitBackbone(Backbone, Registered, keras.Model):
    """The functional model that `beit_backbone` makes.

    Args: those of `beit_backbone`, all of which are attributes, too, and `dtype`, the policy of all layers.

    Attributes:
        grid: rows and columns of patches.
        blocks: list of `BeitBlock`.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        patch_size: int,
        hidden_dim: int,
        num_layers: int,
        num_heads: int,
        mlp_dim: int,
        relative_position_bias: str = "per_layer",
        use_absolute_positions: bool = False,
        use_mask_token: bool = False,
        layer_scale_init: float = 0.1,
        drop_path_rate: float = 0.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        initializer_range: float = 0.02,
        convolution_like_initialization: bool = False,
        final_norm: bool = False,
        feature_layers: tuple[int, ...] = (),
        dtype: str | keras.DTypePolicy | None = None,
        name: str = "beit_backbone",
        trainable: bool = True,
    ):
        dtype = keras.dtype_policies.get(dtype)
        height, width, channels = image_shape
        grid = (height // patch_size, width // patch_size)
        bias_initializer = ConvolutionLikeBias(grid) if convolution_like_initialization else "zeros"

        # === Layers ===
        start: dict = {"initializer_range": initializer_range, "dtype": dtype}
        parts = (use_mask_token, use_absolute_positions)
        self.patch_embedding = PatchEmbedding(patch_size, hidden_dim, *parts, **start, name="patch_embedding")
        is_shared, is_per_layer = (relative_position_bias in (kind, "both") for kind in ("shared", "per_layer"))
        options = {"dtype": dtype, "name": "relative_position_bias"}
        self.shared_bias = RelativePositionBias(num_heads, grid, bias_initializer, **options) if is_shared else None
        block_grid = grid if is_per_layer else None
        branch = start | {"layer_scale_init": layer_scale_init, "dropout": dropout, "attention_dropout": attention_dropout}
        drop_path_rates = (drop_path_rate * index / max(1, num_layers - 1) for index in range(num_layers))
        self.blocks = [
            BeitBlock(num_heads, mlp_dim, block_grid, bias_initializer, drop_path_rate=rate, **branch, name=f"block_{index}")
            for index, rate in enumerate(drop_path_rates)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12, dtype=dtype, name="norm") if final_norm else None
        self.to_maps = [keras.layers.Reshape((*grid, hidden_dim), dtype=dtype, name=f"map_{index}") for index in feature_layers]
        self.feature_layers, self.use_mask_token = tuple(feature_layers), use_mask_token

        # === Functional model ===
        inputs = keras.Input(image_shape, name="images")
        if use_mask_token:
            inputs = {"images": inputs, "mask": keras.Input((grid[0] * grid[1],), dtype="int32", name="mask")}
        super().__init__(inputs, self._run(inputs, lambda block, x, bias: block(x, bias)), name=name)

        # === Config ===
        self.image_shape, self.patch_size, self.grid = (height, width, channels), patch_size, grid
        self.hidden_dim, self.num_layers, self.num_heads, self.mlp_dim = hidden_dim, num_layers, num_heads, mlp_dim
        self.relative_position_bias, self.use_absolute_positions = relative_position_bias, use_absolute_positions
        self.layer_scale_init, self.initializer_range = layer_scale_init, initializer_range
        self.drop_path_rate, self.dropout, self.attention_dropout = drop_path_rate, dropout, attention_dropout
        self.convolution_like_initialization, self.final_norm = convolution_like_initialization, final_norm
        self.dtype_policy, self.trainable = dtype, trainable

    def _run(self, inputs, call_block):
        """The tokens after the last block, or a dict of them and of the maps that are asked for."""
        parts = (inputs["images"], inputs["mask"]) if self.use_mask_token else (inputs,)
        states = [self.patch_embedding(*parts)]
        bias = None if self.shared_bias is None else self.shared_bias(states[0])
        for block in self.blocks:
            states.append(call_block(block, states[-1], bias))
        sequence_output = states[-1] if self.norm is None else self.norm(states[-1])
        if not self.feature_layers:
            return sequence_output
        maps = zip(self.feature_layers, self.to_maps)
        return {"sequence_output": sequence_output} | {f"block_{i}": to_map(states[i + 1][:, 1:]) for i, to_map in maps}

    @property
    def attention_blocks(self) -> list[BeitBlock]:
        return self.blocks

    def call_with_attention(self, inputs: keras.KerasTensor | dict) -> tuple[keras.KerasTensor | dict, dict[str, list]]:
        """Runs the same layers on symbolic inputs.

        Returns:
            What the model outputs, and a dict of what `BeitAttention` returns, a list with a tensor for each block:
            "attention_weights", "content_logits", "position_logits", "query", "key", "value".
        """
        recorded = {}

        def call_block(block, x, bias):
            x, parts = WithAttention(block)(x, bias)
            for name, tensor in parts.items():
                recorded.setdefault(name, []).append(tensor)
            return x

        return self._run(inputs, call_block), recorded

    def no_weight_decay(self) -> tuple[str, ...]:
        """Names of variables, or parts of names, that weight decay leaves out, as `exclude_from_weight_decay` takes them."""
        return (*NOT_DECAYED, "factor", "cls_token", "positions", "table")

    def layer_groups(self) -> list[list[keras.Variable]]:
        """Trainable variables: those of the patch embedding, of each block, and of all that blocks share or that follows."""
        groups = [self.patch_embedding.trainable_variables, *(block.trainable_variables for block in self.blocks)]
        grouped = {id(variable) for group in groups for variable in group}
        return [*groups, [variable for variable in self.trainable_variables if id(variable) not in grouped]]

    def get_config(self) -> dict:
        return arguments_of(self, BeitBackbone) | {"dtype": keras.dtype_policies.serialize(self.dtype_policy)}


def beit_backbone(size: str | None = None, image_shape: tuple[int, int, int] = (224, 224, 3), **arguments) -> BeitBackbone:
    """Builds the functional model from normalised pixels to a sequence of tokens.

    Args:
        size: a name in `SIZES`, whose numbers are used where the arguments below are not given; None to give them all.
        image_shape: `(height, width, channels)`; height and width divisible by the patch, not necessarily alike.
        **arguments: by keyword,

            - `patch_size`: side of a patch, in pixels;
            - `hidden_dim`: length of a token's vector;
            - `num_layers`: number of blocks;
            - `num_heads`: number of attention heads, a divisor of `hidden_dim`;
            - `mlp_dim`: units between the dense layers of a block (default: 4 * hidden_dim);
            - `relative_position_bias`: "per_layer" (default), "shared" by all blocks, "both" or "none";
            - `use_absolute_positions`: whether a learnt vector is added to each token at the start;
            - `use_mask_token`: whether there is a second input "mask", int `(batch, patches)`, 1 where a patch is hidden;
            - `layer_scale_init`: start of the LayerScale factors; 0 for none;
            - `drop_path_rate`: of the last block; it rises linearly from 0 at the first;
            - `dropout`, `attention_dropout`: rates within the blocks;
            - `initializer_range`: standard deviation of the kernels' start;
            - `convolution_like_initialization`: whether heads start by looking at one neighbour each (`ConvolutionLikeBias`);
            - `final_norm`: whether tokens are normalised at the end; a classifier brings its own normalization;
            - `feature_layers`: indices of blocks whose patches are given as maps too, -1 for those before the first block.

    Returns:
        `BeitBackbone`: floats `(batch, height, width, channels)` to `(batch, 1 + patches, hidden_dim)`, [CLS] first, then
        patches row by row. With `feature_layers` a dict of that, "sequence_output", and of "block_<index>": `(batch, rows,
        columns, hidden_dim)`.

    Raises:
        ValueError: if a size is missing or does not fit.

    Example:
        >>> backbone = beit_backbone("tiny", (32, 48, 3), feature_layers=(5,))
        >>> {name: output.shape for name, output in backbone.output.items()}
        {'sequence_output': (None, 97, 128), 'block_5': (None, 8, 12, 128)}
    """
    require("size", size, lambda size: size is None or size in SIZES, f"one of {', '.join(SIZES)}")
    arguments = {name: value for name, value in arguments.items() if value is not None} | {"image_shape": image_shape}
    arguments = ({} if size is None else SIZES[size]) | arguments
    sizes = ("patch_size", "hidden_dim", "num_layers", "num_heads")
    if missing := [name for name in sizes if name not in arguments]:
        raise ValueError(f"Give `size`, or patch_size, hidden_dim, num_layers and num_heads. Received: no {', '.join(missing)}")
    for name in sizes:
        require(name, arguments[name], lambda size: is_whole(size, 1), "a whole number, 1 or more")
    side, hidden_dim, num_layers, _ = (arguments[name] for name in sizes)
    kinds, rates = ("per_layer", "shared", "both", "none"), ("drop_path_rate", "dropout", "attention_dropout")
    expected = "(height, width, channels), whole numbers"
    require("image_shape", image_shape, lambda shape: len(shape) == 3 and all(is_whole(side, 1) for side in shape), expected)
    for name, is_valid, expected in (
        *((name, lambda rate: 0 <= rate < 1, "in [0, 1)") for name in rates),
        ("image_shape", lambda shape: not (shape[0] % side or shape[1] % side), f"divisible by the patch, {side} pixels"),
        ("num_heads", lambda count: hidden_dim % count == 0, f"a divisor of hidden_dim {hidden_dim}"),
        ("relative_position_bias", lambda kind: kind in kinds, ", ".join(kinds)),
        ("feature_layers", lambda layers: all(-1 <= i < num_layers for i in layers), f"in [-1, {num_layers - 1}]"),
    ):
        if name in arguments:
            require(name, arguments[name], is_valid, expected)
    return BeitBackbone(**{"mlp_dim": 4 * hidden_dim} | arguments)


# === Sizes ===

# for 32x32 images, trained from scratch
FROM_SCRATCH = {"num_heads": 8, "patch_size": 4, "layer_scale_init": 0.0, "initializer_range": 0.05}
SIZES = {
    "tiny": {"hidden_dim": 128, "num_layers": 6} | FROM_SCRATCH,
    "mini": {"hidden_dim": 192, "num_layers": 6} | FROM_SCRATCH,
    "small": {"hidden_dim": 192, "num_layers": 9} | FROM_SCRATCH,
    # as published
    "base": {"hidden_dim": 768, "num_layers": 12, "num_heads": 12, "patch_size": 16, "layer_scale_init": 0.1},
    "large": {"hidden_dim": 1024, "num_layers": 24, "num_heads": 16, "patch_size": 16, "layer_scale_init": 1e-5},
}
