"""BERT reads the sum of three vectors and needs each of them; [CLS] and [SEP] matter less, since a word can take their place.

Source: question 2-1 (1), figures 4 and 5, and Devlin et al. 2019 (https://arxiv.org/abs/1810.04805), section 3 and figure 2.

The token, position and segment vectors of a pair of sentences are shown. Then the bundled sentiment classifier reads labelled
sentences, each time with one thing left out: a vector of the sum, [CLS], [SEP] or both. What is measured is its accuracy and
how far the probability of "positive" moves.

It would be refuted if the encoder gave another answer for the sum than for the sentence, or if a vector could be left out with
less harm than [CLS] and [SEP]. `reads="token"` has the encoder read token vectors alone, so that nothing is lost by leaving out
the other two, and refutes it.

Loose in the homework: [CLS] and [SEP] are named as if the input needed them. The classifier reads whatever token stands first;
with [CLS] gone that is a word, and attention turns to it. [SEP] has nothing to separate where there is one sentence. Nor do
segments say anything there, since all tokens have the same: the encoder is merely used to that shift.
"""

import keras
import numpy as np
from jaxtyping import Float, Integer

import course_hw5
from course_hw5.explanation.embeddings import embedding_parts
from course_hw5.labs.figures import plot_embeddings as figures
from course_hw5.labs.support.result import Check, LabResult, Measurement, check_choice
from course_hw5.labs.support.sentiment import VECTORS, classifier_from, embedded, labelled_sentences
from course_hw5.models.bert_classifier import BertClassifier
from course_hw5.reports.plots import embedding_plot
from course_hw5.text.tokenizer import BertTokenizer

KEYS = {
    "the token vectors": "token",
    "the position vectors": "position",
    "the segment vectors": "segment",
    "[CLS]": "cls",
    "[SEP]": "sep",
    "[CLS] and [SEP]": "both",
}
PAIR = ("I liked it", "So did I")


