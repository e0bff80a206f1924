"""The vanilla transformer consists of several encoder blocks and several decoder blocks, and nothing in it is recurrent.

Source: question 4-2, true or false (1): "Some layers of the vanilla transformer use an LSTM", false, and (2): "A transformer
consists of several encoder blocks and several decoder blocks", true; figure 16. Vaswani et al. 2017
(https://arxiv.org/abs/1706.03762).

A transformer learns to translate numbers from English words into German ones, where units stand before tens. Its layers are
counted. Then it is measured that no state is carried from step to step. Later words are changed: the outputs before them must
stay. And the decoder's steps are computed in shuffled order, each with its position and a mask that says which come before it:
the outputs must stay too. An LSTM would pass the first test; it fails the second, since each of its steps needs the state that
the step before it left behind.

It would be refuted if a layer were recurrent, if blocks were missing, if the order of computing changed the outputs, or if such
a network could not translate. `layer="lstm"` builds the translator of LSTMs.
"""

import keras
import keras_nlp
import matplotlib.patches
import numpy as np

from course_hw5.labs.support import drawing, sequence_models, sequences
from course_hw5.labs.support.result import LabResult, check_at_least, check_choice

BUILDERS = {"transformer": sequence_models.transformer, "lstm": sequence_models.lstms}
EXAMPLE = 347_621
WIDTH = 64
PARTS = {  # of a block from input to output, with the height at which each is drawn
    "TransformerEncoder": (("self-attention", 0.5), ("feed-forward", 1.5)),
    "TransformerDecoder": (("causal self-attention", 0), ("cross-attention", 1), ("feed-forward", 2)),
    "LSTM": (("LSTM: each step waits\nfor the one before", 1),),
}
COLORS = dict(zip(("self", "causal", "cross", "feed", "LSTM:"), drawing.COLORS))


def run(seed: int = 0, layer: str = "transformer", blocks: int = 2, steps: int = 400) -> LabResult:
    """Runs the lab.

    Args:
        seed: of weights, numbers and shuffles.
        layer: what the translator is made of, "transformer" or "lstm".
        blocks: of the encoder, and as many of the decoder.
        steps: of training, each with 32 numbers.
    """
    check_choice("layer", layer, BUILDERS)
    check_at_least(1, blocks=blocks, steps=steps)
    result, random = LabResult(__doc__), np.random.default_rng(seed)
    numbers = random.choice(np.setdiff1d(np.arange(1, 1_000_000), EXAMPLE), 32 * steps + 1000, replace=False)
    model = BUILDERS[layer](*sequences.TRANSLATION_SIZES, WIDTH, blocks)
    *inputs, answers = sequences.translation(numbers[1000:])
    sequence_models.train(model, inputs, answers)
    *inputs, answers = sequences.translation(numbers[:1000])
    # word after word its own words are the right ones as long as it makes no mistake, so that this counts what it writes alone
    translated = sequence_models.is_right(model, inputs, answers).all(1).mean()

    encoder, decoder = blocks_of(model)
    encoders = sum(isinstance(block, keras_nlp.layers.TransformerEncoder) for block in encoder)
    decoders = sum(isinstance(block, keras_nlp.layers.TransformerDecoder) for block in decoder)
    result.measure("encoder_blocks", "encoder blocks", encoders)
    result.measure("decoder_blocks", "decoder blocks", decoders)
    recurrent = result.measure("recurrent_layers", "recurrent layers", sequence_models.recurrent_layers(model))
    result.measure("parameters", "parameters", model.count_params())
    result.measure("translated", "share of unseen numbers translated without an error", translated)
    result.check("no_rnn", "none of its layers, at any depth, is a keras.layers.RNN", recurrent == 0)
    result.check("blocks", f"it has {blocks} encoder and {blocks} decoder blocks", encoders == decoders == blocks)
    result.check("translates", "it translates more than 90 % of unseen numbers without an error", translated > 0.9)
    _diagram(result, encoder, decoder)

    *example, _ = sequences.translation([EXAMPLE])
    guessed = sequences.words_of(model.predict(example, verbose=0)[0].argmax(-1), sequences.GERMAN_WORDS)
    result.measure("example", f"translation of {EXAMPLE:,}, each word given the right words before it", " ".join(guessed))
    influence = sequence_models.influence_of_words(model, example)
    earlier, later = np.tril(influence).max(), np.triu(influence, 1).max()
    result.measure("change_by_later_words", "largest change of an output when later words change", later)
    result.measure("change_by_earlier_words", "largest change of an output when its own or earlier words change", earlier)
    result.check("is_causal", "an output does not change when later words change", later < sequence_models.ROUNDING)

    arguments = keras.Model(model.input, decoder[0].input)(example)
    stacks = {f"this {layer}": decoder, "an LSTM": [keras.layers.LSTM(WIDTH, return_sequences=True)]}
    moved = {name: sequence_models.change_by_shuffling(stack, arguments, random) for name, stack in stacks.items()}
    own, of_lstm = (change.max() for change in moved.values())
    label = "largest change of an output when steps are computed in another order"
    result.measure("change_by_order", f"{label}, this {layer}", own)
    result.measure("change_by_order_lstm", f"{label}, an LSTM", of_lstm)
    result.check("any_order", "steps computed in shuffled order give the same outputs", own < sequence_models.ROUNDING)
    label = "steps of an LSTM computed in shuffled order give other outputs"
    result.check("lstm_needs_order", label, of_lstm > 100 * sequence_models.ROUNDING)

    read, answer = sequences.english(EXAMPLE), [*sequences.german(EXAMPLE), "[end]"]
    written = [sequences.START, *answer[:-1]]
    caption = "What an output depends on, and whether the order in which steps are computed matters"
    _, (left, right) = result.subplots(caption, 1, 2, figsize=(12.5, 5.2))
    drawing.heatmap(left, influence / influence.max(1, keepdims=True), answer, written)
    left.set_title("change of a step's output (row)\nwhen a word (column) is changed")
    left.set(xlabel="word already written, changed", ylabel="step: the word to write")
    drawing.changes(right, answer, moved, "os", sequence_models.ROUNDING, rotation=90)
    right.set_title("change of a step's output\nwhen the steps are computed in shuffled order")
    right.legend(loc="center", bbox_to_anchor=(0.5, 0.62))
    weights = sequence_models.attention_weights(model, example)  # none where there is no attention
    for caption, role, queries, keys in (
        ("Self-attention of the encoder", "encoder", read, read),
        ("Causal self-attention of the decoder", "decoder", written, written),
        ("Cross-attention: where it looks for each word that it writes", "cross", answer, read),
    ):
        if role in weights:
            result.show_attention(caption, weights[role], query_tokens=queries, key_tokens=keys, title=caption)
    return result


