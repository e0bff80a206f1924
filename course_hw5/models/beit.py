"""BEiT: a vision transformer that knows where its patches lie from a learnt bias on its attention.

Bao et al. 2022, "BEiT: BERT Pre-Training of Image Transformers", https://arxiv.org/abs/2106.08254. Equal to `transformers`'
`BeitModel` to float rounding.
"""

import keras
import numpy as np

from course_hw5.errors import is_whole, require
from course_hw5.layers.beit_block import BeitBlock
from course_hw5.layers.patch_embedding import PatchEmbedding
from course_hw5.layers.relative_position_bias import NeighbourOffsets, RelativePositionBias

# === Blocks ===


@keras.saving.register_keras_serializable("course_hw5")
class ClassScores(keras.layers.Layer):
    """Softmax, sigmoid, or nothing, in float32; keeps the names of the classes with the model.

    Args:
        class_names: one string per class, or None.
        activation: "softmax" for probabilities, "sigmoid" for those of classes of which several may be right, "linear" for
            logits.

    Input and output: `(..., classes)`.
    """

    def __init__(self, class_names=None, activation="softmax", **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.class_names = None if class_names is None else tuple(class_names)
        self.activation = activation
        if activation not in ("softmax", "sigmoid", "linear"):
            raise ValueError(f'`activation` must be "softmax", "sigmoid" or "linear". Received: {activation!r}')

    def call(self, logits):
        return keras.activations.get(self.activation)(logits)

    def get_config(self):
        return super().get_config() | {"class_names": self.class_names, "activation": self.activation}


@keras.saving.register_keras_serializable("course_hw5")
class WithScores(keras.layers.Layer):
    """Calls a `BeitBlock`, shared and not copied, for its output and its scores.

    A layer of its own, since a Functional model wants all calls of one layer to have one structure.
    """

    def __init__(self, block, **kwargs):
        super().__init__(**kwargs)
        self.block = block

    def call(self, x, shared_bias=None):
        return self.block(x, shared_bias, return_scores=True, training=False)

    def get_config(self):
        return super().get_config() | {"block": keras.saving.serialize_keras_object(self.block)}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"block": keras.saving.deserialize_keras_object(config["block"])})


# === Models ===


