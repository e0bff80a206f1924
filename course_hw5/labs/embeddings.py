"""BERT reads the sum of three embeddings and needs each of them; [CLS] and [SEP] matter less: a word can take their place.

Source: question 2-1 (1), figures 4 and 5, and Devlin et al. 2019 (https://arxiv.org/abs/1810.04805), section 3 and figure 2.

The token, position and segment vectors of a pair of sentences are shown. Then the bundled sentiment classifier reads labelled
sentences, each time with one thing left out: a vector of the sum, [CLS], [SEP] or both. What is measured is its accuracy and
how far the probability of "positive" moves.

It would be refuted if the encoder gave another answer for the sum than for the sentence, or if a vector could be left out with
less harm than [CLS] and [SEP]. `reads="token"` has the encoder read token vectors alone, so that nothing is lost by leaving out
the other two, and refutes it.

Loose in the homework: [CLS] and [SEP] are named as if the input needed them. The classifier reads whatever token stands first;
with [CLS] gone that is a word, and attention turns to it. [SEP] has nothing to separate where there is one sentence. Nor do
segments say anything there, since all tokens have the same; the encoder is merely used to that vector.
"""

import keras
import numpy as np

import course_hw5
from course_hw5.explanation.text import embedding_parts
from course_hw5.labs.support import drawing, sentiment
from course_hw5.labs.support.result import LabResult, check_choice
from course_hw5.reports import plots

KEYS = (*sentiment.VECTORS, "cls", "sep", "both")  # of what is left out
PAIR = ("I liked it", "So did I")


def run(seed: int = 0, reads: str = "sum", sentences: int = 120) -> LabResult:
    """Runs the lab.

    Args:
        seed: decides which sentences are taken.
        reads: what the encoder reads: the "sum" of the three vectors, or the "token" vector alone.
        sentences: how many are read, at most; of SST-2 where `TFDS_DATA_DIR` holds it.
    """
    check_choice("reads", reads, ("sum", "token"))
    result = LabResult(__doc__)
    model, data = sentiment.classifier_and_sentences(sentences, seed, longest=24)
    tokenizer = model.tokenizer
    vectors = sentiment.VECTORS if reads == "sum" else sentiment.VECTORS[:1]
    classifier = sentiment.classifier_from(model, 0)

    def positive(token_ids, without=""):
        states, mask = sentiment.embedded(model, token_ids, [name for name in vectors if name != without])
        return classifier.predict_on_batch([states, mask])[:, 0]

    no_cls, no_sep = (left_out(data.token_ids, id_) for id_ in (tokenizer.cls_token_id, tokenizer.sep_token_id))
    no_both = left_out(no_sep, tokenizer.cls_token_id)
    whole = positive(data.token_ids)
    without = {f"the {name} vectors": positive(data.token_ids, without=name) for name in sentiment.VECTORS}
    without |= {"[CLS]": positive(no_cls), "[SEP]": positive(no_sep), "[CLS] and [SEP]": positive(no_both)}
    accuracy = {name: float(data.accuracy(part)) for name, part in without.items()}
    moved = {name: float(np.abs(part - whole).mean()) for name, part in without.items()}

    result.measure("sentences", "sentences read", data.note)
    whole_accuracy = result.measure("accuracy", "accuracy with nothing left out", data.accuracy(whole))
    difference = np.abs(whole - model.predict_on_batch(data.token_ids)[:, 0]).max()
    result.measure("difference", "largest difference between the outputs for the sum and for the sentence", difference)
    for kind, label, values in (("accuracy", "accuracy", accuracy), ("change", "mean change of the probability", moved)):
        for key, (name, value) in zip(KEYS, values.items()):
            result.measure(f"{kind}_without_{key}", f"{label} without {name}", value)
    last = data.accuracy(_read_last(model, data.token_ids))
    result.measure("accuracy_of_last", "accuracy if the classifier reads the last token", last)
    shares = {name: _attention_shares(model, ids) for name, ids in (("with", data.token_ids), ("without", no_cls))}
    for name, part in shares.items():
        result.measure(f"attention_to_first_{name}", f"attention to the first token, {name} [CLS]", part["first"].mean())
    result.measure("attention_to_sep", "attention to [SEP]", shares["with"]["[SEP]"].mean())

    of_vectors, of_tokens = [*moved.values()][:3], [*moved.values()][3:]
    result.check("sum", "the model's output for the sum of the vectors equals that for the sentence", difference < 1e-4)
    label = "without each of the three vectors, the probability changes by more than 0.05 on average"
    result.check("vectors_are_needed", label, min(of_vectors) > 0.05)
    label = "without [CLS], [SEP] or both, accuracy falls by at most 10 percentage points"
    result.check("tokens_matter_little", label, whole_accuracy - min([*accuracy.values()][3:]) <= 0.1)
    label = "without [CLS], [SEP] or both, the probability changes less than without any of the three vectors"
    result.check("vectors_matter_more", label, max(of_tokens) < min(of_vectors))

    caption = f"“{PAIR[0]}” and “{PAIR[1]}”: three vectors for each token, and their sum after normalization"
    result.figures[caption] = plots.embedding_plot(*embedding_parts(model, *PAIR))
    caption = f"Accuracy and change of the probability without each part: {data.note}"
    _, (left, right) = result.subplots(caption, 1, 2, sharey=True, figsize=(11, 3.6))
    colors = [drawing.COLORS[0]] * 3 + [drawing.COLORS[1]] * 3
    drawing.bars(left, accuracy, colors, "{:.3f}", padding=0, label_type="center", color="white")
    left.axvline(whole_accuracy, color="0.3", linestyle=":")
    left.set(xlim=(0, 1), xlabel="accuracy; dotted, with nothing left out", title="without …")
    drawing.bars(right, moved, colors, "{:.3f}")
    right.set(xlim=(0, 1.2 * max(moved.values()) or 1), xlabel="mean change of the probability of “positive”")
    caption = "What attention goes to in each layer: without [CLS], the first word takes its place"
    figure, panels = result.subplots(caption, 1, 2, sharey=True, figsize=(9, 3.6))
    for axes, (name, share) in zip(panels, shares.items()):
        bottom = 0
        for values, label, color in zip(share.values(), ("first token", "[SEP]", "other words"), drawing.COLORS):
            axes.bar(np.arange(len(values)), values, bottom=bottom, color=color, label=label)
            bottom = bottom + values
        axes.set(xlabel="layer", xticks=np.arange(len(values)), ylim=(0, 1), title=f"{name} [CLS]")
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("share of the attention")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return result


