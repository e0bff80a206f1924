"""Writes what `transformers` reads of texts by tokenizers of many kinds, from one Hugging Face folder each.

    PYTHON tests/golden/tokenizer_files.py     # PYTHON has benchmarks/requirements.txt

`tokenizer_files.json` holds for each of `CASES` the ids of `TEXTS`, of which the last is a pair.
"""

import json
import pathlib
import tempfile
import unicodedata

GOLDEN = pathlib.Path(__file__).with_suffix(".json")
THAI = "ภาพยนตร์เรื่องนี้สนุกมากและนักแสดงเล่นได้ดี"  # one word of BERT, of 43 characters and 129 bytes
THAI_BARE = "".join(letter for letter in THAI if unicodedata.category(letter) != "Mn")  # as it stands in an uncased vocabulary
TEXTS = [
    "Möchte mochte Films",
    "a [MASK] film [SEP] <mask> </s>",
    f"{THAI} film",
    "<e1>film</e1> goodfilms <E2> 漢字",
    "mochte" + 20 * "film",
    ["film good", "möchte"],
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [
    "film",
    "good",
    "mochte",
    "möchte",
    "Möchte",
    "Film",
    "##s",
    "##film",
    "@@s",
    "a",
    "[",
    "]",
    "<",
    ">",
    "/",
    "s",
    "mask",
]
WORDS += ["sep", "e", "##1", "##2", "漢", "字", "##字", THAI, THAI_BARE]
BERT = SPECIAL + WORDS
MPNET = ["<s>", "<pad>", "</s>", "<unk>", *BERT, "<mask>"]


def definition(**changes):
    """A `tokenizer.json`, with changes to its parts, and to its model by `model_NAME`."""
    vocab = {piece: id_ for id_, piece in enumerate(BERT)}
    model = {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    frame = {token: {"id": token, "ids": [vocab[token]], "tokens": [token]} for token in ("[CLS]", "[SEP]")}

    def special(name, type_id):
        return {"SpecialToken": {"id": name, "type_id": type_id}}

    single = [special("[CLS]", 0), {"Sequence": {"id": "A", "type_id": 0}}, special("[SEP]", 0)]
    whole = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": id_, "content": token, "special": True, **flags} for id_, token in enumerate(SPECIAL)],
        "normalizer": normalizer(),
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, special("[SEP]", 1)],
            "special_tokens": frame,
        },
        "decoder": None,
        "model": {"type": "WordPiece", **model},
    }
    for name, value in changes.items():
        part, key = (whole["model"], name.removeprefix("model_")) if name.startswith("model_") else (whole, name)
        part[key] = value
    return whole


def normalizer(**changes):
    options = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    return {"type": "BertNormalizer", **options, **changes}


def added(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True} | flags


def unigram(pad):
    pieces = ["<s>", "</s>", "<unk>", "<mask>", "\u2581film", "\u2581good", "\u2581mo", "chte", "film", "s", "\u2581"]
    pieces.insert(pad, "<pad>")
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    names = ("<s>", "</s>", "<pad>", "<unk>", "<mask>")
    return definition(
        added_tokens=[{"id": i, "content": p, "special": True, **flags} for i, p in enumerate(pieces) if p in names],
        normalizer={"type": "NFKC"},
        pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        post_processor={
            "type": "RobertaProcessing",
            "sep": ["</s>", pieces.index("</s>")],
            "cls": ["<s>", pieces.index("<s>")],
            "trim_offsets": True,
            "add_prefix_space": True,
        },
        model={
            "type": "Unigram",
            "unk_id": pieces.index("<unk>"),
            "vocab": [[piece, -1.0 - i] for i, piece in enumerate(pieces)],
        },
    )


