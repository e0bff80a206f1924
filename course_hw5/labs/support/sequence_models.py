"""Small models of sequences that labs train in seconds: encoder-decoders of GRUs, of LSTMs and of transformer blocks.

The transformers are those of Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762), made of keras-nlp's blocks. All read
integers, 0 where padded, and return logits.
"""

from collections.abc import Sequence

import keras
import keras_nlp
import numpy as np
from jaxtyping import Bool, Float, Integer

from course_hw5.labs.support.sequences import ANSWERS, CHASE_WORDS, LONGEST_CHASE


def recurrent(
    lengths: tuple[int, int], vocabularies: tuple[int, int], width: int, attend: bool, uniform: bool = False
) -> keras.Model:
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
    (source, written), (read, spoken) = _inputs(lengths), vocabularies
    mask = keras.ops.not_equal(source, 0)
    letters = keras.layers.Embedding(read, width)(source)
    encoder = keras.layers.GRU(width // 2, return_sequences=True, return_state=True)
    states, *last = keras.layers.Bidirectional(encoder, name="encoder")(letters, mask=mask)
    last = keras.layers.Concatenate()(last)
    x = keras.layers.Embedding(spoken, width)(written)
    x = keras.layers.GRU(width, return_sequences=True, name="decoder")(x, initial_state=last)
    if attend:
        queries, keys = (keras.layers.Dense(width, use_bias=False)(part) for part in (x, states))
        attention = keras.layers.AdditiveAttention(name="alignment")
        context, _ = attention([queries, states, keys], mask=[None, mask], return_attention_scores=True)
        if uniform:
            _silence(attention.scale, attention)
    else:
        context = keras.layers.RepeatVector(lengths[1])(last)
    x = keras.layers.Dense(width, activation="tanh")(keras.layers.Concatenate()([x, context]))
    return keras.Model([source, written], keras.layers.Dense(spoken)(x))


def transformer(
    lengths: tuple[int, int], vocabularies: tuple[int, int], width: int, blocks: int, uniform: bool = False, heads: int = 4
) -> keras.Model:
    """The vanilla transformer: arguments as for `recurrent`; `blocks` of the encoder, and as many of the decoder.

    `uniform` is about cross-attention.
    """
    source, written = _inputs(lengths)
    mask = keras.ops.not_equal(source, 0)
    x, y = (_embedded(tokens, size, width, "sine") for tokens, size in zip((source, written), vocabularies))
    for i in range(blocks):
        x = keras_nlp.layers.TransformerEncoder(2 * width, heads, name=f"encoder_{i}")(x, padding_mask=mask)
    for i in range(blocks):
        decoder = keras_nlp.layers.TransformerDecoder(2 * width, heads, name=f"decoder_{i}")
        y = decoder(y, x, encoder_padding_mask=mask)
        if uniform:
            queries = decoder._cross_attention_layer.query_dense
            _silence(queries.kernel, queries)
    return keras.Model([source, written], keras.layers.Dense(vocabularies[1])(y))


def lstms(lengths: tuple[int, int], vocabularies: tuple[int, int], width: int, blocks: int) -> keras.Model:
    """An encoder-decoder of LSTMs (Sutskever et al. 2014, https://arxiv.org/abs/1409.3215): what a transformer is not."""
    source, written = _inputs(lengths)
    mask = keras.ops.not_equal(source, 0)
    x, y = (_embedded(tokens, size, width, "sine") for tokens, size in zip((source, written), vocabularies))
    states = []
    for i in range(blocks):
        x, *state = keras.layers.LSTM(width, return_sequences=True, return_state=True, name=f"encoder_{i}")(x, mask=mask)
        states.append(state)
    for i, state in enumerate(states):
        y = keras.layers.LSTM(width, return_sequences=True, name=f"decoder_{i}")(y, initial_state=state)
    return keras.Model([source, written], keras.layers.Dense(vocabularies[1])(y))


def reader(positions: str, causal: bool = False, width: int = 32, blocks: int = 2, heads: int = 4) -> keras.Model:
    """A transformer that reads a sentence of `chases` and answers both questions.

    Args:
        positions: "none", "sine" or "learnt".
        causal: whether each word sees only itself and those before it.
    """
    tokens = keras.Input((LONGEST_CHASE,), dtype="int32")
    mask = keras.ops.not_equal(tokens, 0)
    x = _embedded(tokens, len(CHASE_WORDS), width, positions)
    for _ in range(blocks):
        if causal:
            x = keras_nlp.layers.TransformerDecoder(2 * width, heads)(x, decoder_padding_mask=mask)
        else:
            x = keras_nlp.layers.TransformerEncoder(2 * width, heads)(x, padding_mask=mask)
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Identity(name="states")(x), mask=mask)
    return keras.Model(tokens, keras.layers.Reshape((2, len(ANSWERS)))(keras.layers.Dense(2 * len(ANSWERS))(x)))


