import json
import pickle

import pytest

from course_hw5.text.encoding import encode, tokens_of
from course_hw5.text.tokenizer import BertTokenizer
from course_hw5.text.tokenizer_files import read_tokenizer
from tests.golden import tokenizer_files as golden

pytestmark = pytest.mark.unit

EXPECTED = json.loads(golden.GOLDEN.read_text(encoding="utf-8"))
GENERIC = {"tokenizer_class": "PreTrainedTokenizerFast"}


def read(folder, model_type="bert", **files):
    golden.write_folder(folder, model_type, files)
    return read_tokenizer(folder, model_type)


@pytest.mark.parametrize("name", golden.CASES)
def test_a_folder_s_tokenizer_reads_as_the_reference(name, tmp_path):
    model_type, files = golden.CASES[name]
    tokenizer, rows = read(tmp_path, model_type, **files)
    for each in (tokenizer, BertTokenizer(**json.loads(json.dumps(tokenizer.get_config())))):
        for text, expected in zip(golden.TEXTS, EXPECTED[name], strict=True):
            text, other = text if isinstance(text, list) else (text, None)
            ids = encode(text, 128, other, each, special_tokens=True).ids.tolist()
            assert (ids if rows is None else [rows[id_] for id_ in ids]) == expected
    assert tokenizer.pad_token_id == 0


def test_a_batch_is_read_as_each_text_alone(tmp_path):
    texts = [text for text in golden.TEXTS if isinstance(text, str)]
    texts += ["film\u00a0film \n a\u0301", "", "  film", "a.<\u0338film_s"]
    for name in ("vocabulary", "added_tokens.json", "mpnet"):
        model_type, files = golden.CASES[name]
        tokenizer, _ = read(tmp_path, model_type, **files)
        for special_tokens in (False, True):
            alone = [tokenizer(text, special_tokens=special_tokens) for text in texts]
            assert tokenizer(texts, special_tokens=special_tokens) == alone


def test_typed_special_tokens_are_text_unless_asked_for_and_added_tokens_are_always_read(tmp_path):
    tokenizer, _ = read(tmp_path, "mpnet", **golden.CASES["mpnet, added tokens"][1])
    text = "<e1> <mask> [MASK]"

    def tokens(special_tokens):
        return tokens_of(tokenizer(text, special_tokens=special_tokens), tokenizer)

    assert tokens(False) == ["<e1>", "<", "mask", ">", "[", "mask", "]"]
    assert tokens(True) == ["<e1>", "[MASK]", "[", "mask", "]"]


def test_a_word_of_thai_is_counted_in_characters(tmp_path):
    tokenizer, _ = read(tmp_path, **{"vocab.txt": golden.BERT})
    assert tokens_of(tokenizer(f"{golden.THAI} film"), tokenizer) == [golden.THAI_BARE, "film"]
    assert tokens_of(tokenizer("x" * 101), tokenizer) == ["[UNK]"]


def test_padding_and_cutting_are_not_the_tokenizer_s(tmp_path):
    padding = {"strategy": {"Fixed": 8}, "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    padding["pad_to_multiple_of"] = None
    truncation = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    whole = golden.definition(padding=padding, truncation=truncation)
    for kind in ({}, GENERIC):
        tokenizer, _ = read(tmp_path, **{"tokenizer.json": whole, "tokenizer_config.json": kind})
        assert tokens_of(tokenizer("film good film good film"), tokenizer) == ["film", "good"] * 2 + ["film"]
        assert len(tokenizer("film")) == 1


def test_accents_stay_by_tokenizer_json_alone(tmp_path):
    whole = golden.definition(normalizer=golden.normalizer(strip_accents=False))
    tokenizer, _ = read(tmp_path, **{"tokenizer.json": whole})
    assert tokens_of(tokenizer("Möchte mochte"), tokenizer) == ["möchte", "mochte"]


def test_a_plain_tokenizer_is_its_vocabulary(tmp_path):
    for files in ({"vocab.txt": golden.BERT}, {"tokenizer.json": golden.definition()}):
        tokenizer, rows = read(tmp_path, **files)
        assert tokenizer.get_config() == {"vocabulary": golden.BERT, "lowercase": True} and rows is None
        (tmp_path / next(iter(files))).unlink()


def test_a_tokenizer_is_pickled(tmp_path):
    for name in ("vocabulary", "gaps"):
        tokenizer, _ = read(tmp_path, **golden.CASES[name][1])
        copy = pickle.loads(pickle.dumps(tokenizer))
        assert copy == tokenizer and copy("good films") == tokenizer("good films")


def test_a_token_has_an_id_and_special_ones_have_bert_s_names(tmp_path):
    tokenizer, _ = read(tmp_path, "mpnet", **golden.CASES["mpnet"][1])
    ids = [tokenizer.token_to_id(token) for token in ("[CLS]", "[PAD]", "film", "nothing")]
    assert ids == [tokenizer.cls_token_id, 0, tokenizer("film")[0], None]


def test_ids_without_a_token_have_none(tmp_path):
    tokenizer, _ = read(tmp_path, **golden.CASES["gaps"][1])
    assert tokenizer.get_vocabulary()[10:13] == [None] * 3 and tokenizer.vocabulary_size() == len(golden.BERT) + 3
    with pytest.raises(ValueError, match="`id_` must be one of the vocabulary. Received: 11"):
        tokenizer.id_to_token(11)


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("another prefix", "Films", ["film", "s"]),
        ("sentencepiece", "mochte good", ["mo", "chte", "good"]),
        ("vocabulary", "films", ["film", "s"]),
    ],
)
def test_tokens_of_a_word_belong_together(name, text, words, tmp_path):
    tokenizer, _ = read(tmp_path, **golden.CASES[name][1])
    tokens = tokens_of(tokenizer(text), tokenizer)
    assert [tokenizer.without_marks(token) for token in tokens] == words
    assert [tokenizer.is_continuation(token) for token in tokens][:2] == [False, True]


@pytest.mark.parametrize(
    "files, message",
    [
        (
            {"vocab.txt": golden.BERT, "tokenizer_config.json": {"tokenizer_class": "BertJapaneseTokenizer"}},
            "`tokenizer_class` in .* must be a WordPiece tokenizer with vocab.txt, .* Received: BertJapaneseTokenizer",
        ),
        (
            {"tokenizer.json": golden.definition(), "tokenizer_config.json": {"tokenizer_class": "BertJapaneseTokenizer"}},
            "no code of its own. Received: BertJapaneseTokenizer",
        ),
        (
            {"vocab.txt": golden.BERT, "tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer"}},
            "Received: XLMRobertaTokenizer",
        ),
        ({"tokenizer.json": {"model": {}}}, "tokenizer.json must hold a tokenizer that `tokenizers` reads. Received: "),
        ({"vocab.txt": ["[PAD]", "film"]}, r"vocab.txt must hold BERT's special tokens. Received: no \[UNK\], \[CLS\]"),
        ({"vocab.txt": golden.BERT, "added_tokens.json": []}, "added_tokens.json must be a JSON object. Received: "),
        (
            {"tokenizer.json": golden.definition(post_processor=None), "tokenizer_config.json": GENERIC},
            r"tokenizer.json must frame texts as \[CLS\] a \[SEP\] b \[SEP\]. Received: (.+) \1$",
        ),
    ],
)
def test_a_tokenizer_that_cannot_be_run_is_refused(files, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, **files)
