"""The small models behind probabilities: logistic, over signals and some of their products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer import Embeddings

from .signals import Signals

_FARTHEST = 4.0  # deviations: a signal far outside what was fitted on says no more than one at the border


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Logistic:
    """A logistic model over signals, and over their products with those that tell of query and collection.

    The products matter: how much a score says depends on how broad the query is, and among how many it was
    found.

    Attributes:
        mean, deviation: (s,) float32, by which signals are standardised.
        weights: (s + s * context,) float32, of the signals and of their products.
        bias: of the sum.
        context: how many of the signals, the last ones, tell of query and collection.
    """

    mean: Signals
    deviation: Signals
    weights: Signals
    bias: float
    context: int

    def __post_init__(self) -> None:
        count = len(self.mean)
        if self.weights.shape != (count * (1 + self.context),) or len(self.deviation) != count:
            raise ValueError(f"{self.weights.shape[0]} weights do not fit {count} signals")

    def probability(self, signals: Signals) -> Embeddings:
        """Give probabilities, (...,) float32 in 0 to 1, of signals (..., s)."""
        return _probability(self.log_odds(signals))

    def log_odds(self, signals: Signals) -> Embeddings:
        """Give the logarithms of the odds, (...,) float32, of signals (..., s)."""
        odds: Embeddings = (
            expanded((signals - self.mean) / self.deviation, self.context) @ self.weights + self.bias
        )
        return odds


def _probability(log_odds: Embeddings) -> Embeddings:
    probability: Embeddings = (1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))).astype(np.float32)
    return probability


def expanded(standard: Signals, context: int) -> Signals:
    """Put the products of signals with those of the context beside them.

    Args:
        standard: (..., s) standardised signals, the ``context`` last ones telling about query and collection.
        context: how many those are.

    Returns:
        (..., s + s * context), clipped at four deviations before multiplying.
    """
    clipped = np.clip(standard, -_FARTHEST, _FARTHEST)
    around = clipped[..., clipped.shape[-1] - context :]
    products = clipped[..., :, None] * around[..., None, :]
    return np.concatenate([clipped, products.reshape(*clipped.shape[:-1], -1)], axis=-1)
