"""Several heads are several attentions with weights of their own; one attention with parallel dense layers is one head.

Source: question 1-1 (2), figure 3, statement 3, and Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762), section 3.2.2.

Keras's MultiHeadAttention is rebuilt from single heads. One head and four, with as many weights in all, learn to report two
things at once: the symbol on the left, and the symbol at the place that a token points to. Then all heads of a layer of the
bundled sentiment classifier get the weights of one of them, or single heads are removed: their part of the output kernel is 0.

It would be refuted if the rebuilt layer gave other numbers, if one head learnt the task as well as four, or if the trained
model were as good with the same weights in all heads. `heads="copies"` gives all heads the same weights throughout, as
statement 3 has it, and refutes it.

Loose in the homework: that each head sees another aspect does not mean that each is needed. Removing one changes little
(Michel et al. 2019, https://arxiv.org/abs/1905.10650). The bundled model was not trained with the same weights in all heads:
what it loses shows what it relies on, not what a model that was trained in this way could learn.
"""

import contextlib

import keras
import numpy as np
import seaborn

from course_hw5.labs.support import drawing, sentiment
from course_hw5.labs.support.result import LabResult, check_choice
from course_hw5.text.encoding import encode_sentence

SYMBOLS = PLACES = 8  # of the task
WIDTH = 32
SENTENCE = "It never gets boring"


def run(seed: int = 0, heads: str = "several", sentences: int = 48, steps: int = 300) -> LabResult:
    """Runs the lab.

    Args:
        seed: of weights, of the task, and of which sentences are taken.
        heads: "several", each with its own attention, or "copies" of one.
        sentences: how many are read without each head, at most; of SST-2 where `TFDS_DATA_DIR` holds it.
        steps: of training on the task, for each layer.
    """
    check_choice("heads", heads, ("several", "copies"))
    result, copies = LabResult(__doc__), heads == "copies"
    difference = result.measure("difference", "largest difference from Keras", _difference_from_keras(copies))
    result.check("rebuilt", "Keras's MultiHeadAttention equals single heads, concatenated and projected", difference < 1e-5)
    label = "largest difference of one attention with several dense layers from one head"
    collapse = result.measure("difference_of_copies", label, _difference_of_copies())
    result.check("copies", "one attention with several dense layers equals one head", collapse < 1e-5)

    four = "four copies of one head" if copies else "four heads"
    one, parameters = _learn_two_things(1, False, seed, steps)
    several, parameters_of_several = _learn_two_things(4, copies, seed, steps)
    result.measure("parameters_one", "parameters of the layer with one head", parameters)
    result.measure("parameters_several", "parameters of the layer with four heads", parameters_of_several)
    for key, name, (left, pointed) in (("one", "one head", one), ("several", four, several)):
        result.measure(f"{key}_left", f"accuracy of {name}, symbol on the left", left)
        result.measure(f"{key}_pointed", f"accuracy of {name}, symbol pointed to", pointed)
    label = "with the same number of parameters, four heads learn two tasks at once and one head does not"
    result.check("two_things", label, parameters == parameters_of_several and several.min() > 0.9 and one.min() < 0.6)
    caption = "Two tasks at once with the same number of parameters: accuracy on new sequences"
    figure, axes = result.subplots(caption, figsize=(6.4, 3.6))
    shares = {"one head": one, "four copies" if copies else "four heads": several}
    for shift, (name, values), color in zip((-0.19, 0.19), shares.items(), drawing.COLORS):
        axes.bar_label(axes.bar(np.arange(2) + shift, values, 0.36, color=color, label=name), fmt="{:.2f}", padding=2)
    axes.axhline(1 / SYMBOLS, color="0.3", linestyle=":", label="by chance")
    axes.set(xticks=[0, 1], xticklabels=["symbol on the left", "symbol pointed to"], ylabel="accuracy", ylim=(0, 1.12))
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=3)

    model, data = sentiment.classifier_and_sentences(sentences, seed, longest=16)
    whole, alike, without = _trained(model, data, copies)
    right, right_alike, right_without = (data.probability_of_right(part) for part in (whole, alike, without))
    accuracy, accuracy_alike, accuracy_without = (data.accuracy(part) for part in (whole, alike, without))
    result.measure("sentences", "sentences read", data.note)
    result.measure("accuracy_whole", "accuracy, trained model", accuracy)
    result.measure("right_whole", "probability of the right label, trained model", right)
    shared = f"all heads share the weights of one, best of {len(alike)} choices"
    removed = "without the head whose removal costs most"
    result.measure("accuracy_alike", f"accuracy, {shared}", accuracy_alike.max())
    result.measure("right_alike", f"probability of the right label, {shared}", right_alike.max())
    result.measure("accuracy_without", f"accuracy, {removed}", accuracy_without.min())
    result.measure("right_without", f"probability of the right label, {removed}", right_without.min())
    result.measure("idle_heads", "heads whose removal does not change the accuracy", (accuracy_without == accuracy).sum())
    result.measure("all_heads", "heads in all", accuracy_without.size)
    result.measure("example", f"probability that “{SENTENCE}” is positive", whole[-1])
    label = "when all heads of a layer share the weights of one, the probability of the right label falls by over 0.03"
    result.check("alike_costs", label, right_alike.max() < right - 0.03)
    label = "it falls more than when any single head is removed"
    result.check("alike_costs_more", label, right_alike.max() < right_without.min())
    caption = f"What changes when one head is removed from the trained model: {data.note}, and one sentence"
    _, panels = result.subplots(caption, 1, 2, figsize=(12, 4.2), style=None)
    titles = ("change of accuracy (percentage points)", f"change of the log-odds of “{SENTENCE}”")
    changes = (100 * (accuracy_without - accuracy), _log_odds(without[..., -1]) - _log_odds(whole[-1]))
    for axes, values, title, form in zip(panels, changes, titles, (".1f", ".2f")):
        limit = max(np.abs(values).max(), 1e-6)
        style = {"cmap": "RdBu", "linewidths": 0.5, "cbar_kws": {"pad": 0.01}, "annot": True, "annot_kws": {"size": 8}}
        seaborn.heatmap(values, vmin=-limit, vmax=limit, fmt=form, ax=axes, **style)
        axes.set(xlabel="head", ylabel="layer", title=title)
        axes.tick_params(axis="y", rotation=0)
    return result


