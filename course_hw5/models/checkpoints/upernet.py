"""Published segmenters: the names and axes of `transformers`' tensors for the heads of `BeitForSemanticSegmentation`."""

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
    options = {name: config[key] for key, name in HEAD.items() if key in config}
    options |= {name: raw[name] for name in ("mean", "std") if name in raw}
    names = huggingface.label_names(config, num_classes)
    model = upernet.upernet_segmenter(backbone, num_classes, class_names=names, **options)
    for layer in model.layers:
        if layer is not backbone:
            for variable in layer.variables:
                huggingface.assign(variable, _reference_array(variable.path, tensors, model.pool_scales))
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


def _reference_array(path, tensors, pool_scales):
    """The array for a variable of a head, from the reference's tensors."""
    layer, *parts, weight = path.split("/")
    if layer == "pyramid_pooling":
        scale = int(parts.pop(0).removeprefix("scale_"))
        name = f"decode_head.psp_modules.{pool_scales.index(scale)}.1"
    else:
        stem, _, number = layer.rpartition("_")
        name = NAMES.get(layer) or f"{NAMES[stem]}.{number}"
    part = {"convolution": ".conv", "norm": ".bn"}[parts[0]] if parts else ""
    array = tensors[f"{name}{part}.{huggingface.PARTS.get(weight, weight)}"]
    if array.ndim < 4:
        return array
    if layer.endswith("logits"):
        return array[:, :, 0, 0].T
    return array.transpose(2, 3, 1, 0)  # also of transposed convolutions: (in, out, ...) there, (..., out, in) here
