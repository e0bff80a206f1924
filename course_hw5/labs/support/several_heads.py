"""Attention made of single heads, and a task that asks it for two things at once."""

import keras
import numpy as np
from jaxtyping import Float

SYMBOLS = PLACES = 8
WIDTH = 32


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


def learn_two_things(heads: int, copies: bool, seed: int, steps: int) -> tuple[Float[np.ndarray, "2"], int]:
    """Trains attention and one dense layer: share of what is reported rightly, left and pointed to, and attention's weights."""
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
    logits = keras.layers.Reshape((PLACES, 2, SYMBOLS))(keras.layers.Dense(2 * SYMBOLS)(attention(x)))
    model = keras.Model(token, logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, jit_compile=True, steps_per_execution=25)
    model.fit(*_sequences(random, 128 * steps), batch_size=128, verbose=0)
    tokens, symbols = _sequences(random, 1024)
    right = model.predict(tokens, batch_size=1024, verbose=0).argmax(-1) == symbols
    return right.mean((0, 1)), attention.count_params()


def _sequences(random, count):
    symbols = random.integers(SYMBOLS, size=(count, PLACES), dtype="int32")
    places = random.permuted(np.tile(np.arange(PLACES, dtype="int32"), (count, 1)), axis=1)
    two_things = np.roll(symbols, 1, axis=1), np.take_along_axis(symbols, places, axis=1)
    return np.stack([symbols, places], -1), np.stack(two_things, -1)