class SeveralHeads(keras.layers.Layer):
    """Attention of single heads, concatenated and projected.

    Args:
        heads: number of heads.
        size: length of a head's queries, keys and values.
        copies: whether all heads share one attention, of all their queries and keys together: what is left of each is a dense
            layer, its values.

    Input and output: `(batch, tokens, width)`.
    """

    def __init__(self, heads: int, size: int, copies: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.size, self.copies = heads, size, copies

    def build(self, x_shape: tuple[int, ...]) -> None:
        # shapes and order of keras.layers.MultiHeadAttention, so that weights can be exchanged
        for part in ("query", "key", "value"):
            kernel = self.add_weight((x_shape[-1], self.heads, self.size), initializer="glorot_uniform", name=f"{part}_kernel")
            bias = self.add_weight((self.heads, self.size), initializer="zeros", name=f"{part}_bias")
            setattr(self, part, (kernel, bias))
        self.output_kernel = self.add_weight((self.heads, self.size, x_shape[-1]), initializer="glorot_uniform", name="kernel")
        self.output_bias = self.add_weight((x_shape[-1],), initializer="zeros", name="bias")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        query, key, value = ([self._dense(x, part, head) for head in range(self.heads)] for part in ("query", "key", "value"))
        if self.copies:
            query, key = ([keras.ops.concatenate(part, -1)] * self.heads for part in (query, key))
        heads = [self._attention(*parts) for parts in zip(query, key, value)]  # each (batch, tokens, size)
        kernel = keras.ops.reshape(self.output_kernel, (-1, x.shape[-1]))
        return keras.ops.matmul(keras.ops.concatenate(heads, -1), kernel) + self.output_bias

    def _dense(self, x, part, head):
        kernel, bias = getattr(self, part)
        return keras.ops.matmul(x, kernel[:, head]) + bias[head]

    @staticmethod
    def _attention(query, key, value):
        scores = keras.ops.matmul(query, keras.ops.transpose(key, (0, 2, 1))) / query.shape[-1] ** 0.5
        return keras.ops.matmul(keras.ops.softmax(scores), value)


def _learn_two_things(heads, copies, seed, steps):
    """Trains attention and one dense layer: accuracy of both answers, left and pointed to, and attention's weights."""
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    token = keras.Input((PLACES, 2), dtype="int32")  # a symbol, and the place that is pointed to
    symbol, pointer, place = (
        # Keras's own start is so small that hundreds of steps are lost
        keras.layers.Embedding(size, WIDTH, embeddings_initializer=keras.initializers.RandomNormal(stddev=0.3))
        for size in (SYMBOLS, PLACES, PLACES)
    )
    x = symbol(token[..., 0]) + pointer(token[..., 1]) + place(keras.ops.arange(PLACES))
    attention = SeveralHeads(heads, WIDTH // heads, copies)
    # No layer between could take two symbols apart that one attention has mixed: what attention cannot do stays undone.
    model = keras.Model(token, keras.layers.Reshape((PLACES, 2, SYMBOLS))(keras.layers.Dense(2 * SYMBOLS)(attention(x))))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, jit_compile=True, steps_per_execution=25)
    model.optimizer.build(model.trainable_variables)  # else the first step makes its variables, and is traced twice
    model.fit(*_sequences(random, 128 * steps), batch_size=128, verbose=0)
    tokens, symbols = _sequences(random, 1024)
    right = model.predict(tokens, batch_size=1024, verbose=0).argmax(-1) == symbols
    return right.mean((0, 1)), attention.count_params()


def _sequences(random, count):
    symbols = random.integers(SYMBOLS, size=(count, PLACES), dtype="int32")
    places = random.permuted(np.tile(np.arange(PLACES, dtype="int32"), (count, 1)), axis=1)
    two_things = np.roll(symbols, 1, axis=1), np.take_along_axis(symbols, places, axis=1)
    return np.stack([symbols, places], -1), np.stack(two_things, -1)


def _difference_from_keras(copies):
    x = np.random.normal(size=(2, 7, WIDTH)).astype("float32")
    by_keras, ours = keras.layers.MultiHeadAttention(4, WIDTH // 4), SeveralHeads(4, WIDTH // 4, copies)
    by_keras(x, x), ours(x)
    weights = [np.random.normal(scale=WIDTH**-0.5, size=variable.shape) for variable in by_keras.weights]
    by_keras.set_weights(weights), ours.set_weights(weights)
    return np.abs(keras.ops.convert_to_numpy(by_keras(x, x) - ours(x))).max()


def _difference_of_copies():
    x = np.random.normal(size=(2, 7, WIDTH)).astype("float32")
    copies, one = SeveralHeads(4, WIDTH // 4, copies=True), SeveralHeads(1, WIDTH)
    copies(x), one(x)
    one.set_weights([np.reshape(part, variable.shape) for part, variable in zip(copies.get_weights(), one.weights)])
    return np.abs(keras.ops.convert_to_numpy(copies(x) - one(x))).max()


def _log_odds(probability):
    return np.log(probability / (1 - probability))


def _trained(model, data, copies):
    """Of the trained model: probabilities as it is, with heads alike for each choice of the head, without each head."""
    sentence = encode_sentence(SENTENCE.lower(), 16, tokenizer=model.tokenizer)
    token_ids = np.concatenate([data.token_ids, sentence[None]])
    classifier, states, alike = sentiment.classifier_from(model, 0), [*sentiment.embedded(model, token_ids)], []
    for head in range(model.backbone.num_heads):
        with sentiment.heads_alike(model, head):
            alike.append(classifier.predict_on_batch(states)[:, 0])
    with sentiment.heads_alike(model, 0) if copies else contextlib.nullcontext():
        return classifier.predict_on_batch(states)[:, 0], np.stack(alike), sentiment.without_each_head(model, token_ids)
