"""Several heads are several attentions side by side, not one attention and parallel dense layers: only so they see two things.

Source: question 1-1 (2), figure 3, statement 3, and Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762), section 3.2.2.

Keras's MultiHeadAttention is rebuilt from single heads. One head and four, with as many weights in all, learn to report two
things at once: the symbol on the left, and the symbol at the place that a token points to. Then the heads of the bundled
sentiment classifier are made alike, or taken out one by one: the output kernel makes nothing of a head.

It would be refuted if the rebuilt layer gave other numbers, if one head learnt the task as well as four, or if the trained
model were as good with heads that weigh alike. `heads="copies"` makes them weigh alike throughout, as statement 3 has it, and
refutes it.

Loose in the homework: that each head sees another aspect does not mean that each is needed. Taking one away changes little
(Michel et al. 2019, https://arxiv.org/abs/1905.10650). The bundled model was not trained with heads alike: what it loses by
them says what it came to rely on, not what such a model could learn.
"""

import contextlib

import keras
import numpy as np

import course_hw5
from course_hw5.labs.figures import plot_heads as figures
from course_hw5.labs.support.result import Check, LabResult, Measurement, check_choice
from course_hw5.labs.support.sentiment import classifier_from, embedded, heads_alike, labelled_sentences, without_each_head
from course_hw5.labs.support.several_heads import SYMBOLS, WIDTH, SeveralHeads, learn_two_things
from course_hw5.text.encoding import encode_sentence

SENTENCE = "It never gets boring"  # the model is not sure of it, so that its probability can move
HEADS = 12  # of each layer of the trained model


def run(seed: int = 0, heads: str = "several", sentences: int = 48, steps: int = 300) -> LabResult:
    """Runs the lab.

    Args:
        seed: of weights, of the task, and of which sentences are taken.
        heads: "several", each with its own attention, or "copies" of one.
        sentences: how many are read without each head, at most; of SST-2 where `TFDS_DATA_DIR` holds it.
        steps: of training on the task, for each layer.
    """
    check_choice("heads", heads, ("several", "copies"))
    keras.utils.set_random_seed(seed)
    difference, collapse = _difference_from_keras(heads == "copies"), _difference_of_copies()
    one, parameters = learn_two_things(1, False, seed, steps)
    several, parameters_of_several = learn_two_things(4, heads == "copies", seed, steps)
    data = labelled_sentences(sentences, seed, longest=16)
    whole, alike, without = _trained(data, heads == "copies")
    right, right_alike, right_without = (data.probability_of_right(part) for part in (whole, alike, without))
    accuracy, accuracy_alike, accuracy_without = (data.accuracy(part) for part in (whole, alike, without))
    four = "four heads" if heads == "several" else "four copies of one head"
    return LabResult(
        claim=__doc__.splitlines()[0],
        checks=[
            Check("rebuilt", "Keras's MultiHeadAttention is single heads, concatenated and projected", difference < 1e-5),
            Check("copies", "one attention and several dense layers are no more than one head", collapse < 1e-5),
            Check(
                "two_things",
                "with as many parameters, several heads learn two things at once and one head does not",
                bool(parameters == parameters_of_several and several.min() > 0.9 and one.min() < 0.6),
            ),
            Check(
                "alike_costs",
                "with the same attention in all heads of a layer, the trained model is less sure of the right label",
                bool(right_alike.max() < right - 0.03),
            ),
            Check(
                "alike_costs_more",
                "that costs it more than the loss of any one head",
                bool(right_alike.max() < right_without.min()),
            ),
        ],
        measurements=[
            Measurement("difference", "largest difference from Keras", difference),
            Measurement("difference_of_copies", "of one attention and several dense layers from one head", collapse),
            Measurement("parameters_one", "parameters of the layer with one head", parameters),
            Measurement("parameters_several", "with four heads", parameters_of_several),
            Measurement("one_left", "accuracy of one head, symbol on the left", float(one[0])),
            Measurement("one_pointed", "accuracy of one head, symbol pointed to", float(one[1])),
            Measurement("several_left", f"accuracy of {four}, symbol on the left", float(several[0])),
            Measurement("several_pointed", f"accuracy of {four}, symbol pointed to", float(several[1])),
            Measurement("sentences", "sentences read", data.note),
            *(
                Measurement(f"{measure}_{key}", f"{label}, {name}", float(value))
                for key, name, *values in (
                    ("whole", "trained model", accuracy, right),
                    ("alike", "heads alike, the best of 12 choices", accuracy_alike.max(), right_alike.max()),
                    ("without", "without the head that costs most", accuracy_without.min(), right_without.min()),
                )
                for measure, label, value in zip(("accuracy", "right"), ("accuracy", "probability of the right label"), values)
            ),
            Measurement("idle_heads", "heads whose loss changes no prediction", int((accuracy_without == accuracy).sum())),
            Measurement("all_heads", "of so many heads", accuracy_without.size),
            Measurement("example", f"probability that “{SENTENCE}” is positive", float(whole[-1])),
        ],
        figures={
            "Two things at once, with as many weights: what each layer reports rightly of new sequences": figures.task(
                one, several, heads, 1 / SYMBOLS
            ),
            f"Each head taken out of the trained model; {data.note}, and one sentence": figures.grids(
                accuracy_without - accuracy, without[..., -1] - whole[-1], SENTENCE
            ),
        },
    )


def _difference_from_keras(copies):
    x = np.random.normal(size=(2, 7, WIDTH)).astype("float32")
    by_keras, ours = keras.layers.MultiHeadAttention(4, WIDTH // 4), SeveralHeads(4, WIDTH // 4, copies)
    by_keras(x, x), ours(x)
    weights = [np.random.normal(scale=WIDTH**-0.5, size=variable.shape) for variable in by_keras.weights]
    by_keras.set_weights(weights), ours.set_weights(weights)
    return float(np.abs(keras.ops.convert_to_numpy(by_keras(x, x) - ours(x))).max())


def _difference_of_copies():
    x = np.random.normal(size=(2, 7, WIDTH)).astype("float32")
    copies, one = SeveralHeads(4, WIDTH // 4, copies=True), SeveralHeads(1, WIDTH)
    copies(x), one(x)
    one.set_weights([np.reshape(part, variable.shape) for part, variable in zip(copies.get_weights(), one.weights)])
    return float(np.abs(keras.ops.convert_to_numpy(copies(x) - one(x))).max())


def _trained(data, copies):
    """Of the trained model: probabilities as it is, with heads alike for each choice of the head, without each head."""
    model = course_hw5.load_model("sentiment-minilm")
    token_ids = np.concatenate([data.token_ids, encode_sentence(SENTENCE.lower(), 16)[None]])
    classifier, states, alike = classifier_from(model, 0), [*embedded(model, token_ids)], []
    for head in range(HEADS):
        with heads_alike(model, head):
            alike.append(classifier.predict_on_batch(states)[:, 0])
    with heads_alike(model, 0) if copies else contextlib.nullcontext():
        return classifier.predict_on_batch(states)[:, 0], np.stack(alike), without_each_head(model, token_ids)
