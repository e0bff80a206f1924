import subprocess
import sys
import time

import numpy as np
import pytest

from course_hw5.text.encoding import MAXLEN, encode_sentence, text_of, tokens_of
from course_hw5.text.tokenizer import SPECIAL_TOKENS, bert_tokenizer, checked_vocabulary, read_lines

pytestmark = pytest.mark.unit


def pieces(ids):
    return tokens_of(ids[ids != 0])


def read_vocabulary(path):
    return checked_vocabulary(path, read_lines(path))


def test_a_sentence_is_framed_and_padded_to_the_length_asked_for():
    ids = encode_sentence("i liked this movie because of its genre", MAXLEN)
    assert ids.shape == (MAXLEN,) and ids.dtype == np.int64
    assert pieces(ids) == ["[CLS]", "i", "liked", "this", "movie", "because", "of", "its", "genre", "[SEP]"]


def test_what_does_not_fit_is_cut_and_the_separator_stays():
    assert pieces(encode_sentence("one two three four five six", 6)) == ["[CLS]", "one", "two", "three", "four", "[SEP]"]


def test_a_pair_has_two_separators_and_its_longer_text_is_cut_first():
    assert pieces(encode_sentence("one two", 8, other="three")) == ["[CLS]", "one", "two", "[SEP]", "three", "[SEP]"]
    cut = pieces(encode_sentence("one two three four five", 8, other="six seven"))
    assert cut == ["[CLS]", "one", "two", "three", "[SEP]", "six", "seven", "[SEP]"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", []),
        (" \n\t", []),
        ("Café", ["cafe"]),
        ("unbelievably", ["un", "##bel", "##ie", "##va", "##bly"]),
        ("\N{THUMBS UP SIGN}", ["[UNK]"]),
        ("خوب", ["خ", "##و", "##ب"]),
        ("[SEP] [MASK]", ["[", "sep", "]", "[", "mask", "]"]),  # typed by a user, they are text
        ("x" * 101, ["[UNK]"]),
        ("not\u00a0good\u3000at\u2028all\u202f", ["not", "good", "at", "all"]),  # spaces of other kinds
        ("go\0od\u200b film\ufffd", ["good", "film"]),  # what cannot be seen
        ("½… x² Straße ﬁne", ["½", "…", "x", "##²", "st", "##raße", "ﬁ", "##ne"]),  # compatibility forms stay
        ("İzmir ΣΑ", ["i", "##z", "##mir", "σ", "##α"]),
        ("한", ["ᄒ", "##ᅡ", "##ᆫ"]),
    ],
)
def test_unusual_texts_are_encoded(text, expected):
    assert pieces(encode_sentence(text, 16)) == ["[CLS]", *expected, "[SEP]"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's good, isn't it?", "it's good, isn't it?"),
        ("they 've wo n't see: 5%", "they've won't see: 5%"),
        ("a 'tame' thing, unbelievably", "a ' tame ' thing, unbelievably"),
    ],
)
def test_ids_become_a_text_that_reads_well(text, expected):
    assert text_of(encode_sentence(text)) == expected


def test_a_hundred_thousand_characters_are_cut():
    assert pieces(encode_sentence("good " * 20000, 10)) == ["[CLS]", *["good"] * 8, "[SEP]"]


@pytest.mark.parametrize("space", [" ", "\t \n", "\u00a0\u3000"])
def test_white_space_before_a_word_does_not_cut_it(space):
    assert pieces(encode_sentence(space * 5000 + "good" + space * 5000 + "film", 10)) == ["[CLS]", "good", "film", "[SEP]"]


@pytest.mark.parametrize("text", ["good film\n" * 1_000_000, " " * 10_000_000 + "good"])
def test_a_book_costs_no_more_than_a_page(text):
    bert_tokenizer()  # made once
    start = time.process_time()
    assert "good" in pieces(encode_sentence(text))
    assert time.process_time() - start < 2


def test_a_tokenizer_is_made_anew_from_its_config():
    tokenizer = bert_tokenizer((*SPECIAL_TOKENS, "Film", "film", "##s"), lowercase=False)
    copy = type(tokenizer)(**tokenizer.get_config())
    assert [*copy("films Film")] == [*tokenizer("films Film")] == [6, 7, 5]
    assert copy == tokenizer and not copy.lowercase


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a", "list"], np.array("x")])
def test_what_is_no_string_is_refused(text):
    with pytest.raises(TypeError, match="`text` must be a string. Received: "):
        encode_sentence(text)


@pytest.mark.parametrize("max_length", [2, 0, -1, 4.0, "8"])
def test_a_length_without_room_is_refused(max_length):
    with pytest.raises(ValueError, match="`max_length` must be a whole number, 3 or more. Received: "):
        encode_sentence("a", max_length)


def test_a_line_separator_is_a_word_piece_of_some_vocabularies(tmp_path):
    words = (*SPECIAL_TOKENS, "\u2028", "film")
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    assert read_vocabulary(tmp_path / "vocab.txt") == words


def test_a_vocabulary_without_special_tokens_is_refused(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\na\n")
    with pytest.raises(ValueError, match=r"must hold BERT's special tokens\. Received: no \[CLS\], \[SEP\], \[MASK\]"):
        read_vocabulary(tmp_path / "vocab.txt")


@pytest.mark.parametrize(
    "pieces, found",
    [([*SPECIAL_TOKENS, "a", "a"], "'a' 2 times"), (["a", *SPECIAL_TOKENS], "'a' first")],
)
def test_a_vocabulary_that_pads_by_another_id_or_repeats_itself_is_refused(tmp_path, pieces, found):
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    with pytest.raises(ValueError, match=f"must hold \\[PAD\\] first, and each word piece once. Received: {found}"):
        read_vocabulary(tmp_path / "vocab.txt")


def test_half_of_a_pair_of_code_units_is_read_as_any_unknown_character():
    assert encode_sentence("a\udcffb", 8).tolist() == encode_sentence("a?b", 8).tolist()


def test_reading_text_loads_neither_tensorflow_nor_keras():
    code = "import sys; from course_hw5.text.encoding import encode_sentence; encode_sentence('a film')"
    code += "; assert not {'tensorflow', 'keras', 'keras_nlp'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
