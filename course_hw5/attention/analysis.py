"""What attention weights add up to: arrays in, arrays out."""

import itertools

import numpy as np
from jaxtyping import Float

from course_hw5.errors import is_whole, require

Weights = Float[np.ndarray, "layers heads tokens tokens"]
CrossWeights = Float[np.ndarray, "layers heads queries keys"]  # queries and keys can be different tokens


def attention_rollout(attention_weights: Weights, residual_weight: float = 0.5) -> Float[np.ndarray, "tokens tokens"]:
    """Folds the attention of all layers into one token-to-token map.

    Heads are averaged, the skip connection enters as an identity matrix, and the layers are multiplied from input to
    output (Abnar and Zuidema 2020, https://arxiv.org/abs/2005.00928).

    Args:
        attention_weights: float array `(layers, heads, tokens, tokens)`, softmax probabilities; axis -2 is the query, -1 the
            key.
        residual_weight: share of the skip connection, in [0, 1).

    Returns:
        Float array `(tokens, tokens)`; row `q` says how much of output token `q` came from each input token; rows sum to 1.

    Raises:
        ValueError: if `attention_weights` is not 4-D with square last axes, or `residual_weight` is outside [0, 1).

    Example:
        >>> attention_rollout(np.full((2, 1, 2, 2), 0.5))
        array([[0.625, 0.375],
               [0.375, 0.625]])
    """
    return rollout_by_layer(attention_weights, residual_weight)[-1]


def rollout_by_layer(attention_weights: Weights, residual_weight: float = 0.5) -> Float[np.ndarray, "layers tokens tokens"]:
    """As `attention_rollout`, after each layer: float array `(layers, tokens, tokens)`."""
    attention = _checked(attention_weights).mean(axis=1)
    require("residual_weight", residual_weight, lambda weight: 0 <= weight < 1, "in [0, 1)")
    layers = residual_weight * np.eye(attention.shape[-1]) + (1 - residual_weight) * attention
    return np.stack([*itertools.accumulate(layers, lambda rollout, layer: layer @ rollout)])


def gradient_relevance(attention_weights: CrossWeights, gradients: CrossWeights) -> CrossWeights:
    """Attention times its gradient, where positive: the share of each weight in the model's answer, to first order.

    One factor of the relevance of Chefer et al. 2021 (https://arxiv.org/abs/2103.15679), before heads are averaged.

    Args:
        attention_weights: float array `(layers, heads, queries, keys)`, softmax probabilities.
        gradients: same shape, the gradient of the answer (a logit) by each of them.

    Returns:
        Float array of the same shape, 0 or more, in units of the logit.

    Raises:
        ValueError: if the shapes differ.
    """
    weights, gradients = np.asarray(attention_weights, "float64"), np.asarray(gradients, "float64")
    if (shape := weights.shape) != gradients.shape:
        raise ValueError(f"`gradients` must have the shape of `attention_weights`, {shape}. Received: {gradients.shape}")
    return np.maximum(weights * gradients, 0)


def token_relevance(attention_weights: Weights, gradients: Weights) -> Float[np.ndarray, "tokens tokens"]:
    """How much each token mattered for the answer, through all layers (Chefer et al. 2021, equation 6).

    Args:
        attention_weights: float array `(layers, heads, tokens, tokens)`, softmax probabilities.
        gradients: same shape, the gradient of the answer by each of them.

    Returns:
        Float array `(tokens, tokens)`, without the 1 that each token starts from for itself; the row of [CLS] says what a
        classifier that reads [CLS] relied on.
    """
    return relevance_by_layer(attention_weights, gradients)[-1]


def relevance_by_layer(attention_weights: Weights, gradients: Weights) -> Float[np.ndarray, "layers tokens tokens"]:
    """As `token_relevance`, after each layer: float array `(layers, tokens, tokens)`."""
    identity = np.eye(_checked(attention_weights).shape[-1])
    layers = gradient_relevance(attention_weights, gradients).mean(axis=1)
    _, *relevance = itertools.accumulate(layers, lambda before, layer: before + layer @ before, initial=identity)
    return np.stack(relevance) - identity


def attention_entropy(attention_weights: Float[np.ndarray, "*batch queries keys"]) -> Float[np.ndarray, "*batch queries"]:
    """How widely each query looks: entropy of its weights in bits, 0 for one token, log2(tokens) for all alike.

    Args:
        attention_weights: float array `(..., queries, keys)` whose rows sum to 1.

    Returns:
        Float array `(..., queries)`.
    """
    weights = np.asarray(attention_weights, "float64")
    return -np.sum(weights * np.log2(np.where(weights > 0, weights, 1)), axis=-1)


def attention_distance(attention_weights: Weights, grid: tuple[int, int]) -> Float[np.ndarray, "layers heads"]:
    """How far each head looks: the mean distance from a patch to what it looks at, weighted by attention.

    As in figure 7 of Dosovitskiy et al. 2021 (https://arxiv.org/abs/2010.11929). [CLS] has no place and is left out.

    Args:
        attention_weights: float array `(layers, heads, tokens, tokens)`, softmax probabilities; tokens are [CLS], then patches
            row by row.
        grid: `(rows, columns)` of patches.

    Returns:
        Float array `(layers, heads)`, in patches.

    Raises:
        ValueError: if `attention_weights` is not 4-D with square last axes, or the tokens are not [CLS] and the grid's patches.

    Example:
        >>> attention_distance(np.full((1, 1, 5, 5), 0.2), (2, 2)).round(3)  # itself, two neighbours, one diagonal
        array([[0.854]])
    """
    require("grid", grid, lambda grid: len(grid) == 2 and all(is_whole(side, 1) for side in grid), "(rows, columns), 1 or more")
    attention_weights, (rows, columns) = _checked(attention_weights), grid
    if (tokens := attention_weights.shape[-1]) != 1 + rows * columns:
        raise ValueError(f"`attention_weights` must have {1 + rows * columns} tokens for the grid {grid}. Received: {tokens}")
    places = np.stack(np.divmod(np.arange(rows * columns), columns), axis=1)
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    weights = attention_weights[:, :, 1:, 1:]
    return ((weights * distances).sum(-1) / weights.sum(-1)).mean(-1)


def _checked(weights):
    require("attention_weights", weights, lambda weights: np.asarray(weights, "float64") is not None, "an array of numbers")
    weights = np.asarray(weights, "float64")
    if weights.ndim != 4 or weights.shape[-1] != weights.shape[-2] or 0 in weights.shape:
        raise ValueError(f"`attention_weights` must have shape (layers, heads, tokens, tokens). Received: {weights.shape}")
    require("attention_weights", weights, lambda weights: np.isfinite(weights).all(), "finite")
    return weights
