"""Dense layers see all, convolutions a neighbourhood, attention either; only the weights of attention follow the image.

Source: question 4-2 (2), figure 15, and Dosovitskiy et al. 2021 (https://arxiv.org/abs/2010.11929), figure 7.

How far one layer reaches is measured alike for all, in pixels: the mean distance from where an output stands to what it
reads, weighted by attention, or by the gradient of the output by each pixel. Then the receptive field of six convolutions is
measured layer by layer, and how much weights move from one photograph to another.

It would be refuted if a dense layer left a pixel out, if n convolutions reached further than n pixels, if BEiT had only near
or only far heads, or if its weights stayed when the image changes. `attention="positions"` takes weights from the position
bias alone, so that they stay; `attention="uniform"` makes all heads far: either refutes it.

Loose in the homework: "local" attention is a matter of degree, since no softmax weight is zero, and a CNN becomes global
with depth. And though its kernels stay, what a pixel does to a deep unit changes with the image, by the gates of ReLU.
"""

import keras
import numpy as np
from jaxtyping import Float, UInt8
from sklearn.datasets import load_sample_image

import course_hw5
from course_hw5.attention.analysis import attention_distance
from course_hw5.data.image_files import fit_image
from course_hw5.errors import require
from course_hw5.labs.figures import plot_local_and_global as figures
from course_hw5.labs.support.receptive_fields import PLACES, SHOWN, SIDE, change, dense_layer, distance, field, small_cnn
from course_hw5.labs.support.result import Check, LabResult, Measurement, check_choice

IMAGES = ("china.jpg", "flower.jpg")  # of scikit-learn


def run(seed: int = 0, attention: str = "trained", layers: int = 6) -> LabResult:
    """Runs the lab.

    Args:
        seed: of the weights of the CNN and the dense layer.
        attention: weights of the bundled BEiT: "trained"; "positions", of the position bias alone; or "uniform".
        layers: of the CNN, 2 to 12.
    """
    check_choice("attention", attention, ("trained", "positions", "uniform"))
    most = PLACES[SHOWN][0]  # more would reach beyond the border
    require("layers", layers, lambda layers: 2 <= layers <= most, f"in [2, {most}]")
    keras.utils.set_random_seed(seed)
    images = np.stack([fit_image(load_sample_image(name), (SIDE, SIDE)) for name in IMAGES])
    pixels = images.astype("float32") / 255
    cnn, dense = small_cnn(layers), dense_layer()
    fields = [field(model, pixels) for model in cnn]  # each (images, places, rows, columns)
    one_dense = field(dense, pixels)
    sides = [int((part[:, SHOWN].sum(axis=0) > 0).any(axis=0).sum()) for part in fields]

    beit = course_hw5.load_model("beit-cifar10")
    weights, grid = attention_weights(beit, images, attention), beit.backbone.grid
    patch = SIDE // grid[0]
    distances = patch * attention_distance(weights.mean(axis=0), grid)
    of_dense, of_convolution = distance(one_dense), distance(fields[0])
    moved = {
        "a convolution": change(fields[0]),
        "a dense layer": change(one_dense),
        f"{layers} convolutions, through ReLU": change(fields[-1]),
        **{f"BEiT, layer {layer}": change(weights[:, layer]) for layer in range(weights.shape[1])},
    }
    of_beit = change(weights)
    explained = course_hw5.explain(beit, images[0])
    return LabResult(
        claim=__doc__.splitlines()[0],
        checks=[
            Check("dense_reads_all", "a unit of the dense layer reads every pixel", bool((one_dense > 0).all())),
            Check(
                "convolutions_widen",
                "after n convolutions of 3x3 a unit has read 2n + 1 pixels across, and no more",
                sides == [2 * n + 1 for n in range(1, layers + 1)],
            ),
            Check(
                "nearest_head",
                "the nearest head of BEiT looks less than two thirds as far as the dense layer",
                bool(distances.min() < 2 / 3 * of_dense),
            ),
            Check(
                "farthest_head", "its farthest head looks at least four fifths as far", bool(distances.max() > 0.8 * of_dense)
            ),
            Check(
                "others_are_fixed",
                "weights of convolution and dense layer do not depend on the image",
                max(moved["a convolution"], moved["a dense layer"]) < 1e-5,
            ),
            Check("attention_follows", "more than 10 % of the attention moves from image to image", of_beit > 0.1),
        ],
        measurements=[
            Measurement("distance_convolution", "mean distance read by a convolution", of_convolution, "pixels"),
            Measurement("distance_nearest", "by the nearest head of BEiT", float(distances.min()), "pixels"),
            Measurement("distance_farthest", "by its farthest head", float(distances.max()), "pixels"),
            Measurement("distance_dense", "by a dense layer", of_dense, "pixels"),
            Measurement("sides", "width read after each convolution", ", ".join(map(str, sides)), "pixels"),
            Measurement("moved_convolution", "share of the weights that move, convolution", moved["a convolution"]),
            Measurement("moved_dense", "dense layer", moved["a dense layer"]),
            Measurement("moved_attention", "attention of BEiT", of_beit),
            Measurement(
                "moved_gradient",
                f"gradient through {layers} convolutions with ReLU",
                moved[f"{layers} convolutions, through ReLU"],
            ),
        ],
        figures={
            "How far one layer reaches": figures.distances(distances, of_convolution, of_dense),
            "What the unit at + reads: near, wider with each convolution; near and far heads; everything": (
                figures.fields(fields, weights, distances, one_dense, grid)
            ),
            "What the unit at + reads of two images: fixed for a convolution and a dense layer, not for attention": (
                figures.two_images(IMAGES, images, fields[0], one_dense, weights, grid)
            ),
            "Share of the weights that move from one image to the other": figures.moved(moved),
        },
        pages={"Where BEiT looks in the first image": explained.view(html_action="return")},
    )


def attention_weights(
    beit: keras.Model, images: UInt8[np.ndarray, "images rows columns 3"], attention: str
) -> Float[np.ndarray, "images layers heads tokens tokens"]:
    """`(images, layers, heads, tokens, tokens)`."""
    parts = course_hw5.attention_model(beit, parts=True)(images)
    weights = {
        "trained": parts["attention_weights"],
        "positions": keras.ops.softmax(parts["position_logits"]),
        "uniform": keras.ops.softmax(0 * parts["position_logits"]),
    }
    return keras.ops.convert_to_numpy(weights[attention])
