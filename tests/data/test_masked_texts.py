import itertools

import numpy as np
import pytest
import tensorflow as tf

import course_hw5
from course_hw5.data import reviews
from course_hw5.data.masked_texts import TokenMasks, cut_into_runs
from course_hw5.text.tokenizer import SPECIAL_TOKENS, bert_tokenizer

WORDS = [*SPECIAL_TOKENS, *(f"word{i}" for i in range(60)), *(f"##s{i}" for i in range(20))]
TOKENIZER = bert_tokenizer(WORDS)
PAD, UNK, CLS, SEP, MASK = range(5)


def runs_of(count=400, length=64, pieces=True):
    """Runs of words, some of more than one piece, with unknown ones, and as much padding as a run's number says."""
    random = np.random.default_rng(0)
    ids = random.integers(5, len(WORDS) if pieces else 65, (count, length)).astype("int32")
    ids[:, 0], ids[:, 1], ids[:, 7] = CLS, 5, UNK
    for number, row in enumerate(ids):
        end = length - number % (length // 2)
        row[end - 1 :] = [SEP] + [PAD] * (length - end)
    return ids


def masked(ids, seed=(1, 2), length=64):
    inputs, tokens = TokenMasks(TOKENIZER, length)(tf.constant(ids), tf.constant(seed))
    return inputs["token_ids"].numpy(), inputs["masked_positions"].numpy(), tokens.numpy()


def test_15_percent_are_chosen_and_what_stood_there_is_the_target():
    ids = runs_of()
    read, positions, tokens = masked(ids)
    assert positions.shape == tokens.shape == (400, 10) and read.shape == ids.shape
    for row, seen, places, targets in zip(ids, read, positions, tokens):
        chosen = places[targets > 0]
        assert len(chosen) == len({*chosen}) == max(1, round(0.15 * (row > MASK).sum()))
        np.testing.assert_array_equal(row[chosen], targets[targets > 0])
        rest = np.delete(np.arange(64), chosen)
        np.testing.assert_array_equal(seen[rest], row[rest])
        assert not places[targets == 0].any()


def test_of_those_80_percent_are_hidden_10_percent_replaced_and_10_percent_stay():
    ids = runs_of()
    read, positions, tokens = masked(ids)
    seen, true = (np.take_along_axis(part, positions, 1)[tokens > 0] for part in (read, ids))
    shares = [np.mean(seen == MASK), np.mean((seen != MASK) & (seen != true)), np.mean(seen == true)]
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.025)
    assert not {PAD, UNK, CLS, SEP} & {*seen} and len({*seen}) > 60


def test_special_tokens_are_never_chosen():
    ids = runs_of()
    for seed in range(5):
        _, _, tokens = masked(ids, (0, seed))
        assert (tokens[tokens > 0] > MASK).all()
    nothing = np.array([[CLS, UNK, SEP, PAD, PAD, PAD, PAD, PAD]], "int32")
    read, positions, tokens = masked(nothing, length=8)
    assert not tokens.any() and not positions.any()
    np.testing.assert_array_equal(read, nothing)


def test_all_pieces_of_a_word_are_chosen_but_of_the_last_one():
    ids = runs_of()
    _, positions, tokens = masked(ids)
    is_chosen = np.zeros(ids.shape, bool)
    rows = np.repeat(np.arange(400)[:, None], 10, axis=1)
    is_chosen[rows[tokens > 0], positions[tokens > 0]] = True
    goes_on = ids >= 65
    split = (is_chosen[:, 1:] != is_chosen[:, :-1]) & goes_on[:, 1:] & (ids[:, :-1] > MASK)
    assert is_chosen[goes_on].mean() == pytest.approx(is_chosen[ids > MASK].mean(), abs=0.02)
    assert split.sum(1).max() == 1 and split.any(1).mean() < 0.5


def test_each_token_is_chosen_now_and_then():
    ids = np.repeat(runs_of(1, pieces=False), 2000, axis=0)
    ids[:, 7] = 6
    _, positions, tokens = masked(ids)
    share = np.bincount(positions[tokens > 0], minlength=64) / 2000
    np.testing.assert_allclose(share[1:63], share[1:63].mean(), atol=0.05)
    assert share[0] == share[63] == 0


def test_the_same_seed_hides_the_same_tokens_and_another_seed_others():
    for part, same, other in zip(masked(runs_of()), masked(runs_of()), masked(runs_of(), (1, 3))):
        np.testing.assert_array_equal(part, same)
        assert (part != other).any()


def test_long_texts_are_cut_and_rests_share_a_run():
    texts = [" ".join(f"word{number}" for _ in range(length)) for number, length in enumerate((25, 4, 3, 20))]
    runs = cut_into_runs(texts, TOKENIZER, 12)
    found = [[*row[row > 0]] for row in runs]
    assert all(row[0] == CLS and row[-1] == SEP for row in found) and runs.shape[1] == 12
    whole = [row[1:-1] for row in found if len({*row[1:-1]}) == 1 and len(row) == 12]
    assert sorted(row[0] for row in whole) == [5, 5, 8, 8]
    assert [CLS, 5, 5, 5, 5, 5, SEP, 7, 7, 7, SEP] in found, "the longest rest with the shortest"
    assert not any(6 in row for row in found), "fewer tokens than 8 are left out"


def made_up(count=60):
    random = np.random.default_rng(0)
    texts = [" ".join(f"Word{i}" for i in random.integers(0, 60, random.integers(9, 40))) + ". The end." for _ in range(count)]
    encoded = np.array([text.encode() for text in texts], object)
    return (encoded, np.arange(count) % 2), (encoded[:20], np.arange(20) % 2), "made up", reviews.split_indices


@pytest.fixture
def imdb(monkeypatch):
    monkeypatch.setitem(reviews.SOURCES, "imdb", made_up)


