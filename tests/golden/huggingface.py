"""Compares folders that `export_model` writes with `transformers`: logits, pipelines, and models that it fine-tunes from them.

    python tests/golden/huggingface.py --torch-python PYTHON             # PYTHON has benchmarks/requirements.txt and Pillow
    python tests/golden/huggingface.py --torch-python PYTHON --update    # also writes what the tests read

Small models have weights that NumPy draws, so that the tests make the very same folders again: `huggingface/expected.npz` holds
what `transformers` computes of them, and `expected.json` a hash of each folder and the answers of pipelines. The folders of
`huggingface/tuned` are what `transformers` saved after it had fine-tuned three of the models.
"""

import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

GOLDEN = pathlib.Path(__file__).parent / "huggingface"
TOLERANCE = 1e-5
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "film", "good", "bad", "##s", "the", "is", ".", "!"]
TEXTS = ["the film is good", "Bad films !", "the the bad . is film good"]
SENTENCES = ["A fine film.", "The plot is not bad at all", "I left before the end."]
MASK = np.array([[1, 0, 0, 1], [0, 1, 0, 0]])
IDS = np.array([[2, 9, 5, 10, 6, 3, 0, 0], [2, 7, 5, 8, 12, 3, 6, 3]])
SIZES = {"hidden_dim": 12, "num_heads": 2, "mlp_dim": 20, "num_layers": 2}
TUNED = {"bert": "text-classification", "beit": "image-classification", "segmenter": "image-segmentation"}
BUNDLED = ("sentiment-minilm", "beit-cifar10")


def bert(kind="BertBackbone", head=True):
    from course_hw5 import bert_classifier
    from course_hw5.models import bert as models
    from course_hw5.models import mpnet
    from course_hw5.text.tokenizer import bert_tokenizer

    make = models.BertBackbone if kind == "BertBackbone" else mpnet.MPNetBackbone
    tokenizer = bert_tokenizer(tuple(PIECES))
    backbone = make(vocabulary_size=len(PIECES), max_sequence_length=16, tokenizer=tokenizer, **SIZES)
    return bert_classifier(backbone, class_names=("sad", "glad"), tokenizer=tokenizer) if head else backbone


def beit(image_shape=(8, 8, 3), head=None, head_options=None, **options):
    from course_hw5.models import beit as models
    from course_hw5.models import beit_tasks

    backbone = models.beit_backbone(None, image_shape, patch_size=4, **SIZES | options)
    return (head or beit_tasks.beit_classifier)(backbone, **{"num_classes": 3} | (head_options or {}))


def segmenter(channels=None, bias="per_layer", image_shape=(8, 8, 3), **head):
    from course_hw5 import upernet_segmenter

    options = {"num_layers": 4, "feature_layers": (0, 1, 2, 3), "image_shape": image_shape, "relative_position_bias": bias}
    head = {"channels": channels, "pool_scales": (1, 2), "auxiliary_head": False, "class_names": ("a", "b", "c")} | head
    return beit(head=upernet_segmenter, head_options=head, **options)


def encoder(pooling):
    from course_hw5.models.beit_tasks import beit_encoder

    options = {"pooling": pooling, "num_classes": None}
    return beit(
        head=lambda backbone, num_classes, **raw: beit_encoder(backbone, **raw),
        head_options=options,
        final_norm=pooling == "cls",
    )


def masked():
    from course_hw5.models.beit_tasks import beit_masked_image_model

    return beit(head=lambda backbone, num_classes: beit_masked_image_model(backbone, 7, mean=None), use_mask_token=True)


NAMES = ("cat", "dog", "fox")
CASES = {
    "bert": bert,
    "bert-backbone": lambda: bert(head=False),
    "mpnet": lambda: bert("MPNetBackbone"),
    "mpnet-backbone": lambda: bert("MPNetBackbone", head=False),
    "beit": lambda: beit(head_options={"class_names": NAMES, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4)}),
    "beit-cls": lambda: beit(head_options={"pooling": "cls", "activation": "linear"}, use_absolute_positions=True),
    "beit-several": lambda: beit(head_options={"activation": "sigmoid"}, relative_position_bias="both"),
    "beit-plain": lambda: beit((8, 12, 3), relative_position_bias="none", layer_scale_init=0.0),
    "beit-encoder": lambda: encoder("mean"),
    "beit-encoder-cls": lambda: encoder("cls"),
    "beit-masked": masked,
    "segmenter": segmenter,
    "segmenter-thin": lambda: segmenter(5, "none", (8, 12, 3)),
    "segmenter-auxiliary": lambda: segmenter(auxiliary_head=True, auxiliary_channels=6, auxiliary_concat_input=True),
}


