"""What is there twice: within a split and across splits, the same or nearly, and with another class."""

import numpy as np
import pytest

from course_hw5.data import card as cards

pytestmark = pytest.mark.unit

NONE = cards.text_marks([], np.zeros(0, "int64"))


def found(train, test=()):
    """Duplicates of texts with labels, by their splits: (exact, near, contradicting, pairs)."""
    marks = {split: cards.text_marks(*zip(*rows)) if rows else NONE for split, rows in (("train", train), ("test", test))}
    marks = {split: part._replace(labels=np.array(part.labels)) for split, part in marks.items()}
    every = cards.find_duplicates(marks | {"validation": NONE})
    every = every["duplicates"] + every["repeats"]
    return {(one.first, one.second): (one.exact, one.near, one.contradicting, one.pairs) for one in every}


def test_texts_that_repeat_earlier_ones_are_counted_within_a_split():
    rows = [("a good film", 1), ("dull", 0), ("a good film", 1), ("A good film!", 1), ("a good film", 1)]
    assert found(rows) == {("train", "train"): (2, 1, 0, [(0, 2), (0, 3), (0, 4)])}


def test_equal_texts_of_different_classes_are_counted_and_come_first():
    train = [("good", 1), ("dull", 0), ("good", 1), ("Good.", 0)]
    test = [("good", 1), ("dull", 1), ("new", 0)]
    assert found(train, test) == {
        ("train", "train"): (1, 1, 1, [(0, 3), (0, 2)]),
        ("train", "test"): (2, 0, 1, [(1, 1), (0, 0)]),
    }


@pytest.mark.parametrize(
    "one, other, is_near",
    [
        ("Wie geht's?", "wie geht s", True),
        ("می\u200cرود", "می رود", False),  # a joiner is a part of the word
        ("STRASSE", "Straße", True),
        ("“Good” – really…", "good, really", True),
        ("😀", "😢", False),
        ("!!!", "???", False),
        ("कि", "का", False),  # letters that differ in their vowel sign alone
        ("5 + 5", "5 - 5", False),
        ("球 在 场上。", "球 在 场上", True),
    ],
)
def test_texts_are_nearly_the_same_where_case_spaces_and_punctuation_alone_differ(one, other, is_near):
    assert bool(found([(one, 0), (other, 0)])) == is_near


def image_marks(images, labels):
    exact, near, thumbnails = zip(*(cards.image_marks(image, image) for image in images))
    return cards.Marks(np.array(exact, "uint64"), np.array(near, "uint64"), np.array(labels), np.stack(thumbnails))


def test_images_are_counted_as_texts_are_but_alike_ones_may_have_other_classes(random):
    images = random.integers(0, 256, (5, 8, 8, 3)).astype("uint8")
    alike = np.clip(images[0].astype(int) + 1, 0, 255).astype("uint8")
    train = image_marks([*images, alike, images[1], images[2]], [0, 1, 0, 1, 0, 1, 0, 0])
    test = image_marks([images[3], alike], [1, 0])
    every = cards.find_duplicates({"train": train, "validation": train.take(np.arange(0)), "test": test})
    assert every == {
        "duplicates": [cards.Duplicates("train", "test", 2, 0, 1, [(5, 1), (3, 0)])],
        "repeats": [cards.Duplicates("train", "train", 2, 1, 1, [(1, 6), (0, 5), (2, 7)])],
    }


def test_near_duplicates_are_those_that_comparing_all_would_find(random):
    images = random.integers(0, 256, (300, 8, 8, 3)).astype("uint8")
    others = np.clip(images[::3].astype(int) + random.integers(-9, 10, images[::3].shape), 0, 255).astype("uint8")
    first, second = (image_marks(part, [0] * len(part)) for part in (images, others))
    bits = np.bitwise_count(first.near[:, None] ^ second.near[None])
    apart = np.abs(first.thumbnails[:, None].astype(int) - second.thumbnails[None]).mean(axis=(2, 3, 4))
    expected = ((bits <= cards.BITS) & (apart <= cards.ALIKE)).any(axis=0)
    [one] = cards.find_duplicates({"train": first, "validation": first.take(np.arange(0)), "test": second})["duplicates"]
    assert one.exact + one.near == expected.sum() > 20
    together = cards.Marks(*(np.concatenate(part) for part in zip(first, second)))
    nothing = first.take(np.arange(0))
    [one] = cards.find_duplicates({"train": together, "validation": nothing, "test": nothing})["repeats"]
    assert one.exact + one.near == expected.sum()


def test_names_that_differ_in_case_and_spaces_are_found():
    assert cards.alike_names(["good", "Good", "bad", "C", "C++", "very  good", "Very good"]) == [
        ["good", "Good"],
        ["very  good", "Very good"],
    ]
