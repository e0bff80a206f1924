"""Callbacks that keep what a model makes of the same few inputs as training goes."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from course_hw5.attention import analysis
from course_hw5.errors import is_whole, require
from course_hw5.reports import keras_callbacks, plots, run_folder
from course_hw5.reports.pages import components

Sources = Sequence[str] | dict[str, np.ndarray]


class TimeLapse(keras_callbacks.RunCallback):
    """Keeps, in a file of the run folder, what a model makes of the same few inputs before training and every few epochs.

    Subclasses name the `file` and give the `frames` of an epoch, dicts. After a resume, frames that come again are replaced.

    Args:
        run_dir: folder for the file; created when missing.
        every: epochs from one look to the next, 1 or more; the last epoch is looked at too.
    """

    def __init__(self, run_dir: run_folder.AnyPath, every: int):
        super().__init__(run_dir)
        require("every", every, lambda every: is_whole(every, 1), "a whole number, 1 or more")
        self.every = every

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin()
        if not (self.run_dir / self.file).exists():
            self._write(0)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"]:
            with run_folder.going_on(str(self.run_dir / self.file), self._said):
                self._write(epoch + 1)

    def _write(self, epoch):
        path = self.run_dir / self.file
        kept = [frame for frame in run_folder.read_list(path) if frame["epoch"] < epoch]
        run_folder.write_json(path, kept + [{"epoch": epoch} | frame for frame in self.frames(epoch)])


class AttentionTimeLapse(TimeLapse):
    """Keeps what a classifier makes of the same few sentences or images before training and after every few epochs.

    Writes `attention.json` (answer, probability, each token's relevance for it) and, in `attention/`, one page of the viewer
    per source and epoch.

    Args:
        run_dir: folder for the files.
        sources: list of sentences, or dict of names to images `(height, width, 3)`, uint8, or to whatever else `explain` takes.
        explain: function `(model, source)` to a `TextExplanation` or an `ImageExplanation`, such as `course_hw5.explain`.
        every: epochs from one look to the next.
    """

    file = "attention.json"

    def __init__(self, run_dir: run_folder.AnyPath, sources: Sources, explain: Callable, every: int = 1):
        super().__init__(run_dir, every)
        if isinstance(sources, str) or not sources:
            raise ValueError(f"`sources` must be a list of sentences, or a dict of images. Received: {sources!r:.60}")
        self.sources = sources if isinstance(sources, dict) else {source: source for source in sources}
        self.explain = explain

    def frames(self, epoch: int) -> Iterator[dict]:
        (self.run_dir / "attention").mkdir(exist_ok=True)
        for number, (name, source) in enumerate(self.sources.items()):
            explained = self.explain(self.model, source)
            page = f"attention/epoch-{epoch:04d}-{number}.html"
            html = explained.view(title=f"{name} (after epoch {epoch})", html_action="return")
            run_folder.write_text(self.run_dir / page, html)
            yield {"name": name, **_frame(explained), "page": page}


def _frame(explained):
    """The answer, its probability, and where in the text or image it came from."""
    relevance = analysis.token_relevance(explained.attention, explained.gradients)
    if hasattr(explained, "image"):
        answer, probability = explained.predictions[0]
        heat = plots.heat_overlay(explained.image, relevance[1:, 1:].mean(axis=0).reshape(explained.grid))  # of all patches
        shown = {"image": components.image_url(heat)}
    else:
        answer, probability = explained.class_name, explained.probability
        shown = {"tokens": explained.tokens, "relevance": [round(weight, 4) for weight in relevance[0].tolist()]}
    return {"answer": answer, "probability": round(probability, 4), **shown}
