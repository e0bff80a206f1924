"""The sentences of negation, contrast and concession."""

import collections
import json
import pathlib
import re

import pytest

from course_hw5.data import contrast
from course_hw5.data.contrast import contrast_sentences

pytestmark = pytest.mark.unit

ROOT = pathlib.Path(__file__).parents[2]
SPLITS = contrast_sentences()
COUNTS = {"train": 17742, "validation": 344, "test": 516}


def plain(text):
    """Words alone, so that neither punctuation nor the spelling of "n't" makes a sentence another one."""
    return " ".join(re.sub(r"[^a-z0-9 ]", " ", text.lower().replace(" n't", "n't").replace("'", "")).split())


def runs(text, length=4):
    words = plain(text).split()
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def thirty_sentences():
    """Those by which the bundled model is judged, as the notebook has them."""
    notebook = json.loads((ROOT / "notebooks" / "bert_attention.ipynb").read_text(encoding="utf-8"))
    [source] = [code for cell in notebook["cells"] if "SENTENCES = {" in (code := "".join(cell["source"]))]
    found = re.findall(r'^ {8}"(.+)",$', source, re.MULTILINE)
    assert len(found) == 30
    return found


def test_there_are_as_many_sentences_as_the_docs_say():
    assert {split: len(sentences) for split, sentences in SPLITS.items()} == COUNTS
    page = (ROOT / "docs" / "guides" / "contrast.md").read_text(encoding="utf-8")
    for split, count in COUNTS.items():
        templates = len({sentence.template for sentence in SPLITS[split]})
        assert f"| {split} | {templates} | {count:,} |" in page
    families = collections.Counter(sentence.family for sentence in SPLITS["train"])
    for family, count in families.items():
        pair = [sentence.text for sentence in SPLITS["train"] if sentence.family == family][:2]
        assert f"| {family} | {pair[0]} | {pair[1]} | {count} |" in page


def test_all_sentences_are_distinct_whatever_their_punctuation():
    texts = [plain(sentence.text) for sentences in SPLITS.values() for sentence in sentences]
    assert len({*texts}) == len(texts)


def test_no_template_is_in_two_splits_and_each_split_has_every_family():
    templates = [{sentence.template for sentence in sentences} for sentences in SPLITS.values()]
    assert sum(map(len, templates)) == len(set().union(*templates)) >= 60
    train, *others = ({sentence.family for sentence in sentences} for sentences in SPLITS.values())
    assert all(families == train for families in others)


def test_pairs_have_both_labels_and_one_template_so_that_each_is_balanced():
    for sentences in SPLITS.values():
        for positive, negative in zip(sentences[::2], sentences[1::2], strict=True):
            assert (positive.label, negative.label) == (1, 0) and positive[2:] == negative[2:]
            assert positive.text != negative.text and positive.text.endswith(" .") == negative.text.endswith(" .")


def test_words_of_praise_are_as_often_in_negative_sentences_as_in_positive_ones():
    source = contrast._source()
    for kind, names in (("good", ("FINE", "GREAT", "GRIPPING", "FRESH")), ("bad", ("POOR", "AWFUL", "BORING", "DULL"))):
        words = {word for name in names for word in source["words"][name]}
        words.update(*(topic[kind] for topic in source["topics"].values()))
        counts = collections.Counter(one.label for one in SPLITS["train"] for word in one.text.split() if word in words)
        assert 0.9 < counts[1] / counts[0] < 1.1


def test_slots_are_filled_in_lower_case_with_articles_and_verbs_that_agree():
    texts = [sentence.text for sentences in SPLITS.values() for sentence in sentences]
    for text in texts:
        assert re.fullmatch(r"[a-z',.;:? -]+", text) and "  " not in text, text
        assert not re.search(
            r"\ba [aeiou]|\ban (?!hour)[^aeiou]|(?<!about the )(?<!on of the )\b(jokes|songs|sets|leads) (is|was)\b", text
        ), text
    spelt = [sum(spelling in text for text in texts) for spelling in (" n't", "n't")]
    assert 0.3 < spelt[0] / spelt[1] < 0.7


def test_the_same_seed_gives_the_same_sentences_and_another_one_others():
    assert contrast_sentences() == SPLITS
    other = contrast_sentences(1)
    assert other != SPLITS and [*other] == [*SPLITS]
    assert SPLITS["train"][0].text == "the lead performance is not at all lifeless ."


def test_the_thirty_sentences_of_the_docs_are_neither_made_nor_imitated():
    thirty = {plain(sentence) for sentence in thirty_sentences()}
    imitated = set().union(*map(runs, thirty))
    for sentences in SPLITS.values():
        for sentence in sentences:
            assert plain(sentence.text) not in thirty
            assert not runs(sentence.text) & imitated, sentence
