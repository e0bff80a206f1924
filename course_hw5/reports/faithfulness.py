"""Which map to believe: over a data set, what is left of the answer when tokens are taken out in the order of each map."""

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure

from course_hw5.errors import is_whole, require
from course_hw5.explanation import maps as of_maps
from course_hw5.explanation.erasure import GRID, METRICS, QUANTITIES, erase
from course_hw5.reports import labelled_batches, plots

Maps: TypeAlias = Collection[str] | Mapping[str, Callable[..., np.ndarray]]

GOOD = {"deletion": "low", "insertion": "high", "comprehensiveness": "high", "sufficiency": "low", "leave_one_out": "high"}
RESAMPLES = 2000


@dataclasses.dataclass(frozen=True, eq=False)
class Faithfulness:
    """What `faithfulness` finds.

    Attributes:
        maps: names of the maps.
        scores: for "log_odds" and "probability", a dict of the metrics below to float `(maps, examples)`.
        curves: for "log_odds" and "probability", a dict of "deletion" and "insertion" to float `(maps, 11)`: the answer, mean
            over examples, when 0, 10, ... 100 % of the tokens are taken out of the whole, or put into a source with nothing in
            it, in the order of a map.
        examples: number of texts or images.

    The metrics, and what a faithful map has:

    - "deletion", low: area under the curve, the mean answer while tokens are taken out
    - "insertion", high: the mean answer while tokens are put in
    - "comprehensiveness", high: what is lost without the first 1, 5, 10, 20 and 50 % of the tokens, on average
    - "sufficiency", low: what is lost with only these, on average
    - "leave_one_out", high: Kendall's tau between the map and what is lost without each token alone
    """

    maps: tuple[str, ...]
    scores: dict[str, dict[str, Float[np.ndarray, "maps examples"]]]
    curves: dict[str, dict[str, Float[np.ndarray, "maps grid"]]]
    examples: int

    def table(self, quantity: str = "log_odds") -> pd.DataFrame:
        """Each metric with its 95 % interval by bootstrap: rows are maps, columns `(metric, "mean" or "low" or "high")`.

        Args:
            quantity: "log_odds" or "probability".
        """
        _check_name("quantity", quantity, QUANTITIES)
        columns = {}
        for metric, values in self.scores[quantity].items():
            columns |= {(metric, name): column for name, column in zip(("mean", "low", "high"), interval(values))}
        return pd.DataFrame(columns, index=pd.Index(self.maps, name="map"))

    def difference(self, first: str, second: str, metric: str, quantity: str = "log_odds") -> tuple[float, float, float]:
        """How far one map's metric is above another's on the same examples.

        Args:
            first, second: names of maps.
            metric: as of `scores`.
            quantity: "log_odds" or "probability".

        Returns:
            The mean, and both ends of its 95 % interval by bootstrap.
        """
        for name, value, known in (("first", first, self.maps), ("second", second, self.maps), ("metric", metric, METRICS)):
            _check_name(name, value, known)
        _check_name("quantity", quantity, QUANTITIES)
        values = self.scores[quantity][metric]
        mean, low, high = interval(values[self.maps.index(first)] - values[self.maps.index(second)])
        return float(mean), float(low), float(high)

    def figure(self, quantity: str = "log_odds") -> Figure:
        """Draws the curves, and the other metrics with their intervals, of all maps.

        Args:
            quantity: "log_odds" or "probability".
        """
        table, label = self.table(quantity), quantity.replace("_", "-")
        figure, (above, below) = plots.subplots(2, 3, figsize=(11, 6.2))
        colors, places = plots.run_colors(len(self.maps)), np.arange(len(self.maps))
        for axes, (metric, verb) in zip(above, (("deletion", "taken out"), ("insertion", "put in"))):
            for values, color, name in zip(self.curves[quantity][metric], colors, self.maps):
                axes.plot(100 * GRID, values, color=color, label=name.replace("_", " "), marker="o", markersize=3)
            axes.set(title=f"{metric} ({GOOD[metric]} is good)", xlabel=f"tokens {verb} (%)", ylabel=f"{label} of the answer")
        above[2].legend(*above[0].get_legend_handles_labels(), loc="center", title=f"{self.examples} examples")
        above[2].set_axis_off()
        for axes, metric in zip(below, ("comprehensiveness", "sufficiency", "leave_one_out")):
            mean, low, high = (table[metric, part].to_numpy() for part in ("mean", "low", "high"))
            axes.hlines(places, low, high, color=colors)
            axes.scatter(mean, places, color=colors, zorder=3)
            axes.set_yticks(places, [name.replace("_", " ") if axes is below[0] else "" for name in self.maps])
            unit = "Kendall's tau" if metric == "leave_one_out" else f"{label} that are lost"
            axes.set(title=f"{metric.replace('_', '-')} ({GOOD[metric]} is good)", xlabel=unit)
            axes.yaxis.set_inverted(True)
        return figure