def small_model(name):
    """The model of a case, with weights that NumPy draws."""
    model, random = CASES[name](), np.random.default_rng(0)
    backbone = getattr(model, "backbone", model)
    for variable in model.variables:
        values = random.integers(-64, 65, variable.shape) / 128  # the same floats everywhere
        is_scale = variable.path.endswith(("gamma", "moving_variance", "factor"))
        variable.assign(1 + values if is_scale else values)
    if name.startswith("mpnet"):  # as the reference has them
        segments, first = backbone.segment_embedding.embeddings, backbone.transformer_layers[0].attention.table.numpy()
        segments.assign(np.zeros(segments.shape))
        for layer in backbone.transformer_layers:
            layer.attention.table.assign(first)
    return model


def pictures(model):
    """Two images of the size that a model reads, whole numbers in [0, 255]."""
    return np.random.default_rng(1).integers(0, 256, (2, *model.backbone.image_shape)).astype("float32")


def outputs_of(model, inputs):
    """What is compared: logits, or what a model without a head gives."""
    import keras

    found = model(inputs)
    if hasattr(model, "classifier"):
        kernel, bias = model.classifier.get_weights()
        found = np.asarray(model.backbone(model.bert_inputs(inputs))["pooled_output"]) @ kernel + bias
        return {"logits": np.concatenate([0 * found, found], axis=1)}
    if getattr(model, "activation", "linear") != "linear":
        found = keras.Model(model.input, model.logits.output)(inputs)
    found = found if isinstance(found, dict) else {"logits": found[0] if isinstance(found, list) else found}
    return {name: np.asarray(value) for name, value in found.items()}


def digest(folder):
    """A hash of what `transformers` reads of a folder: `config.json`, names and bytes of tensors, vocabulary, preprocessing."""
    import safetensors.numpy

    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    sha = hashlib.sha256()
    for path in sorted(folder.glob("*.json")) + sorted(folder.glob("*.txt")):
        sha.update(path.name.encode() + path.read_bytes())
    for name in sorted(tensors):
        sha.update(f"{name} {tensors[name].shape}".encode() + tensors[name].tobytes())
    return sha.hexdigest()


# === In PyTorch ===


