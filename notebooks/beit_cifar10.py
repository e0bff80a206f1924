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
#
# Question 3-2, second half. A transformer cuts the image into patches and treats them as words. What it knows of neighbours
# it has to learn: BEiT adds to each attention logit a number for the way from one patch to the other.

# %%
import importlib.util
import os

if importlib.util.find_spec("course_hw5") is None:  # on Colab, which says so if it must restart
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    print("course_hw5 is installed.")

# %% [markdown]
# ## Parameters
# `digits` needs no download; the homework uses `cifar10`.

# %%
import course_hw5  # before TensorFlow, whose log and speed it decides

DATASET = os.environ.get("COURSE_HW5_DATASET", "cifar10")
EPOCHS = int(os.environ.get("COURSE_HW5_EPOCHS", "8"))
RUN = os.environ.get("COURSE_HW5_RUN", "runs/notebook-beit")

# %% [markdown]
# ## A trained model
# It was trained from scratch on two cores, and comes with the package.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from course_hw5.data.image_files import fit_image

keras.utils.set_random_seed(0)
model = course_hw5.load_model("beit-cifar10")
model.summary()

# %% [markdown]
# The backbone is one layer here; inside, it is a patch embedding and a row of equal blocks.

# %%
backbone = model.backbone
backbone.summary()

# %% [markdown]
# ## Two photographs
# Neither a temple nor a dahlia is among the ten classes. A softmax must name one all the same: watch how sure it is.

# %%
images = np.stack([fit_image(load_sample_image(name), (32, 32)) for name in ("china.jpg", "flower.jpg")])
for probabilities in model.predict(images, verbose=0):
    best = np.argsort(-probabilities)[:3]
    print(", ".join(f"{model.class_names[i]} {probabilities[i]:.3f}" for i in best))

# %% [markdown]
# ## Where does it look?
# Click a patch: the image shows what that patch looked at, head by head. Compare *Attention*, *Content logits* and *Position
# logits* in the first layer and in the last. *Relevance* leaves only what spoke for the answer.

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
rows, columns = backbone.grid
middle = (rows // 2, columns // 2)
query = 1 + middle[0] * columns + middle[1]
figure, axes = plt.subplots(2, parts["position_logits"].shape[2], figsize=(14, 4), squeeze=False)
for row, layer in zip(axes, (0, -1)):
    for head, axis in enumerate(row):
        bias = parts["position_logits"][0, layer, head, query, 1:].reshape(rows, columns)
        axis.imshow(bias, cmap="RdBu_r", vmin=-np.abs(bias).max(), vmax=np.abs(bias).max())
        axis.plot(middle[1], middle[0], "k+")
        axis.set(xticks=[], yticks=[], title=f"block {layer % len(backbone.blocks)}, head {head}")
        axis.title.set_fontsize(9)

# %% [markdown]
# ## How far does a head look?
# Mean distance from a patch to what it looks at, in patches: small is local, as in a convolution; large is global.

# %%
distances = course_hw5.attention_distance(parts["attention_weights"].mean(axis=0), backbone.grid)
figure, axis = plt.subplots(figsize=(7, 3))
axis.plot(
    np.repeat(np.arange(len(distances))[:, None], distances.shape[1], axis=1), distances, "o", color="tab:blue", alpha=0.6
)
axis.plot(distances.mean(axis=1), color="tab:orange", label="mean of heads")
axis.set(xlabel="block", ylabel="patches", title="attention distance of each head")
axis.legend()

# %% [markdown]
# ## Train one from scratch
# The same code as `course-hw5 train beit`. On small images first: a 16-pixel image has a quarter of the patches.

# %%
data = course_hw5.load_images(DATASET, batch_size=128, seed=0, augmentation="flip,shift" if DATASET == "cifar10" else None)
new = course_hw5.beit_classifier(
    course_hw5.beit_backbone("tiny", (16, 16, 3), num_layers=2, convolution_like_initialization=True),
    num_classes=len(data.class_names),
    class_names=data.class_names,
    input_shape=(32, 32, 3),
)
config = course_hw5.TrainingConfig(epochs=EPOCHS, optimizer="muon", learning_rate=4e-3, weight_decay=0.05, label_smoothing=0.1)
metrics = course_hw5.train(new, data, RUN, config, overwrite=True)
print(f"accuracy {metrics['accuracy']:.3f}; open {RUN}/index.html")

# %% [markdown]
# ## Go on
# - Compare it with the perceptron: `course-hw5 compare runs/notebook-mlp runs/notebook-beit --out runs/compare.html`.
# - Fine-tune the published BEiT, pretrained on 14 million images, with a GPU: `course-hw5 train beit
#   --preset hf://microsoft/beit-base-patch16-224-pt22k-ft22k --batch-size 32 --out runs/beit-base`.
# - Classify an image of your own: `course-hw5 classify IMAGE`.
