"""What the lab of maps reads: texts, images, and two small models by hand, of which it is known what their attention is for."""

import os
import pathlib
from typing import Any, NamedTuple

import keras
import numpy as np
from jaxtyping import UInt8
from sklearn.datasets import load_sample_image

import course_hw5
from course_hw5.data.image_files import fit_image
from course_hw5.data.tfds import read_splits
from course_hw5.labs.support import receptive_fields, sentiment
from course_hw5.models.beit import beit_backbone
from course_hw5.models.beit_tasks import BeitClassifier, beit_classifier
from course_hw5.models.bert import bert_backbone
from course_hw5.models.bert_classifier import BertClassifier, bert_classifier
from course_hw5.text.tokenizer import SPECIAL_TOKENS

WORDS = tuple("abcdefghijklmnop")
SIDE, PATCH = 16, 4  # of the images of the small model, in pixels


class Evidence(NamedTuple):
    """A model, what it reads (token ids, or images), the class that is asked for, and what it is."""

    model: BertClassifier | BeitClassifier
    sources: np.ndarray
    target: str | None
    note: str


def texts(model: str, count: int, seed: int) -> Evidence:
    """Of "trained", the bundled classifier and short sentences; of the models by hand, sentences of eight words."""
    if model == "trained":
        classifier, data = sentiment.classifier_and_sentences(count, seed, longest=16)
        return Evidence(classifier, data.token_ids, None, data.note)
    random, first = np.random.default_rng(seed), len(SPECIAL_TOKENS)
    words = np.array([first + random.permutation(len(WORDS))[:8] for _ in range(count)])
    by_hand = small_bert(model)
    token_ids = np.pad(words, ((0, 0), (1, 1)))
    token_ids[:, 0], token_ids[:, -1] = by_hand.tokenizer.cls_token_id, by_hand.tokenizer.sep_token_id
    return Evidence(by_hand, token_ids, "positive", f"{count} of 8 letters")


