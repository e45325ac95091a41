"""Reordering candidates so that the first ones also differ from each other."""

from __future__ import annotations

import numpy as np

from indexer import Embeddings, Ids

_DECIMALS = 5  # below the rounding of stored embeddings; makes equal rows tie whatever the matrix product did


def diversify(scores: Embeddings, embeddings: Embeddings, *, weight: float) -> Ids:
    """Reorder candidates by maximal marginal relevance (Carbonell & Goldstein 1998).

    The best candidate comes first; each next one has the highest ``(1 - weight) * score - weight * s``, where
    s is its greatest cosine with those before it. Equal values keep their order. The new order depends on
    which candidates there are, so pages of one answer need the same ones: choose their number once.

    Args:
        scores: (n,) float, best first; probabilities, or any relevance on about the scale of cosines.
        embeddings: (n, dim) float32, rows of length 1 in the same order.
        weight: 0 keeps the order; 1 looks at the differences alone.

    Returns:
        (n,) int64, the positions of the candidates in their new order.

    Raises:
        ValueError: the weight is not within 0 and 1, the lengths differ, or the scores are not best first.
    """
    _check(scores, embeddings, weight)
    count = len(scores)
    if weight == 0 or count < 2:
        return np.arange(count, dtype=np.int64)
    relevance = (1 - weight) * np.asarray(scores, np.float64)
    alike = weight * np.round((embeddings @ embeddings.T).astype(np.float64), _DECIMALS)  # (n, n)
    order = np.zeros(count, np.int64)
    penalty = alike[0].copy()
    relevance[0] = -np.inf  # taken
    for place in range(1, count):
        best = int(np.argmax(relevance - penalty))  # the first of equals
        order[place] = best
        relevance[best] = -np.inf
        np.maximum(penalty, alike[best], out=penalty)
    return order


def _check(scores: Embeddings, embeddings: Embeddings, weight: float) -> None:
    if not 0 <= weight <= 1:
        raise ValueError(f"the weight of diversity must be within 0 and 1, not {weight}")
    if scores.ndim != 1 or embeddings.ndim != 2 or len(scores) != len(embeddings):
        raise ValueError(f"{len(scores)} scores and {len(embeddings)} embeddings do not match")
    if not np.isfinite(scores).all() or (np.diff(scores) > 0).any():
        raise ValueError("the scores must be finite and best first")
