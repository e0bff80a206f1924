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
# # BEiT on CIFAR-10, and where it looks
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/course-hw5/course_hw5/blob/main/notebooks/beit_cifar10.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/course-hw5/course_hw5/blob/main/notebooks/beit_cifar10.ipynb)
#
# Question 3-2, second half. A vision transformer cuts the image into patches and treats them as words. It must learn which
# patches are neighbours: BEiT adds to each attention logit a number for the way from one patch to the other.
#
# You will learn
#
# - what a vision transformer is made of, and what an attention weight is made of;
# - how to see what a patch looks at, and how far each head looks;
# - how to train a small BEiT from random weights, and how it compares with a perceptron and a CNN.
#
# It takes about 10 minutes and 2.5 GB of memory on two cores without a GPU, with the settings below. The outputs are those
# of such a run; where a cell shows a page, GitHub shows an image of it.

# %%
import importlib.util

# On Colab, which says so if it must restart; on Kaggle turn the notebook's internet on first.
if importlib.util.find_spec("course_hw5") is None:
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    print("course_hw5 is installed.")

# %% [markdown]
# ## Settings
# They are for the training at the end. `cifar10` is a download of 160 MB; `digits` needs none.

# %% tags=["parameters"]
DATASET = "cifar10"
EPOCHS = 4
RUN = "runs/notebook-beit"

# %% [markdown]
# ## A trained model
# It comes with the package, and was trained from random weights on two cores.

# %%
import course_hw5  # before TensorFlow, whose log and speed it decides

model = course_hw5.load_model("beit-cifar10")
model.summary()

# %% [markdown]
# The backbone is one layer here. Inside, it is a patch embedding and a row of equal blocks.

# %%
backbone = model.backbone
backbone.summary()

# %% [markdown]
# ### Exercise 1
# An image of 64x64 pixels is cut into patches of 4x4 pixels; a block has 3 heads. How many tokens does a block read, and how
# many attention weights does it compute? (Look at the shapes above: what is there beside the patches?)

# %%
tokens, weights = ..., ...

# %%
from course_hw5 import exercises

print(exercises.check_attention_size((tokens, weights), (16, 16), 3))

# %% [markdown]
# ## Predict first
# Below, the model reads two photographs, of a temple and of a dahlia. Neither is among its ten classes (airplane, automobile,
# bird, cat, deer, dog, frog, horse, ship, truck). A softmax must name one of them. Before you go on, double-click this cell and
# write down:
#
# - The temple will be called: ... with a probability of: ...
# - The dahlia will be called: ... with a probability of: ...

# %% [markdown]
# ## Two photographs

# %%
import numpy as np
from sklearn.datasets import load_sample_image

from course_hw5.data.image_files import fit_image

images = np.stack([fit_image(load_sample_image(name), (32, 32)) for name in ("china.jpg", "flower.jpg")])
for name, probabilities in zip(("temple", "dahlia"), model.predict(images, verbose=0)):
    best = np.argsort(-probabilities)[:3]
    print(f"{name}:", ", ".join(f"{model.class_names[i]} {probabilities[i]:.3f}" for i in best))

# %% [markdown]
# ## Where does it look?
# Click a patch: the image shows what that patch looked at, head by head. Compare *Attention*, *Content logits* and *Position
# logits* in the first layer and in the last. *Relevance* leaves only what counted for the answer.

# %%
course_hw5.explain(model, images[0]).view(title="A temple")

# %% [markdown]
# ## What attention is made of
# Each weight is a softmax over content (query times key) plus position (the learnt bias).

# %%
parts = {name: np.array(part) for name, part in course_hw5.attention_model(model, parts=True)(images).items()}
print({name: part.shape for name, part in parts.items()})
exponent = np.exp(parts["content_logits"] + parts["position_logits"])
print("largest difference:", np.abs(exponent / exponent.sum(-1, keepdims=True) - parts["attention_weights"]).max())

# %% [markdown]
# ## What does training make of places?
# Each head started by looking at one neighbour, as one weight of a 3x3 convolution does. Below, the position bias of every head
# from a patch in the middle (marked): the first block above, the last below.

# %%
import matplotlib.pyplot as plt

