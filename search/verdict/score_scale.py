"""The one scale on which hits are ordered, by whatever kind of embedding, and what a place on it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer import Embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Puts hits of different kinds into one order: a log-odds that rises with the score, for a given query.

    Attributes:
        null, mean, spread: weights of the score in deviations from the query's null distribution, and of that
            distribution's mean and deviation; the first is above 0.
        bias: of the sum.
    """

    null: float
    mean: float
    spread: float
    bias: float

    def __post_init__(self) -> None:
        if not self.null > 0:
            raise ValueError(f"hits would be ordered by falling score: the weight is {self.null}")

    def scale(self, mean: float, spread: float, unit: float) -> Scale:
        """Give the scale for a query whose null distribution has this mean and deviation.

        Args:
            mean: of the null distribution.
            spread: its deviation, above 0.
            unit: what counts one, above 0, in log-odds.
        """
        known = self.mean * mean + self.spread * spread + self.bias
        return Scale(zero=mean, step=spread * unit / self.null, shift=known / unit)


_SUREST = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How likely a hit is an answer, given that anything is: less so, the farther it lies behind the first.

    So a hit's probability, the coverage times this share, never exceeds the coverage, and never rises from
    one hit to the next.

    Attributes:
        level: log-odds of the first hit where the coverage is one half.
        rise: log-odds for each unit of the coverage's log-odds: where an answer is surer, so is which hit it
            is.
        fall: log-odds lost for each unit of relevance behind the first, at least 0.
    """

    level: float
    rise: float
    fall: float

    def __post_init__(self) -> None:
        if not self.fall >= 0:
            raise ValueError(f"a later hit would be likelier than an earlier one: the fall is {self.fall}")

    def of(self, gaps: Embeddings, coverage: float) -> Embeddings:
        """Give shares (n,) float32 of hits that lie (n,) behind the first one, for a coverage."""
        sure = min(max(coverage, _SUREST), 1 - _SUREST)
        odds = self.level + self.rise * np.log(sure / (1 - sure)) - self.fall * np.maximum(gaps, 0)
        shares: Embeddings = (1 / (1 + np.exp(-np.clip(odds, -30, 30)))).astype(np.float32)
        return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Brings scores of one kind of embedding to the relevance by which all are ordered; both rise together.

    Attributes:
        zero: of the scores.
        step: of the scores, above 0, that counts one.
        shift: relevance of a score of zero.
    """

    zero: float
    step: float
    shift: float = 0.0

    def relevance(self, scores: Embeddings) -> Embeddings:
        """Give the relevance of scores (n,), (n,) float32."""
        found: Embeddings = ((scores - self.zero) / self.step + self.shift).astype(np.float32)
        return found
