"""BEiT with a head: a classifier, an encoder that pools its tokens, and the model of BEiT's pre-training."""

import dataclasses
from collections.abc import Sequence

import keras

from course_hw5.errors import is_whole, require
from course_hw5.layers.layer import Tensor, arguments_of
from course_hw5.models.beit import BeitBackbone
from course_hw5.models.task import Preprocessing, Task, copy_head, image_inputs, preprocessing_of, with_attention
from course_hw5.models.visual_tokens import VisualTokenizer


class BeitTask(Task):
    """A `BeitBackbone` with a head.

    Attributes:
        preprocessing: `Preprocessing`, or None where the model takes normalised images.
        pooling: "mean" of the patches or the "cls" token; None where tokens are not pooled.
    """

    preprocessing: Preprocessing | None = None
    pooling: str | None = None
    logits_layers: tuple[str, ...] = ()  # names of the layers whose width is the number of classes

    def reset_classifier(self, num_classes: int, class_names: Sequence[str] | None = None) -> "BeitTask":
        """Makes the same model for other classes: it shares the backbone, and only its last layer is new.

        Args:
            num_classes: number of classes.
            class_names: one string per class, or None.

        Raises:
            ValueError: if the model has no classes.
        """
        if not self.logits_layers:
            raise ValueError(f"The model must have classes. Received: {self.name}")
        changes = {"backbone": self.backbone, "num_classes": num_classes, "class_names": class_names}
        model = type(self).from_config(self.get_config() | changes)
        copy_head(self, model, left_out=self.logits_layers)
        return model

    def get_config(self) -> dict:
        preprocessing = self.preprocessing and dataclasses.asdict(self.preprocessing)
        return arguments_of(self, type(self)) | super().get_config() | {"preprocessing": preprocessing}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "BeitTask":
        preprocessing = config.get("preprocessing")
        return super().from_config(config | {"preprocessing": preprocessing and Preprocessing(**preprocessing)}, custom_objects)


class BeitClassifier(BeitTask):
    """The classifier that `beit_classifier` makes: preprocessing, backbone, pooled patches, one dense layer.

    Args: those of `beit_classifier`, all of which are attributes, too, and
        preprocessing: `Preprocessing`, or None where the model takes normalised images.
    """

    logits_layers = ("logits",)

    def __init__(
        self,
        backbone: BeitBackbone,
        num_classes: int,
        pooling: str = "mean",
        dropout: float = 0.0,
        activation: str = "softmax",
        class_names: Sequence[str] | None = None,
        preprocessing: Preprocessing | None = None,
        name: str = "beit_classifier",
    ):
        # === Layers ===
        self.backbone = backbone
        self.pooled_norm = _pooled_norm(backbone)
        self.classifier_dropout = keras.layers.Dropout(dropout, dtype=backbone.dtype_policy, name="classifier_dropout")
        self.logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")
        self.predictions = keras.layers.Activation(activation, dtype="float32", name="predictions")

        # === Functional model ===
        images, x = image_inputs(preprocessing, backbone)
        x = self.pooled_norm(pooled(backbone(x), pooling))
        super().__init__(images, self.predictions(self.logits(self.classifier_dropout(x))), name=name)

        # === Config ===
        self.preprocessing, self.num_classes = preprocessing, num_classes
        self.pooling, self.dropout, self.activation = pooling, dropout, activation
        self.class_names = None if class_names is None else tuple(class_names)

    def with_attention(self) -> keras.Model:
        return with_attention(self, self.backbone, logits=self.logits)


class BeitEncoder(BeitTask):
    """The model without a head that `beit_encoder` makes; args and attributes are the same, and `preprocessing`."""

    def __init__(self, backbone: BeitBackbone, pooling: str = "mean", preprocessing=None, name: str = "beit_encoder"):
        # === Layers ===
        self.backbone = backbone
        self.pooled_norm = _pooled_norm(backbone) if pooling == "mean" else None

        # === Functional model ===
        images, x = image_inputs(preprocessing, backbone)
        x = backbone(x)
        vectors = pooled(x, pooling)
        vectors = vectors if self.pooled_norm is None else self.pooled_norm(vectors)
        super().__init__(images, {"sequence_output": x, "pooled_output": vectors}, name=name)

        # === Config ===
        self.pooling, self.preprocessing = pooling, preprocessing


class BeitMaskedImageModel(BeitTask):
    """The model of BEiT's pre-training that `beit_masked_image_model` makes; args are the same, and `preprocessing`."""

    tokenizer: VisualTokenizer | None = None

    def __init__(self, backbone, vocabulary_size=8192, preprocessing=None, tokenizer=None, name="beit_masked_image_model"):
        # === Layers ===
        self.backbone = backbone
        self.head_norm = keras.layers.LayerNormalization(epsilon=1e-12, dtype=backbone.dtype_policy, name="head_norm")
        self.logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")

        # === Functional model ===
        images, x = image_inputs(preprocessing, backbone)
        mask = keras.Input(backbone.input["mask"].shape[1:], dtype="int32", name="mask")
        x = self.head_norm(backbone({"images": x, "mask": mask})[:, 1:])
        super().__init__({"images": images, "mask": mask}, self.logits(x), name=name)

        # === Config ===
        self.vocabulary_size, self.preprocessing, self.tokenizer = vocabulary_size, preprocessing, tokenizer

    def visual_tokens(self, images: Tensor) -> Tensor:
        """The token of each patch that the network reads: raw images to int32 `(batch, patches)`.

        Raises:
            ValueError: if the model has no tokenizer.
        """
        if self.tokenizer is None or self.preprocessing is None:
            raise ValueError(f"The model must have a tokenizer, and read raw images. Received: {self.name}")
        images = keras.ops.cast(images, "float32")
        return self.tokenizer.encode(self.preprocessing.resized(images, self.backbone.image_shape))

    def get_config(self) -> dict:
        return super().get_config() | {"tokenizer": self.tokenizer and self.tokenizer.get_config()}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "BeitMaskedImageModel":
        tokenizer = config.get("tokenizer")
        return super().from_config(config | {"tokenizer": tokenizer and VisualTokenizer(**tokenizer)}, custom_objects)


