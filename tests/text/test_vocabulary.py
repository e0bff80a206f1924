import random
import subprocess
import sys

import pytest

from course_hw5.text.encoding import encode_sentence, text_of
from course_hw5.text.tokenizer import SPECIAL_TOKENS, bert_tokenizer
from course_hw5.text.vocabulary import learn_vocabulary

pytestmark = pytest.mark.unit

WORDS = [f"{a}{b}{c}" for a in "abcdefg" for b in "aeiou" for c in ("ing", "ed", "s")]
TEXTS = [" ".join(random.Random(seed).choices(WORDS, k=30)) + ", É 中 [MASK]" for seed in range(60)]
CODE = "from tests.text.test_vocabulary import *; print(learn_vocabulary(TEXTS, 120).get_vocabulary())"


def test_special_tokens_come_first_and_padding_is_0():
    vocabulary = learn_vocabulary(TEXTS, 120).get_vocabulary()
    assert vocabulary[:5] == [*SPECIAL_TOKENS] and vocabulary[0] == "[PAD]"
    assert len(vocabulary) == len({*vocabulary}) == 120
    assert {"e", "##e", "中", "ing"} & {*vocabulary} == {"e", "##e", "中"} and "##ing" in vocabulary


def test_the_same_texts_in_any_order_give_the_same_vocabulary_in_each_process():
    vocabulary = learn_vocabulary(TEXTS, 120).get_vocabulary()
    assert learn_vocabulary(random.Random(0).sample(TEXTS, len(TEXTS)), 120).get_vocabulary() == vocabulary
    assert subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True).stdout.strip() == str(vocabulary)


def test_texts_come_back_without_capitals_and_accents():
    tokenizer = learn_vocabulary(TEXTS, 120)
    ids = encode_sentence("Aing BÉD cas, 中", 32, tokenizer=tokenizer)
    assert text_of(ids, tokenizer) == "aing bed cas, 中" and tokenizer.unk_token_id not in ids
    assert tokenizer("ж") == [tokenizer.unk_token_id]
    assert bert_tokenizer(**tokenizer.get_config()) == tokenizer


def test_frequent_words_become_one_piece_each():
    tokenizer = learn_vocabulary(["a fine film", "fine films"], 60)
    assert [tokenizer.id_to_token(id_) for id_ in tokenizer("Fine films")] == ["fine", "film", "##s"]


@pytest.mark.parametrize(
    "texts, size, message",
    [
        (TEXTS, 10, "`vocabulary_size` must be a whole number, 41 or more, for the characters of these texts. Received: 10"),
        (["", "  "], 100, "`texts` must be strings with characters"),
        ("a fine film", 100, "`texts` must be several strings, such as a list. Received: 'str'"),
    ],
)
def test_what_gives_no_vocabulary_is_refused(texts, size, message):
    with pytest.raises(ValueError, match=message):
        learn_vocabulary(texts, size)
