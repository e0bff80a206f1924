"""An image as a `beit_classifier` reads it: attention between its patches, gradients, predictions."""

import dataclasses

import numpy as np

from course_hw5.attention.viewer.page import Page, patch_view
from course_hw5.explanation.arrays import of_first
from course_hw5.explanation.extract import extractor
from course_hw5.models.beit_tasks import BeitClassifier


@dataclasses.dataclass(frozen=True, eq=False)
class ImageExplanation:
    """What `explain` finds of an image.

    Attributes:
        attention: float32 `(layers, heads, tokens, tokens)`: [CLS], then patches row by row.
        gradients: of the predicted class's logit by each weight of `attention`, of the same shape.
        content_logits, position_logits: what the softmax of the sum of is `attention`, of the same shape.
        image: the part that the model reads, uint8 `(height, width, 3)`.
        grid: rows and columns of patches.
        predictions: all `(class name, probability)`, the best first, each of its own where the model gives several labels to
            an image.
        patch: the token whose last attention counted most for the prediction.
    """

    attention: np.ndarray
    gradients: np.ndarray
    content_logits: np.ndarray
    position_logits: np.ndarray
    image: np.ndarray
    grid: tuple[int, int]
    predictions: list[tuple[str, float]]
    patch: int

    def view(self, **options) -> Page | None:
        """Shows it by `patch_view`, whose options these are."""
        return patch_view(**{field.name: getattr(self, field.name) for field in dataclasses.fields(self)} | options)


def explain_image(model: BeitClassifier, image: np.ndarray) -> ImageExplanation:
    """As `explain`, of an image."""
    import tensorflow as tf  # here, since models are otherwise neutral

    image, preprocessing = _checked(model, image), model.preprocessing
    with tf.GradientTape() as tape:
        recorded = extractor(model)(image[None])
        logits = recorded["logits"][0]
        logit = tf.reduce_max(logits)
    gradients = of_first(tape.gradient(logit, recorded["attention_weights"]))
    attention = of_first(recorded["attention_weights"])
    probabilities = (tf.nn.sigmoid if model.activation == "sigmoid" else tf.nn.softmax)(logits).numpy()
    class_names = model.class_names or [f"class {i}" for i in range(len(probabilities))]
    counted = np.maximum(attention[-1] * gradients[-1], 0)
    return ImageExplanation(
        attention=attention,
        gradients=gradients,
        content_logits=of_first(recorded["content_logits"]),
        position_logits=of_first(recorded["position_logits"]),
        image=_shown(_centre(image, preprocessing.crop_fraction if preprocessing else 1.0), preprocessing is not None),
        grid=model.backbone.grid,
        predictions=[(class_names[i], float(probabilities[i])) for i in np.argsort(-probabilities)],
        patch=int(counted.sum(axis=(0, 2)).argmax()),
    )


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


def _shown(image, is_raw):
    """An image as a page can show it, uint8 RGB: normalised ones stretched to the visible range."""
    if not is_raw:
        image = (image - image.min()) / max(np.ptp(image), 1e-9) * 255
    image = np.uint8(np.clip(image, 0, 255))
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]


def _centre(image, fraction):
    height, width = (round(fraction * size) for size in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]
