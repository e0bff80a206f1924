"""The live page reads text as the package does."""

import shutil
import sys

import pytest

from course_hw5.attention.live.live_page import LIVE
from course_hw5.text.tokenizer import bert_tokenizer, uncased_vocabulary
from tests.attention.live import corpus

pytestmark = pytest.mark.unit
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs node: apt-get install npm")


@needs_node
@pytest.mark.parametrize("lowercase, count", [(True, 10_000), (False, 2_000)])
def test_the_page_reads_texts_of_all_scripts_as_the_package_does(lowercase, count, tmp_path):
    tokenizer = bert_tokenizer(uncased_vocabulary(), lowercase)
    assert corpus.differences(tokenizer, corpus.texts(count), tmp_path) == []


@needs_node
def test_a_long_word_is_unknown_and_a_lone_surrogate_a_question_mark(tmp_path):
    tokenizer = bert_tokenizer()
    long = ["a" * 100, "a" * 101, "é" * 101]
    assert corpus.differences(tokenizer, long, tmp_path) == []
    assert corpus.read_in_node(tokenizer, ["\ud83d x"], tmp_path) == [tokenizer("? x")]


@pytest.mark.slow  # the lowest version of `tokenizers` may have others
def test_classes_of_characters_are_those_of_tokenizers(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(corpus.ROOT / "scripts"))
    import character_classes

    character_classes.main([str(tmp_path / "characters.js")])
    sys.modules.pop("character_classes")
    written = (tmp_path / "characters.js").read_text(encoding="utf-8")
    ranges = lambda text: [line.strip() for line in text.splitlines() if line.startswith('  "')]  # noqa: E731
    assert ranges(written) == ranges((LIVE / "characters.js").read_text(encoding="utf-8"))
