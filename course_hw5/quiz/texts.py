"""Images of what BERT reads and where it looks, by small models with random weights, or with weights by hand."""

import functools

import keras
import numpy as np
import scipy.special
import seaborn

import course_hw5
from course_hw5.explanation.text import embedding_parts
from course_hw5.labs.support import drawing, evidence
from course_hw5.models import bert, bert_classifier
from course_hw5.quiz.questions import Drawing
from course_hw5.reports import plots
from course_hw5.text.encoding import encode
from course_hw5.text.tokenizer import SPECIAL_TOKENS

PAIR = ("i liked it", "so did i")


@functools.cache
def small_bert() -> bert_classifier.BertClassifier:
    """A classifier of two layers that knows five words; its weights are random, and the same each time."""
    keras.utils.set_random_seed(0)
    vocabulary = (*SPECIAL_TOKENS, *sorted({word for text in PAIR for word in text.split()}))
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 32, "max_sequence_length": 16}
    model = bert_classifier.bert_classifier(bert.bert_backbone("tiny", vocabulary=vocabulary, **sizes))
    random = np.random.default_rng(0)  # what training would spread is still near 0
    model.set_weights([weights + random.normal(scale=0.3, size=weights.shape) for weights in model.get_weights()])
    return model


def three_embeddings() -> Drawing:
    """The vectors of a pair of sentences in which a word stands twice."""
    tokens, parts = embedding_parts(small_bert(), *PAIR)
    first, second = (index for index, token in enumerate(tokens) if token == "i")
    differ = {name: not np.allclose(part[first], part[second]) for name, part in parts.items()}
    shown = {name: parts[name] for name in ("token", "position", "segment")}
    position, segment = differ["position"], differ["segment"]
    facts = {"none": not differ["sum"], "token": differ["token"], "position": position and not segment}
    figure = plots.embedding_plot(tokens, shown, dimensions=32)
    figure.set_size_inches(7.5, 6.4)
    return Drawing(figure, facts | {"both": position and segment})


def states_read() -> Drawing:
    """How the answer depends on where each token looks in the last layer, and what [CLS] is."""
    model = small_bert()
    found = course_hw5.explain(model, "i liked it so", maps=())
    tokens = [model.tokenizer.id_to_token(int(id_)) for id_ in encode("i liked it so", tokenizer=model.tokenizer).ids]
    used = np.abs(found.gradients[-1]).sum((0, 2))
    figure, axes = plots.subplots(figsize=(5.4, 2.8))
    axes.bar(tokens, used / used.sum(), color=drawing.COLORS[0])
    axes.set(ylabel="share of the gradient", title="last layer: whose attention moves the answer")
    axes.grid(axis="x", visible=False)
    facts = {"is_read": used[0] > 0 and not used[1:].any(), "reads_all": bool((used > 0).all())}
    in_vocabulary = model.tokenizer.token_to_id("[CLS]") in {*range(model.tokenizer.vocabulary_size())}
    looks_at_words = (found.attention[:, :, 0, 1:] > 0).all()
    facts |= {"in_vocabulary": in_vocabulary, "is_word": tokens[0] == "i", "looks_at_words": bool(looks_at_words)}
    return Drawing(figure, facts)


def two_segments() -> Drawing:
    """Tokens of a pair with their ids and positions; the segments are left open."""
    model = small_bert()
    found = encode(*PAIR[:1], other=PAIR[1], tokenizer=model.tokenizer)
    inputs = model.bert_inputs(found.ids[None].astype("int32"))
    segments = keras.ops.convert_to_numpy(inputs["segment_ids"])[0]
    tokens = [model.tokenizer.id_to_token(int(id_)) for id_ in found.ids]
    figure, axes = plots.subplots(figsize=(7, 1.9), style=None)
    rows = [tokens, [str(id_) for id_ in found.ids], [*map(str, range(len(tokens)))], ["?"] * len(tokens)]
    names = ["token", "token id", "position", "segment"]
    table = axes.table(cellText=rows, rowLabels=names, loc="center", cellLoc="center", bbox=(0.1, 0, 0.9, 1))
    table.auto_set_font_size(False)
    table.set_fontsize(11)
    axes.axis("off")
    second, separators = int(segments.sum()), tokens.count("[SEP]")
    return Drawing(figure, {"second": second, "words": second - 1, "separators": second + separators - 1})