def beit_classifier(
    backbone: BeitBackbone,
    num_classes: int = 10,
    pooling: str = "mean",
    dropout: float = 0.0,
    activation: str = "softmax",
    class_names: Sequence[str] | None = None,
    **raw,
) -> BeitClassifier:
    """Builds the classifier of question 3-2: raw images, normalization, backbone, pooled patches, one dense layer.

    Args:
        backbone: a `beit_backbone` without mask, features or final normalization.
        num_classes: number of classes.
        pooling: "mean" of the patches, or the "cls" token; normalised afterwards.
        dropout: rate before the last layer.
        activation: "softmax", "sigmoid" where several classes may be right, or "linear" for logits.
        class_names: one string per class, kept with the model.
        **raw: attributes of `Preprocessing`, or `mean=None` for images that are normalised already; by default raw images have
            the backbone's shape and are scaled to [-1, 1].

    Returns:
        `BeitClassifier`: images `(batch, height, width, channels)`, uint8 or floats in [0, 255], to float32
        `(batch, classes)`.

    Raises:
        ValueError: if `pooling` or `activation` is unknown, there is not one name per class, or the backbone does not fit.
    """
    check_classes(backbone, num_classes, class_names)
    extras = [name for name in ("feature_layers", "use_mask_token", "final_norm") if getattr(backbone, name)]
    if extras:
        raise ValueError(f"`backbone` must have no mask, features or final normalization. Received: {', '.join(extras)}")
    require("activation", activation, ("softmax", "sigmoid", "linear").__contains__, '"softmax", "sigmoid" or "linear"')
    return BeitClassifier(backbone, num_classes, pooling, dropout, activation, class_names, preprocessing_of(**raw))


def beit_encoder(backbone: BeitBackbone, pooling: str = "mean", **raw) -> BeitEncoder:
    """Builds the model without a head: images to a dict of "sequence_output" and "pooled_output".

    Args:
        backbone: a `beit_backbone`, with `final_norm` where [CLS] is pooled.
        pooling: "mean" of the patches, normalised, or the "cls" token.
        **raw: as for `beit_classifier`.
    """
    return BeitEncoder(backbone, pooling, preprocessing_of(**raw))


def beit_masked_image_model(
    backbone: BeitBackbone, vocabulary_size: int = 8192, tokenizer: VisualTokenizer | None = None, **raw
) -> BeitMaskedImageModel:
    """Builds BEiT's pre-training model (section 2.3): images and a mask to logits of each patch's visual token.

    Args:
        backbone: a `beit_backbone` with `use_mask_token`.
        vocabulary_size: number of visual tokens, where there is no tokenizer.
        tokenizer: `VisualTokenizer` of patches of the backbone's size, kept with the model; training needs it.
        **raw: as for `beit_classifier`.

    Returns:
        `BeitMaskedImageModel`: dict of "images" and "mask" `(batch, patches)`, 1 where hidden, to float32
        `(batch, patches, vocabulary_size)`.

    Raises:
        ValueError: if the backbone takes no mask, or the tokenizer has other patches or reads no raw images.
    """
    preprocessing = preprocessing_of(**raw)
    require("backbone", backbone.use_mask_token, bool, "a beit_backbone with use_mask_token")
    if tokenizer is not None:
        shape, expected = tokenizer.patches.shape[1:], (backbone.patch_size,) * 2 + backbone.image_shape[2:]
        require("tokenizer", shape, lambda shape: shape == expected, f"of patches {expected}")
        require("mean", preprocessing, bool, "given where there is a tokenizer, which reads raw images")
        vocabulary_size = tokenizer.vocabulary_size
    return BeitMaskedImageModel(backbone, vocabulary_size, preprocessing, tokenizer)


def check_classes(backbone: BeitBackbone, num_classes: int, class_names: Sequence[str] | None) -> None:
    """Raises ValueError for what no head can be built on, or if there is not one name per class."""
    require("backbone", backbone, lambda backbone: isinstance(backbone, BeitBackbone), "a beit_backbone")
    require("num_classes", num_classes, lambda num_classes: is_whole(num_classes, 1), "a whole number, 1 or more")
    expected = f"{num_classes} names, or None"
    require("class_names", class_names, lambda names: names is None or len(names) == num_classes, expected)


def pooled(x: Tensor, pooling: str) -> Tensor:
    """One vector per image from tokens `(batch, 1 + patches, hidden_dim)`: the "mean" of the patches or the "cls" token."""
    require("pooling", pooling, lambda pooling: pooling in ("mean", "cls"), '"mean" or "cls"')
    return keras.ops.mean(x[:, 1:], axis=1) if pooling == "mean" else x[:, 0]


def _pooled_norm(backbone):
    return keras.layers.LayerNormalization(epsilon=1e-12, dtype=backbone.dtype_policy, name="pooled_norm")
