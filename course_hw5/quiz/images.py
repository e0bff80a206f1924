"""Images of what BEiT, convolutions and dense layers read of an image, and of what MixUp makes of two."""

import functools
import importlib.resources
from typing import Any

import keras
import numpy as np
import seaborn
import tensorflow as tf
from PIL import Image

import course_hw5
from course_hw5.attention.analysis import attention_distance
from course_hw5.data import augmentation, image_files
from course_hw5.labs.support import drawing, receptive_fields
from course_hw5.quiz.questions import Drawing
from course_hw5.reports import plots

SIDE = receptive_fields.SIDE


@functools.cache
def beit() -> dict[str, Any]:
    """What the bundled BEiT computes of two photographs, and of a ship without each head: arrays, the model is let go."""
    model, photographs = course_hw5.load_model("beit-cifar10"), receptive_fields.photographs((SIDE, SIDE))
    parts = course_hw5.attention_model(model, parts=True)(photographs)
    with (importlib.resources.files("course_hw5.attention.live") / "drawings" / "ship.jpg").open("rb") as file:
        ship = image_files.fit_image(np.asarray(Image.open(file).convert("RGB")), (SIDE, SIDE))
    found = course_hw5.explain(model, ship, maps=("heads",))
    arrays = {name: keras.ops.convert_to_numpy(part) for name, part in parts.items()}
    changes = {
        "heads": found.head_changes,
        "layers": found.layer_changes,
        "log_odds": found.log_odds,
        "answer": found.class_name,
    }
    return arrays | changes | {"grid": model.backbone.grid, "photographs": photographs}


