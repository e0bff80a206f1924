"""Images of attention weights that can be computed by hand: queries, keys, the softmax, and what it mixes."""

import keras
import numpy as np
import scipy.special
import seaborn
from scipy.spatial import Delaunay

from course_hw5.attention.analysis import attention_rollout
from course_hw5.labs import long_inputs, weights_by_hand
from course_hw5.labs.support import drawing
from course_hw5.quiz.questions import Drawing
from course_hw5.reports import plots

TOKENS = ("t1", "t2", "t3", "t4")


def five_words() -> Drawing:
    """Logits of the five words of the lab, and which gets the most of the weight that "its" gives."""
    words = weights_by_hand.WORDS
    logits = weights_by_hand.QUERIES @ weights_by_hand.KEYS.T / np.sqrt(weights_by_hand.KEYS.shape[1])
    its = logits[words.index("its")]
    weights = scipy.special.softmax(its)
    figure, axes = plots.subplots(figsize=(4.6, 4), style=None)
    drawing.heatmap(axes, logits, words, words, annot=True, fmt=".2f")
    axes.set(xlabel="key", ylabel="query", title="query · key / √3")
    facts = {f"most_{word}": words[weights.argmax()] == word for word in words}
    return Drawing(figure, facts | dict(zip(words, its)) | {"weight": weights.max()})


def three_products() -> Drawing:
    """Products of a query of length 4 with three keys, and the weight of the first of them."""
    query, keys = np.array([2, 1, 0, 1]), np.array([[2, 1, 3, 1], [1, 0, 1, 0], [0, 1, 2, -1]])
    products = keys @ query
    figure, axes = plots.subplots(figsize=(4.8, 2.6))
    axes.bar_label(axes.barh(["key 1", "key 2", "key 3"], products, color=drawing.COLORS[0]), padding=3)
    axes.yaxis.set_inverted(True)
    axes.set(xlabel="query · key; vectors of length 4", xlim=(0, 7))
    weigh = lambda logits: scipy.special.softmax(logits)[0]  # noqa: E731
    facts = {"weight": weigh(products / 2), "not_scaled": weigh(products), "by_length": weigh(products / 4)}
    facts |= {"share": products[0] / products.sum(), "products": ", ".join(map(str, products))}
    return Drawing(figure, facts)


def scaling() -> Drawing:
    """The largest of five weights for random vectors of several lengths, with and without the scaling."""
    random, largest, sums, agree = np.random.default_rng(0), {"divided by √d": [], "not divided": []}, [], []
    lengths = weights_by_hand.LENGTHS
    for length in lengths:
        query, keys = random.normal(size=(400, 1, length)), random.normal(size=(400, 5, length))
        logits = (query @ keys.swapaxes(1, 2))[:, 0]
        scaled, plain = (scipy.special.softmax(part, axis=-1) for part in (logits / np.sqrt(length), logits))
        for series, weights in zip(largest.values(), (scaled, plain)):
            series.append(weights.max(-1).mean())
        sums.append(np.allclose(plain.sum(-1), 1))
        agree.append((scaled.argmax(-1) == plain.argmax(-1)).all())
    figure, axes = plots.subplots(figsize=(5.4, 3.2))
    drawing.lines(axes, lengths, largest, "os")
    axes.set(xscale="log", xlabel="length d of queries and keys", ylabel="largest of 5 weights, mean", ylim=(0, 1.03))
    axes.legend()
    scaled, plain = largest.values()
    facts = {"one_key": plain[-1] > 0.95 > 0.6 > scaled[-1], "needed_for_sum": not all(sums), "changes_order": not all(agree)}
    facts |= {"alike": max(scaled) < 0.25, "plain": plain[-1], "scaled": scaled[-1], "longest": lengths[-1]}
    return Drawing(figure, facts)


def two_axes() -> Drawing:
    """A softmax over queries, and one over keys."""
    logits = np.random.default_rng(3).normal(scale=1.5, size=(4, 4))
    both = {name: scipy.special.softmax(logits, axis=axis) for name, axis in (("left", 0), ("right", 1))}
    figure, panels = plots.subplots(1, 2, figsize=(6.6, 3.9), style=None)
    for axes, (name, weights) in zip(panels, both.items()):
        drawing.heatmap(axes, weights, TOKENS, TOKENS, annot=True, fmt=".2f")
        axes.set(title=f"the {name} one", xlabel="key", ylabel="query")
    left, right = (np.allclose(weights.sum(-1), 1) for weights in both.values())
    facts = {"left": left and not right, "right": right and not left, "both": left and right, "neither": not (left or right)}
    return Drawing(figure, facts)


