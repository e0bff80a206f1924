"""UPerNet: a label for every pixel, from four maps of a BEiT.

Xiao et al. 2018, "Unified Perceptual Parsing for Scene Understanding", https://arxiv.org/abs/1807.10221, on BEiT as in Bao et
al. 2022, https://arxiv.org/abs/2106.08254, section 3.2. Without `detail_channels` equal to `transformers`'
`BeitForSemanticSegmentation` to float rounding.
"""

from collections.abc import Sequence

import keras

from course_hw5.errors import is_whole, require
from course_hw5.layers.convolution_block import ConvolutionBlock
from course_hw5.layers.keras_layers import exact_gelu
from course_hw5.layers.layer import Registered, Shape, Tensor
from course_hw5.layers.pyramid_pooling import PyramidPooling
from course_hw5.layers.resampling import Resampling
from course_hw5.models.beit import BeitBackbone
from course_hw5.models.beit_tasks import BeitTask, check_classes
from course_hw5.models.cnn import stages
from course_hw5.models.task import Preprocessing, image_inputs, preprocessing_of


class EqualSubpixels(Registered, keras.initializers.GlorotUniform):
    """Glorot's uniform distribution for a transposed convolution with windows that do not overlap, one draw for all places.

    Each place in the kernel makes one of the pixels that an input pixel becomes. Drawn one by one, they differ, and maps start
    with a checkerboard that training does not wholly remove, most visible where an image is flat. Drawn once, the layer starts
    as a linear layer and nearest-neighbour enlargement (ICNR; Aitken et al. 2017, https://arxiv.org/abs/1707.02937).
    Training brings a weaker pattern back, which shows where the segmenter is unsure, unless `MeanSubpixels` prevents it.
    """

    def __call__(self, shape: Shape, dtype: str | None = None) -> keras.KerasTensor:
        rows, columns, *channels = shape
        return keras.ops.tile(super().__call__((1, 1, *channels), dtype), (rows, columns, 1, 1))


