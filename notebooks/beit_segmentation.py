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
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/course-hw5/course_hw5/blob/main/notebooks/beit_segmentation.ipynb)
#
# Question 2-2: a class for every pixel. BEiT turns patches into vectors. UPerNet takes them after four of its blocks and makes
# a pyramid of them: what is coarse (what is this?) flows into what is fine (where does it end?).
#
# You will learn
#
# - how vectors of patches become a class for each pixel;
# - how to segment an image of any size, and where the model is unsure;
# - what mIoU measures that pixel accuracy does not.
#
# It takes less than 10 minutes and 2.4 GB of memory on two cores without a GPU, with the settings below. The outputs are
# those of such a run; where a cell shows a page, GitHub shows an image of it.

# %%
import importlib.util

# On Colab, which says so if it must restart; on Kaggle turn the notebook's internet on first.
if importlib.util.find_spec("course_hw5") is None:
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    print("course_hw5 is installed.")

# %% [markdown]
# ## Settings
# They are for the training at the end. `digits` needs no download; `scene_parse150` is the homework's data set, downloaded by
# TensorFlow Datasets (0.9 GB); `camvid` is what the bundled segmenter was trained on, if `TFDS_DATA_DIR` holds it.

# %% tags=["parameters"]
DATASET = "digits"
EPOCHS = 30
RUN = "runs/notebook-segmenter"

# %% [markdown]
# ## A trained segmenter
# It comes with the package. It was trained on 468 road scenes, and its BEiT started from this package's CIFAR-10 weights.

# %%
import course_hw5  # before TensorFlow, whose log and speed it decides

model = course_hw5.load_model("segmenter-camvid")
backbone = model.backbone
print("classes:", ", ".join(model.class_names))
print("blocks that feed the head:", backbone.feature_layers)
print("patches:", backbone.grid, "logits:", model.output_shape[1:])

# %% [markdown]
# ## The pyramid
# The four maps have one size, that of the grid of patches. Two are enlarged by transposed convolutions, one stays, one is
# pooled. But a patch of 16x16 pixels is a single token, in which a pole is lost. So this segmenter has convolutions, too, which
# read the image beside BEiT: `sum_1`, `sum_2` and `sum_3`. Two of their maps join those of BEiT that have the same size. The
# homework's segmenter has none.

# %%
for layer in model.layers:
    if layer.name.startswith(("enlarge_", "reduce_", "sum_", "pyramid", "fusion")):
        print(f"{layer.name:20}{layer.output.shape[1:]}")

# %% [markdown]
# ### Exercise 1
# The published BEiT reads images of 640x640 pixels in patches of 16x16. How many rows do the four maps of its pyramid have,
# from the largest to the smallest?

# %%
map_rows = [..., ..., ..., ...]

# %%
from course_hw5 import exercises

print(exercises.check_pyramid(map_rows))

# %% [markdown]
# ## Predict first
# Below, the model reads a photograph of a temple at a lake. It knows road scenes only, and must give each pixel one of the
# classes printed above. Before you go on, double-click this cell and write down:
#
# - The lake will be called: ...
# - The temple will be called: ...

# %% [markdown]
# ## A photograph
# It has another size than the training images. `SceneSegmenter` takes any image: whole, or in windows that slide over it,
# mirrored too.

# %%
import matplotlib.pyplot as plt
from sklearn.datasets import load_sample_image

from course_hw5.segmentation import masks

image = load_sample_image("china.jpg")
segmenters = {
    "whole": course_hw5.SceneSegmenter(model),
    "sliding windows, mirrored too": course_hw5.SceneSegmenter(model, sliding=True, flip=True),
}
figure, axes = plt.subplots(1, 2, figsize=(13, 4.6), layout="constrained")
for axis, (name, segmenter) in zip(axes, segmenters.items()):
    labels = segmenter.segment(image)
    entries = masks.legend(labels, segmenter.class_names)[:4]
    print(f"{name}:", ", ".join(f"{entry.name} {entry.share:.0%}" for entry in entries))
    axis.imshow(masks.overlay(image, labels, len(segmenter.class_names)))
    axis.set(xticks=[], yticks=[], title=name)
    colors = [plt.Rectangle((0, 0), 1, 1, color=[part / 255 for part in entry.color], label=entry.name) for entry in entries]
    axis.legend(handles=colors)
plt.show()

# %% [markdown]
# ## How sure is it?
# The probability of the class that each pixel got. The model doubts where classes meet.

# %%
labels, probabilities = segmenters["whole"].segment(image, probabilities=True)
figure, axis = plt.subplots(figsize=(7, 4.4), layout="constrained")
shown = axis.imshow(probabilities.max(axis=-1), cmap="viridis", vmin=0, vmax=1)
axis.set(xticks=[], yticks=[])
figure.colorbar(shown, label="probability of the named class")
plt.show()

# %% [markdown]
# ## Training from random weights (figures 7 and 8)
# The same code as `course-hw5 train segmenter`, with a small model.

# %%
import keras

from course_hw5.models import fine_tuning

keras.utils.set_random_seed(0)
data = course_hw5.load_scenes(DATASET, (48, 64, 3), batch_size=8, seed=0)
backbone = course_hw5.beit_backbone("tiny", (48, 64, 3), num_layers=4, convolution_like_initialization=True)
new = fine_tuning.adapted_segmenter(
    backbone, len(data.class_names), class_names=data.class_names, channels=32, auxiliary_channels=32
)
config = course_hw5.TrainingConfig(epochs=EPOCHS, optimizer="muon", learning_rate=2e-3, monitor="val_mean_iou")
metrics = course_hw5.train(new, data, RUN, config, overwrite=True, task=course_hw5.Segmentation())

# %%
print(f"mIoU {metrics['mean_iou']:.3f}, pixel accuracy {metrics['pixel_accuracy']:.3f}; more is in {RUN}/index.html")

# %%
from course_hw5.reports.segmentation_report import gallery

scenes = [(image.numpy(), mask.numpy()) for image, mask in data.test.take(3)]
images, true_masks = zip(*scenes)
predictions = course_hw5.SceneSegmenter(course_hw5.load_model(f"{RUN}/model.keras")).segment([*images])
gallery(images, true_masks, predictions, data.class_names)

# %% [markdown]
# ### Exercise 2: intersection over union
# Of the pixels that are a class, or are called it, the share that is both. The mean over classes (mIoU) counts a thin pole as
# much as the sky; pixel accuracy does not. Write a function of two masks (integer arrays of the same shape) and the number of a
# class.


# %%
def iou(truth, called, label):
    """A number between 0 and 1."""
    ...


# %%
print(exercises.check_iou(iou))

# %% [markdown]
# When it is right, find out which digit the model segments worst: `[iou(true_masks[0], predictions[0], label) for label in
# range(len(data.class_names))]`.
#
# ## Go on
# - Point it at an image of your own: `course-hw5 segment IMAGE`, and open the page: it names the class under the pointer.
# - The published BEiT, fine-tuned on 150 classes: `course-hw5 segment IMAGE
#   --preset hf://microsoft/beit-base-finetuned-ade-640-640`.
# - Score it as its authors did (53.6 mIoU): `course-hw5 evaluate hf://microsoft/beit-base-finetuned-ade-640-640
#   --sliding --flip --dataset scene_parse150 --out runs/ade20k`.