def blocks_of(model: keras.Model) -> list[list[keras.layers.Layer]]:
    """The blocks of a model's encoder and of its decoder, from input to output."""
    return [[part for part in model.layers if part.name.startswith(role)] for role in ("encoder", "decoder")]


def _diagram(result, encoder, decoder):
    height = 3.6
    top = height * len(encoder) - 0.8
    _, axes = result.subplots("The network, drawn from its layers", figsize=(7, 2 + 1.7 * len(encoder)), style=None)
    axes.set(xlim=(-0.1, 7.5), ylim=(-1.6, top + 1.3))
    axes.axis("off")

    def box(x, y, width, height, text="", **style):
        axes.add_patch(matplotlib.patches.FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.02", **style))
        axes.text(x + width / 2, y + height / 2, text, ha="center", va="center")

    def arrow(*points, color="black"):
        axes.plot(*zip(*points[:-1]), color=color, lw=1.3)
        axes.annotate("", points[-1], points[-2], arrowprops={"arrowstyle": "->", "lw": 1.3, "color": color, "shrinkA": 0})

    for x, stack, below in ((0, encoder, "English words"), (4.4, decoder, "German words so far")):
        box(x, -1.5, 3, 0.7, below, facecolor="white", edgecolor="grey")
        for i, block in enumerate(stack):
            arrow((x + 1.5, i * height - 0.8), (x + 1.5, i * height - 0.02))
            box(x, i * height, 3, 2.75, facecolor="whitesmoke", edgecolor="grey")
            for text, level in PARTS[type(block).__name__]:
                color = (*COLORS[text.replace("-", " ").split()[0]], 0.35)
                box(x + 0.15, i * height + 0.1 + 0.9 * level, 2.7, 0.7, text, facecolor=color, edgecolor="none")
    arrow((5.9, top), (5.9, top + 0.7))
    axes.text(5.9, top + 0.95, "next word of each step", ha="center", va="center")
    for i, block in enumerate(decoder):
        into = (4.52, i * height + 1.35)
        if isinstance(block, keras.layers.RNN):
            arrow((2.88, into[1]), into, color="grey")  # the last state of the encoder's LSTM
        else:
            arrow((1.5, top), (1.5, top + 0.4), (3.7, top + 0.4), (3.7, into[1]), into, color="grey")