def reference(root):
    """Runs in PyTorch: logits of each folder, answers of pipelines, and fine-tuned folders."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    answers, arrays = {}, {}
    for folder in sorted(path.parent for path in root.glob("*/config.json")):
        name, given = folder.name, dict(np.load(root / f"{folder.name}.npz"))
        config = json.loads((folder / "config.json").read_text())
        model = getattr(transformers, config["architectures"][0]).from_pretrained(folder).eval()
        with torch.no_grad():
            for key, value in run(model, given).items():
                arrays[f"{name}/{key}"] = value
            if task := pipeline_task(config):
                answers[name] = pipeline(task, folder, given)
        if name in TUNED:
            tune(model.train(), given, config)
            model.eval().save_pretrained(folder.parent / "tuned" / name)
            for path in [*folder.glob("*token*"), *folder.glob("vocab*"), *folder.glob("preprocessor*")]:
                shutil.copy(path, folder.parent / "tuned" / name)
            with torch.no_grad():
                for key, value in run(model, given).items():
                    arrays[f"tuned/{name}/{key}"] = value
    np.savez_compressed(root / "expected.npz", **arrays)
    (root / "answers.json").write_text(json.dumps(answers))


def run(model, given):
    """Arrays of a model of `transformers`, named as ours."""
    import torch

    if "input_ids" in given:
        out = model(**{name: torch.tensor(given[name]) for name in given if name != "texts"})
    else:
        mask = {"bool_masked_pos": torch.tensor(given["mask"]).bool()} if "mask" in given else {}
        out = model(pixel_values=torch.tensor(given["pixels"]).permute(0, 3, 1, 2), **mask)
    if not hasattr(out, "logits"):
        return {"sequence_output": out.last_hidden_state.numpy(), "pooled_output": out.pooler_output.numpy()}
    logits = out.logits.detach()
    return {"logits": (logits.permute(0, 2, 3, 1) if logits.ndim == 4 else logits).numpy()}


def pipeline_task(config):
    name = config["architectures"][0]
    tasks = {"SequenceClassification": "text-classification", "ImageClassification": "image-classification"}
    return next(
        (task for end, task in (tasks | {"SemanticSegmentation": "image-segmentation"}).items() if name.endswith(end)), None
    )


def pipeline(task, folder, given):
    """The answers of a pipeline to texts, or to images: labels with scores, or the mask of each image."""
    import transformers
    from PIL import Image

    pipe = transformers.pipeline(task, str(folder), device="cpu")
    if task == "text-classification":
        return [{one["label"]: one["score"] for one in found} for found in pipe([*given["texts"].tolist()], top_k=None)]
    images = [Image.fromarray(image.astype("uint8")) for image in given["images"]]
    if task == "image-classification":
        return [{one["label"]: one["score"] for one in pipe(image, top_k=100)} for image in images]
    labels, masks = pipe.model.config.label2id, []
    for image in images:
        mask = np.zeros(image.size[::-1], int)
        for part in pipe(image, subtask="semantic"):
            mask[np.asarray(part["mask"]) > 0] = labels[part["label"]]
        masks.append(mask.tolist())
    return masks


def tune(model, given, config):
    """A few steps of training, with any labels."""
    import torch

    labels = torch.tensor([0, 1])
    if config["architectures"][0].endswith("SemanticSegmentation"):
        labels = torch.randint(0, 3, (2, *given["pixels"].shape[1:3]), generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(3):
        if "input_ids" in given:
            loss = model(
                input_ids=torch.tensor(given["input_ids"]), attention_mask=torch.tensor(given["attention_mask"]), labels=labels
            ).loss
        else:
            loss = model(pixel_values=torch.tensor(given["pixels"]).permute(0, 3, 1, 2), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# === Both sides ===


def texts_of(model):
    return SENTENCES if getattr(model, "backbone", model).vocabulary_size > 1000 else TEXTS


def ids_of(model):
    """Token ids that a model of texts is compared on."""
    import course_hw5

    if texts_of(model) is TEXTS:
        return IDS
    return np.stack([course_hw5.encode_sentence(text, 16, tokenizer=model.tokenizer) for text in SENTENCES])


def images_of(model, name):
    """Images that a model is compared on, whole numbers in [0, 255]: drawings of the documentation for a bundled model."""
    from PIL import Image

    if name not in BUNDLED:
        return pictures(model)
    height, width, _ = model.backbone.image_shape
    paths = sorted((pathlib.Path(__file__).parents[2] / "docs" / "drawings").glob("*.jpg"))[: 1 if height > 32 else None]
    return np.stack([np.asarray(Image.open(path).convert("RGB").resize((width, height))) for path in paths]).astype("float32")


def inputs_of(model, name):
    """What a model is called with."""
    from course_hw5.layers.bert_inputs import BertInputs

    names = [each.name for each in model.inputs]
    if "token_ids" in names:
        return ids_of(model) if len(names) == 1 else BertInputs(0)(IDS)
    images = images_of(model, name)
    return {"images": images / 255 - 0.5, "mask": MASK} if "mask" in names else images


def given_to_torch(model, name):
    """The same as arrays for `transformers`, and what its pipelines read."""
    inputs = inputs_of(model, name)
    if "token_ids" in [each.name for each in model.inputs]:
        ids = IDS if isinstance(inputs, dict) else inputs
        mask, backbone = (ids != 0).astype("int64"), getattr(model, "backbone", model)
        given = {"attention_mask": mask, "texts": np.array(texts_of(model))}
        if name.startswith("mpnet"):
            return given | {"input_ids": np.where(ids < 2, 1 - ids, ids)}
        is_pair = hasattr(model, "classifier") and backbone.vocabulary_size == len(PIECES)
        segments = np.minimum(np.cumsum(ids == 3, axis=1) - (ids == 3), 1) * mask if is_pair else 0 * ids
        return given | {"input_ids": ids, "token_type_ids": segments}
    if isinstance(inputs, dict):
        return {"pixels": inputs["images"], "mask": inputs["mask"], "images": inputs["images"]}
    rescaling = next(layer for layer in model.layers if layer.name == "rescaling")
    return {"pixels": np.asarray(rescaling(inputs)), "images": inputs}


def answers_of(model, name):
    """What a pipeline of `transformers` must answer: labels with scores, or masks; None for a model without classes."""
    import course_hw5

    if hasattr(model, "classifier"):
        texts = [course_hw5.encode_sentence(text, 16, tokenizer=model.tokenizer) for text in texts_of(model)]
        positive = np.asarray(model(np.stack(texts)))[:, 0]
        return [dict(zip(model.class_names, (1 - float(share), float(share)))) for share in positive]
    if not getattr(model, "num_classes", None):
        return None
    labels = model.class_names or [f"LABEL_{index}" for index in range(model.num_classes)]
    images = images_of(model, name)
    if hasattr(model, "channels"):
        segmenter = course_hw5.SceneSegmenter(model)
        return [segmenter.segment(image).tolist() for image in images.astype("uint8")]
    found = outputs_of(model, images)["logits"]
    found = 1 / (1 + np.exp(-found)) if model.activation == "sigmoid" else np.exp(found) / np.exp(found).sum(-1, keepdims=True)
    return [dict(zip(labels, row.tolist())) for row in found]


def answers_differ(found, expected):
    """How much answers differ: the largest difference of a score, or the share of pixels."""
    if isinstance(expected[0], dict):
        if [{*one} for one in found] != [{*one} for one in expected]:
            return np.inf
        return max(abs(ours[label] - theirs[label]) for ours, theirs in zip(found, expected) for label in ours)
    return float(np.mean(np.array(found) != np.array(expected)))


def differences(model, name, expected, answers, prefix=""):
    """The largest difference of each output of a model, in proportion where it is above 1, and of what a pipeline answers."""
    ours = outputs_of(model, inputs_of(model, name))
    kept = IDS != 0 if "token_ids" in [each.name for each in model.inputs] else ...
    found = {}
    for key, value in ours.items():
        theirs = expected[f"{prefix}{name}/{key}"]
        if hasattr(model, "classifier"):
            theirs = theirs - theirs[:, :1]  # the first logit is 0 here
        difference = np.abs(value - theirs) / max(1, np.abs(theirs).max())
        found[key] = float((difference[kept] if key == "sequence_output" else difference).max())
    if answers is not None:
        found["pipeline"] = answers_differ(answers_of(model, name), answers)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", default=sys.executable, help="a Python that has PyTorch and transformers")
    parser.add_argument("--update", action="store_true", help="write the golden files")
    parser.add_argument("--reference", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.reference:
        return reference(pathlib.Path(args.reference))

    import course_hw5
    from course_hw5.models.checkpoints import write

    with tempfile.TemporaryDirectory() as temporary:
        root, worst = pathlib.Path(temporary), 0.0
        models = {name: small_model(name) for name in CASES} | {name: course_hw5.load_model(name) for name in BUNDLED}
        for name, model in models.items():
            write.check(model)
            write.write_folder(model, root / name)
            np.savez(root / f"{name}.npz", **given_to_torch(model, name))
        subprocess.run([args.torch_python, __file__, "--reference", root], check=True)
        expected, answers = dict(np.load(root / "expected.npz")), json.loads((root / "answers.json").read_text())
        for name, model in models.items():
            found = differences(model, name, expected, answers.get(name))
            if name in TUNED:
                tuned = differences(course_hw5.load_model(root / "tuned" / name), name, expected, None, "tuned/")
                found |= {f"tuned {key}": value for key, value in tuned.items()}
            print(f"{name:22}" + "  ".join(f"{key} {value:.1e}" for key, value in found.items()), flush=True)
            worst = max(worst, *found.values())
        if args.update:
            shutil.rmtree(GOLDEN, ignore_errors=True)
            shutil.copytree(root / "tuned", GOLDEN / "tuned")
            np.savez_compressed(GOLDEN / "expected.npz", **expected)
            whole = {"folders": {name: digest(root / name) for name in CASES}, "pipelines": answers}
            (GOLDEN / "expected.json").write_text(json.dumps(whole) + "\n")
    sys.exit(0 if worst <= TOLERANCE else f"The largest difference must be at most {TOLERANCE}. Found: {worst:.1e}")


if __name__ == "__main__":
    main()