def mixtures() -> Drawing:
    """Values of five tokens in two dimensions, and 200 outputs of attention over them."""
    random = np.random.default_rng(1)
    values, queries, keys = (random.normal(size=(count, 2)) for count in (5, 200, 5))
    outputs = scipy.special.softmax(3 * queries @ keys.T, axis=-1) @ values
    is_outside = Delaunay(values).find_simplex(outputs, tol=1e-9) < 0
    figure, axes = plots.subplots(figsize=(4.8, 3.6))
    axes.plot(*outputs.T, ".", color=drawing.COLORS[0], alpha=0.6, label="200 outputs")
    axes.plot(*values.T, "s", color=drawing.COLORS[1], markersize=9, label="5 values")
    axes.set(xlabel="dimension 1", ylabel="dimension 2")
    axes.legend()
    return Drawing(figure, {"outside": bool(is_outside.any()), "inside": not is_outside.any()})


def contexts() -> Drawing:
    """How many numbers of the encoder a step of the decoder can read: of the lab's two encoder-decoders of GRUs."""
    longest = 20
    models = {name: model for name, model in long_inputs.make_models(longest).items() if name != "transformer"}
    states = [model.get_layer("encoder").output for model in models.values()]  # all states, and the last of each direction
    fixed, attended = sum(part.shape[-1] for part in states[0][1:]), states[1][0].shape[-1]
    lengths = np.arange(2, longest + 1)
    series = {"fixed context": np.full(len(lengths), fixed), "attention": attended * lengths}
    figure, axes = plots.subplots(figsize=(5.4, 3.2))
    drawing.lines(axes, lengths, series, "os", markersize=4)
    axes.set(xlabel="letters of the input", ylabel="numbers that a step can read", ylim=(0, None), xticks=[2, 8, 14, 20])
    axes.legend()
    fewest, most = sorted(model.count_params() for model in models.values())
    grows = series["attention"][-1] == longest * attended and len({*series["fixed context"]}) == 1
    facts = {"all_states": grows, "wider": attended > fixed, "larger": most > 1.05 * fewest, "fixed": fixed}
    return Drawing(figure, facts | {"attended": series["attention"][-1]})


def four_heads() -> Drawing:
    """The weights of four heads of Keras's layer on five tokens."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(scale=2, size=(1, 5, 16)).astype("float32")
    layer = keras.layers.MultiHeadAttention(4, 8)
    weights = keras.ops.convert_to_numpy(layer(x, x, return_attention_scores=True)[1])[0]
    figure, panels = plots.subplots(1, 4, figsize=(8, 2.5), style=None, sharey=True)
    for head, axes in enumerate(panels):
        seaborn.heatmap(weights[head], cmap="Blues", vmin=0, vmax=1, square=True, cbar=False, ax=axes)
        axes.set(title=f"head {head + 1}", xlabel="key", ylabel="" if head else "query", xticks=[], yticks=[])
    sums = {"query": weights[:, 2].sum(), "head": weights[0, 2].sum(), "all": weights.sum()}
    return Drawing(figure, sums)


def two_layers() -> Drawing:
    """Two layers of equal weights over two tokens, and how much of a token stays its own."""
    weights = np.full((2, 1, 2, 2), 0.5)
    figure, panels = plots.subplots(1, 2, figsize=(5, 3), style=None)
    for number, (axes, layer) in enumerate(zip(panels, weights[:, 0]), 1):
        drawing.heatmap(axes, layer, TOKENS[:2], TOKENS[:2], annot=True, vmin=0, vmax=1)
        axes.set(title=f"layer {number}", xlabel="key", ylabel="query")
    of = lambda layers, residual=0.5: attention_rollout(layers, residual)[0, 0]  # noqa: E731
    facts = {"own": of(weights), "no_skip": of(weights, 0.0), "one_layer": of(weights[:1])}
    return Drawing(figure, facts | {"passed_on": 1 - facts["one_layer"]})
