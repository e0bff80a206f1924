import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from course_hw5.segmentation import losses, metrics
from course_hw5.segmentation.metrics import IGNORE_INDEX


def independent_scores(labels, predicted, classes):
    """The benchmark's definition, class by class with sets of pixels."""
    kept = labels != IGNORE_INDEX
    ious, accuracies = [], []
    for index in range(classes):
        truth, found = kept & (labels == index), kept & (predicted == index)
        if (truth | found).any():
            ious.append((truth & found).sum() / (truth | found).sum())
        if truth.any():
            accuracies.append((truth & found).sum() / truth.sum())
    return {
        "mean_iou": np.mean(ious),
        "mean_accuracy": np.mean(accuracies),
        "pixel_accuracy": (labels == predicted)[kept].mean(),
    }


@pytest.mark.parametrize("seed", range(6))
def test_scores_equal_an_independent_computation(seed):
    random = np.random.default_rng(seed)
    classes = int(random.integers(2, 9))
    present = classes - seed % 2  # odd seeds: one class is absent
    labels = random.choice([*range(present), IGNORE_INDEX], (3, 11, 7)).astype("uint8")
    predicted = random.integers(0, classes, labels.shape)
    matrix = sum(np.array(metrics.confusion_matrix(*pair, classes)) for pair in zip(labels, predicted))  # as a stream
    assert metrics.pixel_scores(matrix) == pytest.approx(independent_scores(labels, predicted, classes))


def test_a_class_that_neither_truth_nor_prediction_has_does_not_count():
    matrix = np.array(metrics.confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), num_classes=4))
    np.testing.assert_allclose(metrics.class_scores(matrix)["iou"], [0.5, 0.5, np.nan, np.nan])
    assert metrics.pixel_scores(matrix)["mean_iou"] == 0.5


def test_pixels_of_the_benchmark_s_class_other_count_nowhere():
    annotation = np.array([[0, 1, 2], [0, 150, 3]], "uint8")
    labels = annotation - np.uint8(1)  # `reduce_labels`: other (0) becomes 255, wall (1) becomes 0
    matrix = np.array(metrics.confusion_matrix(labels, np.array([[7, 0, 1], [7, 149, 9]]), num_classes=150))
    assert matrix.sum() == 4 and matrix[0, 0] == matrix[1, 1] == matrix[149, 149] == matrix[2, 9] == 1


def test_scores_without_a_labelled_pixel_are_refused():
    with pytest.raises(ValueError, match="at least one pixel with a label"):
        metrics.pixel_scores(np.zeros((3, 3)))


@pytest.fixture
def maps():
    random = np.random.default_rng(0)
    labels = random.choice([0, 1, 2, IGNORE_INDEX], (4, 8, 12)).astype("uint8")
    return labels, random.normal(size=(4, 2, 3, 4)).astype("float32")


@pytest.mark.parametrize("jit_compile", [True, False])
def test_metrics_in_compile_stream_over_batches_and_enlarge_logits(maps, jit_compile):
    labels, logits = maps
    model = keras.Sequential([keras.Input((2, 3, 4)), keras.layers.Identity()])
    scored = [metrics.MeanIoU(4), metrics.PixelAccuracy(4)]
    model.compile(loss=losses.PixelCrossentropy(), metrics=scored, jit_compile=jit_compile)
    found = model.evaluate(tf.data.Dataset.from_tensor_slices((logits, labels)).batch(2), verbose=0, return_dict=True)
    large = tf.image.resize(logits, (8, 12)).numpy()
    expected = independent_scores(labels, large.argmax(-1), 4)
    assert found["mean_iou"] == pytest.approx(expected["mean_iou"])
    assert found["pixel_accuracy"] == pytest.approx(expected["pixel_accuracy"])


def test_the_loss_is_the_mean_over_pixels_with_a_label(maps):
    labels, logits = maps
    large = tf.image.resize(logits, (8, 12))
    kept = labels != IGNORE_INDEX
    expected = tf.keras.losses.sparse_categorical_crossentropy(labels[kept], large[kept], from_logits=True).numpy().mean()
    assert float(losses.PixelCrossentropy()(labels, logits)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.PixelCrossentropy()(np.full_like(labels, IGNORE_INDEX), logits)) == 0


def test_a_metric_is_saved_and_loaded_with_its_arguments():
    metric = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metrics.MeanIoU(7)))
    assert (metric.num_classes, metric.name) == (7, "mean_iou")


def test_pixels_of_a_class_count_by_its_weight(random):
    labels, logits = random.integers(0, 3, (2, 4, 6)), random.normal(size=(2, 4, 6, 3)).astype("float32")
    labels[0, :2] = IGNORE_INDEX
    weights, has_label = np.array([1.0, 4.0, 0.5]), labels != IGNORE_INDEX
    right = scipy.special.log_softmax(logits[has_label], axis=-1)[np.arange(has_label.sum()), labels[has_label]]
    expected = -np.average(right, weights=weights[labels[has_label]])
    for scale in (1, 10):
        loss = losses.PixelCrossentropy([*(scale * weights)])
        assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-5)
    assert losses.PixelCrossentropy.from_config(loss.get_config()).class_weights == [10.0, 40.0, 5.0]
    assert float(loss(np.full_like(labels, IGNORE_INDEX), logits)) == 0


def test_rare_classes_have_the_weights_of_the_papers():
    assert losses.class_weights([700, 200, 100, 0], "median") == pytest.approx([0.2 / 0.7, 1, 2, 1])
    assert losses.class_weights([700, 200, 100, 0], "log")[:3] == pytest.approx([1 / np.log(1.02 + p) for p in (0.7, 0.2, 0.1)])
    log, root = (losses.class_weights([700, 200, 100, 0], kind) for kind in ("log", "sqrt"))
    np.testing.assert_allclose(np.square(root), log)
    assert losses.class_weights([10**9, 1], "log")[1] == pytest.approx(1 / np.log(1.02))
    for pixels, kind, name in (([1, 2], "mean", "kind"), ([0, 0], "log", "pixels"), ((), "log", "pixels")):
        with pytest.raises(ValueError, match=f"`{name}` must be .* Received: "):
            losses.class_weights(pixels, kind)
