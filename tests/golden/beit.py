"""Compares BEiT with `transformers` in PyTorch, from one Hugging Face folder per case: logits, states, attention.

    python tests/golden/beit.py --torch-python PYTHON             # PYTHON has benchmarks/requirements.txt
    python tests/golden/beit.py --torch-python PYTHON --update    # also writes the folders of `GOLDENS`, which the tests read

All weights are random, biases and scales included. `image` is what the network reads; where it is not the size that the
folder says, position biases are interpolated on both sides.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

GOLDEN = pathlib.Path(__file__).parent / "beit"
GOLDEN_SEGMENTER = pathlib.Path(__file__).parent / "upernet"
GOLDEN_EMBEDDINGS = GOLDEN_SEGMENTER / "expected-embeddings.npz"
TOLERANCE = 1e-4
SMALL = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "image_size": 24,
    "patch_size": 8,
    "num_labels": 5,
    "vocab_size": 11,
    "use_relative_position_bias": True,
    "use_mask_token": True,
}
BOTH = {"use_shared_relative_position_bias": True}
SHARED = BOTH | {"use_relative_position_bias": False}
LARGE = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "image_size": 224,
    "patch_size": 16,
    "num_labels": 10,
    "use_relative_position_bias": True,
}
SEGMENTER = SMALL | {"num_hidden_layers": 5, "out_indices": [2, 3, 4, 5], "image_size": 32, "auxiliary_channels": 12}
LARGE_SEGMENTER = LARGE | {"out_indices": [3, 5, 7, 11], "image_size": 640, "num_labels": 150}
DEEP = {"auxiliary_num_convs": 2, "auxiliary_concat_input": True, "pool_scales": [1, 2, 5]}
CASES = {  # name: (class, image height and width, options)
    "golden": ("BeitForImageClassification", (24, 24), SMALL),
    "shared": ("BeitForImageClassification", (24, 24), SMALL | SHARED),
    "both": ("BeitForImageClassification", (24, 24), SMALL | BOTH),
    "none": ("BeitForImageClassification", (24, 24), SMALL | {"use_relative_position_bias": False}),
    "absolute": ("BeitForImageClassification", (24, 24), SMALL | {"use_absolute_position_embeddings": True}),
    "no-layer-scale": ("BeitForImageClassification", (24, 24), SMALL | {"layer_scale_init_value": 0.0}),
    "cls": ("BeitForImageClassification", (24, 24), SMALL | {"use_mean_pooling": False}),
    "model": ("BeitModel", (24, 24), SMALL),
    "model-cls": ("BeitModel", (24, 24), SMALL | {"use_mean_pooling": False}),
    "masked": ("BeitForMaskedImageModeling", (24, 24), SMALL),
    "masked-cls": ("BeitForMaskedImageModeling", (24, 24), SMALL | {"use_mean_pooling": False}),
    "interpolated": ("BeitForImageClassification", (40, 56), SMALL | BOTH),
    "interpolated-smaller": ("BeitForImageClassification", (16, 24), SMALL),
    "interpolated-absolute": ("BeitForImageClassification", (40, 40), SMALL | {"use_absolute_position_embeddings": True}),
    "segmenter": ("BeitForSemanticSegmentation", (32, 32), SEGMENTER),
    "segmenter-wide": ("BeitForSemanticSegmentation", (56, 88), SEGMENTER | BOTH),
    "segmenter-deep": ("BeitForSemanticSegmentation", (32, 32), SEGMENTER | DEEP),
    "segmenter-plain": ("BeitForSemanticSegmentation", (40, 32), SEGMENTER | {"use_auxiliary_head": False}),
    "segmenter-embeddings": ("BeitForSemanticSegmentation", (32, 32), SEGMENTER | {"out_indices": [1, 2, 4, 5]}),
    "segmenter-base": ("BeitForSemanticSegmentation", (640, 640), LARGE_SEGMENTER),
    "segmenter-base-wide": ("BeitForSemanticSegmentation", (320, 480), LARGE_SEGMENTER),
    "base": ("BeitForImageClassification", (224, 224), LARGE),
    "base-interpolated": ("BeitForImageClassification", (384, 320), LARGE),
}


OPTIONS = ("shared", "none", "no-layer-scale", "cls", "model", "masked", "interpolated", "interpolated-absolute")
GOLDENS = {"golden": GOLDEN, "segmenter": GOLDEN_SEGMENTER} | {name: GOLDEN.parent / "beit_options" / name for name in OPTIONS}


def images(image, options):
    random = np.random.default_rng(0)
    pixels = random.normal(size=(2, *image, 3)).astype("float32")
    patches = image[0] // options["patch_size"] * (image[1] // options["patch_size"])
    return pixels, random.integers(0, 2, (2, patches)).astype("int32")


def write_reference(name, folder):
    """Runs in PyTorch: saves the model as the hub does, and what it computes."""
    import torch
    import transformers

    kind, image, options = CASES[name]
    torch.manual_seed(0)
    model = getattr(transformers, kind)(transformers.BeitConfig(**options, attn_implementation="eager"))
    is_segmenter = kind == "BeitForSemanticSegmentation"
    spread = 0.02 if options["hidden_size"] == 768 else 0.1 if is_segmenter else 0.3
    for name, parameter in model.named_parameters():  # biases and scales too, which would start at 0 and 1
        parameter.data += (1.0 if "position_bias" in name else spread) * torch.randn_like(parameter)
    for name, buffer in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer += torch.rand_like(buffer)
    model.save_pretrained(folder)
    model.eval()
    pixels, mask = images(image, options)
    inputs = {"pixel_values": torch.tensor(pixels).permute(0, 3, 1, 2)}
    if kind == "BeitForMaskedImageModeling":
        inputs["bool_masked_pos"] = torch.tensor(mask).bool()
    auxiliary = []
    if getattr(model, "auxiliary_head", None):
        model.auxiliary_head.register_forward_hook(lambda *call: auxiliary.append(call[-1]))
    with torch.no_grad():
        out = model(
            **inputs,
            interpolate_pos_encoding=image != (options["image_size"],) * 2,
            output_hidden_states=not is_segmenter,
            output_attentions=not is_segmenter,
        )
    if is_segmenter:
        maps = {"logits": out.logits} | ({"auxiliary": auxiliary[0]} if auxiliary else {})
        return {"images": pixels} | {name: logits.permute(0, 2, 3, 1).numpy() for name, logits in maps.items()}
    expected = {
        "images": pixels,
        "attention": torch.stack(out.attentions, 1).numpy(),
        "states": torch.stack(out.hidden_states[1:], 1).numpy(),
    }
    if kind == "BeitModel":
        return expected | {"sequence_output": out.last_hidden_state.numpy(), "pooled_output": out.pooler_output.numpy()}
    return expected | {"logits": out.logits.numpy()} | ({"mask": mask} if "bool_masked_pos" in inputs else {})


def differences(folder, expected):
    """Largest absolute difference of each output."""
    import keras

    from course_hw5 import attention_model, load_model
    from course_hw5.models.beit import BeitBackbone

    model = load_model(folder, image_shape=expected["images"].shape[1:])
    inputs = {"images": expected["images"], "mask": expected["mask"]} if "mask" in expected else expected["images"]
    outputs = model(inputs)
    if isinstance(outputs, (list, tuple)):
        found = dict(zip(("logits", "auxiliary"), outputs))
    else:
        found = outputs if isinstance(outputs, dict) else {"logits": outputs}
    if "states" in expected:
        backbone = model if isinstance(model, BeitBackbone) else model.backbone
        states = keras.Model(backbone.input, [block.output for block in backbone.blocks])
        found |= {"attention": attention_model(model)(inputs), "states": keras.ops.stack(states(inputs), axis=1)}
    return {
        key: float(np.abs(keras.ops.convert_to_numpy(found[key]) - expected[key]).max())
        for key in expected
        if key not in ("images", "mask")
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", required=True, help="a Python that has PyTorch and transformers")
    parser.add_argument("--update", action="store_true", help="write the golden folders")
    parser.add_argument("--cases", nargs="+", choices=tuple(CASES), default=tuple(CASES))
    parser.add_argument("--reference", nargs=2, metavar=("CASE", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.reference:
        name, folder = args.reference
        np.savez(pathlib.Path(folder) / "expected.npz", **write_reference(name, folder))
        return
    worst = 0.0
    for name in args.cases:
        with tempfile.TemporaryDirectory() as temporary:
            folder = GOLDENS.get(name) if args.update else None
            folder = folder or pathlib.Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            command = [args.torch_python, __file__, "--torch-python", args.torch_python, "--reference", name, str(folder)]
            subprocess.run(command, check=True, capture_output=True)
            found = differences(folder, dict(np.load(folder / "expected.npz")))
            if args.update and name == "segmenter-embeddings":  # same weights as of "segmenter", other maps
                np.savez_compressed(GOLDEN_EMBEDDINGS, **np.load(folder / "expected.npz"))
        worst = max(worst, *found.values())
        print(f"{name:22}" + "  ".join(f"{key} {value:.1e}" for key, value in found.items()), flush=True)
    if worst > TOLERANCE:
        sys.exit(f"The largest difference must be at most {TOLERANCE}. Received: {worst:.1e}")


if __name__ == "__main__":
    main()
