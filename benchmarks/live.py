"""What a live page's weights in int8 cost, and how fast its engine runs, beside plain JavaScript.

    python benchmarks/live.py --out benchmarks/live.json

Answers of the float32 model and of the model that the page holds are compared on SST-2's 872 sentences of validation
and on the first images of CIFAR-10's test split, which `TFDS_DATA_DIR` must hold. The engine is timed in node, `wasm` and
`plain` in turn; `ratio` is plain JavaScript's time over WebAssembly's.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

import course_hw5
from course_hw5.attention.live import packing
from course_hw5.explanation import live_model

LIVE = pathlib.Path(packing.__file__).parent
TEXT = "It is not a great film , but it has a good heart"
TIMED = """
import { readFileSync } from "node:fs";
const [live, folder, rounds] = process.argv.slice(2);
const { readModel } = await import(`${live}/engine.js`);
const config = JSON.parse(readFileSync(`${folder}/config.json`));
const weights = new Uint8Array(readFileSync(`${folder}/weights`));
const models = [];
for (const code of [readFileSync(`${live}/kernel.wasm`), null]) models.push(await readModel(config, weights, code));
const times = { wasm: [], plain: [] };
for (let round = 0; round < +rounds; round++)
  for (const model of models) {
    const start = performance.now();
    await model.run(config.input);
    times[model.kernels].push(performance.now() - start);
  }
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
console.log(JSON.stringify({ wasm: median(times.wasm), plain: median(times.plain) }));
"""


def examples(model, limit):
    """Inputs and labels, batch by batch."""
    if model.name == "bert_classifier":
        data = course_hw5.load_reviews("sst2", 32, tokenizer=model.tokenizer).test
    else:
        data = course_hw5.load_images("cifar10", 100, seed=0).test.take(limit // 100)
    for inputs, labels in data:
        labels = labels.numpy()
        yield inputs, labels.argmax(-1) if labels.ndim == 2 else labels


def cost(model, packed, limit):
    """How the answers of a model with weights in int8 differ."""
    answers, labels = {"float32": [], "int8": []}, []
    for inputs, batch_labels in examples(model, limit):
        labels.append(batch_labels)
        for name, one in (("float32", model), ("int8", packed)):
            answers[name].append(np.asarray(one(inputs, training=False)))
    answers, labels = {name: np.concatenate(parts) for name, parts in answers.items()}, np.concatenate(labels)
    chosen = {name: p.argmax(1) if p.shape[1] > 1 else (p[:, 0] > 0.5).astype(int) for name, p in answers.items()}
    difference = np.abs(answers["float32"] - answers["int8"])
    return {
        "examples": len(labels),
        "accuracy float32": round(float((chosen["float32"] == labels).mean()), 4),
        "accuracy int8": round(float((chosen["int8"] == labels).mean()), 4),
        "answers that change": int((chosen["float32"] != chosen["int8"]).sum()),
        "largest difference of a probability": round(float(difference.max()), 4),
        "mean difference": round(float(difference.mean()), 5),
    }


def speed(model, config, data, places, rounds):
    """How long plain JavaScript takes, over WebAssembly: the ratio of medians."""
    if config["kind"] == "bert":
        from course_hw5.text.encoding import encode

        inputs = encode(TEXT, 16, None, model.tokenizer).ids.tolist()
    else:
        inputs = np.random.default_rng(0).integers(0, 256, model.backbone.image_shape).ravel().tolist()
    with tempfile.TemporaryDirectory() as folder:
        described = config | {"vocabulary": None, "tensors": places, "input": inputs}
        (pathlib.Path(folder) / "config.json").write_text(json.dumps(described))
        (pathlib.Path(folder) / "weights").write_bytes(data)
        (pathlib.Path(folder) / "timed.mjs").write_text(TIMED)
        command = ["node", f"{folder}/timed.mjs", str(LIVE), folder, str(rounds)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    tokens = len(inputs) if config["kind"] == "bert" else config["tokens"]
    return {"tokens": tokens, "ratio": round(found["plain"] / found["wasm"], 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000, help="of CIFAR-10's test split (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="of the engine (default: %(default)s)")
    parser.add_argument("--out", required=True, help="JSON file to write")
    args = parser.parse_args()
    results = {}
    for preset in ("sentiment-minilm", "beit-cifar10"):
        model = course_hw5.load_model(preset)
        config, tensors = live_model.to_live(model)
        data, places = packing.pack(tensors)
        packed = live_model.from_live(config, packing.unpack(data, places))
        results[preset] = {"bytes": len(data)} | cost(model, packed, args.images)
        results[preset] |= speed(model, config, data, places, args.rounds)
    pathlib.Path(args.out).write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
