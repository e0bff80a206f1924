"""Checks of what a training read: range, channels and order of the first batch, duplicates, what is trained at all."""

import numpy as np

from course_hw5.reports.checks.bands import shipped
from course_hw5.reports.checks.problem import check, listed, percent
from course_hw5.reports.checks.recorded_run import RecordedRun

LARGEST, SMALLEST_STD = 20.0, 0.05  # of what the first layer with weights reads; images in [-1, 1] have 1 and about 0.5
FEWEST_LABELS = 32
SWAPPED = -0.4  # 1: the channels are in order; -1: they are the other way round
DUPLICATES, CONTRADICTING, REPEATED = 0.01, 0.01, 0.1  # share of a split
LEAKED, FEWEST_LEAKED = 0.05, 3  # share of a split, estimated from the examples that were read, and how many of these
TRAINABLE = 0.02  # share of the parameters


@check(
    "first layer",
    means="The first layer reads raw values, such as bytes from 0 to 255, since nothing scales them.",
    advice="Begin the model with keras.layers.Rescaling(1 / 127.5, offset=-1), or divide the images by 255 once.",
)
def input_not_scaled(run: RecordedRun) -> str | None:
    found = run.training["first_layer"]
    if max(abs(found["min"]), abs(found["max"])) <= LARGEST:
        return None
    return f"The first layer with weights, {found['name']}, reads values from {found['min']:.4g} to {found['max']:.4g}."


@check(
    "first layer",
    means="The data were scaled twice, such as images in [0, 1] given to a model that divides by 127.5 itself: all look alike.",
    advice="Give the model the values that it was made for, raw bytes in [0, 255] where it begins with a Rescaling layer.",
)
def input_scaled_twice(run: RecordedRun) -> str | None:
    found = run.training["first_layer"]
    if found["std"] >= SMALLEST_STD:
        return None
    read = f"reads values from {found['min']:.4g} to {found['max']:.4g}, with a standard deviation of {found['std']:.2g}"
    return f"The first layer with weights, {found['name']}, {read}."


@check(
    "inputs",
    means="The channels are in the order blue, green, red, as OpenCV reads images.",
    advice="Turn them round with images[..., ::-1], in all splits, or read the images with Pillow.",
)
def channels_swapped(run: RecordedRun) -> str | None:
    usual = shipped()["channel_means"].get((run.config.get("arguments") or {}).get("dataset"))
    if usual is None:
        return None
    means, centred = run.training["inputs"]["channel_means"], np.subtract(usual, np.mean(usual))
    agreement = np.dot(np.subtract(means, np.mean(means)), centred) / np.dot(centred, centred)
    if agreement > SWAPPED:
        return None
    return f"The means of the channels are {_numbers(means)}; those of this data set are {_numbers(usual)}."


def _numbers(values):
    return ", ".join(f"{value:.1f}" for value in values)


@check(
    "labels",
    means="The training data are sorted by class, so that each batch holds one class, and the network follows the last it saw.",
    advice="Shuffle before batching: dataset.shuffle(len(images)), or fit(..., shuffle=True) with arrays.",
)
def sorted_by_class(run: RecordedRun) -> str | None:
    labels = np.array(run.training["labels"])
    if len(labels) < FEWEST_LABELS:
        return None
    found, expected = float((labels[1:] == labels[:-1]).mean()), _chance_of_the_same(run, labels)
    error = np.sqrt(expected * (1 - expected) / len(labels))
    if found <= expected + max(0.5 * (1 - expected), 5 * error):
        return None
    told = f"{percent(found)} are followed by another of their class; in a random order it would be {percent(expected)}"
    return f"Of the first {len(labels)} training labels, {told}."


def _chance_of_the_same(run, labels):
    """How likely two training examples have the same class."""
    counts = (run.card.get("counts") or {}).get("train")
    shares = np.array(counts) / sum(counts) if counts else run.class_shares
    if not len(shares):
        shares = np.bincount(labels) / len(labels)
    return float(np.square(shares).sum())


