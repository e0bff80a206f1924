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
import seaborn

from course_hw5.attention.viewer.page import head_view
from course_hw5.evaluation import plots
from course_hw5.labs import sequence_models, sequences
from course_hw5.labs.result import LabResult, check_choice

QUESTIONS = ("Who is in it? (order-free)", "Who chases? (order)")
SENTENCE = ("today", "the", "old", "dog", "chases", "the", "shy", "cat", "gladly")  # as long as any: none is padded


def run(seed=0, positions="none", steps=300):
    """Runs the lab.

    Args:
        seed: of weights, sentences and shuffles.
        positions: of the network "without" them: "none", "sine" or "learnt".
        steps: of training, each with 32 sentences.
    """
    check_choice("positions", positions, ("none", "sine", "learnt"))
    if steps < 1:
        raise ValueError(f"`steps` must be 1 or more. Received: {steps!r}")
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    sentences, answers = sequences.chases(32 * steps, random)
    unseen = sequences.chases(2000, random)
    models = {
        "with positions": sequence_models.reader("sine"),
        "without positions": sequence_models.reader(positions),
        "without, but with a causal mask": sequence_models.reader(positions, causal=True),
    }
    accuracy = {}
    for name, model in models.items():
        sequence_models.train(model, sentences, answers)
        accuracy[name] = sequence_models.is_right(model, *unseen).mean(0).tolist()
    moved = {name: _moved_by_shuffling(model, random) for name, model in models.items()}
    lacking, having = accuracy["without positions"], accuracy["with positions"]
    return LabResult(
        claim=__doc__.splitlines()[0],
        checks={
            "with positions both questions are answered, more than 95 % rightly": min(having) > 0.95,
            "without them, who is in the sentence is answered as well": lacking[0] > 0.95,
            "but who chases is a guess between two, right in 45 to 55 %": 0.45 < lacking[1] < 0.55,
            "shuffled words only shuffle the outputs, to float rounding": moved["without positions"].max() < 1e-4,
            "with positions they change them": moved["with positions"].max() > 1e-2,
            "a causal mask alone tells who chases, more than 95 % rightly": accuracy["without, but with a causal mask"][1]
            > 0.95,
        },
        numbers={
            **{
                f"accuracy, {name}: {question}": share
                for name, shares in accuracy.items()
                for question, share in zip(QUESTIONS, shares)
            },
            "chance that a guess between the two animals is right": 0.5,
            **{f"largest change of an output by shuffling, {name}": float(change.max()) for name, change in moved.items()},
        },
        figures={
            "Positions are needed only where order matters": _bars(accuracy),
            "How far each word's output moves when the words are shuffled": _moves(moved),
        },
        pages={
            f"Attention {name} positions": head_view(
                sequence_models.attention_weights(models[f"{name} positions"], _sentence())["self_attention_layer"],
                SENTENCE,
                html_action="return",
                title=f"The encoder {name} positions",
            )
            for name in ("with", "without")
        },
    )


def _sentence():
    return sequences.ids([SENTENCE], sequences.CHASE_WORDS, len(SENTENCE))


def _moved_by_shuffling(model, random, shuffles=20):
    """Largest change of each word's output in `SENTENCE`, when the outputs of shuffled words are put back in order."""
    encoder = keras.Model(model.input, model.get_layer("states").output)
    words = _sentence()
    orders = np.stack([random.permutation(len(SENTENCE)) for _ in range(shuffles)])
    before, after = (keras.ops.convert_to_numpy(encoder(part)) for part in (words, words[0][orders]))
    return np.abs(np.take_along_axis(after, np.argsort(orders)[..., None], 1) - before).max((0, 2))


def _bars(accuracy):
    figure, axes = plots.subplots(figsize=(8, 4.2))
    places, width = np.arange(len(QUESTIONS)), 0.26
    for i, ((name, shares), color) in enumerate(zip(accuracy.items(), seaborn.color_palette("colorblind"))):
        bars = axes.bar(places + (i - 1) * width, shares, width, color=color, label=name)
        for bar, share in zip(bars, shares):
            axes.text(bar.get_x() + width / 2, 0.12, f"{share:.2f}", ha="center", color="white", weight="bold")
    for place, chance in zip(places, (1 / len(sequences.PAIRS), 0.5)):
        axes.hlines(chance, place - 0.42, place + 0.42, "black", "dashed", label="" if place else "a guess without order")
    axes.set(xticks=places, xticklabels=QUESTIONS, ylabel="accuracy on unseen sentences", ylim=(0, 1.03))
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _moves(moved):
    figure, axes = plots.subplots(figsize=(8, 4))
    for (name, change), marker, color in zip(moved.items(), "ovs", seaborn.color_palette("colorblind")):
        axes.plot(np.maximum(change, 1e-8), marker, markersize=8, color=color, label=name)
    axes.set(yscale="log", ylabel="largest change of its output", ylim=(5e-9, 50))
    axes.set_xticks(range(len(SENTENCE)), SENTENCE)
    axes.axhline(1e-4, color="grey", linestyle=":", label="taken for float rounding below")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure
