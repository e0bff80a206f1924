"""What three labs need of sentiment: the bundled classifier, whole and in parts, and labelled sentences."""

import contextlib
import os
import pathlib
from collections.abc import Collection, Iterator
from typing import NamedTuple, TypeAlias

import keras
import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

import course_hw5
from course_hw5 import hub
from course_hw5.data.tfds import read_splits
from course_hw5.models.bert_classifier import BertClassifier
from course_hw5.text.encoding import encode_sentence

TokenIds: TypeAlias = Integer[np.ndarray, "sentences tokens"]

VECTORS = ("token", "position", "segment")  # of each token, which BERT sums


class LabelledSentences(NamedTuple):
    """Int32 token ids `(sentences, longest)`, padded with 0; labels `(sentences,)`, 1 for positive; which sentences."""

    token_ids: np.ndarray
    labels: np.ndarray
    note: str

    def accuracy(self, probabilities: Float[np.ndarray, "... sentences"]) -> Float[np.ndarray, "..."]:
        """Share of sentences read rightly, given `(..., sentences or more)`; what is more is left out."""
        return ((probabilities[..., : len(self.labels)] > 0.5) == self.labels).mean(-1)

    def probability_of_right(self, probabilities: Float[np.ndarray, "... sentences"]) -> Float[np.ndarray, "..."]:
        """Mean probability of the right label; finer than accuracy where sentences are few."""
        probabilities = probabilities[..., : len(self.labels)]
        return np.where(self.labels, probabilities, 1 - probabilities).mean(-1)


def classifier_and_sentences(count: int, seed: int, longest: int) -> tuple[BertClassifier, LabelledSentences]:
    """Loads the bundled classifier, and sentences for it: of SST-2's test set where `TFDS_DATA_DIR` holds it, else plain ones.

    The classifier is "sentiment-small" where MiniLM is neither installed nor cached; the note of the sentences then says so.

    Args:
        count: how many sentences at most.
        seed: decides which.
        longest: tokens of the longest, which all are padded to: a model is compiled once for each shape.
    """
    name = hub.sentiment_preset()
    model = course_hw5.load_model(name)
    folder = os.environ.get("TFDS_DATA_DIR")
    if folder and os.path.isdir(os.path.join(folder, "glue", "sst2")):
        # not by `load_reviews`, which would tokenize the 67,349 phrases to train on
        [split] = filter(None, read_splits("glue/sst2", ("validation",), "dl.fbaipublicfiles.com", instead="")[1])
        rows = [(text.decode(), label) for text, label in zip(split["sentence"], split["label"])]
        source = f"of SST-2's test set, of at most {longest} tokens"
    else:
        # plain on purpose: what a lab takes away must be what makes them go wrong
        plain = pd.read_csv(pathlib.Path(__file__).with_name("plain_sentences.tsv"), sep="\t")
        rows = [(text, label) for label, column in ((1, "positive"), (0, "negative")) for text in plain[column]]
        source = "of our own, plain ones"
    if name != hub.SENTIMENT:
        source += f", read by {name}"
    shuffled = (rows[index] for index in np.random.default_rng(seed).permutation(len(rows)))
    encoded = ((encode_sentence(text.lower(), longest + 1, tokenizer=model.tokenizer), label) for text, label in shuffled)
    chosen = [(ids[:-1], label) for ids, label in encoded if ids[-1] == 0][:count]  # those that fit
    token_ids, labels = (np.array(part, "int32") for part in zip(*chosen))
    return model, LabelledSentences(token_ids, labels, f"{len(chosen)} {source}")


def embedded(model: BertClassifier, token_ids: TokenIds, vectors: Collection[str] = VECTORS) -> tuple:
    """What the first encoder layer of a `bert_classifier` reads if these vectors are summed, and the mask that goes with it."""
    inputs = model.bert_inputs(token_ids)
    parts = model.backbone.embed(inputs)
    total = sum((parts[name] for name in vectors), 0 * parts["token"])
    return model.backbone.embeddings_layer_norm(total), inputs["padding_mask"]


def classifier_from(model: BertClassifier, first: int) -> keras.Model:
    """Makes the model that goes on where layer `first` of a `bert_classifier` begins, with the same weights.

    Returns:
        Compiled `keras.Model`: states `(batch, tokens, hidden_dim)` and an int mask `(batch, tokens)`, 0 where padded, to the
        probability of "positive" `(batch, 1)`.
    """
    backbone = model.backbone
    states = x = keras.Input((None, backbone.hidden_dim))
    mask = keras.Input((None,), dtype="int32")
    for encoder in backbone.transformer_layers[first:]:
        x = encoder(x, padding_mask=mask)
    classifier = keras.Model([states, mask], model.classifier(backbone.pooled_dense(x[:, 0])))
    classifier.compile(jit_compile=False)
    return classifier


def without_each_head(model: BertClassifier, token_ids: TokenIds) -> Float[np.ndarray, "layers heads sentences"]:
    """Takes each head out of a `bert_classifier` in turn: the output kernel makes nothing of it.

    Returns:
        Probabilities `(layers, heads, sentences)`.
    """
    (x, mask), backbone, probabilities = embedded(model, token_ids), model.backbone, []
    for index, encoder in enumerate(backbone.transformer_layers):
        classifier = classifier_from(model, index)  # what comes before does not change
        kernel = encoder.attention.output_dense.kernel  # (heads, size, hidden_dim)
        whole = kernel.numpy()
        for head in range(len(whole)):
            kernel.assign(whole * (np.arange(len(whole)) != head)[:, None, None])
            probabilities.append(classifier.predict_on_batch([x, mask])[:, 0])
        kernel.assign(whole)
        x = encoder(x, padding_mask=mask)
    return np.reshape(probabilities, (index + 1, len(whole), -1))


@contextlib.contextmanager
def heads_alike(model: BertClassifier, head: int) -> Iterator[None]:
    """In each layer of a `bert_classifier` all heads get the queries and keys of one, and keep their values."""
    before = model.get_weights()
    for encoder in model.backbone.transformer_layers:
        for dense in (encoder.attention.query_dense, encoder.attention.key_dense):
            for variable in dense.weights:  # (hidden_dim, heads, size), (heads, size)
                variable.assign(keras.ops.broadcast_to(variable[..., head : head + 1, :], variable.shape))
    try:
        yield
    finally:
        model.set_weights(before)