def images(model: str, count: int, seed: int) -> Evidence:
    """Of "trained", the bundled BEiT and CIFAR-10's test set, or squares of photographs; else patches of random colours."""
    if model == "trained":
        return Evidence(course_hw5.load_model("beit-cifar10"), *_small_images(count, seed))
    random = np.random.default_rng(seed)
    levels = np.linspace(64, 191, (SIDE // PATCH) ** 2)
    grids = np.full((count, len(levels), 3), 127, "uint8")
    for grid in grids:
        grid[:, 0], grid[:, 2] = random.permutation(levels), random.permutation(levels)
    pixels = np.kron(grids.reshape(count, SIDE // PATCH, -1, 3), np.ones((1, PATCH, PATCH, 1), "uint8"))
    return Evidence(small_beit(model), pixels, "yes", f"{count} of coloured squares")


def _small_images(count, seed) -> tuple[UInt8[np.ndarray, "count 32 32 3"], None, str]:
    random, folder = np.random.default_rng(seed), os.environ.get("TFDS_DATA_DIR")
    if folder and pathlib.Path(folder, "cifar10").is_dir():
        [split] = read_splits("cifar10", ("test",), "www.cs.toronto.edu")[1]
        chosen = np.arange(seed * count, (seed + 1) * count) % len(split["image"])
        return split["image"][chosen], None, f"{count} of CIFAR-10's test set"
    squares = []
    photographs = [load_sample_image(name) for name in receptive_fields.IMAGES]
    for index in range(count):
        photograph, side = photographs[index % len(photographs)], int(random.integers(96, 256))
        row, column = (random.integers(size - side) for size in photograph.shape[:2])
        squares.append(fit_image(photograph[row : row + side, column : column + side], (32, 32)))
    return np.stack(squares), None, f"{count} squares of two photographs"


def small_bert(answers_by: str) -> BertClassifier:
    """A BERT of one layer, whose first head looks at the words that come late in the alphabet.

    Args:
        answers_by: "attention": the more this head looks at words, rather than at special tokens and [MASK], the more positive;
            "elsewhere": its second head, which looks at all alike, sums what each word is worth, which has nothing to do with
            the alphabet. What the first head sees then moves nothing.
    """
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8, "max_sequence_length": 16}
    backbone = bert_backbone("tiny", vocabulary=(*SPECIAL_TOKENS, *WORDS), **sizes)
    model = bert_classifier(backbone)
    zero_weights(model)
    levels = np.arange(1, 1 + len(WORDS)) / len(WORDS)
    table = np.zeros(backbone.token_embedding.embeddings.shape, "float32")
    table[:, 2] = 2  # a feature that all tokens have, so that normalization changes little
    words = slice(len(SPECIAL_TOKENS), len(SPECIAL_TOKENS) + len(WORDS))
    table[words, 0], table[words, 6] = levels, 0.5
    if answers_by == "elsewhere":
        table[words, 4] = np.random.default_rng(1).permutation(levels)
    table[:, 1::2] = -table[:, ::2]
    backbone.token_embedding.embeddings.assign(table)
    attention = backbone.transformer_layers[0].attention
    set_numbers(attention.query_dense.bias, (0, 0), 6)
    set_numbers(attention.key_dense.kernel, (0, 0, 0), 1)
    head, feature = (0, 6) if answers_by == "attention" else (1, 4)
    set_numbers(attention.value_dense.kernel, (feature, head, 0), 1)
    set_numbers(attention.output_dense.kernel, (head, 0), [1, -1, 0, 0, 0, 0, 0, 0])
    set_numbers(backbone.pooled_dense.kernel, (0, 0), 0.1)  # where tanh is nearly linear
    set_numbers(model.classifier.kernel, (0, 0), 100)
    return model


def small_beit(answers_by: str) -> BeitClassifier:
    """A BEiT of one layer, whose first head looks at red; it answers by how red that is, or by how blue the image is."""
    backbone = beit_backbone(
        image_shape=(SIDE, SIDE, 3), patch_size=PATCH, hidden_dim=8, num_layers=1, num_heads=2, layer_scale_init=0.0
    )
    model = beit_classifier(backbone, 2, pooling="cls", class_names=("yes", "no"))
    zero_weights(model)
    embedding, attention, mean = backbone.patch_embedding, backbone.blocks[0].attention, 1 / PATCH**2
    red, blue = np.tile([mean, 0, 0], PATCH**2), np.tile([0, 0, mean], PATCH**2)
    embedding.kernel.assign(np.outer(red, [1, -1, 0, 0, 0, 0, 0, 0]) + np.outer(blue, [0, 0, 0, 0, 1, -1, 0, 0]))
    embedding.bias.assign([0, 0, 2, -2, 0, 0, 0, 0])
    embedding.cls_token.assign(np.reshape([0, 0, 2, -2, 0, 0, 0, 0], (1, 1, 8)))
    set_numbers(attention.qkv_kernel, (2, 0), 1)  # the query of head 0 is the same for all
    set_numbers(attention.qkv_kernel, (0, 8), 0.8)  # its key is how red a patch is
    feature, head = (0, 0) if answers_by == "attention" else (4, 1)
    set_numbers(attention.qkv_kernel, (feature, 16 + 4 * head), 1)
    set_numbers(attention.output_kernel, 4 * head, [1, -1, 0, 0, 0, 0, 0, 0])
    set_numbers(model.logits.kernel, (0, 0), 16)
    return model


def zero_weights(model: keras.Model) -> None:
    """Sets all weights to 0 but the scales of normalization."""
    for weight in model.weights:
        if not weight.path.endswith("gamma"):
            weight.assign(np.zeros(weight.shape))


def set_numbers(weight: keras.Variable, index: Any, value: Any) -> None:
    """Sets some numbers of a weight, by an index of NumPy."""
    array = np.array(weight)
    array[index] = value
    weight.assign(array)
