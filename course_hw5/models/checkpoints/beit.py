"""BEiT's published checkpoints: the names and axes of `transformers`' tensors, and what comes before the network."""

import pathlib

import numpy as np

from course_hw5.files import read_object
from course_hw5.layers.layer import Shape
from course_hw5.models import beit, beit_tasks, fine_tuning
from course_hw5.models.checkpoints import huggingface

ARCHITECTURES = ("BeitModel", "BeitForImageClassification", "BeitForMaskedImageModeling", "BeitForSemanticSegmentation")
# Steps of other models' image processors that BEiT's does not have.
UNKNOWN_STEPS = ("do_pad", "do_flip_channel_order", "do_thumbnail", "do_align_long_axis", "do_grayscale", "rescale_offset")
RESAMPLE = {0: "nearest", 1: "lanczos3", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers


def load_beit(folder: pathlib.Path, config: dict, tensors: dict, image_shape: Shape | None = None) -> beit_tasks.BeitTask:
    """Makes the model that a folder holds: `BeitForImageClassification`, `BeitForMaskedImageModeling` or `BeitModel`.

    Args:
        folder: path of the folder, for messages and `preprocessor_config.json`.
        config: dict of its `config.json`.
        tensors: arrays by name.
        image_shape: `(height, width, channels)` that the network shall read, if not what the checkpoint was trained for.

    Returns:
        `beit_classifier` with logits, or with a probability of each label where several may be right;
        `beit_masked_image_model`, or `beit_encoder`.

    Raises:
        ValueError: if `preprocessor_config.json` is damaged.
        KeyError: if a tensor is missing, or has another shape than `config` says.
    """
    body = {name.removeprefix("beit."): tensor for name, tensor in tensors.items() if name.startswith("beit.")} or tensors
    is_masked, is_classifier = "lm_head.weight" in tensors, "classifier.weight" in tensors
    pooling = "mean" if config.get("use_mean_pooling", True) else "cls"
    backbone = read_backbone(config, body, use_mask_token=is_masked, final_norm=pooling == "cls" and not is_classifier)
    if image_shape is not None:
        backbone = fine_tuning.rebuilt_backbone(backbone, image_shape=tuple(image_shape))
    raw = read_preprocessing(folder, backbone.image_shape)
    if is_masked:
        model = beit_tasks.beit_masked_image_model(backbone, len(tensors["lm_head.weight"]), **raw)
    elif is_classifier:
        num_classes = len(tensors["classifier.weight"])
        names = huggingface.label_names(config, num_classes)
        # as the reference's pipeline: one label is by itself, too
        has_several = config.get("problem_type") == "multi_label_classification" or num_classes == 1
        activation = "sigmoid" if has_several else "linear"
        model = beit_tasks.beit_classifier(backbone, num_classes, pooling, activation=activation, class_names=names, **raw)
    else:
        model = beit_tasks.beit_encoder(backbone, pooling, **raw)
    for layer, name in head_names(model).items():
        scale, offset = model.get_layer(layer).variables
        source, name = (body, name.removeprefix("beit.")) if name.startswith("beit.") else (tensors, name)
        huggingface.assign(scale, source[f"{name}.weight"].T)
        huggingface.assign(offset, source[f"{name}.bias"])
    return model


def head_names(model: beit_tasks.BeitTask) -> dict[str, str]:
    """The layers outside the backbone that have weights, by their names, to the reference's names of them."""
    if isinstance(model, beit_tasks.BeitMaskedImageModel):
        return {"head_norm": "layernorm", "logits": "lm_head"}
    norm = {"pooled_norm": f"beit.{'pooler.' if model.pooling == 'mean' else ''}layernorm"}
    if isinstance(model, beit_tasks.BeitClassifier):
        return norm | {"logits": "classifier"}
    return norm if model.pooling == "mean" else {}


def read_backbone(config: dict, tensors: dict, **options) -> beit.BeitBackbone:
    """Makes a `BeitBackbone` from `config`, further arguments of it, and tensors named without the prefix "beit."."""
    side = config["image_size"]
    size = tuple(side) if isinstance(side, (list, tuple)) else (side, side)
    per_layer, shared = config.get("use_relative_position_bias"), config.get("use_shared_relative_position_bias")
    bias = "both" if per_layer and shared else "per_layer" if per_layer else "shared" if shared else "none"
    patch_size = config["patch_size"]
    if len(sides := {*np.ravel(patch_size).tolist()}) != 1:
        raise ValueError(f"`patch_size` in config.json must be one number, or twice the same. Received: {patch_size!r}")
    options |= {"patch_size": sides.pop(), "relative_position_bias": bias} | huggingface.read_sizes(config)
    options |= {name: config.get(key) for name, key in OPTIONS.items()}
    backbone = beit.beit_backbone(image_shape=(*size, config.get("num_channels", 3)), **options)
    names = {variable.path: reference_names(variable.path) for variable in backbone.trainable_variables}
    for variable in backbone.trainable_variables:
        huggingface.assign(variable, _array(variable.path, [tensors[name] for name in names[variable.path]]))
    known = {name for parts in names.values() for name in parts} | {"embeddings.mask_token"}  # a classifier may keep its token
    for name in tensors:
        if name.startswith(("embeddings.", "encoder.")) and name not in known and not name.endswith("relative_position_index"):
            raise KeyError(f"{name}, of which config.json says nothing")
    return backbone


# Our arguments to the reference's, which have the same default values.
OPTIONS = {
    "use_absolute_positions": "use_absolute_position_embeddings",
    "layer_scale_init": "layer_scale_init_value",
    "drop_path_rate": "drop_path_rate",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
}
# Our layers, and variables that are called otherwise, to the reference's; those of a block follow its prefix.
LAYERS = {
    "patch_embedding": "embeddings.patch_embeddings.projection",
    "norm": "layernorm",
    "norm_before": "layernorm_before",
    "norm_after": "layernorm_after",
    "dense_1": "intermediate.dense",
    "dense_2": "output.dense",
}
VARIABLES = {
    "patch_embedding/cls_token": "embeddings.cls_token",
    "patch_embedding/mask_token": "embeddings.mask_token",
    "patch_embedding/positions": "embeddings.position_embeddings",
    "attention/query_bias": "attention.attention.query.bias",
    "attention/value_bias": "attention.attention.value.bias",
    "attention/output_kernel": "attention.output.dense.weight",
    "attention/output_bias": "attention.output.dense.bias",
    "lambda_1/factor": "lambda_1",
    "lambda_2/factor": "lambda_2",
}


def reference_names(path: str) -> list[str]:
    """The reference's names of the tensors that make a variable of the backbone."""
    *block, layer, part = path.split("/")
    prefix = f"encoder.layer.{block[0].removeprefix('block_')}." if block else ""
    if part == "qkv_kernel":
        return [f"{prefix}attention.attention.{name}.weight" for name in ("query", "key", "value")]
    if part == "table":
        owner = f"{prefix}attention.attention" if block else "encoder"
        return [f"{owner}.relative_position_bias.relative_position_bias_table"]
    name = VARIABLES.get(f"{layer}/{part}") or f"{LAYERS[layer]}.{huggingface.PARTS.get(part, part)}"
    return [prefix + name]


def _array(path, tensors):
    """The array for a variable of the backbone, of the reference's tensors."""
    if path == "patch_embedding/kernel":  # (hidden_dim, channels, side, side)
        return tensors[0].transpose(2, 3, 1, 0).reshape(-1, len(tensors[0]))
    return np.concatenate([tensor.T for tensor in tensors], axis=1) if path.endswith("kernel") else tensors[0]


def reference_tensors(path: str, array: np.ndarray, config: dict) -> dict[str, np.ndarray]:
    """The reference's tensors, by name, of a variable of the backbone; the reverse of what `read_backbone` does."""
    names = reference_names(path)
    if path == "patch_embedding/kernel":
        side, channels = config["patch_size"], config["num_channels"]
        return {names[0]: array.reshape(side, side, channels, -1).transpose(3, 2, 0, 1)}
    parts = np.split(array, len(names), axis=1) if path.endswith("kernel") else [array.T]
    return {name: part.T for name, part in zip(names, parts)}


def read_preprocessing(folder: pathlib.Path, image_shape: Shape) -> dict:
    """What `preprocessor_config.json` says is done to raw images, as attributes of `Preprocessing`.

    Args:
        folder: path.
        image_shape: what the network reads; images are resized to it, or, where the file asks for a crop, to the file's
            size in the same proportion and cropped.

    Returns:
        Dict; where there is no such file, one that leaves images as they are.

    Raises:
        ValueError: if the file is damaged; says which entry.
    """
    path, channels = folder / "preprocessor_config.json", image_shape[-1]
    if not path.exists():
        return {"mean": None}
    config = read_object(path)
    for name in UNKNOWN_STEPS:
        if config.get(name):
            raise ValueError(f"`{name}` in {path} must be false. Received: {config[name]!r}")

    def read(name, convert, expected, default=None):
        value = config.get(name, default)
        try:
            return convert(value)
        except (TypeError, ValueError, KeyError) as error:
            raise ValueError(f"`{name}` in {path} must be {expected}. Received: {value!r}") from error

    def numbers(value):
        return np.broadcast_to([float(number) for number in np.ravel(value)], (channels,))

    mean, std = numbers(0.0), numbers(1.0)
    if config.get("do_normalize", True):
        mean, std = (read(name, numbers, f"{channels} numbers") for name in ("image_mean", "image_std"))
    scale = 255 * read("rescale_factor", float, "a number", 1 / 255) if config.get("do_rescale", True) else 255.0
    if not (std * scale > 0).all():
        raise ValueError(f"`image_std` and `rescale_factor` in {path} must be above 0. Received: {std.tolist()}, {scale / 255}")
    raw = {"mean": (mean / scale).tolist(), "std": (std / scale).tolist()}  # of pixels in [0, 1]
    return raw | (_read_resizing(path, config, channels, read) if config.get("do_resize", True) else {})


def _read_resizing(path, config, channels, read):
    interpolation = read("resample", RESAMPLE.__getitem__, f"one of Pillow's numbers {', '.join(map(str, RESAMPLE))}", 3)
    raw = {"input_shape": (None, None, channels), "interpolation": interpolation}
    if config.get("do_center_crop"):
        size, crop = (read(name, _height, "a height, or an object with one") for name in ("size", "crop_size"))
        if crop > size:
            raise ValueError(f"`crop_size` in {path} must be at most `size`, {size}. Received: {crop}")
        raw["crop_fraction"] = crop / size
    return raw


def preprocessing_config(model: beit_tasks.BeitTask) -> dict | None:
    """What `preprocessor_config.json` says of a model, which `read_preprocessing` reads; None for one without preprocessing.

    Images of any size are resized, also where the model itself takes those of one size.
    """
    if (raw := model.preprocessing) is None:
        return None
    height, width, channels = model.backbone.image_shape
    numbers = {"image_mean": raw.mean, "image_std": raw.std}
    config = {name: np.broadcast_to(value, (channels,)).tolist() for name, value in numbers.items()}
    sides = {"height": round(height / raw.crop_fraction), "width": round(width / raw.crop_fraction)}
    config |= {
        "image_processor_type": "BeitImageProcessor",
        "do_normalize": True,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
    }
    config |= {"do_resize": True, "size": sides, "do_reduce_labels": False, "do_center_crop": raw.crop_fraction < 1}
    config["resample"] = {name: number for number, name in RESAMPLE.items()}[raw.interpolation]
    return config | ({"crop_size": {"height": height, "width": width}} if raw.crop_fraction < 1 else {})


def _height(size):
    return int(size.get("height") or size["shortest_edge"]) if isinstance(size, dict) else int(size)