class MeanSubpixels(Registered, keras.constraints.Constraint):
    """After each step of training, all places of a transposed convolution's kernel become their mean.

    What starts equal, by `EqualSubpixels`, stays equal: a flat image keeps a flat map.
    """

    def __call__(self, kernel: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.broadcast_to(keras.ops.mean(kernel, axis=(0, 1), keepdims=True), kernel.shape)


class UperNetSegmenter(BeitTask):
    """The segmenter that `upernet_segmenter` makes.

    Args: those of `upernet_segmenter`, all of which are attributes, too, and
        preprocessing: `Preprocessing`, or None where the model takes normalised images.
    """

    logits_layers = ("logits", "auxiliary_logits")

    def __init__(
        self,
        backbone: BeitBackbone,
        num_classes: int,
        auxiliary_head: bool = True,
        channels: int | None = None,
        pool_scales: Sequence[int] = (1, 2, 3, 6),
        auxiliary_channels: int = 256,
        auxiliary_convolutions: int = 1,
        auxiliary_concat_input: bool = False,
        class_names: Sequence[str] | None = None,
        preprocessing: Preprocessing | None = None,
        equal_subpixels: bool = True,
        detail_channels: Sequence[int] = (),
        name: str = "upernet_segmenter",
    ):
        channels, dtype = channels or backbone.hidden_dim, backbone.dtype_policy

        # === Functional model ===
        images, x = image_inputs(preprocessing, backbone)
        outputs = backbone(x)
        maps = rescaled([outputs[f"block_{index}"] for index in backbone.feature_layers], dtype, equal_subpixels)
        x = fused(joined(maps, stages(x, detail_channels, dtype)), channels, pool_scales, dtype)
        x = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
        outputs = keras.layers.Activation("linear", dtype="float32", name="predictions")(x)
        if auxiliary_head:
            x = maps[2]
            for index in range(auxiliary_convolutions):
                x = ConvolutionBlock(auxiliary_channels, dtype=dtype, name=f"auxiliary_{index}")(x)
            if auxiliary_concat_input:
                x = keras.ops.concatenate([maps[2], x], axis=-1)
                x = ConvolutionBlock(auxiliary_channels, dtype=dtype, name="auxiliary_fusion")(x)
            outputs = [outputs, keras.layers.Dense(num_classes, dtype="float32", name="auxiliary_logits")(x)]
        super().__init__(images, outputs, name=name)

        # === Config ===
        self.backbone, self.preprocessing, self.num_classes = backbone, preprocessing, num_classes
        self.class_names = None if class_names is None else tuple(class_names)
        self.channels, self.pool_scales, self.auxiliary_head = channels, tuple(pool_scales), auxiliary_head
        self.auxiliary_channels, self.auxiliary_convolutions = auxiliary_channels, auxiliary_convolutions
        self.auxiliary_concat_input, self.equal_subpixels = auxiliary_concat_input, equal_subpixels
        self.detail_channels = tuple(detail_channels)

    def head_config(self) -> dict:
        """The arguments of the constructor that made the head, but for what its classes are."""
        auxiliary = ("auxiliary_head", "auxiliary_channels", "auxiliary_convolutions", "auxiliary_concat_input")
        others = ("channels", "pool_scales", "equal_subpixels", "detail_channels")
        return {name: getattr(self, name) for name in (*others, *auxiliary)}


def upernet_segmenter(
    backbone: BeitBackbone,
    num_classes: int,
    auxiliary_head: bool = True,
    channels: int | None = None,
    pool_scales: Sequence[int] = (1, 2, 3, 6),
    auxiliary_channels: int = 256,
    auxiliary_convolutions: int = 1,
    auxiliary_concat_input: bool = False,
    class_names: Sequence[str] | None = None,
    equal_subpixels: bool = True,
    detail_channels: Sequence[int] = (),
    **raw,
) -> UperNetSegmenter:
    """Builds the segmenter of question 2-2: raw images to logits of each class, four of them along a patch's side.

    Args:
        backbone: a `beit_backbone` with four `feature_layers`, and two patches or more along each side.
        num_classes: number of classes.
        auxiliary_head: whether there is a second output, from the third map alone, whose loss helps training.
        channels: width of the head; None for the backbone's.
        pool_scales: cells per side of the grids of the pyramid pooling.
        auxiliary_channels, auxiliary_convolutions, auxiliary_concat_input: width and depth of the auxiliary head, and whether
            it sees its input again at the end.
        class_names: one string per class, kept with the model.
        equal_subpixels: whether the four pixels that one pixel of a map becomes stay equal in training (`MeanSubpixels`).
            Where they differ, as in published checkpoints, flat areas can show a checkerboard. Loading changes no weights.
        detail_channels: widths of stages of convolutions that read the image beside the backbone, at a half of its height and
            width, a quarter, and so on. Each map joins the backbone's map of its size: a patch is one token, in which thin
            objects are lost. The idea is that of ViT-Adapter's spatial prior module (Chen et al. 2022,
            https://arxiv.org/abs/2205.08534, section 3.3). Empty for none, as in published checkpoints.
        **raw: `mean` and `std` of the pixels, as of `Preprocessing`, or `mean=None` for images that are normalised already; by
            default images are scaled to [-1, 1].

    Returns:
        `UperNetSegmenter`: images `(batch, height, width, channels)`, uint8 or floats in [0, 255], to float32 logits
        `(batch, 4 * rows, 4 * columns, classes)` for a grid of rows x columns patches: a quarter of height and width with
        patches of 16. With the auxiliary head a list of these and of its logits, `(batch, rows, columns, classes)`.

    Raises:
        ValueError: if the backbone does not give four maps, or is too small, or there is not one name per class, or the last
            stage of `detail_channels` has the size of no map.

    Example:
        >>> from course_hw5.models.beit import beit_backbone
        >>> backbone = beit_backbone("base", (32, 48, 3), num_layers=4, feature_layers=(0, 1, 2, 3))
        >>> [output.shape for output in upernet_segmenter(backbone, num_classes=150).output]
        [(None, 8, 12, 150), (None, 2, 3, 150)]
    """
    check_classes(backbone, num_classes, class_names)
    require("feature_layers", backbone.feature_layers, lambda layers: len(layers) == 4, "four blocks of the backbone")
    require("image_shape", backbone.image_shape, lambda _: min(backbone.grid) >= 2, "two patches or more along each side")
    are_widths = lambda widths: all(is_whole(width, 1) for width in widths)  # noqa: E731
    require("detail_channels", detail_channels, are_widths, "whole numbers, 1 or more")
    head = (auxiliary_head, channels, pool_scales, auxiliary_channels, auxiliary_convolutions, auxiliary_concat_input)
    options = (class_names, preprocessing_of(**raw), equal_subpixels, detail_channels)
    return UperNetSegmenter(backbone, num_classes, *head, *options)


def rescaled(
    maps: Sequence[Tensor], dtype: str | keras.DTypePolicy | None = None, equal_subpixels: bool = True
) -> list[Tensor]:
    """Four maps of one size to a pyramid: 4, 2, 1 and half times as high and wide (BEiT, section 3.2).

    Args:
        maps: four tensors `(batch, rows, columns, hidden_dim)`.
        dtype: policy of the layers.
        equal_subpixels: as for `upernet_segmenter`.
    """
    options = {"kernel_initializer": EqualSubpixels(), "kernel_constraint": MeanSubpixels() if equal_subpixels else None}

    def enlarged(x, name):
        return keras.layers.Conv2DTranspose(maps[0].shape[-1], 2, strides=2, dtype=dtype, name=name, **options)(x)

    x = enlarged(maps[0], "enlarge_0_first")
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=dtype, name="enlarge_0_norm")(x)
    x = enlarged(keras.layers.Activation(exact_gelu, dtype=dtype, name="enlarge_0_gelu")(x), "enlarge_0_second")
    return [x, enlarged(maps[1], "enlarge_1"), maps[2], keras.layers.MaxPooling2D(2, dtype=dtype, name="reduce_3")(maps[3])]


