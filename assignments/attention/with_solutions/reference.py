"""The right answers as functions of NumPy, with the mistakes that can be made in them as arguments."""

import numpy as np
from scipy import special


def softmax(logits, axis=-1):
    """Softmax over one axis."""
    return special.softmax(logits, axis)


def attention_of(query, key, value, mask=None):
    """Output and attention weights."""
    logits = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    weights = softmax(logits if mask is None else np.where(mask, logits, -1e30), -1)
    return weights @ value, weights


def multi_head_of(x, weights, squared_scale=None):
    """Multi-head attention as Keras has it; `squared_scale` in place of head_dim."""
    query, key, value = (
        np.einsum("td,dhe->hte", x, weights[name]) + weights[f"{name}_bias"][:, None] for name in ("query", "key", "value")
    )
    shares = softmax(query @ key.transpose(0, 2, 1) / np.sqrt(squared_scale or query.shape[-1]), -1)
    return np.einsum("hqe,hed->qd", shares @ value, weights["output"]) + weights["output_bias"]


def positions_of(length, dim, factor=2):
    """Sinusoidal positions whose exponent is `factor * i / dim`."""
    angles = np.arange(length)[:, None] / 10000 ** (factor * np.arange(dim // 2) / dim)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(length, dim)


def layer_norm(x, gamma, beta):
    """Layer normalization of each row."""
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12) * gamma + beta


def bert_embedding_of(parts, weights):
    """The normalised sum of some embeddings; `parts` is a dict from their names to indices."""
    return layer_norm(sum(weights[name][index] for name, index in parts.items()), weights["gamma"], weights["beta"])


def rollout_of(attention, residual=0.5):
    """Rollout of weights `(layers, tokens, tokens)`."""
    result = np.eye(attention.shape[-1])
    for layer in attention:
        result = ((1 - residual) * layer + residual * np.eye(len(layer))) @ result
    return result


def bias_of(table, rows, columns):
    """Relative position bias, pair by pair."""
    patches = [(row, column) for row in range(rows) for column in range(columns)]
    bias = np.empty((table.shape[1], len(patches) + 1, len(patches) + 1))
    bias[:, 0, :], bias[:, :, 0], bias[:, 0, 0] = table[-3][:, None], table[-2][:, None], table[-1]
    for query, (query_row, query_column) in enumerate(patches, 1):
        for key, (row, column) in enumerate(patches, 1):
            index = (query_row - row + rows - 1) * (2 * columns - 1) + query_column - column + columns - 1
            bias[:, query, key] = table[index]
    return bias


def block_weights(random, dim, mlp_dim):
    """Random weights of a block of BEiT."""
    shapes = {"qkv": (dim, 3 * dim), "output": (dim, dim), "dense_1": (dim, mlp_dim), "dense_2": (mlp_dim, dim)}
    shapes |= {"dense_1_bias": (mlp_dim,)} | dict.fromkeys(("output_bias", "dense_2_bias", "query_bias", "value_bias"), (dim,))
    shapes |= dict.fromkeys(("gamma_1", "beta_1", "gamma_2", "beta_2", "lambda_1", "lambda_2"), (dim,))
    return {name: random.normal(size=shape) / 2 for name, shape in shapes.items()}


def gelu_of(x, kind):
    return (
        x * (1 + (special.erf(x / np.sqrt(2)) if kind == "exact" else np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))) / 2
    )


def beit_block_of(x, weights, bias, num_heads, gelu="exact", skip=True, pre_norm=True, scaled=None):
    """A block of BEiT, or one with a mistake."""
    tokens, dim = x.shape
    norm_1, norm_2 = (lambda x, n=n: layer_norm(x, weights[f"gamma_{n}"], weights[f"beta_{n}"]) for n in (1, 2))
    qkv_bias = np.concatenate([weights["query_bias"], np.zeros(dim), weights["value_bias"]])
    qkv = (norm_1(x) if pre_norm else x) @ weights["qkv"] + qkv_bias
    query, key, value = qkv.reshape(tokens, 3, num_heads, -1).transpose(1, 2, 0, 3)
    shares = softmax(query @ key.transpose(0, 2, 1) / np.sqrt(scaled or dim // num_heads) + bias, -1)
    heads = (shares @ value).transpose(1, 0, 2).reshape(tokens, dim)
    x = x * skip + weights["lambda_1"] * (heads @ weights["output"] + weights["output_bias"])
    x = x if pre_norm else norm_1(x)
    hidden = gelu_of((norm_2(x) if pre_norm else x) @ weights["dense_1"] + weights["dense_1_bias"], gelu)
    x = x * skip + weights["lambda_2"] * (hidden @ weights["dense_2"] + weights["dense_2_bias"])
    return x if pre_norm else norm_2(x)