def run(seed: int = 0, reads: str = "sum", sentences: int = 120) -> LabResult:
    """Runs the lab.

    Args:
        seed: decides which sentences are taken.
        reads: what the encoder reads: the "sum" of the three vectors, or the "token" vector alone.
        sentences: how many are read, at most; of SST-2 where `TFDS_DATA_DIR` holds it.
    """
    check_choice("reads", reads, ("sum", "token"))
    keras.utils.set_random_seed(seed)
    model = course_hw5.load_model("sentiment-minilm")
    data, tokenizer = labelled_sentences(sentences, seed, longest=24), model.tokenizer
    vectors = VECTORS if reads == "sum" else VECTORS[:1]
    classifier = classifier_from(model, 0)

    def positive(without=(), token_ids=data.token_ids):
        states, mask = embedded(model, token_ids, [name for name in vectors if name not in without])
        return classifier.predict_on_batch([states, mask])[:, 0]

    no_cls, no_sep = (left_out(data.token_ids, id_) for id_ in (tokenizer.cls_token_id, tokenizer.sep_token_id))
    whole = positive()
    without = {
        "the token vectors": positive(["token"]),
        "the position vectors": positive(["position"]),
        "the segment vectors": positive(["segment"]),
        "[CLS]": positive(token_ids=no_cls),
        "[SEP]": positive(token_ids=no_sep),
        "[CLS] and [SEP]": positive(token_ids=left_out(no_sep, tokenizer.cls_token_id)),
    }
    accuracy, whole_accuracy = {name: float(data.accuracy(part)) for name, part in without.items()}, float(data.accuracy(whole))
    moved = {name: float(np.abs(part - whole).mean()) for name, part in without.items()}
    of_vectors, of_tokens = [*moved.values()][:3], [*moved.values()][3:]
    difference = float(np.abs(whole - model.predict_on_batch(data.token_ids)[:, 0]).max())
    tokens, parts = embedding_parts(model, PAIR[0], other=PAIR[1])
    shares = {name: attention_shares(model, ids, tokenizer) for name, ids in (("with", data.token_ids), ("without", no_cls))}
    return LabResult(
        claim=__doc__.splitlines()[0],
        checks=[
            Check("sum", "the encoder gives the same for the sum as the model for the sentence", difference < 1e-4),
            Check(
                "vectors_are_needed",
                "without any one of the three vectors, the probability moves by more than 0.05",
                min(of_vectors) > 0.05,
            ),
            Check(
                "tokens_matter_little",
                "without [CLS], [SEP] or both, accuracy falls by 10 percentage points at most",
                whole_accuracy - min(accuracy[name] for name in [*without][3:]) <= 0.1,
            ),
            Check(
                "vectors_matter_more",
                "and the probability moves less than without any vector",
                max(of_tokens) < min(of_vectors),
            ),
        ],
        measurements=[
            Measurement("sentences", "sentences read", data.note),
            Measurement("accuracy", "accuracy", float(whole_accuracy)),
            Measurement("difference", "largest difference between sum and sentence", difference),
            *(
                Measurement(f"accuracy_without_{KEYS[name]}", f"accuracy without {name}", float(value))
                for name, value in accuracy.items()
            ),
            *(
                Measurement(f"change_without_{KEYS[name]}", f"mean change of the probability without {name}", value)
                for name, value in moved.items()
            ),
            Measurement(
                "accuracy_of_last",
                "accuracy, were the classifier to read the last token",
                float(data.accuracy(read_last(model, data.token_ids))),
            ),
            *(
                Measurement(
                    f"attention_to_first_{name}", f"attention to the first token, {name} [CLS]", float(part["first"].mean())
                )
                for name, part in shares.items()
            ),
            Measurement("attention_to_sep", "attention to [SEP]", float(shares["with"]["[SEP]"].mean())),
        ],
        figures={
            f"“{PAIR[0]}” and “{PAIR[1]}”: three vectors for each token, and their sum after normalization": embedding_plot(
                tokens, parts
            ),
            f"What is lost without each: {data.note}": figures.losses(accuracy, whole_accuracy, moved),
            "What attention goes to in each layer: without [CLS], the first word takes its place": figures.attention_shares(
                shares
            ),
        },
    )


def left_out(token_ids: Integer[np.ndarray, "sentences tokens"], id_: int) -> Integer[np.ndarray, "sentences tokens"]:
    """Rows of token ids without one id; what comes after it moves up, and a 0 is added."""
    order = np.argsort(token_ids == id_, axis=1, kind="stable")
    rows = np.where(token_ids == id_, 0, token_ids)
    return np.take_along_axis(rows, order, axis=1)


def read_last(model: BertClassifier, token_ids: Integer[np.ndarray, "sentences tokens"]) -> Float[np.ndarray, " sentences"]:
    """Probabilities if the classifier read the last token, which is [SEP], in place of the first."""
    states = model.backbone(model.bert_inputs(token_ids))["sequence_output"]
    states = keras.ops.convert_to_numpy(states)[np.arange(len(token_ids)), (token_ids != 0).sum(axis=1) - 1]
    return keras.ops.convert_to_numpy(model.classifier(model.backbone.pooled_dense(states)))[:, 0]


def attention_shares(
    model: BertClassifier, token_ids: Integer[np.ndarray, "sentences tokens"], tokenizer: BertTokenizer, most: int = 32
) -> dict[str, Float[np.ndarray, " layers"]]:
    """The share of attention that goes to what stands first, to [SEP] and to the rest, in each layer: `(layers,)` each."""
    token_ids = token_ids[:most]
    weights = keras.ops.convert_to_numpy(course_hw5.attention_model(model)(token_ids))
    queries = (token_ids != 0)[:, None, None, :, None]
    received = (weights * queries).sum((2, 3)) / queries.sum((2, 3)) / weights.shape[2]  # (sentences, layers, keys)
    separators = (token_ids == tokenizer.sep_token_id)[:, None]
    first, separator = received[..., 0].mean(0), (received * separators).sum(-1).mean(0)
    return {"first": first, "[SEP]": separator, "rest": 1 - first - separator}
