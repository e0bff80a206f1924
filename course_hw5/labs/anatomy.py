"""The vanilla transformer is several encoder blocks and several decoder blocks, and nothing in it is recurrent.

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
import numpy as np

from course_hw5.attention.viewer.page import head_view
from course_hw5.labs.figures import plot_anatomy as figures
from course_hw5.labs.support import sequence_models, sequences
from course_hw5.labs.support.dependence import change_by_shuffling, influence_of_words
from course_hw5.labs.support.result import Check, LabResult, Measurement, check_at_least, check_choice

BUILDERS = {"transformer": sequence_models.transformer, "lstm": sequence_models.lstms}
EXAMPLE = 347_621
WIDTH = 64
ROUNDING = 1e-4  # what float32 may differ by when the same sums are taken in another order


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
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    numbers = random.choice(np.setdiff1d(np.arange(1, 1_000_000), EXAMPLE), 32 * steps + 1000, replace=False)
    sizes = (sequences.LONGEST_ENGLISH, sequences.LONGEST_GERMAN), (len(sequences.ENGLISH_WORDS), len(sequences.GERMAN_WORDS))
    model = BUILDERS[layer](*sizes, WIDTH, blocks)
    *inputs, answers = sequences.translation(numbers[1000:])
    sequence_models.train(model, inputs, answers)
    *inputs, answers = sequences.translation(numbers[:1000])
    # word after word its own words are the right ones as long as it makes no mistake, so that this counts what it writes alone
    translated = float(sequence_models.is_right(model, inputs, answers).all(1).mean())

    *example, _ = sequences.translation([EXAMPLE])
    influence = influence_of_words(model, example)
    encoder, decoder = blocks_of(model)
    arguments = keras.Model(model.input, decoder[0].input)(example)
    lstm = [keras.layers.LSTM(WIDTH, return_sequences=True)]
    own, of_lstm = (change_by_shuffling(layers, arguments, random) for layers in (decoder, lstm))
    recurrent = sequence_models.recurrent_layers(model)
    later = float(np.triu(influence, 1).max())
    encoders = sum(isinstance(block, keras_nlp.layers.TransformerEncoder) for block in encoder)
    decoders = sum(isinstance(block, keras_nlp.layers.TransformerDecoder) for block in decoder)
    read, answer = sequences.english(EXAMPLE), [*sequences.german(EXAMPLE), "[end]"]
    written = [sequences.START, *answer[:-1]]
    weights = sequence_models.attention_weights(model, example)  # none where there is no attention
    guessed = sequences.words_of(model.predict(example, verbose=0)[0].argmax(-1), sequences.GERMAN_WORDS)
    return LabResult(
        claim=__doc__.splitlines()[0],
        checks=[
            Check("no_rnn", "no layer in it is a keras.layers.RNN, at any depth", recurrent == 0),
            Check("blocks", f"it has {blocks} encoder and {blocks} decoder blocks", encoders == decoders == blocks),
            Check("translates", "it translates nine of ten unseen numbers without an error", translated > 0.9),
            Check("is_causal", "an output does not change when later words do", later < ROUNDING),
            Check("any_order", "steps computed in shuffled order give the same outputs", own.max() < ROUNDING),
            Check("lstm_needs_order", "an LSTM's steps do not", of_lstm.max() > 100 * ROUNDING),
        ],
        measurements=[
            Measurement("encoder_blocks", "encoder blocks", encoders),
            Measurement("decoder_blocks", "decoder blocks", decoders),
            Measurement("recurrent_layers", "recurrent layers", recurrent),
            Measurement("parameters", "parameters", model.count_params()),
            Measurement("translated", "share of unseen numbers translated without an error", translated),
            Measurement("example", f"{EXAMPLE:,}, word by word, given the right words before", " ".join(guessed)),
            Measurement("change_by_later_words", "largest change of an output by later words", later),
            Measurement("change_by_earlier_words", "by its own and earlier words", float(np.tril(influence).max())),
            Measurement("change_by_order", f"by the order of computing, this {layer}", float(own.max())),
            Measurement("change_by_order_lstm", "by the order of computing, an LSTM", float(of_lstm.max())),
        ],
        figures={
            "The network, drawn from its layers": figures.diagram(encoder, decoder),
            "What an output depends on, and whether the order of computing matters": figures.dependences(
                influence, {f"this {layer}": own, "an LSTM": of_lstm}, written, answer, ROUNDING
            ),
        },
        pages={
            caption: head_view(weights[name], query_tokens=queries, key_tokens=keys, html_action="return", title=caption)
            for caption, name, queries, keys in (
                ("Self-attention of the encoder", "encoder", read, read),
                ("Causal self-attention of the decoder", "decoder", written, written),
                ("Cross-attention: where it looks for each word that it writes", "cross", answer, read),
            )
            if name in weights
        },
    )


def blocks_of(model: keras.Model) -> list[list[keras.layers.Layer]]:
    """The blocks of a model's encoder and of its decoder, from input to output."""
    return [[part for part in model.layers if part.name.startswith(role)] for role in ("encoder", "decoder")]
