"""Tells by meaning whether an embedding shows, or asks for, one of some concepts.

The nearest phrase alone misleads for short texts: "necktie" lies nearest to hanging, "shooting target" to
shooting people. What a whole neighbourhood of phrases of both kinds says is more often right: kernel ridge
regression (Saunders et al. 1998), learned anew for each encoder in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer import Embeddings

Spread = Callable[[Embeddings], tuple[Embeddings, Embeddings]]

_SAME = 0.8  # cosine from which a harmless phrase says the same as a concept, and is no contrast to it
_ENOUGH = 50  # phrases of each kind from which there is something to learn
_WIDTH = 4.0  # gamma of the kernel exp(-gamma * |a - b|^2), for unit rows
_RIDGE = 0.1


class Contrast:
    """Concepts against harmless phrases.

    Args:
        names: (c,) the concept of each of its phrases.
        concepts: (c, dim) float32 unit rows, at least one.
        harmless: (h, dim) float32 unit rows.
        spread: tells means (n,) and deviations (n,) of the scores that unrelated embeddings have with phrases
            (n, dim); None if that is not known.
    """

    def __init__(
        self, names: tuple[str, ...], concepts: Embeddings, harmless: Embeddings, spread: Spread | None
    ) -> None:
        self._names = names
        self._concepts = concepts
        self._others = harmless[(harmless @ concepts.T).max(axis=1) < _SAME]
        self._levels = [_levels(phrases, spread) for phrases in (concepts, self._others)]
        can_learn = min(len(concepts), len(self._others)) >= _ENOUGH
        self._regression = _learned(concepts, harmless) if can_learn else None

    @property
    def is_learned(self) -> bool:
        """Whether there were phrases enough to learn from."""
        return self._regression is not None

    def nearest(self, row: Embeddings) -> tuple[float, str]:
        """Give the lead of the best phrase of a concept over the best other one, and the concept's name.

        In standard deviations, where the spread is known; minus infinity where there is nothing to compare.
        """
        fits, others = (
            (phrases @ row - mean) / deviation
            for phrases, (mean, deviation) in zip((self._concepts, self._others), self._levels, strict=True)
        )
        lead = float(fits.max() - others.max()) if len(others) else -np.inf
        return lead, self._names[int(fits.argmax())]

    def score(self, row: Embeddings) -> float:
        """Give about 1 for what belongs to a concept and about -1 for what is harmless; if it is learned."""
        assert self._regression is not None
        return float(self._regression.predict(row[None])[0])


def _levels(phrases: Embeddings, spread: Spread | None) -> tuple[Embeddings, Embeddings]:
    """Tell how each phrase's scores are spread: means (n,) and deviations (n,)."""
    if spread is None:
        return np.zeros(len(phrases), np.float32), np.ones(len(phrases), np.float32)
    return spread(phrases)


def _learned(concepts: Embeddings, harmless: Embeddings) -> Any:
    """Fit the regression; both kinds weigh the same in all."""
    from sklearn.kernel_ridge import KernelRidge  # takes a second to import; only prompts need it

    counts = np.array([len(concepts), len(harmless)])
    kinds = np.repeat([1.0, -1.0], counts)
    weights: NDArray[np.float64] = np.repeat(counts.sum() / (2 * counts), counts)
    regression = KernelRidge(alpha=_RIDGE, kernel="rbf", gamma=_WIDTH)
    return regression.fit(np.concatenate([concepts, harmless]), kinds, sample_weight=weights)