def load(**options):
    return course_hw5.load_masked_texts(course_hw5.read_unlabelled("imdb", 0.2, 3), TOKENIZER, 8, 16, **options)


def test_reviews_are_split_as_for_a_classifier(imdb):
    texts = course_hw5.read_unlabelled("imdb", 0.2, 3)
    assert {split: len(part) for split, part in texts.items()} == {"train": 48, "validation": 12, "test": 20}
    held_out = course_hw5.load_reviews("imdb", 4, 64, 0.2, seed=3, tokenizer=TOKENIZER).validation
    rows = {tuple(row[row > 0]) for ids, _ in held_out for row in ids.numpy()}
    assert rows == {(CLS, *ids, SEP) for ids in TOKENIZER(texts["validation"])}


def test_masks_of_training_follow_the_global_generator_and_others_are_fixed(imdb):
    data, generator, found = load(), tf.random.get_global_generator(), {}
    for seed in (7, 7, 8):
        generator.reset_from_seed(seed)
        found.setdefault(seed, []).append([[*part.take(3)] for part in (data.train, data.validation, data.test)])
    (first, again), (other,) = found[7], found[8]
    for (inputs, tokens), (same_inputs, same_tokens) in zip(itertools.chain(*first), itertools.chain(*again)):
        assert tokens.shape[1] == 2 and inputs["token_ids"].shape[1] == 16
        np.testing.assert_array_equal(inputs["token_ids"], same_inputs["token_ids"])
        np.testing.assert_array_equal(tokens, same_tokens)
    reads = [(part[0][0]["token_ids"].numpy(), there[0][0]["token_ids"].numpy()) for part, there in zip(first, other)]
    assert [bool((one != two).any()) for one, two in reads] == [True, False, False]


def test_masked_texts_have_no_classes_and_are_read_as_sentences(imdb):
    data = load()
    assert data.class_names == [] and "15 % are predicted" in data.note and data.batch_size == 8
    assert {len(tokens) for _, tokens in data.train} == {8} and len([*data.train]) == int(data.train.cardinality())
    assert 1 <= len(data.samples) <= 6 and all(one.endswith(".") and "The end" not in one for (one,) in data.samples)
    inputs, _ = next(iter(data.test))
    assert data.describe({name: part[0] for name, part in inputs.items()}).startswith("word")


@pytest.mark.parametrize("header, label", [("text", None), ("text,label", "a"), ("text,label", ""), ("text,label", "nan")])
def test_a_table_needs_no_labels(header, label, tmp_path):
    rows = [f"word{number} word1" + (f",{'a' if number % 2 else label}" if label is not None else "") for number in range(40)]
    (tmp_path / "own.csv").write_text("\n".join([header, *rows]))
    texts = course_hw5.read_unlabelled(tmp_path / "own.csv", 0.25)
    assert [len(texts[split]) for split in ("train", "validation", "test")] == [24, 8, 8]
    assert len({text for part in texts.values() for text in part}) == 40


def test_a_table_needs_texts_whatever_its_labels(tmp_path):
    (tmp_path / "own.csv").write_text('text,label\na word,\n"",a\n')
    with pytest.raises(ValueError, match="own.csv must have a value in each cell. Received: none in row 2, column text"):
        course_hw5.read_unlabelled(tmp_path / "own.csv", 0.25)


def test_a_table_with_labels_is_split_as_for_a_classifier(tmp_path):
    lines = ["review,label", *(f"word{number},{'ab'[number % 3 > 0]}" for number in range(50))]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    texts = course_hw5.read_unlabelled(tmp_path / "own.csv", 0.25, 1)
    data = course_hw5.load_reviews(tmp_path / "own.csv", 4, 8, 0.25, 1, TOKENIZER)
    for split in ("validation", "test"):
        read = {int(row[1]) for ids, _ in getattr(data, split) for row in ids}
        assert read == {ids[0] for ids in TOKENIZER(texts[split])}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_size": 500}, "`batch_size` must be a whole number up to the number of training runs, [0-9]+. Received: 500"),
        ({"max_length": 4}, "`max_length` must be a whole number, 8 or more. Received: 4"),
        ({"seed": -1}, "`seed` must be a whole number, 0 or more. Received: -1"),
    ],
)
def test_what_does_not_fit_is_refused(imdb, options, message):
    with pytest.raises(ValueError, match=message):
        course_hw5.load_masked_texts(
            course_hw5.read_unlabelled("imdb"), TOKENIZER, **{"batch_size": 8, "max_length": 16} | options
        )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_without_a_run_is_refused(split):
    texts = {name: ["word1 " * 20] for name in ("train", "validation", "test")} | {split: ["word1 word2", ""]}
    with pytest.raises(ValueError, match=f"texts of 8 tokens or more for training, .* Received: .*'{split}': 0"):
        course_hw5.load_masked_texts(texts, TOKENIZER, 1, 16)


@pytest.mark.parametrize("texts, found", [(["word1"], "'list'"), ({"train": ["word1"]}, r"\['train'\]")])
def test_texts_of_other_splits_are_refused(texts, found):
    with pytest.raises(ValueError, match=f"`texts` must be a dict of train, validation and test. Received: {found}"):
        course_hw5.load_masked_texts(texts, TOKENIZER)


def test_a_text_without_words_is_not_shown():
    texts = {name: ["", "word1 " * 30] for name in ("train", "validation", "test")}
    ((shown,),) = course_hw5.load_masked_texts(texts, TOKENIZER, 1, 16).samples
    assert shown.startswith("word1 word1")


def test_another_source_is_refused():
    with pytest.raises(ValueError, match="`source` must be imdb, tfds:NAME, or a table of texts"):
        course_hw5.read_unlabelled("sst2")
