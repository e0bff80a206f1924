"""Small models of sequences that labs train in seconds, and what their outputs depend on.

They are encoder-decoders of GRUs, of LSTMs and of transformer blocks. The transformers are those of Vaswani et al. 2017
(https://arxiv.org/abs/1706.03762), made of keras-nlp's blocks. All read integers, 0 where padded, and return logits.
"""

from collections.abc import Sequence

import keras
import keras_nlp
import numpy as np
from jaxtyping import Bool, Float

from course_hw5.explanation import recording
from course_hw5.labs.support.sequences import ANSWERS, CHASE_WORDS, GERMAN_WORDS, LONGEST_CHASE, Batch

Pair = tuple[int, int]  # of the encoder and of the decoder
Inputs = np.ndarray | Sequence[np.ndarray]

HEADS = 4  # of the transformers
ROUNDING = 1e-4  # what float32 may differ by when the same sums are taken in another order


def recurrent(lengths: Pair, vocabularies: Pair, width: int, attend: bool, uniform: bool = False) -> keras.Model:
    """An encoder-decoder of GRUs, of which the encoder's reads in both directions; its context is fixed, or one for each step.

    Fixed: Cho et al. 2014, https://arxiv.org/abs/1406.1078; additive attention: Bahdanau et al. 2015,
    https://arxiv.org/abs/1409.0473. Other than theirs, the decoder's GRU does not read the context, which goes to the output
    alone, so that the contexts of all steps are computed at once.

    Args:
        lengths, vocabularies: each a pair of integers, of the encoder and the decoder.
        width: of embeddings and states, even.
        attend: whether the context of a step is the encoder's states, weighted by attention, or the last of them.
        uniform: whether attention gives all states the same weight.
    """
    source, written, mask = _inputs(lengths)
    letters = keras.layers.Embedding(vocabularies[0], width)(source)
    encoder = keras.layers.GRU(width // 2, return_sequences=True, return_state=True)
    states, *last = keras.layers.Bidirectional(encoder, name="encoder")(letters, mask=mask)
    last = keras.layers.Concatenate()(last)
    x = keras.layers.Embedding(vocabularies[1], width)(written)
    x = keras.layers.GRU(width, return_sequences=True, name="decoder")(x, initial_state=last)
    if attend:
        queries, keys = (keras.layers.Dense(width, use_bias=False)(part) for part in (x, states))
        attention = keras.layers.AdditiveAttention(name="alignment")
        context, _ = attention([queries, states, keys], mask=[None, mask], return_attention_scores=True)
        if uniform:
            _silence(attention.scale)
    else:
        context = keras.layers.RepeatVector(lengths[1])(last)
    x = keras.layers.Dense(width, activation="tanh")(keras.layers.Concatenate()([x, context]))
    return keras.Model([source, written], keras.layers.Dense(vocabularies[1])(x))


def transformer(lengths: Pair, vocabularies: Pair, width: int, blocks: int, uniform: bool = False) -> keras.Model:
    """The vanilla transformer: arguments as for `recurrent`; `blocks` of the encoder, and as many of the decoder.

    `uniform` is about cross-attention.
    """
    source, written, mask = _inputs(lengths)
    x, y = _embedded(source, vocabularies[0], width, "sine"), _embedded(written, vocabularies[1], width, "sine")
    for i in range(blocks):
        x = keras_nlp.layers.TransformerEncoder(2 * width, HEADS, name=f"encoder_{i}")(x, padding_mask=mask)
    for i in range(blocks):
        decoder = keras_nlp.layers.TransformerDecoder(2 * width, HEADS, name=f"decoder_{i}")
        y = decoder(y, x, encoder_padding_mask=mask)
        if uniform:
            for variable in decoder.variables:
                if "/cross_attention/query/" in variable.path:
                    _silence(variable)
    return keras.Model([source, written], keras.layers.Dense(vocabularies[1])(y))


def lstms(lengths: Pair, vocabularies: Pair, width: int, blocks: int) -> keras.Model:
    """An encoder-decoder of LSTMs (Sutskever et al. 2014, https://arxiv.org/abs/1409.3215): what a transformer is not."""
    source, written, mask = _inputs(lengths)
    x, y = _embedded(source, vocabularies[0], width, "sine"), _embedded(written, vocabularies[1], width, "sine")
    states = []
    for i in range(blocks):
        x, *state = keras.layers.LSTM(width, return_sequences=True, return_state=True, name=f"encoder_{i}")(x, mask=mask)
        states.append(state)
    for i, state in enumerate(states):
        y = keras.layers.LSTM(width, return_sequences=True, name=f"decoder_{i}")(y, initial_state=state)
    return keras.Model([source, written], keras.layers.Dense(vocabularies[1])(y))


def reader(positions: str, causal: bool = False) -> keras.Model:
    """A transformer that reads a sentence of `chases` and answers both questions.

    Args:
        positions: "none", "sine" or "learnt".
        causal: whether each word sees only itself and those before it.
    """
    width = 32
    tokens = keras.Input((LONGEST_CHASE,), dtype="int32")
    mask = keras.ops.not_equal(tokens, 0)
    x = _embedded(tokens, len(CHASE_WORDS), width, positions)
    for _ in range(2):
        if causal:
            x = keras_nlp.layers.TransformerDecoder(2 * width, HEADS)(x, decoder_padding_mask=mask)
        else:
            x = keras_nlp.layers.TransformerEncoder(2 * width, HEADS)(x, padding_mask=mask)
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Identity(name="states")(x), mask=mask)
    return keras.Model(tokens, keras.layers.Reshape((2, len(ANSWERS)))(keras.layers.Dense(2 * len(ANSWERS))(x)))


