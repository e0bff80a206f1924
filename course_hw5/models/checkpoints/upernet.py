"""Published segmenters: the names and axes of `transformers`' tensors for the heads of `BeitForSemanticSegmentation`."""

from collections.abc import Sequence

import numpy as np

from course_hw5.layers.layer import Shape
from course_hw5.models import fine_tuning, upernet
from course_hw5.models.checkpoints import beit, huggingface


def load_upernet(folder, config: dict, tensors: dict, image_shape: Shape | None = None) -> upernet.UperNetSegmenter:
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
    backbone = beit.read_backbone(config, body)
    shape = backbone.image_shape if image_shape is None else image_shape
    backbone = fine_tuning.rebuilt_backbone(backbone, image_shape=shape, feature_layers=features)
    raw = beit.read_preprocessing(folder, shape)
    num_classes = len(tensors["decode_head.classifier.weight"])
    options = {"equal_subpixels": False} | {name: config[key] for key, name in HEAD.items() if key in config}
    options |= {name: raw[name] for name in ("mean", "std") if name in raw}
    names = huggingface.label_names(config, num_classes)
    model = upernet.upernet_segmenter(backbone, num_classes, class_names=names, **options)
    for layer in model.layers:
        if layer is not backbone:
            for variable in layer.variables:
                name = reference_name(variable.path, model.pool_scales)
                huggingface.assign(variable, _array(variable.path, tensors[name]))
    return model


# The reference's options to ours.
HEAD = {name: name for name in ("pool_scales", "auxiliary_channels", "auxiliary_concat_input")}
HEAD |= {"use_auxiliary_head": "auxiliary_head", "auxiliary_num_convs": "auxiliary_convolutions"}
# Our layers to the reference's, of which the last three are numbered.
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
    "lateral": "decode_head.lateral_convs",
    "smooth": "decode_head.fpn_convs",
    "auxiliary": "auxiliary_head.convs",
}


def reference_name(path: str, pool_scales: Sequence[int]) -> str:
    """The reference's name of the tensor that makes a variable of a head."""
    layer, *parts, weight = path.split("/")
    if layer == "pyramid_pooling":
        scale = int(parts.pop(0).removeprefix("scale_"))
        name = f"decode_head.psp_modules.{pool_scales.index(scale)}.1"
    else:
        stem, _, number = layer.rpartition("_")
        name = NAMES.get(layer) or f"{NAMES[stem]}.{number}"
    part = {"convolution": ".conv", "norm": ".bn"}[parts[0]] if parts else ""
    return f"{name}{part}.{huggingface.PARTS.get(weight, weight)}"


def _array(path, tensor):
    """The array for a variable of a head, from the reference's tensor."""
    if tensor.ndim < 4:
        return tensor
    if path.split("/")[0].endswith("logits"):
        return tensor[:, :, 0, 0].T
    return tensor.transpose(2, 3, 1, 0)  # also of transposed convolutions: (in, out, ...) there, (..., out, in) here


def reference_tensor(path: str, array: np.ndarray) -> np.ndarray:
    """The reference's tensor of a variable of a head; the reverse of what `load_upernet` does."""
    if array.ndim == 2:
        return array.T[:, :, None, None]
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array


def widened(model: upernet.UperNetSegmenter, path: str, array: np.ndarray) -> np.ndarray:
    """A variable of a head as that of one as wide as the backbone, whose further channels are 0 for every image.

    Where maps are put side by side, each becomes as wide.
    """
    width, channels = model.backbone.hidden_dim, model.channels
    if channels == width or path.startswith("auxiliary_") or path.startswith("enlarge_"):
        return array
    *layer, part = path.split("/")
    sides = len(model.pool_scales) if layer[0] == "pooled_fusion" else 4 if layer[0] == "fusion" else 1
    first = width if layer[0] in ("pooled_fusion", "pyramid_pooling") or layer[0].startswith("lateral_") else 0
    sides = 0 if layer[0] == "pyramid_pooling" or layer[0].startswith("lateral_") else sides
    inside = [*range(first), *(first + side * width + channel for side in range(sides) for channel in range(channels))]
    places = {len(array.shape) - 2: inside} if array.ndim > 1 else {}
    shape = [*array.shape]
    if array.ndim > 1:
        shape[-2] = first + sides * width
    if layer[0] != "logits":
        places[array.ndim - 1] = [*range(channels)]
        shape[-1] = width
    wide = np.full(shape, 1.0 if part == "moving_variance" else 0.0, "float32")
    wide[np.ix_(*(places.get(axis, range(size)) for axis, size in enumerate(array.shape)))] = array
    return wide
