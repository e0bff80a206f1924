"""An encoder-decoder with a fixed context loses accuracy on long inputs; one with attention does not.

Source: question 1-1 (1), and Bahdanau et al. 2015 (https://arxiv.org/abs/1409.0473). The homework says that important parts get
less weight: a slip; they get more.

Three encoder-decoders of as many parameters learn to write up to 20 letters backwards: GRUs whose decoder gets the encoder's
last state alone (a fixed context), the same with additive attention over all its states, and a transformer. Accuracy is
counted by letter, given the right letters before it (teacher forcing). Where attention looks is compared with the letter that
each step needs.

It would be refuted if the fixed context kept its accuracy, if one of the others lost it, or if attention looked elsewhere than
where the letter stands. `attention="uniform"` gives all parts the same weight: the models still have attention, but cannot
look at the letter that they need.
"""

import keras
import numpy as np

from course_hw5.labs.support import drawing, sequence_models, sequences
from course_hw5.labs.support.result import LabResult, check_at_least, check_choice

WIDTHS = {"fixed context": 70, "additive attention": 66, "transformer": 56}  # so that they have as many parameters


def run(seed: int = 0, attention: str = "learnt", longest: int = 20, steps: int = 500) -> LabResult:
    """Runs the lab.

    Args:
        seed: of weights and letters.
        attention: "learnt", or "uniform" for weights that are all the same.
        longest: letters of the longest input, 8 or more.
        steps: of training, each with 32 inputs.
    """
    check_choice("attention", attention, ("learnt", "uniform"))
    check_at_least(8, longest=longest)  # letters; no shorter input is long for any of the models
    check_at_least(1, steps=steps)
    result, random = LabResult(__doc__), np.random.default_rng(seed)
    models = make_models(longest, uniform=attention == "uniform")
    *inputs, answers = sequences.reversal(random.integers(2, longest + 1, 32 * steps), longest, random)
    lengths = np.unique(np.linspace(2, longest, 8).astype(int))
    tests = [sequences.reversal([length] * 500, longest, random) for length in lengths]
    accuracy = {}
    for name, model in models.items():
        sequence_models.train(model, inputs, answers, learning_rate=5e-3)
        right = [sequence_models.is_right(model, test[:2], test[2])[:, :length] for length, test in zip(lengths, tests)]
        accuracy[name] = [part.mean() for part in right]
    for key, length, index in (("long", longest, -1), ("short", 2, 0)):
        for name, values in accuracy.items():
            result.measure(f"accuracy_{key}_{_key(name)}", f"accuracy at {length} letters, {name}", values[index])
    looked = alignment_of(models["additive attention"], tests[-1][:2]).argmax(-1)
    # a GRU's state holds the letters around its own too, so that a neighbour may serve
    found = (np.abs(looked - np.arange(longest)[::-1]) <= 1).mean()
    result.measure("looks_at_the_letter", "share of steps whose largest weight is on the needed letter or next to it", found)
    sizes = [result.measure(f"parameters_{_key(name)}", f"parameters, {name}", m.count_params()) for name, m in models.items()]

    result.check("same_size", "the three models have the same number of parameters, within 5 %", max(sizes) < 1.05 * min(sizes))
    fixed, additive, transformer = (values[0] - values[-1] for values in accuracy.values())
    label = "with the fixed context, accuracy falls by more than 0.2 from the shortest to the longest input"
    result.check("fixed_context_loses", label, fixed > 0.2)
    result.check("additive_attention_keeps", "with additive attention, accuracy falls by less than 0.1", additive < 0.1)
    result.check("transformer_keeps", "with the transformer, accuracy falls by less than 0.1", transformer < 0.1)
    label = "in more than 80 % of the steps, the largest weight is on the needed letter or next to it"
    result.check("looks_at_the_letter", label, found > 0.8)

    *example, _ = (part[:1] for part in tests[-1])
    letters = sequences.words_of(example[0][0], sequences.LETTERS)
    weights = {
        "additive attention": alignment_of(models["additive attention"], example)[:, None],
        "transformer": sequence_models.attention_weights(models["transformer"], example)["cross"],
    }
    _, axes = result.subplots("Accuracy against the length of the input", figsize=(7, 4.2))
    drawing.lines(axes, lengths, accuracy, "ovs")
    axes.axhline(0.1, color="grey", linestyle=":", label="chance")
    axes.set(xlabel="letters of the input", ylabel="accuracy by letter", ylim=(0, 1.03), xticks=lengths)
    axes.legend(loc="lower left")
    caption = f"Attention of each step (row) while “{''.join(letters)}” is written backwards"
    _, panels = result.subplots(caption, 1, 2, figsize=(12, 5.6), style=None)
    for axes, (name, part) in zip(panels, weights.items()):
        drawing.heatmap(axes, part.mean((0, 1)), letters[::-1], letters, vmin=0, vmax=1)
        axes.set(title=name + ("" if len(part[0]) == 1 else ", mean of heads"), xlabel="letter read", ylabel="letter written")
        axes.tick_params(axis="y", rotation=0)
        caption = f"Attention of each written letter to the letters read: {name}"
        result.show_attention(caption, part, query_tokens=letters[::-1], key_tokens=letters, title=f"Reversal: {name}")
    return result


def make_models(longest: int, uniform: bool = False) -> dict[str, keras.Model]:
    """The three models, untrained."""
    sizes = (longest, longest), (len(sequences.LETTERS),) * 2
    return {
        "fixed context": sequence_models.recurrent(*sizes, WIDTHS["fixed context"], attend=False),
        "additive attention": sequence_models.recurrent(*sizes, WIDTHS["additive attention"], attend=True, uniform=uniform),
        "transformer": sequence_models.transformer(*sizes, WIDTHS["transformer"], blocks=1, uniform=uniform),
    }


def alignment_of(model: keras.Model, inputs: sequence_models.Inputs) -> np.ndarray:
    """Weights of additive attention: float32 array `(examples, steps, letters)`."""
    return keras.Model(model.input, model.get_layer("alignment").output[1]).predict(inputs, batch_size=500, verbose=0)


def _key(name):
    return name.replace(" ", "_")