@keras.saving.register_keras_serializable("course_hw5")
class BeitBackbone(keras.Model):
    """The Functional model that `beit_backbone` makes; its arguments, all of them, are its `get_config`."""

    prefers_partial_jit = True

    def __init__(
        self,
        *,
        image_shape,
        patch_size,
        dim,
        depth,
        heads,
        mlp_dim,
        relative_position_bias="per_layer",
        use_absolute_positions=False,
        use_mask_token=False,
        layer_scale_init=0.1,
        drop_path_rate=0.0,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.02,
        local_initialization=False,
        final_norm=False,
        feature_layers=(),
        dtype=None,
        name="beit_backbone",
    ):
        arguments = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        grid = (image_shape[0] // patch_size, image_shape[1] // patch_size)
        bias_initializer = NeighbourOffsets(grid) if local_initialization else "zeros"

        # === Layers ===
        embedding = PatchEmbedding(
            patch_size, dim, use_mask_token, use_absolute_positions, initializer_range, dtype=dtype, name="patch_embedding"
        )
        shared_bias = None
        if relative_position_bias in ("shared", "both"):
            shared_bias = RelativePositionBias(heads, grid, bias_initializer, dtype=dtype, name="relative_position_bias")
        blocks = [
            BeitBlock(
                heads,
                mlp_dim,
                grid=grid if relative_position_bias in ("per_layer", "both") else None,
                bias_initializer=bias_initializer,
                layer_scale_init=layer_scale_init,
                drop_path_rate=drop_path_rate * index / max(1, depth - 1),
                dropout=dropout,
                attention_dropout=attention_dropout,
                initializer_range=initializer_range,
                dtype=dtype,
                name=f"block_{index}",
            )
            for index in range(depth)
        ]

        # === Functional model ===
        inputs = keras.Input(image_shape, name="images")
        if use_mask_token:
            inputs = {"images": inputs, "mask": keras.Input((grid[0] * grid[1],), dtype="int32", name="mask")}
        norm = keras.layers.LayerNormalization(epsilon=1e-12, dtype=dtype, name="norm") if final_norm else None
        to_maps = {index: keras.layers.Reshape((*grid, dim), dtype=dtype, name=f"map_{index}") for index in feature_layers}
        states, _ = _run(embedding, shared_bias, blocks, inputs)
        super().__init__(inputs, _outputs(states, norm, to_maps), name=name)

        # === Config ===
        self.arguments = arguments | {"dtype": keras.dtype_policies.serialize(self.get_layer("patch_embedding").dtype_policy)}
        self.grid = grid
        self.embedding, self.shared_bias, self.blocks = embedding, shared_bias, blocks
        self.norm, self.to_maps = norm, to_maps

    def with_scores(self, inputs):
        """Runs the same layers on symbolic inputs: the model's output, and a dict of scores for each block."""
        blocks = [WithScores(block, dtype=block.dtype_policy) for block in self.blocks]
        states, scores = _run(self.embedding, self.shared_bias, blocks, inputs)
        return _outputs(states, self.norm, self.to_maps), scores

    def get_config(self):
        return self.arguments | {"trainable": self.trainable}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        trainable = config.pop("trainable", True)
        backbone = cls(**config)
        backbone.trainable = trainable
        return backbone


def _run(embedding, shared_bias, blocks, inputs):
    """Tokens before the first block and after each, and the scores of blocks that give them."""
    x = embedding(inputs["images"], inputs["mask"]) if isinstance(inputs, dict) else embedding(inputs)
    bias = None if shared_bias is None else shared_bias(x)
    states, scores = [x], []
    for block in blocks:
        x = block(x, bias)
        if isinstance(block, WithScores):
            x, recorded = x
            scores.append(recorded)
        states.append(x)
    return states, scores


def _outputs(states, norm, to_maps):
    """The tokens after the last block, or a dict of them and of the maps that are asked for."""
    sequence_output = states[-1] if norm is None else norm(states[-1])
    maps = {f"block_{index}": to_map(states[index + 1][:, 1:]) for index, to_map in to_maps.items()}
    return {"sequence_output": sequence_output} | maps if maps else sequence_output


def beit_backbone(size=None, image_shape=(224, 224, 3), **arguments):
    """Builds the Functional model from normalised pixels to a sequence of tokens.

    Args:
        size: a name in `SIZES`, whose numbers are used where the arguments below are not given; None to give them all.
        image_shape: `(height, width, channels)`; height and width divisible by the patch, not necessarily alike.
        **arguments: by keyword,
            patch_size: side of a patch, in pixels;
            dim: length of a token's vector;
            depth: number of blocks;
            heads: number of attention heads, a divisor of `dim`;
            mlp_dim: units between the dense layers of a block (default: 4 * dim);
            relative_position_bias: "per_layer" (default), "shared" by all blocks, "both" or "none";
            use_absolute_positions: whether a learnt vector is added to each token at the start;
            use_mask_token: whether there is a second input "mask", int `(batch, patches)`, 1 where a patch is hidden;
            layer_scale_init: start of the LayerScale factors; 0 for none;
            drop_path_rate: of the last block; it rises linearly from 0 at the first;
            dropout, attention_dropout: rates within the blocks;
            initializer_range: standard deviation of the kernels' start;
            local_initialization: whether heads start by looking at one neighbour each (`NeighbourOffsets`);
            final_norm: whether tokens are normalised at the end; a classifier brings its own normalization;
            feature_layers: indices of blocks whose patches are given as maps too, -1 for those before the first block.

    Returns:
        `BeitBackbone`: floats `(batch, height, width, channels)` to `(batch, 1 + patches, dim)`, [CLS] first, then patches row
        by row. With `feature_layers` a dict of that, "sequence_output", and of "block_<index>": `(batch, rows, columns, dim)`.

    Raises:
        ValueError: if a size is missing or does not fit.

    Example:
        >>> backbone = beit_backbone("tiny", (32, 48, 3), feature_layers=(5,))
        >>> {name: output.shape for name, output in backbone.output.items()}
        {'sequence_output': (None, 97, 128), 'block_5': (None, 8, 12, 128)}
    """
    require("size", size, lambda size: size is None or size in SIZES, f"one of {', '.join(SIZES)}")
    arguments = SIZES.get(size, {}) | {name: value for name, value in arguments.items() if value is not None}
    missing = [name for name in ("patch_size", "dim", "depth", "heads") if name not in arguments]
    if missing:
        raise ValueError(f"Give `size`, or patch_size, dim, depth and heads. Received: no {', '.join(missing)}")
    for name in ("patch_size", "dim", "depth", "heads"):
        if not isinstance(arguments[name], int) or arguments[name] < 1:
            raise ValueError(f"`{name}` must be a whole number, 1 or more. Received: {arguments[name]!r}")
    expected = "(height, width, channels), whole numbers"
    require("image_shape", image_shape, lambda shape: len(shape) == 3 and all(is_whole(side, 1) for side in shape), expected)
    for name in ("drop_path_rate", "dropout", "attention_dropout"):
        require(name, arguments.get(name, 0.0), lambda rate: 0 <= rate < 1, "in [0, 1)")
    arguments = {"mlp_dim": 4 * arguments["dim"]} | arguments
    kinds, features = ("per_layer", "shared", "both", "none"), arguments.get("feature_layers", ())
    side, (height, width, _) = arguments["patch_size"], image_shape
    for name, value, is_valid, expected in (
        ("image_shape", image_shape, not (height % side or width % side), f"divisible by the patch, {side} pixels"),
        ("heads", arguments["heads"], arguments["dim"] % arguments["heads"] == 0, f"a divisor of dim {arguments['dim']}"),
        ("relative_position_bias", kind := arguments.get("relative_position_bias", kinds[0]), kind in kinds, ", ".join(kinds)),
        ("feature_layers", features, all(-1 <= i < arguments["depth"] for i in features), f"in [-1, {arguments['depth'] - 1}]"),
    ):
        if not is_valid:
            raise ValueError(f"`{name}` must be {expected}. Received: {value!r}")
    return BeitBackbone(image_shape=tuple(image_shape), **arguments | {"feature_layers": tuple(features)})


def beit_classifier(backbone, classes=10, pooling="mean", dropout=0.0, activation="softmax", class_names=None, **raw):
    """Builds the classifier of question 3-2: raw pictures, normalization, backbone, pooled patches, one dense layer.

    Args:
        backbone: a `beit_backbone` without mask, features or final normalization.
        classes: number of classes.
        pooling: "mean" of the patches, or the "cls" token; normalised afterwards.
        dropout: rate before the last layer.
        activation: "softmax", "sigmoid" where several classes may be right, or "linear" for logits.
        class_names: one string per class, kept with the model.
        **raw: what is done to raw pictures, as for `raw_images`; by default they have the backbone's shape and are scaled to
            [-1, 1].

    Returns:
        Functional `keras.Model`: pictures `(batch, height, width, channels)`, uint8 or floats in [0, 255], to float32
        `(batch, classes)`.

    Raises:
        ValueError: if `pooling` or `activation` is unknown, there is not one name per class, or the backbone does not fit.
    """
    require("backbone", backbone, lambda backbone: isinstance(backbone, BeitBackbone), "a beit_backbone")
    require("classes", classes, lambda classes: is_whole(classes, 1), "a whole number, 1 or more")
    extras = [name for name in ("feature_layers", "use_mask_token", "final_norm") if backbone.arguments[name]]
    if extras:
        raise ValueError(f"`backbone` must have no mask, features or final normalization. Received: {', '.join(extras)}")
    require("class_names", class_names, lambda names: names is None or len(names) == classes, f"{classes} names, or None")
    images, x = raw_images(backbone.arguments["image_shape"], **raw)
    x = pooled(backbone(x), pooling, normalize=True)
    x = keras.layers.Dropout(dropout, name="classifier_dropout")(x)
    x = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(images, ClassScores(class_names, activation, name="scores")(x), name="beit_classifier")


def beit_encoder(backbone, pooling="mean", **raw):
    """Builds the model without a head: pictures to a dict of "sequence_output" and "pooled_output".

    Args:
        backbone: a `beit_backbone`, with `final_norm` where [CLS] is pooled.
        pooling: "mean" of the patches, normalised, or the "cls" token.
        **raw: what is done to raw pictures, as for `raw_images`.
    """
    images, x = raw_images(backbone.arguments["image_shape"], **raw)
    x = backbone(x)
    outputs = {"sequence_output": x, "pooled_output": pooled(x, pooling, normalize=pooling == "mean")}
    return keras.Model(images, outputs, name="beit_encoder")


def beit_masked_image_model(backbone, vocabulary_size=8192, **raw):
    """Builds BEiT's pre-training model (section 2.3): pictures and a mask to logits of each patch's visual token.

    Args:
        backbone: a `beit_backbone` with `use_mask_token`.
        vocabulary_size: number of visual tokens.
        **raw: what is done to raw pictures, as for `raw_images`.

    Returns:
        Functional `keras.Model`: dict of "images" and "mask" `(batch, patches)`, 1 where hidden, to float32
        `(batch, patches, vocabulary_size)`.
    """
    images, x = raw_images(backbone.arguments["image_shape"], **raw)
    mask = keras.Input(backbone.input["mask"].shape[1:], dtype="int32", name="mask")
    x = backbone({"images": x, "mask": mask})[:, 1:]
    x = keras.layers.LayerNormalization(epsilon=1e-12, name="head_norm")(x)
    logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")(x)
    return keras.Model({"images": images, "mask": mask}, logits, name="beit_masked_image_model")


def pooled(x, pooling, normalize):
    """One vector per picture from tokens `(batch, 1 + patches, dim)`: the "mean" of the patches or the "cls" token."""
    if pooling not in ("mean", "cls"):
        raise ValueError(f'`pooling` must be "mean" or "cls". Received: {pooling!r}')
    x = keras.ops.mean(x[:, 1:], axis=1) if pooling == "mean" else x[:, 0]
    return keras.layers.LayerNormalization(epsilon=1e-12, name="pooled_norm")(x) if normalize else x


def raw_images(image_shape, input_shape=None, mean=0.5, std=0.5, interpolation="bilinear", crop_share=1.0):
    """The input of a model that takes raw pictures, and the tensor that its backbone takes.

    Args:
        image_shape: `(height, width, channels)` that the backbone takes.
        input_shape: of the raw pictures where they are to be resized, `(None, None, 3)` for any size; None where they have
            the backbone's shape.
        mean, std: of all channels, or one of each, of pixels scaled to [0, 1]; `mean` None for pictures that are normalised
            already.
        interpolation: of the resizing, with antialiasing where pictures may have any size.
        crop_share: side of the centre that is used, as a share of the side of the resized picture.

    Returns:
        `keras.Input`, float32 in [0, 255] (uint8 is accepted), and a tensor `(batch, *image_shape)`.
    """
    x = images = keras.Input(input_shape or image_shape, dtype="float32", name="images")
    height, width, _ = image_shape
    if images.shape[1:3] != (height, width):
        resized = (round(height / crop_share), round(width / crop_share))
        # Operations, not Keras's layers Resizing and CenterCrop: those switch the layers after them to training.
        antialias = None in images.shape[1:3]  # XLA, which trains on pictures of one size, cannot compile it
        x = keras.ops.image.resize(x, resized, interpolation=interpolation, antialias=antialias, data_format="channels_last")
        top, left = (resized[0] - height) // 2, (resized[1] - width) // 2
        x = x[:, top : top + height, left : left + width]
    if mean is not None:
        mean, std = (np.broadcast_to(value, image_shape[2:]) for value in (mean, std))
        scale, offset = 1 / (255 * std), -mean / std
        x = keras.layers.Rescaling(scale.tolist(), offset.tolist(), name="rescaling")(x)
    return images, x


def crop_share(model):
    """Side of the centre that a model reads of a raw picture, as a share of its side; 1 where it reads all of it."""
    resizing = [operation for operation in model.operations if type(operation).__name__ == "Resize"]
    return backbone_of(model).arguments["image_shape"][0] / resizing[0].size[0] if resizing else 1.0


def takes_raw_pictures(model):
    """Whether a model normalises pictures itself."""
    return any(layer.name == "rescaling" for layer in model.layers)


def backbone_of(model):
    """The `BeitBackbone` that a model is, or is built on; None if there is none."""
    return next((layer for layer in (model, *getattr(model, "layers", ())) if isinstance(layer, BeitBackbone)), None)


# === Sizes ===

SIZES = {
    # for 32x32 pictures, trained from scratch
    "tiny": {"dim": 128, "depth": 6, "heads": 8, "patch_size": 4, "layer_scale_init": 0.0, "initializer_range": 0.05},
    "small": {"dim": 192, "depth": 9, "heads": 8, "patch_size": 4, "layer_scale_init": 0.0, "initializer_range": 0.05},
    # as published
    "base": {"dim": 768, "depth": 12, "heads": 12, "patch_size": 16, "layer_scale_init": 0.1},
    "large": {"dim": 1024, "depth": 24, "heads": 16, "patch_size": 16, "layer_scale_init": 1e-5},
}