GENERIC = {"tokenizer_class": "PreTrainedTokenizerFast"}
ROLES = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
GAPS = {piece: id_ + 3 * (id_ > 9) for id_, piece in enumerate(BERT)}
CASES = {  # name: (model type, files)
    "vocabulary": ("bert", {"vocab.txt": BERT}),
    "keeps accents": ("bert", {"vocab.txt": BERT, "tokenizer_config.json": {"strip_accents": False}}),
    "keeps case": ("bert", {"vocab.txt": BERT, "tokenizer_config.json": {"do_lower_case": False}}),
    "keeps case, strips accents": (
        "bert",
        {"vocab.txt": BERT, "tokenizer_config.json": {"do_lower_case": False, "strip_accents": True}},
    ),
    "keeps Chinese words": ("bert", {"vocab.txt": BERT, "tokenizer_config.json": {"tokenize_chinese_chars": False}}),
    "added_tokens.json": ("bert", {"vocab.txt": BERT, "added_tokens.json": {"<e1>": len(BERT), "</e1>": len(BERT) + 1}}),
    "added_tokens_decoder": (
        "bert",
        {
            "vocab.txt": BERT,
            "tokenizer_config.json": {
                "added_tokens_decoder": {
                    str(id_): added(token, special=special)
                    for token, id_, special in (("<e1>", len(BERT), False), ("<E2>", len(BERT) + 1, True), ("[MASK]", 4, True))
                }
            },
        },
    ),
    "additional_special_tokens": (
        "bert",
        {"vocab.txt": BERT, "special_tokens_map.json": {"additional_special_tokens": ["<e1>", "</e1>"]}},
    ),
    "other names": ("bert", {"vocab.txt": BERT, "tokenizer_config.json": {"sep_token": "/", "mask_token": "<"}}),
    "a piece twice": ("bert", {"vocab.txt": [*BERT, "film"]}),
    "tokenizer.json": ("bert", {"tokenizer.json": definition(), "tokenizer_config.json": {"tokenizer_class": "BertTokenizer"}}),
    "tokenizer.json before vocab.txt": ("bert", {"tokenizer.json": definition(), "vocab.txt": BERT[:8]}),
    "case by the config": (
        "bert",
        {"tokenizer.json": definition(), "tokenizer_config.json": {"do_lower_case": False, "strip_accents": None}},
    ),
    "added in tokenizer.json": (
        "bert",
        {
            "tokenizer.json": definition(
                added_tokens=[
                    *definition()["added_tokens"],
                    added("<e1>", id=len(BERT), special=False),
                    added("goodfilm", id=len(BERT) + 1, special=False),
                ]
            )
        },
    ),
    "accents by the normalizer": (
        "bert",
        {"tokenizer.json": definition(normalizer=normalizer(strip_accents=False)), "tokenizer_config.json": GENERIC},
    ),
    "gaps": ("bert", {"tokenizer.json": definition(model_vocab=GAPS), "tokenizer_config.json": GENERIC}),
    "no normalizer": ("bert", {"tokenizer.json": definition(normalizer=None), "tokenizer_config.json": GENERIC}),
    "another normalizer": (
        "bert",
        {
            "tokenizer.json": definition(
                normalizer={"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]}
            ),
            "tokenizer_config.json": GENERIC,
        },
    ),
    "another prefix": (
        "bert",
        {"tokenizer.json": definition(model_continuing_subword_prefix="@@"), "tokenizer_config.json": GENERIC},
    ),
    "shorter words": (
        "bert",
        {"tokenizer.json": definition(model_max_input_chars_per_word=8), "tokenizer_config.json": GENERIC},
    ),
    "BPE": (
        "bert",
        {
            "tokenizer.json": definition(
                model={
                    "type": "BPE",
                    "unk_token": "[UNK]",
                    "merges": [["f", "i"], ["fi", "l"], ["fil", "m"], ["film", "s"]],
                    "vocab": {
                        piece: id_
                        for id_, piece in enumerate([*SPECIAL, *"filmsgodaochte[]<>/k", "fi", "fil", "film", "films", "p", "o"])
                    },
                }
            ),
            "tokenizer_config.json": GENERIC,
        },
    ),
    "sentencepiece": ("bert", {"tokenizer.json": unigram(pad=0), "tokenizer_config.json": GENERIC | ROLES}),
    "sentencepiece, padding not first": ("bert", {"tokenizer.json": unigram(pad=1), "tokenizer_config.json": GENERIC | ROLES}),
    "padding not first": ("bert", {"vocab.txt": [*BERT[1:], "[PAD]"]}),
    "mpnet": ("mpnet", {"vocab.txt": MPNET}),
    "mpnet, added tokens": ("mpnet", {"vocab.txt": MPNET, "added_tokens.json": {"<e1>": len(MPNET), "</e1>": len(MPNET) + 1}}),
    "mpnet, keeps accents": ("mpnet", {"vocab.txt": MPNET, "tokenizer_config.json": {"strip_accents": False}}),
}


def write_folder(folder, model_type, files):
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    for name, content in files.items():
        text = "".join(f"{piece}\n" for piece in content) if name == "vocab.txt" else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")


def main():
    import transformers

    expected = {}
    for name, (model_type, files) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            write_folder(pathlib.Path(folder), model_type, files)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            expected[name] = [
                tokenizer(*text)["input_ids"] if isinstance(text, list) else tokenizer(text)["input_ids"] for text in TEXTS
            ]
            print(f"{name:36}{type(tokenizer).__name__:20}{tokenizer.convert_ids_to_tokens(expected[name][3])}")
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(ids)}" for name, ids in expected.items())
    GOLDEN.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
