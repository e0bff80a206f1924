"""An image as a `beit_classifier` reads it: attention between its patches, gradients, predictions."""

import dataclasses

import keras
import numpy as np

from course_hw5.attention.viewer.page import Page, patch_view
from course_hw5.attention.viewer.vectors import by_default
from course_hw5.explanation.extract import of_first, vectors_of_first, with_gradients
from course_hw5.models.beit_tasks import BeitClassifier


@dataclasses.dataclass(frozen=True, eq=False)
class ImageExplanation:
    """What `explain` finds of an image.

    Attributes:
        attention: float32 `(layers, heads, tokens, tokens)`: [CLS], then patches row by row.
        gradients: of the predicted class's logit by each weight of `attention`, of the same shape.
        content_logits: scaled products of query and key, of the same shape.
        position_logits: the position bias, of the same shape; `attention` is the softmax of both together.
        image: the part that the model reads, uint8 `(height, width, 3)`.
        grid: rows and columns of patches.
        predictions: all `(class name, probability)`, the best first, each of its own where the model gives several labels to
            an image.
        patch: the token whose last attention counted most for the prediction.
        vectors: dict of "query", "key" and "value", float32 `(layers, heads, tokens, head_dim)`: what `content_logits` are the
            scaled products of, and what the weights mix.
    """

    attention: np.ndarray
    gradients: np.ndarray
    content_logits: np.ndarray
    position_logits: np.ndarray
    image: np.ndarray
    grid: tuple[int, int]
    predictions: list[tuple[str, float]]
    patch: int
    vectors: dict[str, np.ndarray]

    def view(self, **options) -> Page | None:
        """Shows it by `patch_view`, whose options these are, with the `vectors` where they add less than 1 MB."""
        return patch_view(**vars(self) | {"vectors": by_default(self.vectors)} | options)


def explain_image(model: BeitClassifier, image: np.ndarray) -> ImageExplanation:
    """As `explain`, of an image."""
    image = _checked(model, image)
    outputs, attention, gradients = with_gradients(model, image[None], lambda outputs: keras.ops.max(outputs["logits"][0]))
    content_logits, position_logits = (of_first(outputs[name]) for name in ("content_logits", "position_logits"))
    activation = keras.ops.sigmoid if model.activation == "sigmoid" else keras.ops.softmax
    probabilities = keras.ops.convert_to_numpy(activation(outputs["logits"][0]))
    class_names = model.class_names or [f"class {i}" for i in range(len(probabilities))]
    predictions = [(class_names[i], float(probabilities[i])) for i in np.argsort(-probabilities)]
    patch = int(np.maximum(attention[-1] * gradients[-1], 0).sum(axis=(0, 2)).argmax())
    shown, grid = _shown(image, model.preprocessing), model.backbone.grid
    logits, vectors = (content_logits, position_logits), vectors_of_first(outputs)
    return ImageExplanation(attention, gradients, *logits, shown, grid, predictions, patch, vectors)


def _checked(model, image):
    """The image as an array; raises ValueError where the model cannot read it."""
    image, shape = np.asarray(image), model.input.shape[1:]
    fits = len(image.shape) == 3 and all(size in (None, found) for size, found in zip(shape, image.shape))
    if not fits or 0 in image.shape:
        raise ValueError(f"The image must have shape {shape}. Received: {image.shape}")
    if image.dtype.kind not in "uif":
        raise ValueError(f"The image must hold numbers. Received: {image.dtype}")
    if np.issubdtype(image.dtype, np.integer) and model.preprocessing is None:
        raise ValueError(f"A model without preprocessing takes images as normalised floats. Received: {image.dtype}")
    if not np.isfinite(image).all():
        raise ValueError("The image must be finite. Received: NaN or infinite values")
    if model.preprocessing and (image.min() < 0 or image.max() > 255):
        raise ValueError(f"Pixels must lie in [0, 255]. Received: {image.min()} to {image.max()}")
    return image


def _shown(image, preprocessing):
    """The part that the model reads, as a page can show it, uint8 RGB: normalised ones stretched to the visible range."""
    if preprocessing is None:
        image = (image - image.min()) / max(np.ptp(image), 1e-9) * 255
    else:
        height, width = (round(preprocessing.crop_fraction * size) for size in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        image = image[top : top + height, left : left + width]
    image = np.uint8(np.clip(image, 0, 255))
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]
