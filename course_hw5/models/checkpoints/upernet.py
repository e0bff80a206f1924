"""Published segmenters: the names and axes of `transformers`' tensors for the heads of `BeitForSemanticSegmentation`."""

import pathlib

from course_hw5.layers.layer import Shape
from course_hw5.models.checkpoints import huggingface
from course_hw5.models.checkpoints.beit import read_backbone, read_preprocessing
from course_hw5.models.fine_tuning import rebuilt_backbone
from course_hw5.models.upernet import UperNetSegmenter, upernet_segmenter


def load_upernet(folder: pathlib.Path, config: dict, tensors: dict, image_shape: Shape | None = None) -> UperNetSegmenter:
    """Makes the segmenter that a folder holds.

    Args:
        folder, config, tensors, image_shape: as for `beit.load_beit`.

    Returns:
        `upernet_segmenter`; images must have the size that the network reads, and are normalised as
        `preprocessor_config.json` says.

    Raises:
        ValueError: if the folder does not say which four blocks feed the head.
        KeyError: if a tensor is missing, or has another shape than `config` says.
    """
    # The reference counts the tokens before the first block as 1, here they are -1.
    indices, num_layers = config.get("out_indices") or config.get("segmentation_indices") or (), config["num_hidden_layers"]
    features = tuple(index - 2 for index in indices)
    if len(features) != 4 or not all(-1 <= index < num_layers for index in features):
        expected = f"four numbers in [1, {num_layers + 1}]"
        raise ValueError(f"`out_indices` in {folder}/config.json must be {expected}. Received: {indices!r}")
    body = {name.removeprefix("beit."): tensor for name, tensor in tensors.items() if name.startswith("beit.")}
    backbone = read_backbone(config, body)
    shape = backbone.image_shape if image_shape is None else image_shape
    backbone = rebuilt_backbone(backbone, image_shape=shape, feature_layers=features)
    raw = read_preprocessing(folder, shape)
    num_classes = len(tensors["decode_head.classifier.weight"])
    model = upernet_segmenter(
        backbone,
        num_classes,
        auxiliary_head=config.get("use_auxiliary_head", True),
        pool_scales=config.get("pool_scales", (1, 2, 3, 6)),
        auxiliary_channels=config.get("auxiliary_channels", 256),
        auxiliary_convolutions=config.get("auxiliary_num_convs", 1),
        auxiliary_concat_input=config.get("auxiliary_concat_input", False),
        class_names=huggingface.label_names(config, num_classes),
        **{name: raw[name] for name in ("mean", "std") if name in raw},
    )
    for layer in model.layers:
        if layer is not backbone:
            for variable in layer.variables:
                huggingface.assign(variable, _reference_array(variable.path, tensors, model.pool_scales))
    return model


# Our layers to the reference's.
NAMES = {
    "enlarge_0_first": "fpn1.0",
    "enlarge_0_norm": "fpn1.1",
    "enlarge_0_second": "fpn1.3",
    "enlarge_1": "fpn2.0",
    "pooled_fusion": "decode_head.bottleneck",
    "fusion": "decode_head.fpn_bottleneck",
    "logits": "decode_head.classifier",
    "auxiliary_fusion": "auxiliary_head.conv_cat",
    "auxiliary_logits": "auxiliary_head.classifier",
}
PREFIXES = {
    "lateral_": "decode_head.lateral_convs.",
    "smooth_": "decode_head.fpn_convs.",
    "auxiliary_": "auxiliary_head.convs.",
}


def _reference_array(path, tensors, pool_scales):
    """The array for a variable of a head, from the reference's tensors."""
    layer, *parts, weight = path.split("/")
    if layer == "pyramid_pooling":
        scale = int(parts.pop(0).removeprefix("scale_"))
        name = f"decode_head.psp_modules.{pool_scales.index(scale)}.1"
    elif layer in NAMES:
        name = NAMES[layer]
    else:
        prefix = next(prefix for prefix in PREFIXES if layer.startswith(prefix))
        name = PREFIXES[prefix] + layer.removeprefix(prefix)
    part = {"convolution": ".conv", "norm": ".bn"}[parts[0]] if parts else ""
    array = tensors[f"{name}{part}.{huggingface.PARTS.get(weight, weight)}"]
    if array.ndim < 4:
        return array
    if layer.endswith("logits"):
        return array[:, :, 0, 0].T
    return array.transpose(2, 3, 1, 0)  # also of transposed convolutions: (in, out, ...) there, (..., out, in) here