def patches() -> Drawing:
    """An image in the patches of the bundled BEiT."""
    found = beit()
    (rows, columns), tokens = found["grid"], found["attention_weights"].shape[-1]
    figure, axes = plots.subplots(figsize=(3.6, 3.6), style=None)
    axes.imshow(found["photographs"][0])
    for number in range(1, rows):
        axes.axhline(number * SIDE / rows - 0.5, color="white", linewidth=1.5)
        axes.axvline(number * SIDE / columns - 0.5, color="white", linewidth=1.5)
    axes.set(xticks=[0, SIDE - 1], yticks=[0, SIDE - 1], xticklabels=[1, SIDE], yticklabels=[1, SIDE])
    facts = {"tokens": tokens, "patches": rows * columns, "pixels": SIDE**2, "side": SIDE, "patch": SIDE // rows, "rows": rows}
    return Drawing(figure, facts, is_photo=True)


def position_bias() -> Drawing:
    """The position bias of two heads of BEiT for one patch, and for another."""
    found, (rows, columns) = beit(), beit()["grid"]
    bias = found["position_logits"][:, 0, :, 1:, 1:]  # (images, heads, patches, patches) of the first layer
    places = (2 * columns + 2, 4 * columns + 5)
    figure, panels = plots.subplots(1, 4, figsize=(8, 2.5), style=None)
    shown = [(head, place) for head in (0, 1) for place in places]
    for axes, (head, place) in zip(panels, shown):
        drawing.image(axes, bias[0, head, place].reshape(rows, columns), f"head {head}", cmap="Blues")
        axes.plot(place % columns, place // columns, "+", color=drawing.COLORS[1], markersize=11, markeredgewidth=2)
    of = bias[0, 0].reshape(rows, columns, rows, columns)
    right = of[:, range(columns - 1), :, range(1, columns)]  # (columns - 1, rows, rows): from each patch to the next column
    same_offset = np.ptp(np.stack([right[:, row, row] for row in range(rows)])) < 1e-5
    facts = {"content": not np.allclose(*bias), "place": not same_offset}
    facts |= {"offset": same_offset and np.ptp(of[3, 3]) > 0.1, "head": not np.allclose(bias[0, 0], bias[0, 1])}
    return Drawing(figure, facts)


def heads_off() -> Drawing:
    """How the answer of BEiT changes without each head."""
    found = beit()
    changes, log_odds = found["heads"], found["log_odds"]
    figure, axes = plots.subplots(figsize=(6.4, 3.6), style=None)
    limit = np.abs(changes).max()
    style = {"cmap": "RdBu", "annot": True, "fmt": ".2f", "linewidths": 0.5, "cbar": False}
    seaborn.heatmap(changes, vmin=-limit, vmax=limit, ax=axes, **style)
    axes.set(
        xlabel="head", ylabel="layer", title=f"change of the log-odds of “{found['answer']}”, {log_odds:.1f}, without one head"
    )
    axes.tick_params(axis="y", rotation=0)
    facts = {"few": (np.abs(changes) < 0.2 * log_odds).mean() > 0.5, "each_flips": bool((changes < -log_odds).all())}
    facts |= {"add_up": np.allclose(changes.sum(1), found["layers"], atol=0.1), "all_alike": np.ptp(changes) < 0.1}
    return Drawing(figure, facts | {"log_odds": log_odds, "answer": found["answer"], "largest_fall": -changes.min()})


def distances() -> Drawing:
    """How far each head of BEiT looks, by layer."""
    found = beit()
    side, weights = SIDE // found["grid"][0], found["attention_weights"]
    far = side * attention_distance(weights.mean(0), found["grid"])
    figure, axes = plots.subplots(figsize=(5.4, 3.2))
    layers = np.arange(len(far))
    axes.plot(np.repeat(layers, far.shape[1]), far.ravel(), "o", color=drawing.COLORS[0], alpha=0.6, label="a head")
    axes.axhline(receptive_fields.distance(_dense()), color=drawing.COLORS[1], linestyle="--", label="dense layer")
    axes.set(xlabel="layer", ylabel="mean distance (pixels)", ylim=(0, None), xticks=layers)
    axes.legend(loc="lower right")
    spread, nearest = np.ptp(far, axis=1), weights[:, *np.unravel_index(far.argmin(), far.shape)]
    facts = {"near_and_far": spread.max() > 4, "window": bool((nearest == 0).any())}
    facts |= {"grows": bool((np.diff(far.mean(1)) > 0).all() and spread.max() < 1)}
    facts |= {"farthest_counts": far.argmax() == np.abs(found["heads"]).argmax(), "nearest": far.min(), "farthest": far.max()}
    return Drawing(figure, facts | {"first_near": far[0].min(), "first_far": far[0].max()})


def fields() -> Drawing:
    """What a unit reads after one, two and three convolutions of 3x3."""
    layers = 5
    photographs = receptive_fields.photographs((SIDE, SIDE)).astype("float32") / 255
    keras.utils.set_random_seed(0)
    read = [
        receptive_fields.field(model, photographs)[:, receptive_fields.SHOWN] for model in receptive_fields.small_cnn(layers)
    ]
    across = [int((part.sum(0) > 0).any(0).sum()) for part in read]
    figure, panels = plots.subplots(1, 3, figsize=(7, 2.7), style=None)
    for number, (axes, part) in enumerate(zip(panels, read), 1):
        title = f"{number} convolution{'s' * (number > 1)}: {across[number - 1]}"
        drawing.image(axes, np.sqrt(part[0]), title, cmap="Blues", vmin=0)
    facts = {"across": across[-1], "times": 3 * layers, "one": across[0], "half": layers + 1, "layers": layers}
    return Drawing(figure, facts | {"widths": "{}, {} and {}".format(*across)})


def three_layers() -> Drawing:
    """What a convolution, a dense layer and a head of BEiT read of two images at one place."""
    found, photographs = beit(), receptive_fields.photographs((SIDE, SIDE))
    keras.utils.set_random_seed(0)
    convolution = receptive_fields.field(receptive_fields.small_cnn(1)[0], photographs.astype("float32") / 255)
    weights, (rows, columns) = found["attention_weights"], found["grid"]
    layer, head = np.unravel_index(np.abs(np.diff(weights, axis=0))[0].sum((-2, -1)).argmax(), weights.shape[1:3])
    place = receptive_fields.PLACES[receptive_fields.SHOWN]
    patch = 1 + place[0] * rows // SIDE * columns + place[1] * columns // SIDE
    attention = weights[:, layer, head]
    of_patch = np.kron(attention[:, patch, 1:].reshape(-1, rows, columns), np.ones((SIDE // rows, SIDE // columns)))
    shown = {"A": convolution[:, receptive_fields.SHOWN], "B": _dense()[:, receptive_fields.SHOWN], "C": of_patch}
    figure, panels = plots.subplots(2, 4, figsize=(7.6, 4.1), style=None)
    for index, row in enumerate(panels):
        drawing.image(row[0], photographs[index], f"image {index + 1}")
        for axes, (name, part) in zip(row[1:], shown.items()):
            drawing.image(axes, np.sqrt(part[index]), name, cmap="Blues", vmin=0)
    is_fixed = {name: receptive_fields.change(part) < 1e-5 for name, part in shown.items()}
    reads_all = {name: bool((part > 0).all()) for name, part in shown.items()}
    facts = {"convolution": is_fixed["A"] and not reads_all["A"], "dense": is_fixed["B"] and reads_all["B"]}
    return Drawing(figure, facts | {"attention": not is_fixed["C"] and reads_all["C"]}, is_photo=True)


@functools.cache
def _dense():
    keras.utils.set_random_seed(0)
    photographs = receptive_fields.photographs((SIDE, SIDE)).astype("float32") / 255
    return receptive_fields.field(receptive_fields.dense_layer(), photographs)


def mixed() -> Drawing:
    """Two photographs, and what MixUp makes of them."""
    images = receptive_fields.photographs((SIDE, SIDE)).astype("float32")
    batch = {"images": tf.constant(images), "labels": tf.eye(2)}
    for seed in range(1000):  # until the two are mixed, the first one less
        tf.random.set_seed(seed)
        tf.random.get_global_generator().reset_from_seed(seed)
        made = {name: part.numpy() for name, part in augmentation.mixup(batch, alpha=1.0).items()}
        if 0.25 < made["labels"][0, 0] < 0.4:
            break
    figure, panels = plots.subplots(1, 3, figsize=(6.6, 2.5), style=None)
    for axes, image, title in zip(panels, (*images, made["images"][0]), ("temple", "flower", "MixUp")):
        drawing.image(axes, image.astype("uint8"), title)
    temple, flower = made["labels"][0]
    share = np.linalg.lstsq(images.reshape(2, -1).T, made["images"][0].ravel(), rcond=None)[0]
    facts = {"temple": temple, "flower": flower, "mixed_label": np.allclose(share, (temple, flower), atol=1e-3)}
    return Drawing(
        figure, facts | {"one_label": bool(max(temple, flower) == 1), "half": np.allclose(temple, 0.5)}, is_photo=True
    )
