"""What a folder in Hugging Face's format says of its tokenizer: `tokenizer.json`, or `vocab.txt` and the files beside it."""

import json
import pathlib

import tokenizers

from course_hw5.files import read_object
from course_hw5.text.tokenizer import BERT_NAMES, BertTokenizer, bert_tokenizer, of_definition, read_lines, word_piece_tokenizer

MPNET_NAMES = {"pad": "<pad>", "unk": "[UNK]", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
# Classes of `transformers` that are BERT's tokenizer by another name; others run whatever `tokenizer.json` says.
WORD_PIECE_CLASSES = ("Bert", "DistilBert", "Electra", "MobileBert", "ConvBert", "RetriBert", "SqueezeBert", "MPNet")
# Classes that split texts in Python, whatever `tokenizer.json` says.
PYTHON_CLASSES = ("BertJapanese", "Bertweet", "Phobert", "RoCBert")
ADDED_FLAGS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
NORMALIZER = {"do_lower_case": "lowercase", "strip_accents": "strip_accents", "tokenize_chinese_chars": "handle_chinese_chars"}
BERT_FRAMING = {"separators": 1, "segments": True}  # of a pair: [SEP] between its texts, and whether they are two segments


def read_tokenizer(folder: pathlib.Path, model_type: str = "bert") -> tuple[BertTokenizer | None, list[int] | None]:
    """Reads the tokenizer of a folder as `transformers` does, and as `tokenizer.json` says where `transformers` ignores it.

    Args:
        folder: path.
        model_type: "bert" or "mpnet", which decides the special tokens where the files name none.

    Returns:
        `BertTokenizer`, None where the folder has none; and a list of the embedding's row for each of its ids, None where they
        are the same. They differ where the file's padding is not id 0, and for MPNet, whose text gets the ids of BERT's
        vocabulary, which is a part of its own.

    Raises:
        ValueError: if a file is damaged, or names a tokenizer that cannot be run, or a special token is missing.
    """
    config, path, vocabulary = read_object(folder / "tokenizer_config.json"), folder / "tokenizer.json", folder / "vocab.txt"
    kind = config.get("tokenizer_class") or read_object(folder / "config.json").get("tokenizer_class")
    kind = kind or ("MPNetTokenizer" if model_type == "mpnet" else "BertTokenizer")
    is_word_piece = any(kind.removesuffix("Fast") == f"{name}Tokenizer" for name in WORD_PIECE_CLASSES)
    if not path.exists() and not vocabulary.exists() and is_word_piece:
        return None, None
    if kind.startswith(PYTHON_CLASSES) or config.get("auto_map") or not (is_word_piece or path.exists()):
        expected = "a WordPiece tokenizer with vocab.txt, or one with tokenizer.json and no code of its own"
        raise ValueError(f"`tokenizer_class` in {folder} must be {expected}. Received: {kind}")
    options = {name: config[key] for key, name in NORMALIZER.items() if key in config} if is_word_piece else {}
    source = path if path.exists() else vocabulary
    tokenizer = _from_json(path, options) if path.exists() else word_piece_tokenizer(read_lines(vocabulary), **options)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    settings = config | read_object(folder / "special_tokens_map.json")
    names = _names(settings, tokenizer, MPNET_NAMES if kind.startswith("MPNet") else BERT_NAMES)
    _add_tokens(folder, config, settings, tokenizer, names)
    if missing := [name for name in names.values() if tokenizer.token_to_id(name) is None]:
        owner = "MPNet" if names["cls"] == MPNET_NAMES["cls"] else "BERT"
        raise ValueError(f"{source} must hold {owner}'s special tokens. Received: no {', '.join(missing)}")
    framing = {"separators": 2, "segments": False} if kind.startswith("MPNet") else BERT_FRAMING
    framing = framing if is_word_piece else _check_framing(source, tokenizer, names)
    return _numbered(source, tokenizer, names, framing)


def _from_json(path, options):
    """`tokenizer.json` as it is, but for what `tokenizer_config.json` says of BERT's normalizer."""
    tokenizer = of_definition(path, path.read_text(encoding="utf-8", errors="replace"))
    if options:
        found = json.loads(tokenizer.to_str())["normalizer"] or {}
        found = found if found.get("type") == "BertNormalizer" else {"lowercase": True}
        found = {name: value for name, value in found.items() if name != "type"}
        tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(**found | options)
    return tokenizer


def _names(settings, tokenizer, defaults):
    """Dict of roles to the special tokens' names: from the files, else the default ones, or MPNet's if only those exist."""
    if tokenizer.token_to_id(defaults["cls"]) is None and tokenizer.token_to_id(MPNET_NAMES["cls"]) is not None:
        defaults = MPNET_NAMES | {"unk": BERT_NAMES["unk"] if tokenizer.token_to_id(BERT_NAMES["unk"]) is not None else "<unk>"}
    tokens = {role: settings.get(f"{role}_token") or name for role, name in defaults.items()}
    return {role: token["content"] if isinstance(token, dict) else token for role, token in tokens.items()}


def _add_tokens(folder, config, settings, tokenizer, names):
    """Adds what users added: in `added_tokens.json`, in `tokenizer_config.json`, or as special tokens of their own."""
    numbered = {int(id_): token for id_, token in (config.get("added_tokens_decoder") or {}).items()}
    numbered |= {id_: token for token, id_ in read_object(folder / "added_tokens.json").items()}
    more = [*(settings.get("additional_special_tokens") or ()), *(config.get("extra_special_tokens") or ())]
    for token in [*(numbered[id_] for id_ in sorted(numbered)), *more]:
        flags = token if isinstance(token, dict) else {"content": token, "special": token in more}
        flags = {"normalized": not flags.get("special"), **{key: flags[key] for key in ADDED_FLAGS if key in flags}}
        tokenizer.add_tokens([tokenizers.AddedToken(**flags)])
    known = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    own = [name for name in names.values() if name not in known and tokenizer.token_to_id(name) is not None]
    tokenizer.add_special_tokens(own)


def _check_framing(source, tokenizer, names):
    """How many [SEP] `tokenizer.json` puts between two texts, and whether the second text is a segment of its own.

    Raises:
        ValueError: unless texts are framed as BERT's or MPNet's.
    """
    word = [next(token for token in tokenizer.get_vocab() if token not in names.values())]
    text = tokenizer.encode(word, is_pretokenized=True, add_special_tokens=False).tokens
    single = tokenizer.encode(word, is_pretokenized=True).tokens
    encoding = tokenizer.encode(word, word, is_pretokenized=True)
    pair, types = encoding.tokens, encoding.type_ids
    cls, sep, separators = names["cls"], names["sep"], len(pair) - 2 * len(text) - 2
    is_framed = (single, pair) == ([cls, *text, sep], [cls, *text, *[sep] * separators, *text, sep])
    if separators not in (1, 2) or not is_framed:
        raise ValueError(f"{source} must frame texts as [CLS] a [SEP] b [SEP]. Received: {' '.join(pair)}")
    segments = [0] * len(single) + [1] * (len(pair) - len(single))
    if types != segments and any(types):
        raise ValueError(f"{source} must give a pair the segments {segments}, or none. Received: {types}")
    return {"separators": separators, "segments": types == segments}


def _numbered(source, tokenizer, names, framing):
    """The `BertTokenizer` of a `tokenizers.Tokenizer`, with padding as id 0, and the row of each id, None where ids stay."""
    ids = tokenizer.get_vocab(with_added_tokens=True)
    order = before = sorted(ids, key=ids.get)
    if names["cls"] != BERT_NAMES["cls"] and all(name in ids for name in BERT_NAMES.values()):
        # MPNet's vocabulary is BERT's, special tokens included, and its own besides: those take the places of BERT's
        own = {BERT_NAMES[role]: name for role, name in names.items()}
        besides = {"<unk>", *names.values()} - {*BERT_NAMES.values()}
        order = [own.get(token, token) for token in before if token not in besides]
    if first := order.index(names["pad"]):
        order = [order[first], *order[1:first], order[0], *order[first + 1 :]]
    moved = order is not before
    new = {token: id_ if moved else ids[token] for id_, token in enumerate(order)}
    definition = json.loads(tokenizer.to_str()) | {"post_processor": None, "truncation": None, "padding": None}
    model = definition["model"]
    if moved and isinstance(model["vocab"], dict):
        kept = {*model["vocab"], *names.values()}
        model["vocab"] = {token: id_ for token, id_ in new.items() if token in kept}
    elif moved:  # of Unigram: [piece, score] by id
        model["unk_id"] = new[model["vocab"][model["unk_id"]][0]]
        model["vocab"] = sorted(model["vocab"], key=lambda piece: new[piece[0]])
    added = [token for token in definition["added_tokens"] if token["content"] in new]
    added = [token | {"id": new[token["content"]], "special": token["content"] in names.values()} for token in added]
    definition["added_tokens"] = sorted(added, key=lambda token: token["id"])
    rows = [ids[token] for token in order] if moved else None
    if names == BERT_NAMES and framing == BERT_FRAMING and [*new.values()] == [*range(len(new))] and _is_plain(definition):
        return bert_tokenizer(tuple(new), definition["normalizer"]["lowercase"]), rows
    made = BertTokenizer(definition=json.dumps(definition, ensure_ascii=False), names=names, **framing)
    if made.token_ids() != new:
        raise ValueError(f"{source} must number its added tokens after its other ones. Received: other numbers")
    return made, rows


def _is_plain(definition):
    """Whether a tokenizer is BERT's own, so that vocabulary and case describe it completely."""
    normalizer = dict(definition["normalizer"] or {})
    lowercase = bool(normalizer.get("lowercase"))
    expected = json.loads(word_piece_tokenizer(["[UNK]"], lowercase).to_str())
    if normalizer.get("strip_accents") == lowercase:
        normalizer["strip_accents"] = None
    found = definition | {"normalizer": normalizer, "model": definition["model"] | {"vocab": expected["model"]["vocab"]}}
    is_same = all(found[step] == expected[step] for step in ("normalizer", "pre_tokenizer", "model"))
    return is_same and all(token["content"] in BERT_NAMES.values() for token in definition["added_tokens"])


def tokenizer_files(tokenizer: BertTokenizer, max_length: int, pad_token_id: int = 0) -> dict[str, str | dict]:
    """The files by which `transformers` and `read_tokenizer` read texts as a tokenizer does.

    Args:
        tokenizer: of a model.
        max_length: tokens that the model reads at most.
        pad_token_id: 0, or another id that padding has in the files, which changes places with 0.

    Returns:
        Dict of names to contents: strings, or what is to be JSON.
    """
    config = {"model_max_length": max_length, **{f"{role}_token": name for role, name in tokenizer.names.items()}}
    pieces = [piece or "" for piece in tokenizer.get_vocabulary()]
    if tokenizer.definition is None and not pad_token_id:
        kind = {"tokenizer_class": "BertTokenizer", "do_lower_case": tokenizer.lowercase}
        return {"vocab.txt": "\n".join(pieces) + "\n", "tokenizer_config.json": config | kind}
    given = tokenizer.definition or word_piece_tokenizer(pieces, tokenizer.lowercase).to_str()
    made = tokenizers.Tokenizer.from_str(json.dumps(_exchanged(json.loads(given), pad_token_id)))
    made.add_special_tokens([*tokenizer.names.values()])
    cls, sep, second = tokenizer.names["cls"], tokenizer.names["sep"], int(tokenizer.segments)
    between = [f"{sep}:0"] * tokenizer.separators
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single=[f"{cls}:0", "$A:0", f"{sep}:0"],
        pair=[f"{cls}:0", "$A:0", *between, f"$B:{second}", f"{sep}:{second}"],
        special_tokens=[(name, made.token_to_id(name)) for name in (cls, sep)],
    )
    inputs = ["input_ids", *(["token_type_ids"] if tokenizer.segments else []), "attention_mask"]
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": inputs}
    return {"tokenizer.json": made.to_str(pretty=True), "tokenizer_config.json": config | kind}


def _exchanged(definition, id_):
    """The content of a `tokenizer.json` in which two ids, 0 and another one, have changed places."""
    places, model = {0: id_, id_: 0}, definition["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {token: places.get(place, place) for token, place in model["vocab"].items()}
    else:  # of Unigram: [piece, score] by id
        model["vocab"][0], model["vocab"][id_] = model["vocab"][id_], model["vocab"][0]
        model["unk_id"] = places.get(model["unk_id"], model["unk_id"])
    added = [token | {"id": places.get(token["id"], token["id"])} for token in definition["added_tokens"]]
    return definition | {"added_tokens": sorted(added, key=lambda token: token["id"])}
