"""Writes `tests/golden/live/`: small models with random weights as the live page holds them, and what Keras computes with them.

And images, with what Pillow makes of them in another size.

    python tests/golden/live.py
"""

import base64
import json
import pathlib

import keras
import numpy as np
from PIL import Image, ImageOps

import course_hw5
from course_hw5.attention.live import packing
from course_hw5.explanation import live_model
from course_hw5.explanation.extract import extractor, of_first

FOLDER = pathlib.Path(__file__).parent / "live"
PIECES = "a an the film is was not bad good at all ##s ##ly ! , . 好 فیلم"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *PIECES.split()]


def randomized(model: keras.Model, scale: float = 0.3) -> keras.Model:
    """The model with random numbers for weights, those that would be zeros or ones among them."""
    random = np.random.default_rng(0)
    for variable in model.weights:
        start = 1 if variable.path.endswith("gamma") else 0
        variable.assign(start + random.normal(0, scale, variable.shape))
    return model


def small_bert() -> keras.Model:
    """Sizes that no vector of four or eight numbers divides."""
    sizes = {"num_layers": 2, "num_heads": 4, "hidden_dim": 20, "mlp_dim": 36, "max_sequence_length": 24}
    backbone = course_hw5.bert_backbone(**sizes, vocabulary_size=len(VOCABULARY), vocabulary=VOCABULARY)
    return randomized(course_hw5.bert_classifier(backbone))


def small_beit(pooling: str = "mean", bias: str = "both", positions: bool = True) -> keras.Model:
    sizes = {"num_layers": 2, "num_heads": 3, "hidden_dim": 24, "mlp_dim": 40, "patch_size": 4}
    options = {"relative_position_bias": bias, "use_absolute_positions": positions, "layer_scale_init": 0.4}
    backbone = course_hw5.beit_backbone(image_shape=(12, 16, 3), **sizes, **options)
    return randomized(course_hw5.beit_classifier(backbone, 3, pooling, class_names=["cat", "dog", "</script><b>owl"]))


def case(model: keras.Model, precision: str, inputs: np.ndarray) -> dict:
    """A model as the page holds it, an input, and Keras's logits and attention."""
    config, tensors = live_model.to_live(model)
    data, places = packing.pack(tensors, precision)
    packed = live_model.from_live(config, packing.unpack(data, places))
    outputs = extractor(packed)(inputs[None])
    if config["kind"] == "bert":
        probability = np.asarray(outputs["output"]).astype("float64")
        logits = np.log(probability / (1 - probability))
    else:
        logits = np.asarray(outputs["logits"])
    return {
        "config": config | {"tensors": places},
        "weights": base64.b64encode(data).decode(),
        "input": np.ravel(inputs).tolist(),
        "logits": np.ravel(logits).round(6).tolist(),
        "attention": np.ravel(of_first(outputs["attention_weights"])).round(6).tolist(),
    }


def resampled(size: tuple[int, int], new_size: tuple[int, int]) -> dict:
    """An image, and what Pillow makes of it in another size; both sizes are (width, height)."""
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype="uint8")
    fitted = np.asarray(ImageOps.fit(Image.fromarray(image), new_size, Image.Resampling.BICUBIC))
    return {"from": size, "to": new_size, "pixels": image.ravel().tolist(), "expected": fitted.ravel().tolist()}


def main():
    ids, random = np.array([2, 7, 8, 9, 11, 12, 15, 3]), np.random.default_rng(1)
    pixels = random.integers(0, 256, (12, 16, 3), dtype="uint8")
    cases = {
        "bert": case(small_bert(), "float32", ids),
        "bert-int8": case(small_bert(), "int8", ids),
        "beit": case(small_beit(), "float32", pixels),
        "beit-cls": case(small_beit("cls", "none", False), "int8", pixels),
    }
    cases["resampled"] = [resampled(*sizes) for sizes in (((8, 8), (8, 8)), ((31, 17), (4, 8)), ((40, 30), (6, 6)))]
    FOLDER.mkdir(exist_ok=True)
    for name, value in cases.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
