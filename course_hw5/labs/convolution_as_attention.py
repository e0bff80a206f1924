"""Nine heads that look by position alone are a 3x3 convolution; trained attention follows the content, as no convolution does.

Source: question 4-2 (1), and Cordonnier et al. 2020 (https://arxiv.org/abs/1911.03584), theorem 1.

Each pixel is a token. Each of nine heads has a position bias so large that it looks at one neighbour and nowhere else; the
values carry the pixels and the output kernel the convolution, one ninth of it for each head. Beyond the border a head looks at
[CLS], which is zero here: that is zero padding. The layers are those of our BEiT. Then single pixels of two images are
changed, to see into which pixels of the output each goes, beside the attention of the bundled BEiT to the same images.

It would be refuted if the outputs differed by more than rounding, if eight heads were enough for the kernel, if what a
convolution mixes changed with the image, or if what BEiT mixes did not. `attention="uniform"` takes the positions away from
the nine heads, and refutes it.

Wrong in the homework: to imitate a convolution takes neither many layers nor many channels. One layer is enough. It needs k x k
heads, each as long as there are channels to read or to write, whichever are fewer. (It costs more: every pixel is compared
with every other.)
"""

from collections.abc import Callable

import keras
import numpy as np
from jaxtyping import Float, Integer
from sklearn.datasets import load_sample_image

import course_hw5
from course_hw5.data.image_files import fit_image
from course_hw5.labs.figures import plot_convolution_as_attention as figures
from course_hw5.labs.support.heads_as_convolution import OFFSETS, HeadsAsConvolution, missing_with_heads
from course_hw5.labs.support.receptive_fields import change
from course_hw5.labs.support.result import Check, LabResult, Measurement, check_at_least, check_choice

IMAGES = ("china.jpg", "flower.jpg")  # of scikit-learn


def run(seed: int = 0, attention: str = "positions", side: int = 24, channels: int = 8) -> LabResult:
    """Runs the lab.

    Args:
        seed: of the convolution's kernel.
        attention: what the nine heads look by: "positions", or nothing: "uniform".
        side: of the images, in pixels, 3 or more.
        channels: that the convolution makes of three, 3 or more.
    """
    check_choice("attention", attention, ("positions", "uniform"))
    check_at_least(3, side=side, channels=channels)
    keras.utils.set_random_seed(seed)
    photographs = [load_sample_image(name) for name in IMAGES]
    images = np.stack([fit_image(photograph, (side, side)) for photograph in photographs]).astype("float32") / 255
    convolution = keras.layers.Conv2D(channels, 3, padding="same", bias_initializer="normal")
    by_convolution = keras.ops.convert_to_numpy(convolution(images))
    heads = HeadsAsConvolution(convolution, (side, side), attention)
    by_heads, weights = heads(images), heads.weights(images)
    difference = float(np.abs(by_heads - by_convolution).max())
    missing = missing_with_heads(keras.ops.convert_to_numpy(convolution.kernel))

    poked = np.random.default_rng(seed).permutation(side * side)[:24]
    beit = course_hw5.load_model("beit-cifar10")
    seen = np.stack([fit_image(photograph, beit.input_shape[1:3]) for photograph in photographs])
    moved = {
        "convolution": change(mixing(lambda x: keras.ops.convert_to_numpy(convolution(x)), images, poked)),
        "nine heads by position": change(mixing(heads, images, poked)),
        "attention of BEiT": change(keras.ops.convert_to_numpy(course_hw5.attention_model(beit)(seen))),
    }
    return LabResult(
        claim=__doc__.splitlines()[0],
        checks=[
            Check("equal", "nine heads give what Conv2D gives, borders included", difference < 1e-5),
            Check(
                "eight_are_too_few",
                "with eight heads, at least 1 % of this kernel is out of reach",
                missing[8] > 0.01 > missing[9],
            ),
            Check("convolution_is_fixed", "a convolution's weights do not depend on the image", moved["convolution"] < 1e-5),
            Check(
                "positions_are_fixed",
                "nor do the weights of heads that attend by position",
                moved["nine heads by position"] < 1e-5,
            ),
            Check("attention_follows", "the weights of the trained BEiT do", moved["attention of BEiT"] > 0.1),
        ],
        measurements=[
            Measurement("difference", "largest difference from Conv2D", difference),
            Measurement("channels_read", "channels read", 3),
            Measurement("channels_written", "channels written", channels),
            Measurement("heads", "heads", len(OFFSETS)),
            Measurement("head_size", "length of a head", heads.size),
            Measurement("layers", "layers of attention", 1),
            Measurement("convolution_parameters", "parameters of the convolution", convolution.count_params()),
            Measurement(
                "heads_parameters",
                "parameters of the nine heads",
                heads.attention.count_params() + heads.positions.count_params(),
            ),
            Measurement("missing", "share of the kernel out of reach of eight heads", float(missing[8])),
            *(
                Measurement(f"change_{key}", f"change of the weights from image to image, {name}", value)
                for key, (name, value) in zip(("convolution", "positions", "beit"), moved.items())
            ),
        ],
        figures={
            "A convolution and nine heads on two images, and the difference": figures.outputs(images, by_convolution, by_heads),
            "Where each head looks from the middle and from a corner (+); beyond the border it reads [CLS], which is 0": (
                figures.heads(weights[0], side)
            ),
            "Left: heads needed. Right: weights that stay, and weights that follow the image": figures.needs(missing, moved),
        },
    )


def mixing(
    layer: Callable[[np.ndarray], np.ndarray],
    images: Float[np.ndarray, "images rows columns channels"],
    poked: Integer[np.ndarray, " poked"],
) -> Float[np.ndarray, "images poked pixels"]:
    """Into which pixels of the output each poked pixel goes: `(images, poked, pixels)`, rows sum to 1."""
    rows = []
    for image in images:
        pixels = np.repeat(image[None], len(poked) + 1, axis=0)
        changed = pixels.reshape(len(pixels), -1, image.shape[-1])
        changed[np.arange(len(poked)) + 1, poked] += 1
        outputs = layer(pixels)
        effect = np.linalg.norm(outputs[1:] - outputs[:1], axis=-1).reshape(len(poked), -1)
        rows.append(effect / effect.sum(-1, keepdims=True))
    return np.stack(rows)
