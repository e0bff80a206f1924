"""How large a data set of one's own may be: memory, time to the first batch, and speed, at three sizes.

    python benchmarks/own_data.py --images 200000 --lines 2000000

It makes a folder of small JPEG files and a CSV of sentences in a temporary folder, and loads a quarter, a half and all of
them, each in a process of its own, with `memory_gb=0`: nothing that grows with pixels or tokens stays in memory. Columns:
examples; seconds to the first batch, of which the reading of each example once is nearly all; examples per second of the data
alone; examples per second that a training step takes (images: the homework's perceptron, batches of 256; texts: BERT tiny,
batches of 32); peak memory of the process, and what it was before anything was loaded.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

CLASSES, WORDS = 10, 2000
READ_SECONDS, STEPS = 10, 30


def write_images(folder: pathlib.Path, count: int) -> None:
    """Writes `count` JPEG files of 48x48 pixels in class folders."""
    from PIL import Image

    random = np.random.default_rng(0)
    rough = random.integers(0, 256, (1000, 6, 6, 3), "uint8")
    for number in range(count):
        place = folder / f"class{number % CLASSES}"
        if number < CLASSES:
            place.mkdir(parents=True)
        pixels = rough[random.integers(1000)] ^ random.integers(0, 64, (6, 6, 3), "uint8")
        Image.fromarray(pixels).resize((48, 48), Image.Resampling.BILINEAR).save(place / f"{number:06d}.jpg", quality=85)


def write_lines(path: pathlib.Path, count: int) -> None:
    """Writes a CSV of `count` sentences of 4 to 20 words."""
    from course_hw5.text.tokenizer import uncased_vocabulary

    words = np.array([word for word in uncased_vocabulary() if word.isalpha() and word.isascii()][:WORDS])
    random = np.random.default_rng(0)
    with open(path, "w", encoding="utf-8") as file:
        file.write("text,label\n")
        for start in range(0, count, 10_000):
            for length in random.integers(4, 21, min(10_000, count - start)):
                file.write(f"{' '.join(words[random.integers(WORDS, size=length)])},{random.integers(2)}\n")


def peak_megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(kind: str, source: str) -> dict:
    """Loads a source in this process; returns one row of the table."""
    import course_hw5
    from course_hw5.training import runtime, train

    (course_hw5.load_images if kind == "images" else course_hw5.load_reviews)  # noqa: B018 imports TensorFlow
    before, started = peak_megabytes(), time.perf_counter()
    if kind == "images":
        data = course_hw5.load_images(source, 256, memory_gb=0)
    else:
        data = course_hw5.load_reviews(source, 32, 64, memory_gb=0)
    batches = iter(data.train)
    batch = next(batches)
    first = time.perf_counter() - started
    started, count = time.perf_counter(), 0
    for inputs, _ in batches:
        count += len(inputs)
        if time.perf_counter() - started > READ_SECONDS:
            break
    speed, memory = count / (time.perf_counter() - started), peak_megabytes()
    model = course_hw5.mlp_classifier() if kind == "images" else course_hw5.bert_classifier(course_hw5.bert_backbone("tiny"))
    train.compile_model(model, course_hw5.TrainingConfig(), STEPS)
    repeated = train.tasks.CLASSIFICATION.prepare(data.train.take(1).cache().repeat(), model)
    runtime.build_state(model, repeated)
    model.fit(repeated, steps_per_epoch=3, verbose=0)
    started = time.perf_counter()
    model.fit(repeated, steps_per_epoch=STEPS, verbose=0)
    step = STEPS * len(batch[0]) / (time.perf_counter() - started)
    examples = sum(data.card.examples.values())
    return {"examples": examples, "first": first, "speed": speed, "step": step, "memory": memory, "before": before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "SOURCE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(*args.measure)))
        return
    print(
        "| data | examples | to the first batch, s | data alone, per s | training step, per s | peak memory, MB | before, MB |"
    )
    print("|-|-|-|-|-|-|-|")
    for kind, count in (("images", args.images), ("texts", args.lines)):
        for part in (4, 2, 1):
            with tempfile.TemporaryDirectory(prefix="own-data-") as folder:
                source = pathlib.Path(folder, "images" if kind == "images" else "lines.csv")
                (write_images if kind == "images" else write_lines)(source, count // part)
                command = [sys.executable, __file__, "--measure", kind, str(source)]
                found = json.loads(
                    subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()[-1]
                )
            cells = (f"{found[name]:,.0f}" for name in ("examples", "first", "speed", "step", "memory", "before"))
            print(f"| {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
