"""Images of what scores measure: segmentation masks, a confusion matrix, curves of training."""

import keras
import numpy as np
from matplotlib.patches import Patch
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from course_hw5.labs.support import drawing
from course_hw5.layers.resampling import resample
from course_hw5.quiz.questions import Drawing
from course_hw5.reports import classification_metrics, plots
from course_hw5.segmentation import masks, metrics


def road() -> Drawing:
    """A road of 4x4 pixels, and one that a model found."""
    truth, found = np.zeros((6, 8), "int32"), np.zeros((6, 8), "int32")
    truth[1:5, 1:5], found[1:5, 2:8] = 1, 1
    figure = _masks({"true mask": truth, "predicted mask": found}, ("other", "road"))
    matrix = _matrix(truth, found, 2)
    scores = metrics.class_scores(matrix)
    hits, of_truth, of_found = matrix[1, 1], matrix[1].sum(), matrix[:, 1].sum()
    facts = {"iou": scores["iou"][1], "recall": scores["accuracy"][1], "dice": 2 * hits / (of_truth + of_found)}
    facts |= {"pixels": metrics.pixel_scores(matrix)["pixel_accuracy"], "both": hits, "either": of_truth + of_found - hits}
    return Drawing(figure, facts)


def road_everywhere() -> Drawing:
    """A scene of three classes, and a model that calls all of it road."""
    truth = np.zeros((10, 10), "int32")
    truth[2:4, 3:6], truth[1:5, 8] = 1, 2
    figure = _masks({"true mask": truth, "predicted mask": 0 * truth}, ("road", "car", "pole"))
    found = metrics.pixel_scores(_matrix(truth, 0 * truth, 3))
    names = ("mean_iou", "pixel_accuracy", "mean_accuracy")
    facts = {f"is_{name}": np.isclose(found[name], found["mean_iou"], atol=0.005) for name in names}
    return Drawing(figure, facts | found)


def coarse_logits() -> Drawing:
    """The best class of each patch, and a mask with a class for each pixel, made from the same logits."""
    logits, size = np.random.default_rng(5).normal(size=(1, 4, 4, 3)).astype("float32"), (32, 32)
    enlarged = keras.ops.convert_to_numpy(resample(keras.ops.convert_to_tensor(logits), size))[0].argmax(-1)
    best = logits[0].argmax(-1)
    numbers = keras.ops.convert_to_tensor(best[None, ..., None].astype("float32"))
    by = {
        "logits": enlarged,
        "blocks": np.kron(best, np.ones((8, 8), "int64")),
        "numbers": keras.ops.convert_to_numpy(resample(numbers, size))[0, ..., 0].round(),
    }
    figure = _masks({"best class of each of 4x4 patches": best, "mask of 32x32 pixels": enlarged}, ("0", "1", "2"))
    facts = {name: np.array_equal(mask, enlarged) for name, mask in by.items()}
    facts |= {"pixel_tokens": logits.shape[1:3] == size, "pixels": enlarged.size, "times": (enlarged.size // best.size) ** 2}
    return Drawing(figure, facts)


def _masks(shown, names):
    figure, panels = plots.subplots(1, len(shown), figsize=(6, 3), style=None)
    for axes, (title, mask) in zip(panels, shown.items()):
        drawing.image(axes, masks.colored(mask, len(names)), title)
        axes.set_xticks(np.arange(mask.shape[1] + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(mask.shape[0] + 1) - 0.5, minor=True)
        if len(mask) <= 10:
            axes.grid(which="minor", color="white", linewidth=1)
        axes.tick_params(which="both", length=0)
    colors = masks.palette(len(names)) / 255
    figure.legend([Patch(color=color) for color in colors], names, loc="outside lower center", ncols=len(names))
    return figure


def _matrix(truth, found, num_classes):
    return keras.ops.convert_to_numpy(metrics.confusion_matrix(truth, found, num_classes))


def digits() -> Drawing:
    """The confusion matrix of a classifier that takes the class whose mean image is nearest."""
    images, labels = load_digits(return_X_y=True)
    is_taken = np.isin(labels, (1, 8, 9))
    images, labels = images[is_taken], np.searchsorted((1, 8, 9), labels[is_taken])
    means = np.stack([images[:200][labels[:200] == label].mean(0) for label in range(3)])
    predicted = np.linalg.norm(images[200:, None] - means, axis=-1).argmin(-1)
    result = classification_metrics.classification_result(labels[200:], predicted, ("1", "8", "9"))
    scores, matrix = result.report["8"], np.asarray(result.matrix)
    figure = plots.confusion_matrix_plot(matrix, ("1", "8", "9"))
    facts = {"recall": scores["recall"], "precision": scores["precision"], "accuracy": result.metrics["accuracy"]}
    facts |= {"hits": matrix[1, 1], "row": matrix[1].sum(), "column": matrix[:, 1].sum()}
    return Drawing(figure, facts | {"matrix": ", then ".join(" ".join(map(str, row)) for row in matrix)})


def curves() -> Drawing:
    """Losses of a perceptron on 200 digits, of which some have wrong labels."""
    random = np.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    images, labels = images / 16, labels.copy()
    labels[:200] = np.where(random.random(200) < 0.15, random.integers(10, size=200), labels[:200])
    model = MLPClassifier((64,), learning_rate_init=0.02, batch_size=100, random_state=0)
    training, validation = [], []
    for _ in range(50):
        model.partial_fit(images[:200], labels[:200], classes=range(10))
        for series, part in ((training, slice(200)), (validation, slice(200, 700))):
            series.append(-model.predict_log_proba(images[part])[range(len(labels[part])), labels[part]].mean())
    epochs = np.arange(1, len(training) + 1)
    best = int(np.argmin(validation))
    marks = {"early": 1, "lowest": best, "last": len(training) - 1}
    figure, axes = plots.subplots(figsize=(5.8, 3.3))
    drawing.lines(axes, epochs, {"training": training, "validation": validation}, "  ", linewidth=2)
    for index in marks.values():
        axes.axvline(epochs[index], color="grey", linestyle=":")
        axes.text(epochs[index] + 0.5, max(training), f"{epochs[index]}", weight="bold", va="top")
    axes.set(xlabel="epoch", ylabel="loss", xlim=(0, len(training) + 4))
    axes.legend(loc="upper center")
    facts = {f"is_{name}": validation[index] == min(validation) for name, index in marks.items()}
    facts |= {name: epochs[index] for name, index in marks.items()} | {"final": validation[-1], "best": validation[best]}
    return Drawing(figure, facts | {"alike": validation[-1] < 1.1 * validation[best]})
