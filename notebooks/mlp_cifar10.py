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
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/course-hw5/course_hw5/blob/main/notebooks/mlp_cifar10.ipynb)
#
# Question 3-2, first half. An image of 32x32 pixels in three colours is 3,072 numbers. The perceptron reads them as one long
# row: it does not know which pixels are neighbours.
#
# You will learn
#
# - what a network reaches that knows nothing about images, and where it fails;
# - how to see from two curves that a network overfits;
# - how precision and recall follow from a confusion matrix.
#
# It takes less than 7 minutes and 2.4 GB of memory on two cores without a GPU, with the settings below. The outputs are
# those of such a run; where a cell shows a page, GitHub shows an image of it.

# %%
import importlib.util

# On Colab, which says so if it must restart; on Kaggle turn the notebook's internet on first.
if importlib.util.find_spec("course_hw5") is None:
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    print("course_hw5 is installed.")

# %% [markdown]
# ## Settings
# `cifar10` is the homework's data set: a download of 160 MB. `digits` needs no download and trains in seconds.

# %% tags=["parameters"]
DATASET = "cifar10"
EPOCHS = 5
RUN = "runs/notebook-mlp"

# %% [markdown]
# ## Predict first
# Guessing gives an accuracy of 0.10. Before you go on, double-click this cell and write down:
#
# - The accuracy on the test images will be: ...
# - The two classes that are confused most will be: ...

# %% [markdown]
# ## Data
# A tenth of the training images is the validation set. The test images are read once, at the end.

# %% tags=["varies"]
import course_hw5  # before TensorFlow, whose log and speed it decides

data = course_hw5.load_images(DATASET, batch_size=256, seed=0)
print(data.note)
print(len(data.train), "training batches; classes:", ", ".join(data.class_names))

# %%
import keras
import keras_cv

images, labels = next(iter(data.validation))
figure = keras_cv.visualization.plot_image_gallery(images[:12], value_range=(0, 255), rows=2, cols=6, scale=1.5)

# %% [markdown]
# ## Model
# The layers of the homework: 3072, 4096, 2048, 1024, 512, 256, 64 and 10.

# %%
keras.utils.set_random_seed(0)
model = course_hw5.mlp_classifier(num_classes=len(data.class_names))
model.summary()

# %% [markdown]
# ### Exercise 1
# The summary counts the parameters of each layer. Write the rule: a function of the widths of all layers, the input first, that
# returns how many parameters there are in all.


# %%
def parameters(widths):
    """Number of parameters."""
    ...


# %%
from course_hw5 import exercises

print(exercises.check_parameters(parameters))

# %% [markdown]
# ## Training
# One call trains the model and fills a run folder. If the session dies, run this cell again: `resume=True` goes on after the
# last whole epoch.

# %%
config = course_hw5.TrainingConfig(epochs=EPOCHS, learning_rate=3e-4, warmup_epochs=min(1, EPOCHS / 2), seed=0)
metrics = course_hw5.train(model, data, RUN, config, resume=True)

# %%
for name in ("accuracy", "precision", "recall", "f1"):
    print(f"{name:10}{metrics[name]:.4f}")

# %% [markdown]
# Compare the accuracy with your prediction. The homework reports 0.5223.
#
# ## Accuracy and loss per epoch (figures 9 and 10)

# %%
from IPython.display import HTML, Image, display

display(Image(f"{RUN}/accuracy.png", width=480), Image(f"{RUN}/loss.png", width=480))

# %% [markdown]
# ## Classification report and confusion matrix (figures 11 and 12)

# %% tags=["varies"]
with open(f"{RUN}/classification_report.txt", encoding="utf-8") as file:
    print(file.read())

# %%
Image(f"{RUN}/confusion_matrix.png", width=640)

# %% [markdown]
# ### Exercise 2
# The report follows from the matrix, whose rows are the true classes and whose columns are the predicted ones. Write a function
# that returns two arrays: the precision of each class, and its recall.


# %%
def precision_and_recall(matrix):
    """Two arrays with a number for each class."""
    ...


# %%
print(exercises.check_precision_and_recall(precision_and_recall))

# %% [markdown]
# ## The whole run on one page
# Click a cell of the confusion matrix to see the misclassified images. The same page is `index.html` in the run folder.

# %%
import html

with open(f"{RUN}/index.html", encoding="utf-8") as file:
    page = html.escape(file.read())
HTML(f'<iframe srcdoc="{page}" title="run" style="width: 100%; height: 800px; border: 0"></iframe>')

# %% [markdown]
# ## Questions to discuss
# 1. From which epoch on does the training loss fall while the validation loss rises? What does the network do then?
# 2. Which pairs of classes are confused most? Are they alike in shape, in colour, or in background?
# 3. Move every test image by four pixels. What happens to the accuracy, and why?
# 4. `course-hw5 train mlp --recipe tuned --out runs/mlp-tuned` reaches 0.680 with the same layers. Which of its changes matters
#    most?
