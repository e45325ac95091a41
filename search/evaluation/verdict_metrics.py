"""The figures of verdicts, and the bootstrap for all figures; plain functions of arrays.

Arrays hold one row for each sample. Shares, probabilities and errors lie between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A percentile interval.

    Attributes:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"the interval's ends are in the wrong order: {self.low}, {self.high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One row of a reliability table.

    Attributes:
        low, high: the probabilities that fall into it, above ``low`` up to ``high``.
        count: how many samples.
        predicted: their mean probability.
        observed: the share of them that came true.
    """

    low: float
    high: float
    count: int
    predicted: float
    observed: float


# -- verdicts ------------------------------------------------------------------------------------------


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Give the chance that a positive scores above a negative; ties count half (Hanley and McNeil 1982).

    Args:
        scores: (n,) higher means more likely positive.
        positive: (n,) bool.

    Raises:
        ValueError: there are no positives, or no negatives.
    """
    high, low = _split(scores, positive)
    low = np.sort(low)
    below = np.searchsorted(low, high, side="left")
    not_above = np.searchsorted(low, high, side="right")
    return float((below + not_above).mean() / (2 * len(low)))


def false_accepts(scores: ArrayLike, positive: ArrayLike, *, recall: float = 0.95) -> float:
    """Give the share of negatives accepted at the highest cutoff that accepts enough positives.

    Args:
        scores: (n,); those at or above the cutoff are accepted.
        positive: (n,) bool.
        recall: the share of positives to accept, at least.

    Raises:
        ValueError: there are no positives, or no negatives.
    """
    high, low = _split(scores, positive)
    accepted = max(1, int(np.ceil(recall * len(high) - 1e-9)))  # 0.95 * 20 is 19, not a little more
    cutoff = np.sort(high)[len(high) - accepted]
    return float(np.mean(low >= cutoff))


def brier_score(probabilities: ArrayLike, outcomes: ArrayLike) -> float:
    """Give the mean squared error of probabilities (Brier 1950)."""
    found, truth = _paired(probabilities, outcomes)
    return float(np.mean((found - truth) ** 2))


def reliability_table(
    probabilities: ArrayLike, outcomes: ArrayLike, *, bins: int = 15, equal_mass: bool = False
) -> tuple[Bin, ...]:
    """Compare predicted probabilities with what came true, bin by bin; empty bins are left out.

    Args:
        probabilities: (n,) from 0 to 1.
        outcomes: (n,) bool.
        bins: how many.
        equal_mass: with ends at quantiles, so that each holds about as many samples; equal probabilities
            always share a bin. Otherwise all bins are equally wide.

    Raises:
        ValueError: there are no samples, or a probability is not one.
    """
    found, truth = _paired(probabilities, outcomes)
    ends = np.quantile(found, np.linspace(0, 1, bins + 1)) if equal_mass else np.linspace(0, 1, bins + 1)
    place = np.searchsorted(ends[1:-1], found, side="left")  # above the lower end, up to the upper
    return tuple(
        Bin(
            low=float(ends[i]),
            high=float(ends[i + 1]),
            count=int((place == i).sum()),
            predicted=float(found[place == i].mean()),
            observed=float(truth[place == i].mean()),
        )
        for i in np.unique(place)
    )


def calibration_error(
    probabilities: ArrayLike, outcomes: ArrayLike, *, bins: int = 15, equal_mass: bool = False
) -> float:
    """Give the expected calibration error (Guo et al. 2017, "On calibration of modern neural networks").

    The mean gap between predicted and observed over the bins of ``reliability_table``, by their counts.

    Raises:
        ValueError: there are no samples, or a probability is not one.
    """
    table = reliability_table(probabilities, outcomes, bins=bins, equal_mass=equal_mass)
    gaps = [row.count * abs(row.predicted - row.observed) for row in table]
    return sum(gaps) / sum(row.count for row in table)


# -- intervals -----------------------------------------------------------------------------------------


def bootstrap(
    statistic: Callable[..., float],
    arrays: Sequence[ArrayLike],
    *,
    resamples: int = 1000,
    seed: int = 0,
    strata: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
) -> Interval:
    """Give the 95 % percentile interval of a figure by drawing the samples again (Efron 1979).

    Args:
        statistic: takes the arrays, redrawn.
        arrays: one row for each sample, all of one length; rows are drawn together.
        resamples: how often to draw.
        seed: of the drawing.
        strata: (n,) classes whose sizes stay as they are; ``auroc`` needs its positives to stay some.
        clusters: (n,) samples that only come together, such as the captions of one picture.

    Raises:
        ValueError: there are no samples, the arrays differ in length, or both strata and clusters are given.
    """
    columns = [np.asarray(array) for array in arrays]
    if not columns or not len(columns[0]) or len({len(column) for column in columns}) > 1:
        raise ValueError("a bootstrap needs arrays of one length with at least one sample")
    if strata is not None and clusters is not None:
        raise ValueError("give strata or clusters, not both")
    draw = _drawing(len(columns[0]), strata, clusters)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        rows = draw(rng)
        found.append(statistic(*(column[rows] for column in columns)))
    low, high = np.percentile(found, [2.5, 97.5])
    return Interval(low=float(low), high=float(high))


def _drawing(
    count: int, strata: ArrayLike | None, clusters: ArrayLike | None
) -> Callable[[np.random.Generator], NDArray[np.int64]]:
    """Prepare a function that draws ``count`` rows with replacement."""
    if clusters is not None:
        return _cluster_drawing(np.asarray(clusters))
    classes = np.zeros(count) if strata is None else np.asarray(strata)
    members = [np.flatnonzero(classes == value) for value in np.unique(classes)]

    def draw(rng: np.random.Generator) -> NDArray[np.int64]:
        return np.concatenate([rows[rng.integers(0, len(rows), len(rows))] for rows in members])

    return draw


def _cluster_drawing(clusters: NDArray[Any]) -> Callable[[np.random.Generator], NDArray[np.int64]]:
    _, place, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    rows = np.argsort(place, kind="stable")
    starts = np.cumsum(sizes) - sizes

    def draw(rng: np.random.Generator) -> NDArray[np.int64]:
        drawn = rng.integers(0, len(sizes), len(sizes))
        lengths = sizes[drawn]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        again: NDArray[np.int64] = rows[np.repeat(starts[drawn], lengths) + within]
        return again

    return draw


def _split(scores: ArrayLike, positive: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Part the scores of positives from those of negatives."""
    values, chosen = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if values.shape != chosen.shape or values.ndim != 1 or np.isnan(values).any():
        raise ValueError("scores and positives must be two lists of one length, without NaN")
    if chosen.all() or not chosen.any():
        raise ValueError("there must be positives and negatives")
    return values[chosen], values[~chosen]


def _paired(probabilities: ArrayLike, outcomes: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found, truth = np.asarray(probabilities, np.float64), np.asarray(outcomes, np.float64)
    if found.shape != truth.shape or found.ndim != 1 or not len(found):
        raise ValueError("probabilities and outcomes must be two lists of one length, not empty")
    if not ((found >= 0) & (found <= 1)).all():
        raise ValueError("a probability lies between 0 and 1")
    return found, truth