def _inputs(lengths):
    return [keras.Input((length,), dtype="int32", name=name) for name, length in zip(("source", "written"), lengths)]


def _embedded(tokens, vocabulary, width, positions):
    x = keras.layers.Embedding(vocabulary, width)(tokens) * width**0.5  # section 3.4 of Vaswani et al. 2017
    if positions == "sine":
        x = x + keras_nlp.layers.SinePositionEncoding()(x)
    elif positions == "learnt":
        x = x + keras_nlp.layers.PositionEmbedding(tokens.shape[1])(x)
    return x


def _silence(variable, layer):
    """Keeps all attention logits at 0, whatever is asked, so that the softmax gives every key the same weight."""
    variable.assign(keras.ops.zeros_like(variable))
    layer.trainable = False


def train(
    model: keras.Model,
    inputs: np.ndarray | Sequence[np.ndarray],
    answers: Integer[np.ndarray, "examples steps"],
    batch_size: int = 32,
    learning_rate: float = 3e-3,
) -> None:
    """Trains on every example once; padding counts nothing."""
    steps = -(-len(answers) // batch_size)
    warmup = steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=learning_rate, warmup_steps=warmup)
    model.compile(
        keras.optimizers.Adam(schedule, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0),
        # XLA makes a loop over letters three times as fast, and takes 10 seconds to compile it; without a loop it gains nothing
        jit_compile=recurrent_layers(model) > 0 and steps > 300,
    )
    model.fit(inputs, answers, batch_size=batch_size, verbose=0, shuffle=False)


def is_right(
    model: keras.Model, inputs: np.ndarray | Sequence[np.ndarray], answers: Integer[np.ndarray, "examples steps"]
) -> Bool[np.ndarray, "examples steps"]:
    """Which answers a model's best guesses are: a boolean array of the shape of `answers`, True where padded."""
    return (model.predict(inputs, batch_size=500, verbose=0).argmax(-1) == answers) | (answers == 0)


def recurrent_layers(model: keras.Model) -> int:
    """How many layers of a model hand a state from step to step."""
    return sum(isinstance(layer, keras.layers.RNN) for layer in model.layers)


def attention_weights(
    model: keras.Model, inputs: np.ndarray | Sequence[np.ndarray]
) -> dict[str, Float[np.ndarray, "blocks heads queries keys"]]:
    """Lets a model of keras-nlp's blocks read one example, and records every softmax on the way.

    Args:
        model: a functional `keras.Model`.
        inputs: as the model takes them, a batch of one.

    Returns:
        Dict of "encoder" and "decoder" (self-attention) and "cross" (the decoder's cross-attention), where the model has them,
        to float32 arrays `(blocks, heads, queries, keys)`.
    """
    recorded, found = {}, []
    for block in model.layers:  # keras-nlp has no public way to the attention of its blocks
        if isinstance(block, keras_nlp.layers.TransformerEncoder):
            found.append(("encoder", block._self_attention_layer))
        elif isinstance(block, keras_nlp.layers.TransformerDecoder):
            found += [("decoder", block._self_attention_layer), ("cross", block._cross_attention_layer)]
    found = [(role, layer) for role, layer in found if layer is not None]

    def recording(role, layer):
        def compute(query, key, value, attention_mask=None, training=None, return_attention_scores=False, **kwargs):
            output, weights = compute_attention(query, key, value, attention_mask, training, True, **kwargs)
            recorded.setdefault(role, []).append(keras.ops.convert_to_numpy(weights)[0])
            return output, weights

        compute_attention = layer._compute_attention
        return compute

    for role, layer in found:  # the decoder does not return its weights: `_compute_attention` is Keras's place to override
        layer._compute_attention = recording(role, layer)
    try:
        model(inputs)
    finally:
        for _, layer in found:
            del layer._compute_attention
    return {role: np.stack(layers) for role, layers in recorded.items()}
