"""Parts 7 and 9: confusion matrix, weighted scores, a perceptron, mean IoU."""

import numpy as np
from telling import asked

from course_hw5.exercises import error_in_numbers
from course_hw5.grading.marking import array, call, value


@asked("7a", 3, "Confusion matrix")
def check_confusion(variant):
    found = yield value("answer_7a")
    if error := confusion_error(found, variant.truth, variant.predictions, 5):
        return error
    truth, predictions = variant.random("hidden 7a").integers(0, 6, (2, 100))
    found = yield call("confusion_matrix", truth, predictions, 7)
    return confusion_error(found, truth, predictions, 7)


def confusion_error(found, truth, predictions, num_classes):
    right = np.zeros((num_classes, num_classes))
    np.add.at(right, (truth, predictions), 1)
    once = (right > 0).astype(float)
    wrong = {
        "Rows must be the true classes, columns the predicted ones.": right.T,
        "Each example must be counted, not each pair of classes once.": once,
        "These are shares: give counts.": right / np.maximum(right.sum(1, keepdims=True), 1),
    }
    return error_in_numbers(found, right, wrong)


@asked("7b", 3, "Weighted scores")
def check_scores(variant):
    random = variant.random("hidden 7b")
    for matrix in (random.integers(1, 20, (4, 4)), random.integers(1, 20, (4, 4)) * [1, 1, 0, 1]):
        found = yield call("scores", matrix)
        names = ("accuracy", "precision", "recall", "f1")
        if not isinstance(found, dict) or {*found} < {*names}:
            return f"It must return a dict with {', '.join(names)}."
        hits, truth, predicted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
        precision, recall, f1 = hits / np.maximum(predicted, 1), hits / truth, 2 * hits / (truth + predicted)
        right = [hits.sum() / matrix.sum(), *((part * truth).sum() / truth.sum() for part in (precision, recall, f1))]
        macro = [right[0], precision.mean(), recall.mean(), f1.mean()]
        of_means = [*right[:3], 2 * right[1] * right[2] / (right[1] + right[2])]
        by_predicted = [right[0], *((part * predicted).sum() / predicted.sum() for part in (precision, recall, f1))]
        wrong = {
            "These are macro averages: weight each class by its number of true examples.": macro,
            "Precision and recall are swapped.": [right[0], right[2], right[1], right[3]],
            "F1 must be averaged over the classes, not computed of the averages.": of_means,
            "The weights are numbers of true examples, not of predicted ones.": by_predicted,
        }
        found = [array(found[name]) for name in names]
        if np.isnan(found).any():
            return "The precision of a class that was never predicted is 0."
        if error := error_in_numbers(found, right, wrong):
            return error
    return ""


@asked("7c", 4, "A perceptron that reads digits")
def check_digits(variant):
    found = array((yield value("digit_predictions")))
    (_, labels), order = variant._digits()
    if found.shape != (360,):
        return f"There must be a class for each of the 360 test images. Received the shape {found.shape}."
    right = (found == labels[order][:360]).mean()
    return "" if right >= 0.9 else f"{100 * right:.0f} % of the test images are right; at least 90 % must be."


@asked("9", 7, "Mean IoU")
def check_iou(variant):
    found = yield value("answer_9")
    if error := iou_error(found, variant.mask, variant.predicted_mask, 4):
        return error
    truth, predictions = variant.random("hidden 9").integers(0, 3, (2, 10, 10))
    truth[0], truth[5, 5] = 255, 4  # class 3 is in neither mask, class 4 in the truth alone
    found = yield call("mean_iou", truth, predictions, 5)
    return iou_error(found, truth, predictions, 5)


def iou_error(found, truth, predictions, num_classes):
    known = truth != 255

    def scores(known, dice=False, absent=None):
        for label in range(num_classes):
            is_true, is_predicted = (truth == label) & known, (predictions == label) & known
            both, either = (is_true & is_predicted).sum(), (is_true | is_predicted).sum()
            if either:
                yield 2 * both / (both + either) if dice else both / either
            elif absent is not None:
                yield absent

    wrong = {
        "Pixels whose truth is 255 must be ignored.": np.mean([*scores(True)]),
        "A class that is in neither mask must be left out, not count as 0.": np.mean([*scores(known, absent=0)]),
        "A class that is in neither mask must be left out, not count as 1.": np.mean([*scores(known, absent=1)]),
        "This is pixel accuracy.": (truth == predictions)[known].mean(),
        "This is Dice's coefficient: pixels that are in both masks count once in the denominator.": np.mean(
            [*scores(known, True)]
        ),
    }
    if np.isnan(array(found)):
        return "A class that is in neither mask divides 0 by 0: leave it out."
    return error_in_numbers(found, np.mean([*scores(known)]), wrong)
