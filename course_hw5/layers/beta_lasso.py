"""Beta-LASSO: SGD that makes the weights of a layer sparse (Neyshabur 2020, https://arxiv.org/abs/2007.13657, algorithm 1)."""

import keras

from course_hw5.errors import require
from course_hw5.layers.layer import Registered


class HardThreshold(Registered, keras.constraints.Constraint):
    """Sets weights to zero after each step where their absolute value is below `threshold`, a float of 0 or more.

    Raises:
        ValueError: if `threshold` is negative.
    """

    def __init__(self, threshold: float):
        require("threshold", threshold, lambda threshold: threshold >= 0, "0 or more")
        self.threshold = threshold

    def __call__(self, weights: keras.KerasTensor) -> keras.KerasTensor:
        return weights * keras.ops.cast(keras.ops.abs(weights) >= self.threshold, weights.dtype)

    def get_config(self) -> dict:
        return {"threshold": self.threshold}


def beta_lasso(strength: float, beta: float = 50.0) -> dict:
    """Arguments by which a layer of Keras, trained by `keras.optimizers.SGD`, is trained by beta-LASSO.

    A step is `w <- w - learning_rate * (gradient + strength * sign(w))`, then `w <- 0` where `|w| < beta * strength`. A weight
    at zero comes back where the gradient of one step takes it over the threshold. The algorithm is an L1 penalty and a
    threshold, both of which Keras has a place for in each layer; an optimizer of its own would be that of all layers.
    Under JAX, whose gradient of `abs` at zero is 1, the penalty pulls weights at zero as if they were positive.

    Args:
        strength: of the penalty, λ of the paper; 0 or more.
        beta: of the threshold, 0 or more, where 0 is L1 alone; the paper's is 50.

    Returns:
        Dict of `kernel_regularizer` and `kernel_constraint`.

    Raises:
        ValueError: if an argument is negative.

    Example:
        >>> layer = keras.layers.Dense(400, **beta_lasso(1e-5))
    """
    require("strength", strength, lambda strength: strength >= 0, "0 or more")
    require("beta", beta, lambda beta: beta >= 0, "0 or more")
    return {"kernel_regularizer": keras.regularizers.L1(strength), "kernel_constraint": HardThreshold(beta * strength)}
