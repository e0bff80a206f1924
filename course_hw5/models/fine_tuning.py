"""A trained BEiT made ready for other images or classes: same weights, another size, another head."""

import dataclasses

from course_hw5.layers import patch_embedding, relative_position_bias
from course_hw5.models import beit, beit_tasks, task, upernet

PLAIN = {"final_norm": False, "use_mask_token": False}  # of a backbone below a head


def rebuilt_backbone(backbone: beit.BeitBackbone, **changes) -> beit.BeitBackbone:
    """Makes a backbone with some arguments changed and the same weights.

    For another `image_shape` position biases are interpolated, and absolute positions, as the reference does. For larger
    patches the projection is enlarged, so that it finds in an image twice as large what it found before.

    Args:
        backbone: a `beit_backbone`.
        **changes: arguments of `BeitBackbone`, such as `image_shape`, `patch_size`, `drop_path_rate` or `feature_layers`.

    Raises:
        ValueError: if the new patch size is no multiple of the old one, or the images have other channels.
    """
    (*_, channels), shape = backbone.image_shape, changes.get("image_shape", (0, 0, 0))
    if "image_shape" in changes and (len(shape) != 3 or shape[2] != channels):
        raise ValueError(f"`image_shape` must be (height, width, {channels}). Received: {shape}")
    new = beit.BeitBackbone.from_config(backbone.get_config() | changes)
    variables = {variable.path: variable for variable in new.weights}
    for variable in backbone.weights:
        path, value = variable.path, variable.numpy()
        if path.endswith("relative_position_bias/table"):
            value = relative_position_bias.interpolate_table(value, backbone.grid, new.grid)
        elif path.endswith("positions"):
            value = patch_embedding.interpolate_positions(value, backbone.grid, new.grid)
        elif path == "patch_embedding/kernel":
            value = patch_embedding.enlarge_patches(value, backbone.patch_size, new.patch_size)
        if path in variables:
            variables[path].assign(value)
    return new


def adapted_classifier(model: beit_tasks.BeitTask, num_classes: int, class_names=None, input_shape=None, **changes):
    """Makes a classifier for other images or classes from a trained model: same weights, and head where classes agree.

    Args:
        model: a `beit_classifier` or `beit_encoder`; of other models on a BEiT, such as a segmenter, the backbone is used.
        num_classes: number of classes.
        class_names: one string per class, or None.
        input_shape: of the raw images, resized where it is not what the backbone reads; None for the backbone's own.
        **changes: arguments of `BeitBackbone`, such as `image_shape` or `drop_path_rate`.
    """
    backbone = rebuilt_backbone(model.backbone, **changes | PLAIN | {"feature_layers": ()})
    preprocessing = dataclasses.replace(_normalization(model), input_shape=input_shape)
    pooling = model.pooling or "mean"
    new = beit_tasks.BeitClassifier(backbone, num_classes, pooling, class_names=class_names, preprocessing=preprocessing)
    if model.backbone.final_norm:  # of an encoder's tokens, and so of the one that is pooled
        new.pooled_norm.set_weights(model.backbone.norm.get_weights())
    if model.pooling:  # else the logits are those of pixels or visual tokens
        task.copy_head(model, new)
    return new


def adapted_segmenter(
    model, num_classes: int, class_names=None, channels=None, auxiliary_channels=256, detail_channels=(), **changes
):
    """Makes a segmenter for other images or classes from any BEiT: same weights, of its head those that fit.

    Args:
        model: an `upernet_segmenter`, whose widths are kept; any other model on a BEiT; or a `beit_backbone`.
        num_classes: number of classes.
        class_names: one string per class, or None.
        channels, auxiliary_channels, detail_channels: widths of a new head, of a model that is no segmenter.
        **changes: arguments of `BeitBackbone`, such as `image_shape` or `patch_size`.
    """
    old = model if isinstance(model, beit.BeitBackbone) else model.backbone
    is_segmenter = isinstance(model, upernet.UperNetSegmenter)
    head: dict = {"channels": channels, "auxiliary_channels": auxiliary_channels, "detail_channels": detail_channels}
    if is_segmenter:
        head = model.head_config() | ({} if model.auxiliary_head else {"auxiliary_channels": auxiliary_channels})
    else:
        changes = {"feature_layers": tuple(old.num_layers * part // 4 - 1 for part in (1, 2, 3, 4))} | changes
    head |= {"auxiliary_head": True, "class_names": class_names, "preprocessing": _normalization(model)}
    new = upernet.UperNetSegmenter(rebuilt_backbone(old, **changes | PLAIN), num_classes, **head)
    if is_segmenter:
        task.copy_head(model, new)
    return new


def _normalization(model):
    """The mean and standard deviation that a model applies, without its resizing and cropping."""
    preprocessing = getattr(model, "preprocessing", None)
    return task.Preprocessing(preprocessing.mean, preprocessing.std) if preprocessing else task.Preprocessing()
