import os
import re

import keras_nlp
import numpy as np
import pytest
import tensorflow as tf

from course_hw5 import load_reviews
from course_hw5.data import contrast, reviews
from course_hw5.data.token_ids import tokenize
from course_hw5.text.encoding import encode, encode_sentence, tokens_of
from course_hw5.text.tokenizer import SPECIAL_TOKENS, BertTokenizer, bert_tokenizer

WORDS = ["a", "fine", "dull", "warm", "cold", "film", "story", "ending"]


@pytest.fixture(autouse=True)
def sentences(monkeypatch):
    """Two hundred "reviews" of 1 to 30 words, with the number of words as their label's parity."""
    random = np.random.default_rng(0)
    texts = np.array([" ".join(random.choice(WORDS, size)).encode() for size in random.integers(1, 31, 200)], object)
    labels = np.array([len(text.split()) % 2 for text in texts])
    parts = (texts[:150], labels[:150]), (texts[150:], labels[150:])
    monkeypatch.setitem(reviews.SOURCES, "sst2", lambda: (*parts, "made up", reviews.split_indices))
    return parts


def words(row):
    return " ".join(token for token in tokens_of(row) if not token.startswith("["))


def test_texts_of_like_length_share_a_batch():
    data = load_reviews("sst2", batch_size=8, max_length=32, validation_split=0.1)
    for ids, labels in data.train:
        lengths = (ids.numpy() != 0).sum(1)
        assert ids.shape[1] in reviews.BUCKETS and len(ids) == len(labels) == 8
        narrower = [bucket for bucket in reviews.BUCKETS if bucket < ids.shape[1]]
        assert not narrower or lengths.min() > narrower[-1]


def test_every_test_text_comes_once_with_its_own_label(sentences):
    data = load_reviews("sst2", batch_size=8, max_length=48)
    found = {(words(row), int(label)) for ids, labels in data.test for row, label in zip(ids.numpy(), labels)}
    assert found == {(text.decode(), label) for text, label in zip(*sentences[1])}
    assert sum(len(labels) for _, labels in data.test) == 50


def test_cardinality_is_the_number_of_batches():
    data = load_reviews("sst2", batch_size=8, max_length=32)
    for part in (data.train, data.validation, data.test):
        assert int(part.cardinality()) == len([*part])


def test_an_epoch_can_be_a_share_of_the_data_drawn_anew():
    whole, third = (load_reviews("sst2", batch_size=4, max_length=32, epoch_fraction=share).train for share in (1, 1 / 3))
    first, second = ([words(row) for ids, _ in third for row in ids.numpy()] for _ in range(2))
    assert len(first) == 4 * int(third.cardinality()) == 4 * round(int(whole.cardinality()) / 3)
    assert set(first) != set(second)


def test_validation_and_training_share_no_text():
    data = load_reviews("sst2", batch_size=1, max_length=48, validation_split=0.2)
    train, validation = ([words(ids.numpy()[0]) for ids, _ in part] for part in (data.train, data.validation))
    assert len(train) == 120 and len(validation) == 30
    long = {text for text in validation if text.count(" ") > 4}  # shorter ones repeat by chance
    assert long and not long & set(train)


@pytest.mark.parametrize("with_phrases", [True, False])
def test_whole_sentences_are_held_out_with_the_phrases_that_are_theirs_alone(with_phrases):
    nouns = [f"noun{i}" for i in range(20)]
    texts = [phrase for noun in nouns for phrase in (f"{noun} is", "is good", f" {noun} is good ", f"{noun} is good")]
    kept, held_out = reviews._split_sentences(np.array(texts), 0.1, 0, with_phrases)
    out = {texts[index].split()[0] for index in held_out}
    assert len(held_out) == len(out) == 2 and all(len(texts[index].split()) == 3 for index in held_out)
    sentences = {f"{noun} is good" for noun in nouns if noun not in out}
    phrases = {"is good", *(f"{noun} is" for noun in nouns if noun not in out)}
    assert {texts[index].strip() for index in kept} == sentences | (phrases if with_phrases else set())


def test_order_changes_with_the_epoch_and_repeats_with_the_seed():
    data = load_reviews("sst2", batch_size=8, max_length=32, seed=3)

    def epoch():
        return [ids.numpy().tolist() for ids, _ in data.train]

    tf.random.get_global_generator().reset_from_seed(5)
    first, second = epoch(), epoch()
    tf.random.get_global_generator().reset_from_seed(5)
    assert first != second and first == epoch()


