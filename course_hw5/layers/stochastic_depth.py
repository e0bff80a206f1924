"""Branches that are left out at random in training."""

import keras


@keras.saving.register_keras_serializable("course_hw5")
class StochasticDepth(keras.layers.Layer):
    """Drops a residual branch of whole examples in training (Huang et al. 2016, https://arxiv.org/abs/1603.09382).

    Args:
        rate: share of the examples, in [0, 1); the others are scaled up by 1 / (1 - rate).
        seed: integer, or None.

    Input and output: `(batch, ...)`.
    """

    def __init__(self, rate=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must lie in [0, 1). Received: {rate}")
        self.rate = rate
        self.seed = seed
        if rate:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x, training=None):
        if not training or not self.rate:
            return x
        shape = (keras.ops.shape(x)[0], *[1] * (len(x.shape) - 1))
        kept = keras.random.uniform(shape, seed=self.seed_generator) >= self.rate
        return x * keras.ops.cast(keras.ops.cast(kept, "float32") / (1 - self.rate), x.dtype)

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "seed": self.seed}
