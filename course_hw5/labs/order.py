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

from course_hw5.attention.viewer.page import head_view
from course_hw5.labs.figures import plot_order as figures
from course_hw5.labs.support import sequence_models, sequences
from course_hw5.labs.support.result import Check, LabResult, Measurement, check_at_least, check_choice

KEYS = ("with", "without", "causal")  # of the three networks
QUESTIONS = ("Who is in it? (order-free)", "Who chases? (order)")
SENTENCE = ("today", "the", "old", "dog", "chases", "the", "shy", "cat", "gladly")  # as long as any: none is padded


def run(seed: int = 0, positions: str = "none", steps: int = 300) -> LabResult:
    """Runs the lab.

    Args:
        seed: of weights, sentences and shuffles.
        positions: of the network "without" them: "none", "sine" or "learnt".
        steps: of training, each with 32 sentences.
    """
    check_choice("positions", positions, ("none", "sine", "learnt"))
    check_at_least(1, steps=steps)
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
        checks=[
            Check("with_positions", "with positions both questions are answered, accuracy above 95 %", min(having) > 0.95),
            Check("who_is_in_it", "without them, who is in the sentence is answered as well", lacking[0] > 0.95),
            Check("who_chases", "but who chases is a guess between two, accuracy of 45 to 55 %", 0.45 < lacking[1] < 0.55),
            Check(
                "equivariant",
                "shuffled words only shuffle the outputs, to float rounding",
                bool(moved["without positions"].max() < 1e-4),
            ),
            Check("positions_matter", "with positions they change them", bool(moved["with positions"].max() > 1e-2)),
            Check(
                "causal_mask_tells",
                "a causal mask alone tells who chases, accuracy above 95 %",
                accuracy["without, but with a causal mask"][1] > 0.95,
            ),
        ],
        measurements=[
            *(
                Measurement(f"accuracy_{key}_{question}", f"accuracy, {name}: {label}", share)
                for key, (name, shares) in zip(KEYS, accuracy.items())
                for question, label, share in zip(("who_is_in_it", "who_chases"), QUESTIONS, shares)
            ),
            Measurement("chance", "accuracy of a guess between the two animals", 0.5),
            *(
                Measurement(f"change_{key}", f"largest change of an output by shuffling, {name}", float(change.max()))
                for key, (name, change) in zip(KEYS, moved.items())
            ),
        ],
        figures={
            "Positions are needed only where order matters": figures.bars(accuracy, QUESTIONS, (1 / len(sequences.PAIRS), 0.5)),
            "How far each word's output moves when the words are shuffled": figures.moves(moved, SENTENCE),
        },
        pages={
            f"Attention {name} positions": head_view(
                sequence_models.attention_weights(models[f"{name} positions"], _sentence())["encoder"],
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