def test_a_long_text_keeps_its_beginning_and_its_end():
    tokenizer = bert_tokenizer()
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    ids = tokenize([text, "one two"], tokenizer, max_length=12)
    assert words(ids[0]) == "one two three ten eleven twelve thirteen fourteen fifteen sixteen"
    assert tokens_of(ids[1]) == ["[CLS]", "one", "two", "[SEP]"]
    [whole] = tokenize([text], tokenizer, max_length=64)
    assert whole.tolist() == encode(text, 64).ids.tolist()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"source": "yelp"},
            "`source` must be sst2, sst2_sentences, imdb, contrast, .*, tfds:NAME, or a table .*Received: 'yelp'",
        ),
        ({"batch_size": 0}, "`batch_size` must be a whole number, 1 or more. Received: 0"),
        ({"max_length": 4}, "`max_length` must be a whole number, 8 or more. Received: 4"),
        ({"validation_split": 1.0}, "`validation_split` must be between 0 and 1. Received: 1.0"),
        ({"source": "imdb", "teacher": print}, '`teacher` must be None for "imdb"'),
        ({"num_pseudo_labels": 5}, "`num_pseudo_labels` must be .* Received: 5"),
        ({"num_pseudo_labels": 0, "teacher": print}, "`num_pseudo_labels` must be .* Received: 0"),
        ({"teacher_tokenizer": bert_tokenizer}, "`teacher_tokenizer` must be None without a `teacher`. Received: <function"),
        ({"epoch_fraction": 0}, r"`epoch_fraction` must be in \(0, 1\]. Received: 0"),
        ({"batch_size": 500}, "`batch_size` must be at most the number of training texts, 147. Received: 500"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_reviews(**{"source": "sst2"} | arguments)


def test_a_teacher_labels_sentences_that_are_trained_on_besides(monkeypatch):
    texts = [b"A fine warm film. A dull dull story!<br />It isn't cold", b"A cold ending? Fine. A fine fine ending."]
    monkeypatch.setattr(reviews, "_read", lambda *_: [(np.array(texts, object), np.array([1, 0])), None])

    def teacher(batches):
        rows = [words(row).split() for ids, _ in batches for row in ids.numpy()]
        return np.array([[0.75 if "fine" in row else 0.25 if "cold" in row else 0.5] for row in rows])

    options = {"batch_size": 1, "max_length": 32}
    choices = ({}, {"teacher": teacher}, {"teacher": teacher, "num_pseudo_labels": 2})
    plain, labelled, few = (load_reviews("sst2", **options, **choice) for choice in choices)
    seen = [[words(ids.numpy()[0]) for ids, _ in data.train] for data in (plain, labelled, few)]
    assert len(seen[1]) == len(seen[0]) + 5 and len(seen[2]) == len(seen[0]) + 2
    assert labelled.note.endswith("also 5 sentences of IMDB's training reviews, labelled by a teacher")
    labels = {words(ids.numpy()[0]): float(label[0]) for ids, label in labelled.train}
    assert [labels[text] for text in ("a fine warm film .", "a cold ending ?", "a dull dull story !")] == [0.75, 0.25, 0.5]
    own = {words(ids.numpy()[0]): float(label[0]) for ids, label in plain.train}
    assert {text: labels[text] for text in own} == own
    for part in ("validation", "test"):
        for (ids, label), (same_ids, same_label) in zip(getattr(plain, part), getattr(labelled, part), strict=True):
            assert (ids == same_ids).numpy().all() and (label == same_label).numpy().all()


@pytest.fixture
def labelled_reviews(monkeypatch):
    """Two reviews in place of IMDB, and a function that makes a teacher, which knows the words of its own tokenizer."""
    texts = [b"A fine warm film. A dull dull story!<br />It isn't cold", b"A cold ending? Fine. A fine fine ending."]
    monkeypatch.setattr(reviews, "_read", lambda *_: [(np.array(texts, object), np.array([1, 0])), None])

    def teacher_by(tokenizer):
        def predict(batches):
            rows = [tokens_of(row, tokenizer) for ids, _ in batches for row in ids.numpy()]
            return np.array([[(1 + row.count("fine") - row.count("cold")) / 4] for row in rows])

        return predict

    return teacher_by


def labels_by_text(data):
    return {words(ids.numpy()[0]): float(label[0]) for ids, label in data.train}


def test_a_teacher_of_another_vocabulary_labels_the_same_texts(labelled_reviews):
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*SPECIAL_TOKENS, "fine", "cold", *".?!'", *letters, *(f"##{letter}" for letter in letters)]
    other, options = bert_tokenizer(pieces), {"batch_size": 1, "max_length": 32}
    expected = load_reviews("sst2", **options, teacher=labelled_reviews(bert_tokenizer()))
    found = load_reviews("sst2", **options, teacher=labelled_reviews(other), teacher_tokenizer=other)
    assert labels_by_text(found) == labels_by_text(expected) and found.note == expected.note
    assert labels_by_text(found)["a fine fine ending ."] == 0.75

    found = load_reviews("sst2", 1, max_length=16, teacher=labelled_reviews(other), teacher_tokenizer=other)
    assert found.note.endswith(
        "also 4 sentences of IMDB's training reviews, labelled by a teacher"
    )  # one is too long in letters


def test_a_teacher_of_the_same_vocabulary_needs_no_tokenizer(labelled_reviews):
    options = {"batch_size": 1, "max_length": 32, "teacher": labelled_reviews(bert_tokenizer()), "num_pseudo_labels": 3}

    def batches(tokenizer):
        train = load_reviews("sst2", **options, teacher_tokenizer=tokenizer).train
        return [(ids.numpy().tolist(), label.numpy().tolist()) for ids, label in train]

    same = BertTokenizer(bert_tokenizer().get_vocabulary())
    assert batches(None) == batches(bert_tokenizer()) == batches(same)