rows, columns = backbone.grid
middle = (rows // 2, columns // 2)
query = 1 + middle[0] * columns + middle[1]
figure, axes = plt.subplots(2, parts["position_logits"].shape[2], figsize=(14, 4), squeeze=False)
for row, layer in zip(axes, (0, -1)):
    for head, axis in enumerate(row):
        bias = parts["position_logits"][0, layer, head, query, 1:].reshape(rows, columns)
        axis.imshow(bias, cmap="RdBu_r", vmin=-np.abs(bias).max(), vmax=np.abs(bias).max())
        axis.plot(middle[1], middle[0], "k+")
        axis.set(xticks=[], yticks=[])
        axis.set_title(f"block {layer % len(backbone.blocks)}, head {head}", fontsize=9)

# %% [markdown]
# ## How far does a head look?
# The mean distance from a patch to what it looks at, in patches. Small is local, as in a convolution; large is global.

# %%
distances = course_hw5.attention_distance(parts["attention_weights"].mean(axis=0), backbone.grid)
figure, axis = plt.subplots(figsize=(7, 3))
axis.plot(distances, "o", color="tab:blue", alpha=0.6)
axis.plot(distances.mean(axis=1), color="tab:orange", label="mean of heads")
axis.set(xlabel="block", ylabel="patches", title="attention distance of each head")
figure.legend()
print(distances.shape, f"from {distances.min():.2f} to {distances.max():.2f}")

# %% [markdown]
# ### Exercise 2
# Which head looks least far? `distances` has a row for each block and a column for each head; both are numbered from 0.

# %%
block, head = ..., ...

# %%
print(exercises.check_nearest_head((block, head), distances))

# %% [markdown]
# ## Train one from random weights
# The same code as `course-hw5 train beit`, with two blocks and images of 16x16 pixels: a quarter of the patches.

# %%
import keras

keras.utils.set_random_seed(0)
data = course_hw5.load_images(DATASET, batch_size=128, seed=0, augmentation="flip,shift" if DATASET == "cifar10" else None)
new = course_hw5.beit_classifier(
    course_hw5.beit_backbone("tiny", (16, 16, 3), num_layers=2, convolution_like_initialization=True),
    num_classes=len(data.class_names),
    class_names=data.class_names,
    input_shape=(32, 32, 3),
)
config = course_hw5.TrainingConfig(epochs=EPOCHS, optimizer="muon", learning_rate=4e-3, weight_decay=0.05, label_smoothing=0.1)
metrics = course_hw5.train(new, data, RUN, config, overwrite=True)

# %%
from IPython.display import Image

print(f"accuracy {metrics['accuracy']:.3f}; more is in {RUN}/index.html")
Image(f"{RUN}/accuracy.png", width=480)

# %% [markdown]
# ## A perceptron and a CNN beside it
# The same images, the same number of epochs. A unit of the perceptron's first layer reads every pixel. A unit of the CNN
# reads a square that grows from layer to layer, its receptive field. A patch of BEiT may look anywhere, and looks as far as
# its heads have learnt. The page shows all three: curves, classes, and under "What a unit sees" how far each model looks.

# %%
small = {
    "mlp": course_hw5.mlp_classifier(hidden_units=(512, 128), batch_normalization=True, num_classes=len(data.class_names)),
    "cnn": course_hw5.cnn_classifier(widths=(16, 32, 64), num_classes=len(data.class_names)),
}
for name, other in small.items():
    score = course_hw5.train(other, data, f"{RUN}-{name}", config, overwrite=True)["accuracy"]
    print(f"{name}: {other.count_params():,} weights, accuracy {score:.3f}")
print(f"beit: {new.count_params():,} weights, accuracy {metrics['accuracy']:.3f}")

# %%
import html

from IPython.display import HTML

from course_hw5.reports.pages.comparison import write_comparison

page = write_comparison([f"{RUN}-mlp", f"{RUN}-cnn", RUN], f"{RUN}-comparison.html")
frame = '<iframe srcdoc="{}" title="Three models side by side" style="width: 100%; height: 760px; border: 0"></iframe>'
HTML(frame.format(html.escape(page.read_text(encoding="utf-8"))))

# %% [markdown]
# ## Go on
# - The same with models trained for longer: `course-hw5 compare` reads the folders of any runs.
#   Trained for longer, the bundled `cnn-cifar10` has an accuracy of 0.892 and `beit-cifar10` one of 0.902.
# - Fine-tune the published BEiT, pretrained on 14 million images, with a GPU: `course-hw5 train beit
#   --preset hf://microsoft/beit-base-patch16-224-pt22k-ft22k --batch-size 32 --out runs/beit-base`.
# - Classify an image of your own: `course-hw5 classify IMAGE`.