def padding_mask() -> Drawing:
    """Attention of one head to three padded places: without a mask, and as BERT computes it."""
    model = small_bert()
    ids = encode("i liked it", 8, tokenizer=model.tokenizer).ids
    ids = np.pad(ids, (0, 8 - len(ids)))
    found = course_hw5.attention_model(model, vectors=True)(ids[None].astype("int32"))
    masked, query, key = (keras.ops.convert_to_numpy(found[name])[0, 0, 0] for name in ("attention_weights", "query", "key"))
    is_padding, softmax = ids == 0, lambda logits: scipy.special.softmax(logits, axis=-1)
    logits = query @ key.T / np.sqrt(query.shape[-1])
    by = {
        "before": softmax(np.where(is_padding, -1e9, logits)),
        "after": softmax(logits) * ~is_padding,
        "zeros": softmax(np.where(is_padding, 0, logits)),  # a key of zeros fits every query with 0
    }
    tokens = [model.tokenizer.id_to_token(int(id_)) for id_ in ids]
    figure, panels = plots.subplots(1, 2, figsize=(7.6, 3.9), style=None, sharey=True)
    for axes, (title, weights) in zip(panels, {"without a mask": softmax(logits), "BERT": masked}.items()):
        drawing.heatmap(axes, weights, tokens, tokens, vmin=0, vmax=1)
        axes.set(title=title, xlabel="key", ylabel="" if title == "BERT" else "query")
    facts = {name: np.allclose(weights, masked, atol=1e-4) for name, weights in by.items()}
    return Drawing(figure, facts | {"cut": masked.shape[-1] == (~is_padding).sum()})


def looked_and_needed() -> Drawing:
    """A model by hand that looks at what it does not use: its weights, and what is lost without each word."""
    model, text = evidence.small_bert("elsewhere"), "d o c e k"
    found = course_hw5.explain(model, text, maps=())
    words, weights = text.split(), found.attention[0, 0, 0, 1:-1]
    lost = found.log_odds - np.array([log_odds for *_, log_odds in found.what_if])
    figure, panels = plots.subplots(1, 2, figsize=(7, 2.8))
    for axes, values, title in zip(panels, (weights, lost), ("attention weight from [CLS]", "log-odds lost without it")):
        axes.bar(words, values, color=drawing.COLORS[0])
        axes.set_title(title)
        axes.grid(axis="x", visible=False)
    looked, needed = words[weights.argmax()], words[lost.argmax()]
    facts = {"looked": looked, "needed": needed, "least": words[weights.argmin()]}
    is_needed = {f"is_{name}": word == needed for name, word in facts.items()}
    return Drawing(figure, facts | is_needed | {"lost": lost.max(), "lost_looked": lost[weights.argmax()]})


def without_order() -> Drawing:
    """What self-attention without positions gives for a sentence, and for its words in another order."""
    words, order = ("dog", "chases", "the", "cat"), [3, 1, 2, 0]
    outputs = _in_both_orders(order, len(words), causal=False)
    distances = np.linalg.norm(outputs[0][:, None] - outputs[1], axis=-1)
    figure, axes = plots.subplots(figsize=(4.6, 3.8), style=None)
    shuffled = [words[index] for index in order]
    seaborn.heatmap(distances, annot=True, fmt=".1f", cmap="Blues", square=True, cbar=False, ax=axes)
    axes.set_xticklabels(shuffled)
    axes.set_yticklabels(words, rotation=0)
    axes.set(xlabel="output in the other order", ylabel="output", title="distance of the outputs")
    moved = np.allclose(outputs[0][order], outputs[1], atol=1e-5)
    facts = {"moved": moved, "stays": np.allclose(outputs[0], outputs[1], atol=1e-5), "new": not moved}
    return Drawing(figure, facts | {"mean_changes": not np.allclose(outputs[0].mean(0), outputs[1].mean(0), atol=1e-5)})


def causal() -> Drawing:
    """Weights under a causal mask without positions, and whether outputs tell the order of the words."""
    words, order = ("dog", "chases", "the", "cat"), [3, 1, 2, 0]
    outputs = _in_both_orders(order, len(words), causal=True)
    figure, axes = plots.subplots(figsize=(4.4, 3.8), style=None)
    drawing.heatmap(axes, _layer_and_words(len(words), True)[1], words, words, annot=True, fmt=".2f", vmin=0, vmax=1)
    axes.set(xlabel="key", ylabel="query", title="causal mask, no positions")
    is_blind = np.allclose(outputs[0][order], outputs[1], atol=1e-5)
    return Drawing(figure, {"blind": is_blind, "told": not is_blind})


def _layer_and_words(count, is_causal, order=None):
    """Output and weights of one random layer for random words, in an order."""
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(2).normal(size=(1, count, 8)).astype("float32")[:, order or slice(None)]
    layer = keras.layers.MultiHeadAttention(1, 8)
    output, weights = layer(x, x, return_attention_scores=True, use_causal_mask=is_causal)
    return keras.ops.convert_to_numpy(output)[0], keras.ops.convert_to_numpy(weights)[0, 0]


def _in_both_orders(order, count, causal):
    return [_layer_and_words(count, causal, given)[0] for given in (None, order)]