def _inputs(lengths):
    """What the encoder and the decoder read, and which of the encoder's tokens are not padding."""
    source, written = (keras.Input((n,), dtype="int32", name=name) for n, name in zip(lengths, ("source", "written")))
    return source, written, keras.ops.not_equal(source, 0)


def _embedded(tokens, vocabulary, width, positions):
    x = keras.layers.Embedding(vocabulary, width)(tokens) * width**0.5  # section 3.4 of Vaswani et al. 2017
    if positions == "sine":
        x = x + keras_nlp.layers.SinePositionEncoding()(x)
    elif positions == "learnt":
        x = x + keras_nlp.layers.PositionEmbedding(tokens.shape[1])(x)
    return x


def _silence(variable):
    """Keeps all attention logits at 0, whatever is asked, so that the softmax gives every key the same weight."""
    variable.assign(keras.ops.zeros_like(variable))
    variable.trainable = False


def train(model: keras.Model, inputs: Inputs, answers: Batch, learning_rate: float = 3e-3) -> None:
    """Trains on every example once, in batches of 32; padding counts nothing."""
    steps = -(-len(answers) // 32)
    warmup = steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=learning_rate, warmup_steps=warmup)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    # XLA makes a loop over letters three times as fast, and takes 10 seconds to compile it; without a loop it gains nothing
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss, jit_compile=recurrent_layers(model) > 0 and steps > 300)
    model.optimizer.build(model.trainable_variables)  # else the first step makes its variables, and is traced twice
    model.fit(inputs, answers, batch_size=32, verbose=0, shuffle=False)


def is_right(model: keras.Model, inputs: Inputs, answers: Batch) -> Bool[np.ndarray, "examples steps"]:
    """Which answers a model's best guesses are: a boolean array of the shape of `answers`, True where padded."""
    return (model.predict(inputs, batch_size=500, verbose=0).argmax(-1) == answers) | (answers == 0)


def recurrent_layers(model: keras.Model) -> int:
    """How many layers of a model hand a state from step to step."""
    return sum(isinstance(layer, keras.layers.RNN) for layer in model.layers)


def attention_weights(model: keras.Model, inputs: Inputs) -> dict[str, Float[np.ndarray, "blocks heads queries keys"]]:
    """Lets a model of keras-nlp's blocks read one example, and records every softmax on the way.

    Args:
        model: a functional `keras.Model`.
        inputs: as the model takes them, a batch of one.

    Returns:
        Dict of "encoder" and "decoder" (self-attention) and "cross" (the decoder's cross-attention), where the model has them,
        to float32 arrays `(blocks, heads, queries, keys)`.
    """
    recorder = recording.Recorder()
    with recorder.watching():
        model(inputs)
    by_role = {}
    for path, weights in recorder.weights.items():
        role = "cross" if "cross_attention" in path else "decoder" if "decoder" in path else "encoder"
        by_role.setdefault(role, []).append(keras.ops.convert_to_numpy(weights)[0])
    return {role: np.stack(blocks) for role, blocks in by_role.items()}


def influence_of_words(model: keras.Model, example: Sequence[Batch]) -> Float[np.ndarray, "steps words"]:
    """Puts every other word in the place of each written one.

    Returns:
        Float array `(steps, words)`: the largest change of a step's logits by a change of a word.
    """
    source, written = example
    words, length = len(GERMAN_WORDS), written.shape[1]
    changed = np.tile(written, (length, words - 1, 1))
    changed[np.arange(length), :, np.arange(length)] = np.arange(1, words)
    changed = changed.reshape(-1, length)
    before, after = model(example), model([np.repeat(source, len(changed), 0), changed])
    return np.abs(keras.ops.convert_to_numpy(after - before)).max(-1).reshape(length, words - 1, length).max(1).T


def change_by_shuffling(layers: Sequence, arguments: Sequence, random: np.random.Generator, shuffles: int = 20) -> np.ndarray:
    """Largest change of each step's output, `(steps,)`, when the steps come in another order, and are put back into theirs.

    Args:
        layers: that come after each other: decoder blocks or RNNs.
        arguments: of the first: its input `(1, steps, width)`, and the encoder's output.
        random: `numpy.random.Generator`.
        shuffles: orders to try.
    """
    x, memory = arguments[:2]
    orders = [np.arange(x.shape[1]), *(random.permutation(x.shape[1]) for _ in range(shuffles))]
    expected, *others = (_in_order(layers, x, memory, order) for order in orders)
    return np.max([np.abs(other - expected).max(-1) for other in others], axis=0)


def _in_order(layers, x, memory, order):
    x = keras.ops.take(x, order, axis=1)
    mask = order[None, :, None] >= order  # a step sees itself and those that come before it in the sentence
    for layer in layers:
        is_rnn = isinstance(layer, keras.layers.RNN)
        x = layer(x) if is_rnn else layer(x, memory, decoder_attention_mask=mask, use_causal_mask=False)
    return keras.ops.convert_to_numpy(x)[0, np.argsort(order)]
