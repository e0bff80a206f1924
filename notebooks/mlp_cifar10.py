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
# # A multilayer perceptron on CIFAR-10
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/course-hw5/course_hw5/blob/main/notebooks/mlp_cifar10.ipynb)
#
# Question 3-2, first half. An image of 32 x 32 pixels in three colours is 3,072 numbers. The perceptron sees them all at
# once, as one long row: it does not know which pixels are neighbours. How far does it get, and where does it fail?

# %%
import importlib.util
import os

if importlib.util.find_spec("course_hw5") is None:  # on Colab, which says so if it must restart
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    print("course_hw5 is installed.")

# %% [markdown]
# ## Parameters
# `digits` needs no download and trains in seconds; the homework uses `cifar10`.

# %%
import course_hw5  # before TensorFlow, whose log and speed it decides

DATASET = os.environ.get("COURSE_HW5_DATASET", "cifar10")
EPOCHS = int(os.environ.get("COURSE_HW5_EPOCHS", "8"))
RUN = os.environ.get("COURSE_HW5_RUN", "runs/notebook-mlp")

# %% [markdown]
# ## Data
# A tenth of the training images is the validation set. The test images are read once, at the end.

# %%
import keras
import keras_cv

keras.utils.set_random_seed(0)
data = course_hw5.load_images(DATASET, batch_size=256, seed=0)
print(data.note)
print(len(data.train), "training batches; classes:", ", ".join(data.class_names))

# %%
images, labels = next(iter(data.validation))
keras_cv.visualization.plot_image_gallery(images[:12], value_range=(0, 255), rows=2, cols=6, scale=1.5)

# %% [markdown]
# ## Model
# The layers of the homework: 3072, 4096, 2048, 1024, 512, 256, 64 and 10.

# %%
model = course_hw5.mlp_classifier(num_classes=len(data.class_names))
model.summary()

# %% [markdown]
# ## Training
# One call fits the model and fills a run folder. If the session dies, run this cell again: `resume=True` goes on after the
# last whole epoch.

# %%
config = course_hw5.TrainingConfig(epochs=EPOCHS, learning_rate=3e-4, warmup_epochs=min(1, EPOCHS / 2), seed=0)
metrics = course_hw5.train(model, data, RUN, config, resume=True)
metrics

# %% [markdown]
# ## Accuracy and loss per epoch (figures 9 and 10)

# %%
from IPython.display import HTML, Image, display

display(Image(f"{RUN}/accuracy.png", width=480), Image(f"{RUN}/loss.png", width=480))

# %% [markdown]
# ## Classification report and confusion matrix (figures 11 and 12)

# %%
with open(f"{RUN}/classification_report.txt", encoding="utf-8") as file:
    print(file.read())
Image(f"{RUN}/confusion_matrix.png", width=640)

# %% [markdown]
# ## The whole run on one page
# Click a cell of the confusion matrix to see the misclassified images. The same page is
# `index.html` in the run folder.

# %%
import html

with open(f"{RUN}/index.html", encoding="utf-8") as file:
    page = html.escape(file.read())
HTML(f'<iframe srcdoc="{page}" width="100%" height="800" style="border:0"></iframe>')

# %% [markdown]
# ## Questions
# 1. From which epoch on does the training loss fall while the validation loss rises? What does the network do then?
# 2. Which pairs of classes are confused most? Are they alike in shape, in colour, or in background?
# 3. Move every test image by four pixels. What happens to the accuracy, and why?
# 4. `course-hw5 train mlp --recipe tuned --out runs/mlp-tuned` reaches far more with the same layers. Which of its
#    changes matters most?