def left_out(token_ids: sentiment.TokenIds, id_: int) -> sentiment.TokenIds:
    """Rows of token ids without one id; what comes after it moves up, and a 0 is added."""
    order = np.argsort(token_ids == id_, axis=1, kind="stable")
    return np.take_along_axis(np.where(token_ids == id_, 0, token_ids), order, axis=1)


def _read_last(model, token_ids):
    """Probabilities if the classifier read the last token, which is [SEP], in place of the first."""
    states = model.backbone(model.bert_inputs(token_ids))["sequence_output"]
    states = keras.ops.convert_to_numpy(states)[np.arange(len(token_ids)), (token_ids != 0).sum(axis=1) - 1]
    return keras.ops.convert_to_numpy(model.classifier(model.backbone.pooled_dense(states)))[:, 0]


def _attention_shares(model, token_ids, most=32):
    """The share of attention that goes to what stands first, to [SEP] and to the rest, in each layer: `(layers,)` each."""
    token_ids = token_ids[:most]
    weights = keras.ops.convert_to_numpy(course_hw5.attention_model(model)(token_ids))
    queries = (token_ids != 0)[:, None, None, :, None]
    received = (weights * queries).sum((2, 3)) / queries.sum((2, 3)) / weights.shape[2]  # (sentences, layers, keys)
    separators = (token_ids == model.tokenizer.sep_token_id)[:, None]
    first, separator = received[..., 0].mean(0), (received * separators).sum(-1).mean(0)
    return {"first": first, "[SEP]": separator, "rest": 1 - first - separator}
