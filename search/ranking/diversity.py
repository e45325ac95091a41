"""Reordering candidates so that the first ones also differ from each other."""

from __future__ import annotations

import numpy as np

from indexer import Embeddings, Ids


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
    rows = np.ascontiguousarray(embeddings, np.float32)
    order = np.zeros(count, np.int64)
    alike = np.full(count, -np.inf, np.float32)  # with the most similar one that was taken
    for place in range(1, count):
        relevance[order[place - 1]] = -np.inf  # taken
        # one dot product a pair, so that equal rows tie to the last bit; and without threads to wait for
        np.maximum(alike, np.vecdot(rows, rows[order[place - 1]]), out=alike)
        order[place] = np.argmax(relevance - weight * alike.astype(np.float64))  # the first of equals
    return order


def _check(scores: Embeddings, embeddings: Embeddings, weight: float) -> None:
    if not 0 <= weight <= 1:
        raise ValueError(f"the weight of diversity must be within 0 and 1, not {weight}")
    if scores.ndim != 1 or embeddings.ndim != 2 or len(scores) != len(embeddings):
        raise ValueError(f"{len(scores)} scores and {len(embeddings)} embeddings do not match")
    if not np.isfinite(scores).all() or (np.diff(scores) > 0).any():
        raise ValueError("the scores must be finite and best first")
