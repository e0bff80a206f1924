"""Nine heads that attend by position compute a 3x3 convolution; trained attention depends on the image, a convolution does not.

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

import keras
import numpy as np
from jaxtyping import Float

import course_hw5
from course_hw5.labs.support import drawing, receptive_fields
from course_hw5.labs.support.result import LabResult, check_at_least, check_choice
from course_hw5.layers import beit_attention, relative_position_bias

OFFSETS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
SURE = 200.0  # a bias beside which a softmax in float32 leaves nothing, nor does half of it


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
    result, images = LabResult(__doc__), receptive_fields.photographs((side, side)).astype("float32") / 255
    convolution = keras.layers.Conv2D(channels, 3, padding="same", bias_initializer="normal")
    by_convolution = keras.ops.convert_to_numpy(convolution(images))
    heads = HeadsAsConvolution(convolution, (side, side), attention)
    by_heads = heads(images)
    difference = result.measure("difference", "largest difference from Conv2D", np.abs(by_heads - by_convolution).max())
    result.check("equal", "nine heads give the output of Conv2D, borders included", difference < 1e-5)
    caption = "A convolution and nine heads on two images, and the difference"
    _, axes = result.subplots(caption, 2, 4, figsize=(11, 5.6), style=None)
    for row, image, expected, made in zip(axes, images, by_convolution[..., 0], by_heads[..., 0]):
        limit, error = np.abs(expected).max(), np.abs(made - expected)
        colors = {"cmap": "RdBu", "vmin": -limit, "vmax": limit}
        drawing.image(row[0], image, "image")
        drawing.image(row[1], expected, "convolution, one channel", **colors)
        drawing.image(row[2], made, "nine heads, the same channel", **colors)
        drawing.image(row[3], error, f"difference, {error.max():.0e} at most", cmap="Blues", vmin=0, vmax=limit)

    result.measure("channels_read", "channels read", 3)
    result.measure("channels_written", "channels written", channels)
    result.measure("heads", "heads", len(OFFSETS))
    result.measure("head_size", "size of a head", heads.size)
    result.measure("layers", "layers of attention", 1)
    result.measure("convolution_parameters", "parameters of the convolution", convolution.count_params())
    parameters = heads.attention.count_params() + heads.positions.count_params()
    result.measure("heads_parameters", "parameters of the nine heads", parameters)
    missing = missing_with_heads(keras.ops.convert_to_numpy(convolution.kernel))
    result.measure("missing", "share of the kernel that eight heads cannot express", missing[8])
    label = "with eight heads, more than 1 % of this kernel cannot be expressed; with nine, less"
    result.check("eight_are_too_few", label, missing[8] > 0.01 > missing[9])
    _heads(result, heads.weights(images)[0], side)

    poked = np.random.default_rng(seed).permutation(side * side)[:24]
    beit = course_hw5.load_model("beit-cifar10")
    weights = course_hw5.attention_model(beit)(receptive_fields.photographs(beit.input_shape[1:3]))
    moved = {
        "convolution": receptive_fields.change(_mixing(lambda x: keras.ops.convert_to_numpy(convolution(x)), images, poked)),
        "nine heads by position": receptive_fields.change(_mixing(heads, images, poked)),
        "attention of BEiT": receptive_fields.change(keras.ops.convert_to_numpy(weights)),
    }
    of_convolution, of_positions, of_beit = (
        result.measure(f"change_{key}", f"change of the weights from image to image, {name}", value)
        for key, (name, value) in zip(("convolution", "positions", "beit"), moved.items())
    )
    result.check("convolution_is_fixed", "a convolution's weights do not depend on the image", of_convolution < 1e-5)
    label = "the weights of heads that attend by position do not depend on the image"
    result.check("positions_are_fixed", label, of_positions < 1e-5)
    result.check("attention_follows", "the attention weights of the trained BEiT depend on the image", of_beit > 0.1)
    caption = "Left: how many heads the kernel needs. Right: how much weights change with the image"
    _, (left, right) = result.subplots(caption, 1, 2, figsize=(11, 3.8))
    blue, orange, *_ = drawing.COLORS
    left.plot(missing, "o-", color=blue)
    left.set(xticks=range(10), xlabel="heads", ylabel="share of the kernel not expressed", ylim=(0, None))
    drawing.bars(right, moved, [blue, blue, orange], "{:.2g}")
    right.set(xlim=(0, 1), xlabel="share of the weights that changes with the image")
    return result


class HeadsAsConvolution:
    """One layer of `BeitAttention` with the weights that make it a 3x3 convolution with zero padding.

    Args:
        convolution: a built `keras.layers.Conv2D` of 3x3, stride 1, padding "same".
        grid: rows and columns of pixels, 2 or more.
        attention: "positions", or "uniform" for heads without them.

    Called on images `(batch, *grid, channels)` it gives those of the convolution.
    """

    def __init__(self, convolution: keras.layers.Conv2D, grid: tuple[int, int], attention: str = "positions"):
        kernel, bias = (keras.ops.convert_to_numpy(weights) for weights in convolution.weights)
        kernel = kernel.reshape(len(OFFSETS), *kernel.shape[2:])
        _, read, self.written = kernel.shape
        (rows, columns), self.grid = grid, grid
        # Heads together are as long as a token, which must hold what is read and what is written.
        self.size = max(min(read, self.written), -(-max(read, self.written) // len(OFFSETS)))
        self.hidden_dim = len(OFFSETS) * self.size

        self.positions = relative_position_bias.RelativePositionBias(len(OFFSETS), grid)
        table = np.zeros(self.positions.table.shape, "float32")
        for head, (row, column) in enumerate(OFFSETS):  # the table counts from key to query
            table[(rows - 1 - row) * (2 * columns - 1) + columns - 1 - column, head] = SURE
        table[-2] = SURE / 2  # [CLS] for a head whose neighbour lies beyond the border
        self.positions.table.assign(table if attention == "positions" else 0 * table)

        self.attention = beit_attention.BeitAttention(len(OFFSETS))
        self.attention.build((1, rows * columns + 1, self.hidden_dim))
        values = np.zeros((self.hidden_dim, len(OFFSETS), self.size), "float32")
        output = np.zeros((len(OFFSETS), self.size, self.hidden_dim), "float32")
        if read <= self.size:  # values are the pixel, the output kernel convolves
            values[:read, :, :read] = np.eye(read)[:, None]
            output[:, :read, : self.written] = kernel
        else:  # values convolve, the output kernel adds
            values[:read, :, : self.written] = kernel.swapaxes(0, 1)
            output[:, : self.written, : self.written] = np.eye(self.written)
        silent = np.zeros((self.hidden_dim, 2 * self.hidden_dim))  # no query, no key: no content
        self.attention.qkv_kernel.assign(np.concatenate([silent, values.reshape(self.hidden_dim, self.hidden_dim)], axis=1))
        self.attention.output_kernel.assign(output.reshape(self.hidden_dim, self.hidden_dim))
        self.attention.output_bias.assign(np.pad(bias, (0, self.hidden_dim - self.written)))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        tokens = keras.ops.convert_to_numpy(self.attention(self._tokens(images), self.positions()))
        return tokens[:, 1:, : self.written].reshape(-1, *self.grid, self.written)

    def weights(self, images: np.ndarray) -> Float[np.ndarray, "images heads tokens tokens"]:
        """Attention weights `(batch, heads, tokens, tokens)`, [CLS] first."""
        _, parts = self.attention(self._tokens(images), self.positions(), return_attention_scores=True)
        return keras.ops.convert_to_numpy(parts["attention_weights"])

    def _tokens(self, images):
        tokens = np.reshape(images, (len(images), -1, images.shape[-1]))
        # zeros: [CLS], and channels to be written
        return np.pad(tokens, ((0, 0), (1, 0), (0, self.hidden_dim - tokens.shape[-1])))


def missing_with_heads(kernel: Float[np.ndarray, "3 3 read written"]) -> Float[np.ndarray, "10"]:
    """What 0, 1, ... 9 heads must leave out of a kernel `(3, 3, read, written)`, as a share of its norm.

    A head adds one map of weights over the offsets times one matrix of channels: as a matrix of offsets by channels, what
    heads sum up to has no higher rank than there are heads. The nearest such matrix is known (Eckart and Young 1936).
    """
    squares = np.linalg.svd(kernel.reshape(len(OFFSETS), -1), compute_uv=False) ** 2
    left = np.append(np.cumsum(squares[::-1])[::-1], 0)
    return np.sqrt(left / left[0])


def _mixing(layer, images, poked):
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


def _heads(result, weights, side):
    caption = "Where each head looks from the middle and from a corner (+); beyond the border it reads [CLS], which is 0"
    _, axes = result.subplots(caption, 2, len(OFFSETS), figsize=(12, 3.4), style=None)
    for (i, j), row in zip(((side // 2, side // 2), (0, 0)), axes):
        top, left = max(0, i - 3), max(0, j - 3)
        bottom, right = min(side, top + 7), min(side, left + 7)
        for head, axis in enumerate(row):
            cls, *pixels = weights[head, 1 + i * side + j]
            shown = np.reshape(pixels, (side, side))[top:bottom, left:right]
            title = f"head {head}" if i else f"[CLS] {cls:.0%}"
            extent = (left - 0.5, right - 0.5, bottom - 0.5, top - 0.5)
            drawing.image(axis, shown, title, fontsize=9, cmap="Blues", vmin=0, vmax=1, extent=extent)
            axis.plot(j, i, "+", color="black")