def joined(maps: Sequence[Tensor], details: Sequence[Tensor]) -> list[Tensor]:
    """Puts each detail beside the map of its size, as further channels.

    Raises:
        ValueError: if there are details, and the last has the size of no map.
    """
    found = {detail.shape[1:3]: [detail] for detail in details}
    sizes = [x.shape[1:3] for x in maps]
    expected = f"stages whose last map has the size {' or '.join(map(str, sizes))}"
    require("detail_channels", [*found], lambda own: not own or own[-1] in sizes, expected)
    return [keras.ops.concatenate([x, *found[size]], axis=-1) if size in found else x for x, size in zip(maps, sizes)]


def fused(maps: Sequence[Tensor], channels: int, pool_scales: Sequence[int], dtype: keras.DTypePolicy | None = None) -> Tensor:
    """A pyramid of maps to one map of its first's size: pyramid pooling on top, then what is coarse is added to what is fine.

    Args:
        maps: tensors `(batch, rows, columns, hidden_dim)`, from fine to coarse.
        channels: of the result.
        pool_scales: as for `PyramidPooling`.
        dtype: policy of the layers.
    """
    fusion = ConvolutionBlock(channels, dtype=dtype, name="pooled_fusion")
    sums = [fusion(PyramidPooling(channels, pool_scales, dtype=dtype, name="pyramid_pooling")(maps[-1]))]
    for index in reversed(range(len(maps) - 1)):
        size = maps[index].shape[1:3]
        lateral = ConvolutionBlock(channels, 1, dtype=dtype, name=f"lateral_{index}")(maps[index])
        sums.insert(0, lateral + Resampling(size, dtype=dtype, name=f"down_to_{index}")(sums[0]))
    smooth = [*(ConvolutionBlock(channels, dtype=dtype, name=f"smooth_{i}")(x) for i, x in enumerate(sums[:-1])), sums[-1]]
    size = smooth[0].shape[1:3]
    same = [Resampling(size, dtype=dtype, name=f"enlarged_{index}")(x) if index else x for index, x in enumerate(smooth)]
    return ConvolutionBlock(channels, dtype=dtype, name="fusion")(keras.ops.concatenate(same, axis=-1))