def faithfulness(
    model: of_maps.Model,
    data: Any,
    maps: Maps = tuple(of_maps.MAPS),
    target: Any = None,
    examples: int | None = 100,
    seed: int = 0,
    progress: bool = True,
) -> Faithfulness:
    """Puts maps to the test: does each name the words, or patches, that an answer needs?

    A word piece is taken out by [MASK], a patch by the mean colour of its image. Deletion and insertion: Petsiuk et al. 2018,
    https://arxiv.org/abs/1806.07421; comprehensiveness and sufficiency: DeYoung et al. 2020, https://arxiv.org/abs/1911.03429;
    rank correlation with leave-one-out: Jain and Wallace 2019, https://arxiv.org/abs/1902.10186. Occlusion is itself
    leave-one-out where each word is one word piece, and of images of at most 200 patches: its correlation is then 1.

    Args:
        model: a `bert_classifier` or a `beit_classifier`.
        data: a list of texts; images, or token ids, as one array; or batches `(inputs, labels)`, such as `load_images().test`,
            of which the labels are not read.
        maps: names of `course_hw5.explanation.maps.MAPS`; or a dict of names to functions of your own, as these, which are
            called with the model, one source and the target.
        target: the class that is explained, or a pair of classes, as for `explain`; by default the predicted class of each.
        examples: how many are read at most, or None for all; of those, texts of fewer than two word pieces are left out.
        seed: of the map "random"; each example draws anew.
        progress: whether a progress bar is printed.

    Raises:
        ValueError: if the model is neither, there is no such map or class, a map has another shape, or the data have fewer than
            two examples.
    """
    expected = "a bert_classifier or a beit_classifier"
    require("model", model, lambda model: isinstance(model, of_maps.Model), expected)
    expected = f"some of {', '.join(of_maps.MAPS)}, or a dict of names to functions"
    require("maps", maps, _are_maps, expected)
    require("examples", examples, lambda most: most is None or is_whole(most, 2), "2 or more, or None for all")
    require("seed", seed, is_whole, "a whole number, 0 or more")
    most = None if examples is None else int(examples)
    bar, found = keras.utils.Progbar(most, unit_name="example", verbose=int(progress)), []
    for number, source in enumerate(itertools.islice(_sources(data), most)):
        question = of_maps.Question(model, source, target)
        if len(question.parts) > 1:
            found.append(erase(question, [_values(question, name, maps, seed + number) for name in maps]))
        bar.update(number + 1)
    require("data", len(found), lambda count: count > 1, "at least two images, or texts of two word pieces")
    return _summary(tuple(maps), found)


def interval(values: Float[np.ndarray, "... examples"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean over examples, and both ends of its 95 % interval by bootstrap (percentiles), each `(...)`."""
    examples = values.shape[-1]
    drawn = np.random.default_rng(0).multinomial(examples, np.full(examples, 1 / examples), RESAMPLES) / examples
    low, high = np.quantile(values @ drawn.T, (0.025, 0.975), axis=-1)
    return values.mean(axis=-1), low, high


def _summary(names, found):
    scores = {of: _stacked([[one.scores(of) for one in row] for row in found]) for of in QUANTITIES}
    curves = {of: _stacked([[one.curves(of) for one in row] for row in found]) for of in QUANTITIES}
    means = {of: {name: values.mean(axis=1) for name, values in by_name.items()} for of, by_name in curves.items()}
    return Faithfulness(names, scores, means, len(found))


def _stacked(rows):
    """A dict per example and map to a dict of arrays `(maps, examples, ...)`."""
    return {name: np.array([[one[name] for one in row] for row in rows]).swapaxes(0, 1) for name in rows[0][0]}


def _sources(data) -> Iterator[Any]:
    """The texts or images of a data set, one after another."""
    is_texts = isinstance(data, (list, tuple)) and len(data) > 0 and all(isinstance(text, str) for text in data)
    if is_texts or (isinstance(data, np.ndarray) and data.ndim in (1, 2, 4)):
        yield from data
        return
    for inputs, _ in labelled_batches.batches(data):
        yield from keras.ops.convert_to_numpy(inputs) if hasattr(inputs, "device") else np.asarray(inputs)


def _values(question, name, maps, seed):
    """One map of a source, its shape checked."""
    if not isinstance(maps, Mapping):
        return question.map(name, seed)
    values = np.asarray(maps[name](*question.asked))
    if values.shape != (question.size,) or not np.isfinite(values).all():
        shape = f"a finite array ({question.size},)"
        raise ValueError(f"The map {name!r} must give {shape}, as those of `explanation.maps`. Received: {values!r:.60}")
    return values


def _are_maps(maps):
    if isinstance(maps, Mapping):
        return maps and all(isinstance(name, str) and callable(function) for name, function in maps.items())
    return not isinstance(maps, str) and maps and {*maps} <= {*of_maps.MAPS} and len({*maps}) == len(maps)


def _check_name(name, value, known):
    require(name, value, lambda value: value in known, f"one of {', '.join(known)}")
