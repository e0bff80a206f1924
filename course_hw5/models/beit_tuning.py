"""A trained BEiT made ready for other pictures or classes: same weights, another size, another head."""

import numpy as np

from course_hw5.layers.patch_embedding import enlarge_patches, interpolate_positions
from course_hw5.layers.relative_position_bias import interpolate_table
from course_hw5.models import beit, upernet


def rebuilt_backbone(backbone, **changes):
    """Makes a backbone with some arguments changed and the same weights.

    For another `image_shape` position biases are interpolated, and absolute positions, as the reference does. For larger
    patches the projection is enlarged, so that it finds in a picture twice as large what it found before.

    Args:
        backbone: a `beit_backbone`.
        **changes: arguments of `BeitBackbone`, such as `image_shape`, `patch_size`, `drop_path_rate` or `feature_layers`.

    Raises:
        ValueError: if the new patch size is no multiple of the old one, or the pictures have other channels.
    """
    (*_, channels), shape = backbone.arguments["image_shape"], changes.get("image_shape", (0, 0, 0))
    if "image_shape" in changes and (len(shape) != 3 or shape[2] != channels):
        raise ValueError(f"`image_shape` must be (height, width, {channels}). Received: {shape}")
    new = beit.BeitBackbone(**backbone.arguments | changes)
    old = {variable.path: variable.numpy() for variable in backbone.variables}
    for variable in new.variables:
        path = variable.path
        if path not in old or "seed_generator" in path:
            continue
        value = old[path]
        if path.endswith("relative_position_bias/table"):
            value = interpolate_table(value, backbone.grid, new.grid)
        elif path.endswith("positions"):
            value = interpolate_positions(value, backbone.grid, new.grid)
        elif path == "patch_embedding/kernel":
            value = enlarge_patches(value, backbone.arguments["patch_size"], new.arguments["patch_size"])
        variable.assign(value)
    return new


def adapted_classifier(model, classes, class_names=None, input_shape=None, **changes):
    """Makes a classifier for other pictures or classes from a trained model: same weights, and head where classes agree.

    Args:
        model: a `beit_classifier` or `beit_encoder`.
        classes: number of classes.
        class_names: one string per class, or None.
        input_shape: of the raw pictures, resized where it is not what the backbone reads; None for the backbone's own.
        **changes: arguments of `BeitBackbone`, such as `image_shape` or `drop_path_rate`.
    """
    old = beit.backbone_of(model)
    backbone = rebuilt_backbone(old, **changes | {"final_norm": False, "use_mask_token": False, "feature_layers": ()})
    names = {layer.name for layer in model.layers}
    raw = {"input_shape": input_shape, **normalization(model)}
    new = beit.beit_classifier(backbone, classes, pooling_of(model), class_names=class_names, **raw)
    if old.arguments["final_norm"]:  # of an encoder's tokens, and so of the one that is pooled
        new.get_layer("pooled_norm").set_weights(old.get_layer("norm").get_weights())
    same_classes = "logits" in names and model.get_layer("logits").units == classes
    for name in ("pooled_norm", *(["logits"] if same_classes else [])):
        if name in names:
            new.get_layer(name).set_weights(model.get_layer(name).get_weights())
    return new


def pooling_of(model):
    """How a model pools its tokens; "mean" where it does not."""
    is_mean = any(type(operation).__name__ == "Mean" for operation in model.operations)
    return "cls" if model.name in ("beit_classifier", "beit_encoder") and not is_mean else "mean"


def adapted_segmenter(model, classes, class_names=None, channels=None, auxiliary_channels=256, **changes):
    """Makes a segmenter for other pictures or classes from any BEiT: same weights, of its head those that fit.

    Args:
        model: an `upernet_segmenter`, whose widths are kept, or any other model on a BEiT.
        classes: number of classes.
        class_names: one string per class, or None.
        channels, auxiliary_channels: widths of a new head.
        **changes: arguments of `BeitBackbone`, such as `image_shape` or `patch_size`.
    """
    old = beit.backbone_of(model)
    head = {"channels": channels, "auxiliary_channels": auxiliary_channels}
    if model.name == "upernet_segmenter":
        head = {"auxiliary_channels": auxiliary_channels} | upernet.head_arguments(model) | {"auxiliary_head": True}
    else:
        depth = old.arguments["depth"]
        changes = {"feature_layers": tuple(depth * part // 4 - 1 for part in (1, 2, 3, 4))} | changes
    backbone = rebuilt_backbone(old, **changes | {"final_norm": False, "use_mask_token": False})
    new = upernet.upernet_segmenter(backbone, classes, class_names=class_names, **head, **normalization(model))
    heads = model.layers if model.name == "upernet_segmenter" else ()  # a classifier's logits are no pixels'
    values = {variable.path: variable.numpy() for layer in heads if layer is not old for variable in layer.variables}
    for layer in new.layers:
        for variable in layer.variables if layer is not backbone else ():
            value = values.get(variable.path)
            if value is not None and value.shape == tuple(variable.shape):
                variable.assign(value)
    return new


def normalization(model):
    """The `mean` and `std` that a model applies to raw pictures, as arguments of `beit.raw_images`."""
    rescaling = next((layer for layer in model.layers if layer.name == "rescaling"), None)
    if rescaling is None:
        return {}
    scale, offset = np.array(rescaling.scale), np.array(rescaling.offset)
    return {"mean": (-offset / scale / 255).tolist(), "std": (1 / scale / 255).tolist()}


def layerwise_rates(model, decay):
    """Factors of the learning rate that fall by `decay` from block to block towards the pixels (BEiT, appendix).

    Returns:
        Dict of `variable.path` to factor: 1 for the head and a position bias that blocks share, `decay` for the last block,
        and so on.
    """
    depth = len(beit.backbone_of(model).blocks)
    rates = {}
    for variable in model.trainable_variables:
        layer = variable.path.split("/")[0]
        below = 0
        if layer.startswith("block_"):
            below = depth - int(layer.removeprefix("block_"))
        elif layer == "patch_embedding":
            below = depth + 1
        rates[variable.path] = decay**below
    return rates
