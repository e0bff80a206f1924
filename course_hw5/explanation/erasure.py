"""What is left of an answer when tokens are taken out in the order of a map: how faithful the map is to the model."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.special
import scipy.stats
from jaxtyping import Float, Integer

from course_hw5.explanation.maps import Map, Question

METRICS = ("deletion", "insertion", "comprehensiveness", "sufficiency", "leave_one_out")
QUANTITIES: dict[str, Callable] = {"log_odds": np.asarray, "probability": scipy.special.expit}  # of log-odds
SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the tokens: the bins of DeYoung et al. 2020, section 4.2
GRID = np.linspace(0, 1, 11)  # shares of the tokens at which curves are read


class Erasure(NamedTuple):
    """Log-odds of one source, whose tokens were taken out in the order of one map.

    Args:
        counts: how many tokens, from 0 to all.
        deletion: without that many of the first.
        insertion: with that many of the first alone.
        whole: with all.
        without, alone: without, and with only, the first tokens that make up each of `SHARES`.
        correlation: Kendall's tau between the map and what is lost without each token alone; 0 where either has no order.
    """

    counts: Integer[np.ndarray, " points"]
    deletion: Float[np.ndarray, " points"]
    insertion: Float[np.ndarray, " points"]
    whole: float
    without: Float[np.ndarray, " shares"]
    alone: Float[np.ndarray, " shares"]
    correlation: float

    def curves(self, quantity: str) -> dict[str, Float[np.ndarray, " grid"]]:
        """Deletion and insertion at each share of `GRID`; between two counts on the straight line."""
        shares, of = self.counts / self.counts[-1], QUANTITIES[quantity]
        return {name: np.interp(GRID, shares, of(getattr(self, name))) for name in ("deletion", "insertion")}

    def scores(self, quantity: str) -> dict[str, float]:
        """Each of `METRICS`: areas by the trapezoidal rule over shares from 0 to 1, and means over `SHARES`."""
        shares, of = self.counts / self.counts[-1], QUANTITIES[quantity]
        areas = (float(np.sum(np.diff(shares) * (of(y)[1:] + of(y)[:-1]) / 2)) for y in (self.deletion, self.insertion))
        losses = (float(np.mean(of(self.whole) - of(left))) for left in (self.without, self.alone))
        return dict(zip(METRICS, (*areas, *losses, self.correlation)))


def erase(question: Question, maps: Sequence[Map]) -> list[Erasure]:
    """Takes tokens out of a source in the order of each map, the highest first; of equal ones, those that stand first.

    Args:
        question: a model, a source and a target.
        maps: each of a text `(tokens,)`, with its special tokens, which stay; of an image `(patches,)`.
    """
    parts, count = question.parts, len(question.parts)
    counts = np.unique(np.round(GRID * count).astype(int))
    first = [math.ceil(round(share * count, 9)) for share in SHARES]  # a share of a few tokens is one
    orders = [parts[np.argsort(-values[parts], kind="stable")] for values in maps]
    cuts = [*counts, *first]
    taken = [part for order in orders for n in cuts for part in (order[:n], order[n:])]
    *left, singly = np.split(
        question.without([*taken, *([part] for part in parts)]), 2 * len(cuts) * np.arange(1, 1 + len(maps))
    )
    return [_erasure(counts, one.reshape(-1, 2), values[parts], singly) for one, values in zip(left, maps)]


def _erasure(counts, left, values, singly):
    """From the log-odds `(cuts, 2)`, without and with only the first of a map, and those without each token."""
    curves, bins = np.split(left, [len(counts)])
    whole, has_orders = float(curves[0, 0]), np.ptp(values) > 0 and np.ptp(singly) > 0
    correlation = float(scipy.stats.kendalltau(values, whole - singly).statistic) if has_orders else 0.0
    return Erasure(counts, *curves.T, whole, *bins.T, correlation)
