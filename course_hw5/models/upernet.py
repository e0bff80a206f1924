"""UPerNet: a label for every pixel, from four maps of a BEiT.

Xiao et al. 2018, "Unified Perceptual Parsing for Scene Understanding", https://arxiv.org/abs/1807.10221, on BEiT as in Bao et
al. 2022, https://arxiv.org/abs/2106.08254, section 3.2. Equal to `transformers`' `BeitForSemanticSegmentation` to float
rounding.
"""

import keras

from course_hw5.errors import is_whole, require
from course_hw5.layers.convolution_block import ConvolutionBlock
from course_hw5.layers.gelu import exact_gelu
from course_hw5.layers.pyramid_pooling import PyramidPooling
from course_hw5.layers.resampling import Resampling
from course_hw5.models.beit import BeitBackbone, ClassScores, raw_images


def upernet_segmenter(
    backbone,
    classes,
    auxiliary_head=True,
    channels=None,
    pool_scales=(1, 2, 3, 6),
    auxiliary_channels=256,
    auxiliary_convolutions=1,
    auxiliary_concat_input=False,
    class_names=None,
    **raw,
):
    """Builds the segmenter of question 2-2: raw pictures to scores of each class, four of them along a patch's side.

    Args:
        backbone: a `beit_backbone` with four `feature_layers`, and two patches or more along each side.
        classes: number of classes.
        auxiliary_head: whether there is a second output, from the third map alone, whose loss helps training.
        channels: width of the head; None for the backbone's.
        pool_scales: cells per side of the grids of the pyramid pooling.
        auxiliary_channels, auxiliary_convolutions, auxiliary_concat_input: width and depth of the auxiliary head, and whether
            it sees its input again at the end.
        class_names: one string per class, kept with the model.
        **raw: `mean` and `std` of the pixels, as for `raw_images`; by default pictures are scaled to [-1, 1].

    Returns:
        Functional `keras.Model`: pictures `(batch, height, width, channels)`, uint8 or floats in [0, 255], to float32 logits
        `(batch, 4 * rows, 4 * columns, classes)` for a grid of rows x columns patches: a quarter of height and width with
        patches of 16. With the auxiliary head a list of these and of its logits, `(batch, rows, columns, classes)`.

    Raises:
        ValueError: if the backbone does not give four maps, or is too small, or there is not one name per class.

    Example:
        >>> from course_hw5.models.beit import beit_backbone
        >>> backbone = beit_backbone("base", (32, 48, 3), depth=4, feature_layers=(0, 1, 2, 3))
        >>> [output.shape for output in upernet_segmenter(backbone, classes=150).output]
        [(None, 8, 12, 150), (None, 2, 3, 150)]
    """
    require("backbone", backbone, lambda backbone: isinstance(backbone, BeitBackbone), "a beit_backbone")
    require("classes", classes, lambda classes: is_whole(classes, 1), "a whole number, 1 or more")
    features, grid = backbone.arguments["feature_layers"], backbone.grid
    for name, value, is_valid, expected in (
        ("feature_layers", features, len(features) == 4, "four blocks of the backbone"),
        ("image_shape", backbone.arguments["image_shape"], min(grid) >= 2, "two patches or more along each side"),
    ):
        if not is_valid:
            raise ValueError(f"`{name}` must be {expected}. Received: {value!r}")
    require("class_names", class_names, lambda names: names is None or len(names) == classes, f"{classes} names, or None")
    channels = channels or backbone.arguments["dim"]
    images, x = raw_images(backbone.arguments["image_shape"], **raw)
    outputs = backbone(x)
    maps = rescaled([outputs[f"block_{index}"] for index in features])
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(fused(maps, channels, pool_scales))
    scores = ClassScores(class_names, "linear", name="scores")(logits)
    if not auxiliary_head:
        return keras.Model(images, scores, name="upernet_segmenter")
    x = maps[2]
    for index in range(auxiliary_convolutions):
        x = ConvolutionBlock(auxiliary_channels, name=f"auxiliary_{index}")(x)
    if auxiliary_concat_input:
        x = ConvolutionBlock(auxiliary_channels, name="auxiliary_fusion")(keras.ops.concatenate([maps[2], x], axis=-1))
    auxiliary = keras.layers.Dense(classes, dtype="float32", name="auxiliary_logits")(x)
    return keras.Model(images, [scores, auxiliary], name="upernet_segmenter")


def rescaled(maps):
    """Four maps of one size to a pyramid: 4, 2, 1 and half times as high and wide (BEiT, section 3.2).

    Args:
        maps: four tensors `(batch, rows, columns, dim)`.
    """
    dim = maps[0].shape[-1]

    def enlarged(x, name):
        return keras.layers.Conv2DTranspose(dim, 2, strides=2, name=name)(x)

    x = enlarged(maps[0], "enlarge_0_first")
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="enlarge_0_norm")(x)
    x = enlarged(keras.layers.Activation(exact_gelu, name="enlarge_0_gelu")(x), "enlarge_0_second")
    return [x, enlarged(maps[1], "enlarge_1"), maps[2], keras.layers.MaxPooling2D(2, name="reduce_3")(maps[3])]


def fused(maps, channels, pool_scales):
    """A pyramid of maps to one map of its first's size: pyramid pooling on top, then what is coarse is added to what is fine.

    Args:
        maps: tensors `(batch, rows, columns, dim)`, from fine to coarse.
        channels: of the result.
        pool_scales: as for `PyramidPooling`.
    """
    top = ConvolutionBlock(channels, name="pooled_fusion")(
        PyramidPooling(channels, pool_scales, name="pyramid_pooling")(maps[-1])
    )
    sums = [top]
    for index in reversed(range(len(maps) - 1)):
        size = maps[index].shape[1:3]
        lateral = ConvolutionBlock(channels, 1, name=f"lateral_{index}")(maps[index])
        sums.insert(0, lateral + Resampling(size, name=f"down_to_{index}")(sums[0]))
    smooth = [ConvolutionBlock(channels, name=f"smooth_{index}")(x) for index, x in enumerate(sums[:-1])] + [top]
    size = smooth[0].shape[1:3]
    same = [Resampling(size, name=f"enlarged_{index}")(x) if index else x for index, x in enumerate(smooth)]
    return ConvolutionBlock(channels, name="fusion")(keras.ops.concatenate(same, axis=-1))


def head_arguments(model):
    """The arguments of `upernet_segmenter` that made the head of a model, all but classes, names and pictures."""
    layers = {layer.name: layer for layer in model.layers}
    convolutions = [layer for name, layer in layers.items() if name.startswith("auxiliary_") and name[10:].isdecimal()]
    arguments = {"channels": layers["fusion"].channels, "pool_scales": layers["pyramid_pooling"].scales}
    if "auxiliary_logits" not in layers:
        return arguments | {"auxiliary_head": False}
    return arguments | {
        "auxiliary_channels": convolutions[0].channels if convolutions else 256,
        "auxiliary_convolutions": len(convolutions),
        "auxiliary_concat_input": "auxiliary_fusion" in layers,
    }
