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
# # Your own data
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/course-hw5/course_hw5/blob/main/notebooks/your_own_data.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/course-hw5/course_hw5/blob/main/notebooks/your_own_data.ipynb)
#
# The homework's data sets are known by name. Here you make one of drawings and one of sentences, train on both, and ask the
# models why they answer as they do. Put your own files in their place.
#
# You will learn
#
# - how folders and tables become data to train on;
# - what to look for in data before you train;
# - what a model must beat.
#
# It takes less than 3 minutes and 2.0 GB of memory on two cores without a GPU. It needs no download but the package.

# %%
import importlib.util

# On Colab, which says so if it must restart; on Kaggle turn the notebook's internet on first.
if importlib.util.find_spec("course_hw5") is None:
    # %pip install --quiet git+https://github.com/course-hw5/course_hw5
    print("course_hw5 is installed.")

# %% [markdown]
# ## Settings

# %% tags=["parameters"]
EPOCHS = 8
RUN = "runs/notebook-own"

# %% [markdown]
# ## Predict first
# Three shapes are drawn in random colours, sizes and places. Before you go on, double-click this cell and write down:
#
# - A small BEiT that has seen 50 drawings of each shape names this share of new ones: ...
# - A BERT that has learnt no language before names this share of new sentences: ...

# %% [markdown]
# ## A folder of drawings
# A folder for each class is all that is needed. One of the test drawings is a copy of a training drawing.

# %%
import pathlib
import shutil

import numpy as np
from PIL import Image, ImageDraw

import course_hw5  # before TensorFlow, whose log and speed it decides

random = np.random.default_rng(0)


def drawing(shape):
    """A circle, a square or a triangle, of a dark colour on a light one."""
    image = Image.new("RGB", (72, 64), tuple(random.integers(190, 256, 3).tolist()))
    left, top, side = random.integers(4, 36), random.integers(4, 30), random.integers(20, 32)
    box, ink = [int(left), int(top), int(left + side), int(top + side)], tuple(random.integers(0, 140, 3).tolist())
    draw = ImageDraw.Draw(image)
    if shape == "circle":
        draw.ellipse(box, fill=ink)
    elif shape == "square":
        draw.rectangle(box, fill=ink)
    else:
        draw.polygon([(box[0], box[3]), (box[2], box[3]), ((box[0] + box[2]) // 2, box[1])], fill=ink)
    return image


for split, count in (("train", 60), ("test", 20)):
    for shape in ("circle", "square", "triangle"):
        folder = pathlib.Path("drawings", split, shape)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            drawing(shape).save(folder / f"{number}.png")
copied = shutil.copy("drawings/train/circle/3.png", "drawings/test/circle/0.png")

# %%
data = course_hw5.load_images("drawings", batch_size=30, validation_split=0.15, augmentation="flip,shift")
print(data.note)
for found in data.card.duplicates:
    print(f"{found.exact + found.near} of {found.second} are in {found.first}, too.")

# %%
import keras_cv

images, labels = next(iter(data.validation))
figure = keras_cv.visualization.plot_image_gallery(images[:12], value_range=(0, 255), rows=2, cols=6, scale=1.5)

# %% [markdown]
# `course-hw5 data drawings --out card.html` writes all that is known of the data as a page: examples of each class and split,
# sizes, samples, duplicates. A test set that shares examples with training makes a model look better than it is.
#
# ## What must a model beat?
# Always saying the same class is right sometimes, too. Replace the dots by a number.

# %%
labels = np.repeat([0, 1, 2], [70, 20, 10])  # of another data set, in which the classes are not as frequent
accuracy = ...

# %%
from course_hw5 import exercises

print(exercises.check_majority(accuracy, labels))

# %% [markdown]
# ## A BEiT for the drawings

# %% tags=["varies"]
backbone = course_hw5.beit_backbone("tiny", (32, 32, 3), convolution_like_initialization=True)
beit = course_hw5.beit_classifier(backbone, num_classes=3, class_names=data.class_names)
config = course_hw5.TrainingConfig(epochs=EPOCHS, optimizer="muon", learning_rate=2e-3, weight_decay=0.05)
metrics = course_hw5.train(beit, data, f"{RUN}/drawings", config, resume=True)
print(f"accuracy on the test drawings: {metrics['accuracy']:.2f}")

# %%
beit = course_hw5.load_model(f"{RUN}/drawings")
image = np.asarray(drawing("triangle").resize((32, 32)))
course_hw5.explain(beit, image, maps=()).view()

# %% [markdown]
# ## A table of sentences
# A row for each sentence, with its text and its label. Labels are words here; numbers do as well.

# %%
WORDS = {
    "sport": ("ball", "goal", "team", "race", "coach"),
    "weather": ("rain", "wind", "sun", "snow", "storm"),
    "food": ("bread", "soup", "rice", "cake", "fruit"),
}
FRAMES = ("the {} is here again", "they like the {} today", "we saw a {} in town", "no {} without a {}", "what a {} that was")
lines = ["text,label"]
for topic, words in WORDS.items():
    for number in range(120):
        first, second = random.choice(words, 2)
        lines.append(f"{FRAMES[number % len(FRAMES)].format(first, second)},{topic}")
pathlib.Path("sentences.csv").write_text("\n".join(lines), encoding="utf-8")

texts = course_hw5.load_reviews("sentences.csv", batch_size=16, max_length=16, validation_split=0.15)
print(texts.note, texts.class_names)

# %% [markdown]
# Few words and frames: sentences come again, also in the test set. `texts.card.duplicates` counts them, after case, spaces and
# punctuation are taken out. Write a function that does so.


# %%
def normalized(text):
    """The same string for texts that differ in case, spaces and punctuation alone."""
    ...


# %%
print(exercises.check_normalized(normalized))

# %% [markdown]
# ## A BERT of three classes

# %% tags=["varies"]
import keras

bert = course_hw5.bert_classifier(course_hw5.bert_backbone("tiny"), num_classes=3, class_names=texts.class_names)
bert.compile(keras.optimizers.AdamW(5e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = bert.fit(texts.train, validation_data=texts.validation, epochs=EPOCHS, verbose=0)
print(f"accuracy on the test sentences: {bert.evaluate(texts.test, verbose=0)[1]:.2f}")

# %%
explained = course_hw5.explain(bert, "They saw the storm in town", maps=())
explained.view()

# %% [markdown]
# Words that count for the class are blue, words against it orange. Of three classes, the one that the model chooses is
# explained; `explain(..., target="sport")` explains another.
#
# ## Go on
# - Put your own folder or table in place of these. [The guide](https://github.com/course-hw5/course_hw5/blob/main/docs/guides/your-data.md)
#   says what they may look like, and how a BERT of your language is fine-tuned.
# - In a terminal: `course-hw5 train beit --data drawings --out runs/drawings`.
