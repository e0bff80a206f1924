"""A transformer's encoder needs positions only where order matters; without them it reads a bag of words.

Source: question 4-2, true or false (4): "Positional encoding is vital; without it the network fails". Two words are loose. The
network fails without it only where order matters; and positions are "the only source of order" only where every word sees every
other: a causal mask tells the order too (Haviv et al. 2022, https://arxiv.org/abs/2203.16634).

Three networks read sentences such as "today the old dog chases the cat" and say which two animals are in it, which can be told
in any order of the words, and who chases, which cannot: an encoder with sinusoidal positions, one without, and one without but
with a causal mask. Then the words are shuffled, to see whether the encoder's outputs are the same ones, shuffled.

It would be refuted if the encoder without positions knew who chases, or did not know who is in the sentence, or if shuffling
changed its outputs by more than float rounding. `positions="sine"` and `positions="learnt"` put positions back into the network
"without" them: either refutes it.
"""

import keras
import numpy as np

from course_hw5.labs.support import drawing, sequence_models, sequences
from course_hw5.labs.support.result import LabResult, check_at_least, check_choice

QUESTIONS = {"who_is_in_it": "Who is in it? (order-free)", "who_chases": "Who chases? (order)"}
SENTENCE = ("today", "the", "old", "dog", "chases", "the", "shy", "cat", "gladly")  # as long as any: none is padded
TOKEN_IDS = sequences.ids([SENTENCE], sequences.CHASE_WORDS, len(SENTENCE))


def run(seed: int = 0, positions: str = "none", steps: int = 300) -> LabResult:
    """Runs the lab.

    Args:
        seed: of weights, sentences and shuffles.
        positions: of the network "without" them: "none", "sine" or "learnt".
        steps: of training, each with 32 sentences.
    """
    check_choice("positions", positions, ("none", "sine", "learnt"))
    check_at_least(1, steps=steps)
    result, random = LabResult(__doc__), np.random.default_rng(seed)
    training, unseen = sequences.chases(32 * steps, random), sequences.chases(2000, random)
    models = {
        "with positions": sequence_models.reader("sine"),
        "without positions": sequence_models.reader(positions),
        "without, but with a causal mask": sequence_models.reader(positions, causal=True),
    }
    accuracy, moved = {}, {}
    for name, model in models.items():
        sequence_models.train(model, *training)
        accuracy[name] = sequence_models.is_right(model, *unseen).mean(0)
        moved[name] = _moved_by_shuffling(model, random)
    sine, without, causal = accuracy.values()
    for key, (name, shares) in zip(("with", "without", "causal"), accuracy.items()):
        for (question, label), share in zip(QUESTIONS.items(), shares):
            result.measure(f"accuracy_{key}_{question}", f"accuracy, {name}: {label}", share)
    result.measure("chance", "accuracy of a guess between the two animals", 0.5)
    for key, (name, change) in zip(("with", "without", "causal"), moved.items()):
        result.measure(f"change_{key}", f"largest change of an output by shuffling, {name}", change.max())

    result.check("with_positions", "with positions, the accuracy of both answers is above 95 %", sine.min() > 0.95)
    result.check("who_is_in_it", "without positions, the accuracy of who is in the sentence is above 95 %", without[0] > 0.95)
    result.check("who_chases", "without positions, who chases is a guess: accuracy of 45 to 55 %", 0.45 < without[1] < 0.55)
    label = "without positions, shuffling the words only shuffles the outputs, up to float rounding"
    result.check("equivariant", label, result["change_without"] < sequence_models.ROUNDING)
    label = "with positions, shuffling the words changes the outputs"
    result.check("positions_matter", label, result["change_with"] > 100 * sequence_models.ROUNDING)
    label = "with a causal mask in place of positions, the accuracy of who chases is above 95 %"
    result.check("causal_mask_tells", label, causal[1] > 0.95)
    figure, axes = result.subplots("Positions are needed only where order matters", figsize=(8, 4.2))
    places, width = np.arange(len(QUESTIONS)), 0.26
    for i, ((name, shares), color) in enumerate(zip(accuracy.items(), drawing.COLORS)):
        bars = axes.bar(places + (i - 1) * width, shares, width, color=color, label=name)
        for bar, share in zip(bars, shares):
            axes.text(bar.get_x() + width / 2, 0.12, f"{share:.2f}", ha="center", color="white", weight="bold")
    for place, chance in zip(places, (1 / len(sequences.PAIRS), 0.5)):
        axes.hlines(chance, place - 0.42, place + 0.42, "black", "dashed", label="" if place else "a guess")
    axes.set(xticks=places, xticklabels=QUESTIONS.values(), ylabel="accuracy on unseen sentences", ylim=(0, 1.03))
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure, axes = result.subplots("How much the output of each word changes when the words are shuffled", figsize=(8, 4))
    drawing.changes(axes, SENTENCE, moved, "ovs", sequence_models.ROUNDING)
    axes.set_ylabel("largest change of the output of the word")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    for name in ("with positions", "without positions"):
        weights = sequence_models.attention_weights(models[name], TOKEN_IDS)["encoder"]
        result.show_attention(f"Attention {name}", weights, SENTENCE, title=f"The encoder {name}")
    return result


def _moved_by_shuffling(model, random, shuffles=20):
    """Largest change of each word's output in `SENTENCE`, when the outputs of shuffled words are put back in order."""
    encoder = keras.Model(model.input, model.get_layer("states").output)
    orders = np.stack([random.permutation(len(SENTENCE)) for _ in range(shuffles)])
    before, after = (keras.ops.convert_to_numpy(encoder(part)) for part in (TOKEN_IDS, TOKEN_IDS[0][orders]))
    return np.abs(np.take_along_axis(after, np.argsort(orders)[..., None], 1) - before).max((0, 2))
