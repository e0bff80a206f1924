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
# # Segmentation: BEiT and UPerNet
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/course-hw5/course_hw5/blob/main/notebooks/beit_segmentation.ipynb)
#
# Question 2-2: a class for every pixel. BEiT turns patches into vectors; UPerNet takes these after four of its blocks, makes a
# pyramid of them, and lets what is coarse (what is this?) flow into what is fine (where does it end?).

# %%
import importlib.util
import os

if importlib.util.find_spec("course_hw5") is None:  # on Colab, which says so if it must restart
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    print("course_hw5 is installed.")

# %% [markdown]
# ## Parameters
# `digits` needs no download; `scene_parse150` is the homework's data set, downloaded by TensorFlow Datasets (0.9 GB); `camvid`
# is what the bundled segmenter was trained on, if `TFDS_DATA_DIR` holds it.

# %%
import course_hw5  # before TensorFlow, whose log and speed it decides

DATASET = os.environ.get("COURSE_HW5_DATASET", "digits")
EPOCHS = int(os.environ.get("COURSE_HW5_EPOCHS", "30"))
RUN = os.environ.get("COURSE_HW5_RUN", "runs/notebook-segmenter")

# %% [markdown]
# ## A trained segmenter
# It was trained on 367 road scenes, from our own CIFAR-10 weights, and comes with the package.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from course_hw5.models import fine_tuning
from course_hw5.reports.segmentation_report import gallery
from course_hw5.segmentation import masks

keras.utils.set_random_seed(0)
model = course_hw5.load_model("segmenter-camvid")
backbone = model.backbone
print("blocks that feed the head:", backbone.feature_layers)
print("patches:", backbone.grid, "logits:", model.output_shape[1:])

# %% [markdown]
# ## The pyramid
# The four maps have one size, that of the grid of patches. Two are enlarged by transposed convolutions, one stays, one is
# pooled.

# %%
for layer in model.layers:
    if layer.name.startswith(("enlarge_", "reduce_", "pyramid", "fusion")):
        print(f"{layer.name:20}{layer.output.shape[1:]}")

# %% [markdown]
# ## A photograph
# No road scene at all, and not of the training's size. `SceneSegmenter` takes any image: whole, or with windows that slide
# over it, mirrored too. What it knows nothing of (a lake) it must call something.

# %%
image = load_sample_image("china.jpg")
segmenters = {
    "whole": course_hw5.SceneSegmenter(model),
    "sliding windows, mirrored too": course_hw5.SceneSegmenter(model, sliding=True, flip=True),
}
figure, axes = plt.subplots(1, 2, figsize=(13, 4.6), layout="constrained")
for axis, (name, segmenter) in zip(axes, segmenters.items()):
    labels = segmenter.segment(image)
    axis.imshow(masks.overlay(image, labels, len(segmenter.class_names)))
    axis.set(xticks=[], yticks=[], title=name)
    print(name, {entry.name: f"{entry.share:.0%}" for entry in masks.legend(labels, segmenter.class_names)[:4]})

# %% [markdown]
# ## How sure is it?
# The probability of the class that each pixel got: it doubts where classes meet.

# %%
labels, probabilities = segmenters["whole"].segment(image, probabilities=True)
figure, axis = plt.subplots(figsize=(7, 4.4), layout="constrained")
shown = axis.imshow(probabilities.max(axis=-1), cmap="viridis", vmin=0, vmax=1)
axis.set(xticks=[], yticks=[])
figure.colorbar(shown, label="probability of the named class")

# %% [markdown]
# ## The data set, and training from scratch (figures 7 and 8)
# The same code as `course-hw5 train segmenter`.

# %%
data = course_hw5.load_scenes(DATASET, (48, 64, 3), batch_size=8, seed=0)
backbone = course_hw5.beit_backbone("tiny", (48, 64, 3), num_layers=4, convolution_like_initialization=True)
new = fine_tuning.adapted_segmenter(
    backbone, len(data.class_names), class_names=data.class_names, channels=32, auxiliary_channels=32
)
config = course_hw5.TrainingConfig(epochs=EPOCHS, optimizer="muon", learning_rate=2e-3, monitor="val_mean_iou")
metrics = course_hw5.train(new, data, RUN, config, overwrite=True, task=course_hw5.Segmentation())
print(f"mIoU {metrics['mean_iou']:.3f}, pixel accuracy {metrics['pixel_accuracy']:.3f}; open {RUN}/index.html")

# %%
scenes = [(image.numpy(), mask.numpy()) for image, mask in data.test.take(3)]
images, true_masks = zip(*scenes)
predictions = course_hw5.SceneSegmenter(course_hw5.load_model(f"{RUN}/model.keras")).segment([*images])
gallery(images, true_masks, predictions, data.class_names)

# %% [markdown]
# ## Intersection over union
# Of the pixels that are, or are called, a class: the share that is both. The mean over classes counts a thin pole as much as
# the sky, which pixel accuracy does not.

# %%
truth, called = true_masks[0] == 1, predictions[0] == 1
print(
    "pixels of class 1:",
    truth.sum(),
    "called so:",
    called.sum(),
    "IoU:",
    np.sum(truth & called) / max(1, np.sum(truth | called)),
)

# %% [markdown]
# ## Go on
# - Point it at an image of your own: `course-hw5 segment IMAGE`, and open the page: it names the class under the pointer.
# - The published BEiT, fine-tuned on 150 classes: `course-hw5 segment IMAGE
#   --preset hf://microsoft/beit-base-finetuned-ade-640-640`.
# - Score it as its authors did (53.6 mIoU): `course-hw5 evaluate hf://microsoft/beit-base-finetuned-ade-640-640
#   --sliding --flip --dataset scene_parse150 --out runs/ade20k`.
