"""Our BEiT against `transformers` in PyTorch, zeromodels, and itself on Keras's PyTorch backend and in OpenVINO.

    python benchmarks/beit.py --torch-python PYTHON --zeromodels FOLDER --keras-on-torch PYTHON --openvino PYTHON

Cases: `cifar`, 32x32 images in patches of 4 (192 wide, 9 blocks, 3 heads), and `base`, the published size at 224x224. Tasks:
a training step with AdamW, a prediction, and all layers' attention, ours as one array by a model that stops there, PyTorch's
beside its prediction. `ratio` is the peer's time over ours.
"""

import numpy as np
import sides

CASES = {  # image side, patch, width, blocks, heads, images per batch
    "cifar": (32, 4, 192, 9, 3, 128),
    "base": (224, 16, 768, 12, 12, 4),
}


def random_images(side, batch):
    random = np.random.default_rng(0)
    return random.uniform(0, 255, (batch, side, side, 3)).astype("float32"), np.arange(batch) % 10


def keras_models(case):
    """A classifier and the model that gives its attention."""
    from course_hw5.explanation.extract import attention_model
    from course_hw5.models.beit import beit_backbone
    from course_hw5.models.beit_tasks import beit_classifier

    side, patch, dim, depth, heads, _ = CASES[case]
    sizes = {"patch_size": patch, "hidden_dim": dim, "num_layers": depth, "num_heads": heads, "mlp_dim": 4 * dim}
    model = beit_classifier(beit_backbone(image_shape=(side, side, 3), **sizes), activation="linear")
    return model, attention_model(model)


def exported(case):
    side, *_, batch = CASES[case]
    images = random_images(side, batch)[0]
    return {task: (model, images) for task, model in zip(("predict", "attention"), keras_models(case))}


def keras_tasks(case, precision):
    """Ours, on the backend that KERAS_BACKEND names."""
    import keras

    from course_hw5.training import config, optimizers, runtime

    side, *_, batch = CASES[case]
    keras.config.set_dtype_policy({"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision])
    model, scores = keras_models(case)
    options = {"optimizer": keras.optimizers.AdamW(1e-4)}
    if keras.backend.backend() == "tensorflow":  # as `course_hw5.train` compiles
        settings = config.TrainingConfig(
            epochs=100, optimizer="adamw", schedule="constant", learning_rate=1e-4, weight_decay=0.004
        )
        options = {"optimizer": optimizers.make_optimizer(settings, 100, model), "jit_compile": runtime.use_jit_compile(model)}
        scores.compile(jit_compile=options["jit_compile"])
    return keras_calls(model, batch, side, options) | {"attention": sides.keras_call(scores, random_images(side, batch)[0])}


def zeromodels_tasks(case, precision):
    import keras
    from zeromodels.models.beit.beit_model import BeitImageClassify

    side, patch, dim, depth, heads, batch = CASES[case]
    keras.config.set_dtype_policy({"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision])
    sizes = {"hidden_size": dim, "num_hidden_layers": depth, "num_attention_heads": heads, "intermediate_size": 4 * dim}
    model = BeitImageClassify(**sizes, patch_size=patch, image_size=side, num_classes=10)
    return keras_calls(model, batch, side, {"optimizer": keras.optimizers.AdamW(1e-4), "jit_compile": True})


def keras_calls(model, batch, side, options):
    import keras

    images, labels = random_images(side, batch)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, **options)
    return {"train": lambda: float(model.train_on_batch(images, labels)), "predict": sides.keras_call(model, images)}


def torch_tasks(case, precision):
    import torch
    import transformers

    side, patch, dim, depth, heads, batch = CASES[case]
    sizes = {"hidden_size": dim, "num_hidden_layers": depth, "num_attention_heads": heads, "intermediate_size": 4 * dim}
    sizes |= {"image_size": side, "patch_size": patch, "num_labels": 10, "use_relative_position_bias": True}
    config = transformers.BeitConfig(**sizes, drop_path_rate=0.0)
    model = transformers.BeitForImageClassification(config)
    eager = transformers.BeitForImageClassification(
        transformers.BeitConfig(**sizes, drop_path_rate=0.0, attn_implementation="eager")
    ).eval()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    mixed = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
    images, labels = (torch.tensor(array) for array in random_images(side, batch))
    images = images.permute(0, 3, 1, 2) / 127.5 - 1

    train, predict = sides.torch_calls(model, optimizer, mixed, pixel_values=images, labels=labels)
    return {"train": train, "predict": predict, "attention": lambda: predict(eager, output_attentions=True)}


if __name__ == "__main__":
    tasks = {"keras": keras_tasks, "torch": torch_tasks, "zeromodels": zeromodels_tasks}
    sides.main(__file__, __doc__, [*CASES], tasks, rounds=7, exported=exported)
