"""Writes what `transformers` answers to texts by checkpoints of many kinds, all made of the folders `bert` and `mpnet`.

    PYTHON tests/golden/text_heads.py     # PYTHON has benchmarks/requirements.txt

`text_heads.json` holds for each of `CASES` the probability of each label, by softmax, or by sigmoid where there is one label.
"""

import json
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import safetensors.numpy

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from tests.golden import tokenizer_files

GOLDEN = pathlib.Path(__file__).with_suffix(".json")
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "möchte", "mochte", *(f"word{i}" for i in range(46))]
ADDED = {"<e1>": 53, "</e1>": 54}
TEXT, OTHER = "word7 word8 mochte", "word9 word10"
SENTENCEPIECE = {
    "tokenizer.json": tokenizer_files.unigram(pad=1),
    "tokenizer_config.json": tokenizer_files.GENERIC | tokenizer_files.ROLES,
}
NAMES = {"0": "POSITIVE", "1": "negative"}
FOUR = {"0": "world", "1": "sports", "2": "business", "3": "science"}


def one_label(tensors):
    return tensors | {f"classifier.{part}": tensors[f"classifier.{part}"][:1] for part in ("weight", "bias")}


def four_labels(tensors):
    """Four logits, of two and their neighbours."""
    weight, bias = (tensors[f"classifier.{part}"] for part in ("weight", "bias"))
    rolled = np.concatenate([weight, np.roll(weight, 5, axis=1)])
    return tensors | {"classifier.weight": rolled, "classifier.bias": np.concatenate([bias, bias[::-1]])}


def old_names(tensors):
    names = {"weight": "gamma", "bias": "beta"}

    def old(name):
        stem, _, part = name.rpartition(".")
        return f"{stem}.{names[part]}" if stem.endswith("LayerNorm") else name

    return {old(name): tensor for name, tensor in tensors.items()}


def in_bfloat16(tensors):
    """A safetensors file of float32 arrays, cut to their upper 16 bits."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        halves = tensor.view("<u2").reshape(-1, 2)[:, 1].tobytes()
        offsets = [len(data), len(data) + len(halves)]
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": offsets}
        data += halves
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


class Case:
    """A golden folder with changes: entries of `config.json`, files, a function of the tensors; and what is read."""

    def __init__(self, text=TEXT, other=None, source="bert", config=None, files=None, tensors=None, half=False):
        self.text, self.other, self.source, self.half = text, other, source, half
        self.config, self.files, self.tensors = config or {}, files or {}, tensors

    def write(self, folder):
        """Writes the folder, which `load_model` and `transformers` open; `half` stores all tensors in bfloat16."""
        shutil.copytree(GOLDEN.parent / self.source, folder, dirs_exist_ok=True)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | self.config))
        if self.source == "bert":
            (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
        for name, content in self.files.items():
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
        tensors = safetensors.numpy.load_file(folder / "model.safetensors")
        tensors = self.tensors(tensors) if self.tensors else tensors
        scale = {"classifier.weight": 30, "classifier.out_proj.weight": 30}  # so that texts get answers far apart
        tensors = {name: np.ascontiguousarray(tensor * np.float32(scale.get(name, 1))) for name, tensor in tensors.items()}
        if self.half:
            (folder / "model.safetensors").write_bytes(in_bfloat16(tensors))
        else:
            safetensors.numpy.save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return folder


CASES = {
    "one text": Case(),
    "a pair": Case(other=OTHER),
    "mpnet": Case(source="mpnet"),
    "mpnet, a pair": Case(other=OTHER, source="mpnet"),
    "mpnet, a pair that is cut": Case(" ".join(["word7 word8"] * 20), "word9 word10 word11", source="mpnet"),
    "added tokens": Case("<e1>word7</e1> word8", files={"added_tokens.json": ADDED}),
    "accents": Case("Möchte mochte", files={"tokenizer_config.json": {"strip_accents": False}}),
    "a typed mask": Case("word7 [MASK] mochte"),
    "a typed separator": Case("word7 word8 [SEP] word9 word10"),
    "typed separators in a pair": Case("word7 [SEP] word8", "word9 [SEP] word10 [MASK]"),
    "mpnet, a typed mask": Case("word7 <mask> word8", source="mpnet"),
    "sentencepiece": Case("film mochte good", files=SENTENCEPIECE),
    "sentencepiece, a pair": Case("film mochte", "good films", files=SENTENCEPIECE),
    "one label": Case(config={"id2label": {"0": "toxic"}, "label2id": {"toxic": 0}}, tensors=one_label),
    "positive first": Case(config={"id2label": NAMES, "label2id": {name: int(i) for i, name in NAMES.items()}}),
    "four labels": Case(config={"id2label": FOUR, "label2id": {name: int(i) for i, name in FOUR.items()}}, tensors=four_labels),
    "bfloat16": Case(half=True),
    "gamma and beta": Case(tensors=old_names),
}


def main():
    import torch
    import transformers

    expected = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = case.write(pathlib.Path(temporary))
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
            texts = (case.text,) if case.other is None else (case.text, case.other)
            with torch.no_grad():
                logits = model(**tokenizer(*texts, truncation=True, max_length=24, return_tensors="pt")).logits[0]
            probabilities = logits.softmax(-1) if len(logits) > 1 else logits.sigmoid()
            expected[name] = [round(value, 7) for value in probabilities.tolist()]
            print(f"{name:32}{expected[name]}")
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(values)}" for name, values in expected.items())
    GOLDEN.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