@check(
    "labels",
    "second pass",
    means="Every epoch reads the data in the same order, so that the same examples meet in each batch.",
    advice="Shuffle anew in each epoch: dataset.shuffle(..., reshuffle_each_iteration=True) after cache().",
)
def not_shuffled(run: RecordedRun) -> str | None:
    labels, again = np.array(run.training["labels"]), np.array(run.training["labels_of_second_pass"])
    chance = _chance_of_the_same(run, labels)
    if len(labels) < FEWEST_LABELS or chance ** len(labels) > 1e-6 or not np.array_equal(labels, again):
        return None
    return f"The first {len(labels)} labels of a second pass over the training data are those of the first pass."


@check(
    "card",
    means="Examples of the test or validation data are in the training data, too: scores on them are too high.",
    advice="Remove them from one of the splits; `course-hw5 data SOURCE` names them.",
)
def duplicates(run: RecordedRun) -> str | None:
    found = []
    for pair in run.card.get("duplicates") or []:
        count, total = pair["exact"] + pair["near"], run.card["examples"][pair["second"]]
        if count > DUPLICATES * total:
            found.append(f"{count} of {total} examples of {pair['second']} are in {pair['first']}, too")
    return f"{'; '.join(found)}." if found else None


@check(
    "card",
    means="Examples that are equal have different labels: they cannot all be learnt, and some labels are wrong.",
    advice="Look at them on the page of `course-hw5 data SOURCE`; correct the labels, or remove such examples.",
)
def contradicting_labels(run: RecordedRun) -> str | None:
    found = []
    for pair in [*(run.card.get("repeats") or []), *(run.card.get("duplicates") or [])]:
        count, total = pair["contradicting"], run.card["examples"][pair["second"]]
        if count > CONTRADICTING * total:
            where = "earlier ones" if pair["first"] == pair["second"] else f"examples of {pair['first']}"
            found.append(f"{count} of {total} examples of {pair['second']} are equal to {where} with another label")
    return f"{'; '.join(found)}." if found else None


@check(
    "card",
    means="Part of the data is there several times: there are fewer different examples than it seems.",
    advice="Remove what is there twice, unless it was repeated on purpose, as rare classes are.",
)
def repeated_examples(run: RecordedRun) -> str | None:
    found = []
    for pair in run.card.get("repeats") or []:
        count, total = pair["exact"] + pair["near"], run.card["examples"][pair["second"]]
        if count > REPEATED * total:
            found.append(f"{count} of {total} examples of {pair['second']} repeat earlier ones ({pair['exact']} exactly)")
    return f"{'; '.join(found)}." if found else None


@check(
    "card",
    means="Folders or labels of one class are written in two ways, so that it counts as two classes.",
    advice="Give them one name, and train again.",
)
def class_names_alike(run: RecordedRun) -> str | None:
    found = run.card.get("alike_names") or []
    told = listed([" and ".join(map(repr, names)) for names in found])
    return f"Class names that differ in case and spaces alone, {len(found)}: {told}." if found else None


@check(
    "overlap",
    means="Validation or test examples are trained on: scores on them say how well they are remembered.",
    advice="Split the examples once, before anything else, so that no example is in two splits.",
)
def leak(run: RecordedRun) -> str | None:
    overlap = run.training["overlap"]
    found = []
    for split in ("validation", "test"):
        read, count = overlap[split]["read"], overlap[split]["in_training"]
        share = count / max(1, read) * overlap["of"] / max(1, overlap["read"])
        if count >= FEWEST_LEAKED and share > LEAKED:
            told = f"{count} of the first {read} examples of {split} are among the first {overlap['read']} training examples"
            found.append(f"{told}: about {percent(min(share, 1))} of that split is trained on")
    return f"{'; '.join(found)}." if found else None


@check(
    "parameters",
    means="Nearly all layers are frozen: only the last ones learn.",
    advice="Set `trainable = True` on the backbone and compile again, unless the head alone was to be trained.",
)
def frozen(run: RecordedRun) -> str | None:
    count, trained = run.training["parameters"], run.training["trainable_parameters"]
    is_lora = (run.config.get("arguments") or {}).get("lora")
    if is_lora or trained >= TRAINABLE * count:
        return None
    return f"{trained:,} of {count:,} parameters are trained ({percent(trained / count, 3)})."
