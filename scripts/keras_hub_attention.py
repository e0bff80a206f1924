"""Builds each backbone of keras-hub small, reads the attention of all its layers, and writes docs/keras-hub.md.

    python scripts/keras_hub_attention.py --out docs/keras-hub.md

It ends with an error where the model that also gives attention has other outputs than the backbone.
"""

import argparse
import pathlib

from course_hw5.cli import arguments

CONVOLUTIONS = "convolutions"
WITHOUT = {  # what they have in place of attention
    "BASNetBackbone": CONVOLUTIONS,
    "CSPNetBackbone": CONVOLUTIONS,
    "DeepLabV3Backbone": CONVOLUTIONS,
    "DenseNetBackbone": CONVOLUTIONS,
    "EfficientNetBackbone": CONVOLUTIONS,
    "FNetBackbone": "Fourier transforms",
    "HGNetV2Backbone": CONVOLUTIONS,
    "MobileNetBackbone": CONVOLUTIONS,
    "RWKV7Backbone": "a recurrence",
    "ResNetBackbone": CONVOLUTIONS,
    "RetinaNetBackbone": CONVOLUTIONS,
    "VGGBackbone": CONVOLUTIONS,
    "XceptionBackbone": CONVOLUTIONS,
}
NOTES = {
    "DFineBackbone": "blocks of the decoder weigh a few points that they choose (deformable attention), not all keys",
    "GptOssBackbone": "there is a key more than tokens, the last: it takes what goes to none of them",
    "MiTBackbone": "keys are fewer than queries",
    "Qwen3_5Backbone": "of the blocks whose attention is not linear",
    "Qwen3_5MoeBackbone": "of the blocks whose attention is not linear",
    "SAM3PromptableConceptBackbone": "windows of an image count as examples",
    "SAMBackbone": "windows of an image count as examples",
    "SegFormerBackbone": "keys are fewer than queries",
    "SwinTransformerBackbone": "windows of an image count as examples",
    "T5Gemma2Backbone": "keys of the decoder are its own tokens, then the encoder's",
    "ViTDetBackbone": "windows of an image count as examples",
    "VideoPrismBackbone": "frames, then patches, count as examples",
}
ALSO = {"ESM2Backbone": "ESMBackbone", "QwenBackbone": "Qwen2Backbone", "SmolLMBackbone": "SmolLM3Backbone"}  # two names each
TOLERANCE = 1e-5
PAGE = """# Backbones of keras-hub

[`attention_model`](guides/your-model.md#attention-of-a-keras-model) takes a backbone of keras-hub, with any head, and gives the
weights of every layer whose attention is a softmax over keys. This command builds each backbone of keras-hub {version} small,
from its config, with random weights and inputs, compares, and writes this page:

```sh
python scripts/keras_hub_attention.py --out docs/keras-hub.md
```

"Difference" is the largest between the outputs of the backbone and those of the model that also gives its attention.

| backbone | attention | layers | difference | what to know |
|---|---|---|---|---|
{read}

Those without attention, for which `attention_model` raises an error:

| backbone | has in its place |
|---|---|
{without}
"""


def row(name, found):
    """The backbone's line of the table, of what `keras_hub_backbones.read` returns."""
    if isinstance(found, str):
        return f"| `{name}` | not read | | | {NOTES[name]} |"
    weights, difference = found
    if difference > TOLERANCE:
        raise ValueError(f"Outputs must differ by less than {TOLERANCE}. Received: {difference} of {name}")
    return f"| `{name}` | read | {len(weights)} | {difference:.1g} | {NOTES.get(name, '')} |"


def write(out):
    import keras_hub
    import keras_hub_backbones  # beside this file

    models = {name for name in dir(keras_hub.models) if name.endswith("Backbone")} - {"Backbone", "FeaturePyramidBackbone"}
    if new := models - {*keras_hub_backbones.BACKBONES, *WITHOUT, *ALSO}:
        raise ValueError(f"Every backbone must be in this script. Received: {', '.join(sorted(new))}")
    rows = []
    for name in keras_hub_backbones.BACKBONES:
        rows.append(row(name, keras_hub_backbones.read(name)))
        print(rows[-1], flush=True)
    without = (f"| `{name}` | {what} |" for name, what in WITHOUT.items())
    page = PAGE.format(version=keras_hub.__version__, read="\n".join(rows), without="\n".join(without))
    pathlib.Path(out).write_text(page, encoding="utf-8")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="file to write")
    args = parser.parse_args(argv)
    with arguments.user_errors(parser):
        write(args.out)


if __name__ == "__main__":
    main()
