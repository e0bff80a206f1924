"""Writes the bands of `course-hw5 check` from finished runs: what each recipe reaches, epoch by epoch.

    python scripts/make_run_bands.py runs/bands/* --channel-means cifar10

Runs of the same recipe, data and options make one band; three seeds or more are needed. Bands of other recipes stay.
docs/guides/run-check.md has the commands of the runs.
"""

import argparse
import itertools
import json
import pathlib

from course_hw5.cli import arguments
from course_hw5.files import write_text
from course_hw5.reports.checks import bands
from course_hw5.reports.checks.recorded_run import read_run

OUT = pathlib.Path(__file__).parents[1] / "course_hw5" / "reports" / "checks" / bands.FILE


def channel_means(dataset: str) -> list[float]:
    """Means of red, green and blue over the training images."""
    import numpy as np

    import course_hw5

    batches = [images.numpy().mean((0, 1, 2)) for images, _ in course_hw5.load_images(dataset).train]
    return [round(float(mean), 1) for mean in np.mean(batches, axis=0)]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", metavar="RUN", help="folders of finished runs")
    parser.add_argument("--channel-means", metavar="DATASET", action="append", default=[], help="also measure those of images")
    parser.add_argument("--out", default=OUT, help="file to write or to add to (default: the package's)")
    args = parser.parse_args(argv)
    with arguments.user_errors(parser):
        write_bands(pathlib.Path(args.out), args.runs, args.channel_means)


def write_bands(out: pathlib.Path, runs: list[str], datasets: list[str]) -> None:
    facts = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {"channel_means": {}, "bands": []}
    facts["channel_means"] |= {dataset: channel_means(dataset) for dataset in datasets}

    def key(run):
        return json.dumps(bands.key_of(run.config), sort_keys=True)

    for _, group in itertools.groupby(sorted(map(read_run, runs), key=key), key):
        band = bands.make_band(group)
        facts["bands"] = [other for other in facts["bands"] if other["key"] != band["key"]] + [band]
        print(band["key"]["model"], band["key"]["arguments"], "seeds", band["seeds"])
        for name in band["history"]:
            print(f"  {name} in the last epoch: {bands.Band(band).interval(name, len(band['history'][name]['mean']))}")
    rows = ",\n".join(json.dumps(band) for band in sorted(facts["bands"], key=lambda band: json.dumps(band["key"])))
    write_text(out, f'{{"channel_means": {json.dumps(facts["channel_means"])}, "bands": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    main()
