"""What two labs need of sentiment: labelled sentences, and the bundled classifier in parts."""

import contextlib
import os
import pathlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

import keras
import numpy as np
from jaxtyping import Float, Integer

from course_hw5.data.tfds import read_splits
from course_hw5.models.bert_classifier import BertClassifier
from course_hw5.text import encoding

# For where SST-2 is not at hand. Plain on purpose: what a lab takes away must be what makes them go wrong.
PLAIN_SENTENCES = {
    1: (
        "A warm and funny film from start to finish",
        "The acting is superb",
        "What a delightful surprise",
        "Without doubt the best film of the year",
        "The story is simple, but it works beautifully",
        "I liked this movie because of its genre",
        "I expected little and got a masterpiece",
        "A moving and honest portrait of a family",
        "Every scene is a pleasure to watch",
        "The music is lovely and the ending perfect",
        "Smart, fast and very entertaining",
        "A thrilling ride with a great cast",
        "She gives the finest performance of her career",
        "It never gets boring",
        "I loved every minute of it",
        "Gentle, wise and full of charm",
        "The jokes are fresh and the pace is right",
        "A beautiful film about friendship",
        "It is not perfect, but it is wonderful",
        "You will not regret a minute of it",
        "A clever script and brilliant direction",
        "An unforgettable story, told with care",
        "The children in the cinema laughed all the way through",
        "Far better than the first part",
    ),
    0: (
        "The plot makes no sense",
        "I did not like it",
        "A waste of two hours",
        "The actors look as bored as I was",
        "It could have been great, but it is not",
        "Too long, too loud and too stupid",
        "Even the music is dull",
        "Nothing in it made me laugh",
        "This is not the masterpiece they promised",
        "A lazy and pointless sequel",
        "The dialogue is terrible",
        "I fell asleep in the middle",
        "An ugly, noisy mess",
        "The story is predictable and the ending is silly",
        "Badly written and badly acted",
        "It is beautiful to look at, but it is empty",
        "A painful failure from a good director",
        "The jokes are old and none of them is funny",
        "Boring from the first scene to the last",
        "It has no heart and no ideas",
        "I wanted my money back",
        "A clumsy film without any tension",
        "The worst performance of his career",
        "Cheap effects and a weak script",
    ),
}


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


def labelled_sentences(count: int, seed: int, longest: int) -> LabelledSentences:
    """Takes sentences of SST-2's test set where `TFDS_DATA_DIR` holds it, or else plain ones of our own.

    Args:
        count: how many at most.
        seed: decides which.
        longest: tokens of the longest, which all are padded to: a model is compiled once for each shape.
    """
    folder = os.environ.get("TFDS_DATA_DIR")
    if folder and (pathlib.Path(folder) / "glue" / "sst2").is_dir():
        # not by `load_reviews`, which would tokenize the 67,349 phrases to train on
        [split] = filter(None, read_splits("glue/sst2", ("validation",), "dl.fbaipublicfiles.com", instead="")[1])
        rows = [(text.decode(), label) for text, label in zip(split["sentence"], split["label"])]
        source = f"of SST-2's test set, of at most {longest} tokens"
    else:
        rows = [(text, label) for label, texts in PLAIN_SENTENCES.items() for text in texts]
        source = "of our own, plain ones"
    chosen = []
    for index in np.random.default_rng(seed).permutation(len(rows)):
        text, label = rows[index]
        ids = encoding.token_ids(text.lower(), longest + 1)
        if len(ids) <= longest and len(chosen) < count:
            chosen.append((np.pad(ids, (0, longest - len(ids))), label))
    token_ids, labels = (np.array(part, "int32") for part in zip(*chosen))
    return LabelledSentences(token_ids, labels, f"{len(chosen)} {source}")


def embedded(
    model: BertClassifier, token_ids: Integer[np.ndarray, "sentences tokens"], vectors: Collection[str] = VECTORS
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """What the first encoder layer of a `bert_classifier` reads if these vectors are summed, and the mask that goes with it."""
    backbone, inputs = model.backbone, model.bert_inputs(token_ids)
    token = backbone.token_embedding(inputs["token_ids"])
    parts = (token, backbone.position_embedding(token), backbone.segment_embedding(inputs["segment_ids"]))
    total = sum((part for name, part in zip(VECTORS, parts) if name in vectors), 0 * token)
    return backbone.embeddings_layer_norm(total), inputs["padding_mask"]


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


def without_each_head(
    model: BertClassifier, token_ids: Integer[np.ndarray, "sentences tokens"]
) -> Float[np.ndarray, "layers heads sentences"]:
    """Takes each head out of a `bert_classifier` in turn: the output kernel makes nothing of it.

    Returns:
        Probabilities `(layers, heads, sentences)`.
    """
    (x, mask), backbone, probabilities = embedded(model, token_ids), model.backbone, []
    for index, encoder in enumerate(backbone.transformer_layers):
        classifier = classifier_from(model, index)  # what comes before does not change
        kernel = _attention_variables(encoder)["attention_output/kernel"]  # (heads, size, hidden_dim)
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
    variables = [_attention_variables(encoder) for encoder in model.backbone.transformer_layers]
    parts = [layer[f"{name}/{part}"] for layer in variables for name in ("query", "key") for part in ("kernel", "bias")]
    before = [part.numpy() for part in parts]
    for part, values in zip(parts, before):  # (hidden_dim, heads, size), (heads, size)
        part.assign(np.broadcast_to(values[..., head : head + 1, :], values.shape))
    try:
        yield
    finally:
        for part, values in zip(parts, before):
            part.assign(values)


def _attention_variables(encoder):
    """Of one layer, by what their path ends with: "query/kernel"."""
    return {
        variable.path.split("self_attention_layer/")[1]: variable
        for variable in encoder.weights
        if "self_attention_layer/" in variable.path
    }