def test_sentences_of_reviews_are_split_and_spelt_as_those_of_sst2(monkeypatch):
    review = "It doesn't work.<br /><br />No. Why?! I can't say, Mr. B"
    monkeypatch.setattr(reviews, "_read", lambda *_: [(np.array([review.encode()], object), np.array([0])), None])
    assert [*reviews._imdb_sentences()] == ["It does n't work.", "I ca n't say, Mr."]


@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="needs SST-2: set TFDS_DATA_DIR")
@pytest.mark.parametrize("name, count", [("sst2", 872), ("imdb", 24998)])
def test_the_real_data_are_read(name, count, monkeypatch):
    monkeypatch.undo()
    (texts, labels), (_, test_labels), note, split = reviews.SOURCES[name]()
    assert len(test_labels) == count and set(labels) == {0, 1} and len(texts) == len(labels)
    assert note.startswith(("SST-2", "IMDB"))
    kept, held_out = split(texts, 0.05, 0)
    assert len(held_out) == round(0.05 * {"sst2": 6886, "imdb": len(texts)}[name]) and not set(kept) & set(held_out)


def test_the_tokenizer_of_keras_nlp_reads_the_same_batches():
    own = [*bert_tokenizer().get_vocabulary()]
    theirs = keras_nlp.tokenizers.BertTokenizer(own, lowercase=True)
    first, second = (
        load_reviews("sst2", batch_size=8, max_length=32, tokenizer=tokenizer).test for tokenizer in (None, theirs)
    )
    for (ids, labels), (other_ids, other_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(ids, other_ids)
        np.testing.assert_array_equal(labels, other_labels)
    text = "A fine film, isn't it?"
    assert encode_sentence(text, tokenizer=theirs).tolist() == encode_sentence(text).tolist()
    with pytest.raises(ValueError, match="`special_tokens` must be False for the tokenizer of another package"):
        encode_sentence(text, tokenizer=theirs, special_tokens=True)


@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="needs SST-2: set TFDS_DATA_DIR")
def test_no_sentence_of_contrast_is_one_that_sst2_tests(monkeypatch):
    monkeypatch.undo()
    _, (texts, _), _, _ = reviews.SOURCES["sst2"]()
    plain = lambda text: re.sub(r"[^a-z0-9]", "", text.lower())  # noqa: E731
    tested = {plain(text.decode()) for text in texts}
    assert len(tested) > 800
    assert not tested & {plain(one.text) for sentences in contrast.contrast_sentences().values() for one in sentences}


def read(part):
    """Texts and labels of a split's batches."""
    return {(words(row), int(label)) for ids, labels in part for row, label in zip(ids.numpy(), labels)}


def test_contrast_has_splits_of_its_own_whatever_the_seed():
    (texts, labels), _, _, split = reviews.SOURCES["contrast"]()
    for first, second in zip(split(texts, 0.02, 0), split(texts, 0.5, 1)):
        np.testing.assert_array_equal(first, second)
    assert labels.mean() == 0.5 and [*map(len, split(texts, 0.02, 0))] == [17742, 344]
    data = load_reviews("contrast", batch_size=64, max_length=32)
    assert data.class_names == ["negative", "positive"] and "17,742 + 344 + 516 sentences" in data.note
    tested = dict(read(data.test))
    assert len(tested) == 516 and sum(len(labels) for _, labels in data.validation) == 344
    assert tested["it gets better with every scene ."] == 1 and tested["it gets worse with every scene ."] == 0


def test_sentences_of_contrast_join_another_data_set_and_its_teacher(monkeypatch):
    own = np.array([f"noun{number} is good".encode() for number in range(40)], object), np.arange(40) % 2
    tested = np.array([b"a warm film"], object), np.array([1])
    monkeypatch.setitem(reviews.SOURCES, "sst2", lambda: (own, tested, "made up", reviews.split_indices))
    (texts, labels), _, _, split = reviews.SOURCES["sst2_contrast"]()
    kept, held_out = split(texts, 0.1, 3)
    assert [*kept[kept < 40]] == [*reviews.split_indices(range(40), 0.1, 3)[0]] and len(held_out) == 4 + 344
    assert not {*texts[kept]} & {*texts[held_out]} and len(kept) + len(held_out) == len(texts) == len(labels)

    texts = np.array([b"A cold film. A story of two people."], object)
    monkeypatch.setattr(reviews, "_read", lambda *_: [(texts, np.array([1])), None])
    teacher = lambda batches: np.full((sum(len(ids) for ids, _ in batches), 1), 0.25)  # noqa: E731
    data = load_reviews("sst2_contrast", batch_size=1, max_length=32, validation_split=0.1, teacher=teacher)
    assert int(data.train.cardinality()) == 36 + 17742 + 2 and data.train.element_spec[1].dtype == "float32"
    assert data.note.startswith("made up; in training and validation also 18,086 sentences of contrast") and data.note.endswith(
        "labelled by a teacher"
    )
    assert read(data.test) == {("a warm film", 1)}
