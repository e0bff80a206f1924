"""Our BEiT + UPerNet against `transformers` in PyTorch, zeromodels, and itself on Keras's PyTorch backend and in OpenVINO.

    python benchmarks/segmentation.py --torch-python PYTHON --zeromodels FOLDER --keras-on-torch PYTHON --openvino PYTHON

Cases: `scene`, 192x192 images in patches of 8 (128 wide, 6 blocks), heads as wide as the backbone, and `base`, the
published size at 320x320. Tasks: a training step with both heads' losses and AdamW (zeromodels has no auxiliary head: just
predictions), and a prediction of logits. `ratio` is the peer's time over ours.
"""

import numpy as np
import sides

CASES = {  # image side, patch, width, blocks, heads, classes, images per batch, blocks that feed the head
    "scene": (192, 8, 128, 6, 8, 11, 4, (0, 2, 3, 4)),
    "base": (320, 16, 768, 12, 12, 150, 1, (1, 3, 5, 9)),
}


def scenes(side, batch, classes):
    random = np.random.default_rng(0)
    images = random.uniform(0, 255, (batch, side, side, 3)).astype("float32")
    return images, random.integers(0, classes, (batch, side, side)).astype("uint8")


def keras_model(case):
    from course_hw5.models.beit import beit_backbone
    from course_hw5.models.upernet import upernet_segmenter

    side, patch, dim, depth, heads, classes, _, features = CASES[case]
    sizes = {
        "patch_size": patch,
        "hidden_dim": dim,
        "num_layers": depth,
        "num_heads": heads,
        "mlp_dim": 4 * dim,
        "feature_layers": features,
    }
    backbone = beit_backbone(image_shape=(side, side, 3), **sizes)
    return upernet_segmenter(backbone, classes)


def exported(case):
    side, *_, classes, batch, _ = CASES[case]
    return {"predict": (keras_model(case), scenes(side, batch, classes)[0])}


def keras_tasks(case, precision):
    """Ours, on the backend that KERAS_BACKEND names."""
    import keras

    from course_hw5.segmentation.losses import PixelCrossentropy

    side, *_, classes, batch, _ = CASES[case]
    keras.config.set_dtype_policy({"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision])
    model = keras_model(case)
    images, labels = scenes(side, batch, classes)
    compiled = {}
    if keras.backend.backend() == "tensorflow":  # as `course_hw5.train` compiles
        from course_hw5.training import runtime

        compiled = {"jit_compile": runtime.use_jit_compile(model)}
    losses = [PixelCrossentropy(), PixelCrossentropy()]
    model.compile(keras.optimizers.AdamW(1e-4), losses, loss_weights=[1.0, 0.4], **compiled)
    return {"train": lambda: model.train_on_batch(images, [labels, labels]), "predict": sides.keras_call(model, images)}


def zeromodels_tasks(case, precision):
    import keras
    from zeromodels.models.beit.beit_model import BeitSemanticSegment

    side, patch, dim, depth, heads, classes, batch, features = CASES[case]
    keras.config.set_dtype_policy({"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision])
    sizes = {"hidden_size": dim, "num_hidden_layers": depth, "num_attention_heads": heads, "intermediate_size": 4 * dim}
    indices = tuple(index + 1 for index in features)
    model = BeitSemanticSegment(**sizes, patch_size=patch, image_size=side, num_classes=classes, out_indices=indices)
    model.compile(jit_compile=True)
    images = scenes(side, batch, classes)[0]
    return {"predict": sides.keras_call(model, images)}


def torch_tasks(case, precision):
    import torch
    import transformers

    side, patch, dim, depth, heads, classes, batch, features = CASES[case]
    sizes = {"hidden_size": dim, "num_hidden_layers": depth, "num_attention_heads": heads, "intermediate_size": 4 * dim}
    sizes |= {"image_size": side, "patch_size": patch, "num_labels": classes, "use_relative_position_bias": True}
    # `transformers` counts the tokens before the first block as 1
    config = transformers.BeitConfig(**sizes, drop_path_rate=0.0, out_indices=[index + 2 for index in features])
    model = transformers.BeitForSemanticSegmentation(config)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    mixed = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
    images, labels = scenes(side, batch, classes)
    images, labels = torch.tensor(images).permute(0, 3, 1, 2) / 127.5 - 1, torch.tensor(labels).long()

    train, predict = sides.torch_calls(model, optimizer, mixed, pixel_values=images, labels=labels)
    return {"train": train, "predict": predict}


if __name__ == "__main__":
    tasks = {"keras": keras_tasks, "torch": torch_tasks, "zeromodels": zeromodels_tasks}
    sides.main(__file__, __doc__, [*CASES], tasks, rounds=5, exported=exported)
