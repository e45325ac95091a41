"""The figures of retrieval: ranks, recall, nearest neighbours; plain functions of arrays.

Embeddings are rows of length 1 and compare by their inner product. Ranks start at 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer import Embeddings, Ids

Labels = NDArray[np.int64]
"""(n,) what each sample is; equal numbers mean the same."""

Answers = NDArray[np.int64]
"""(p, 2) pairs of a query's and a candidate's position: this candidate is right for this query."""

Ranks = NDArray[np.int64]
"""(n,) place of the best right answer to each query, 1 for the first."""

_CELLS = 1 << 24  # scores held at once, 64 MB


def best_ranks(queries: Embeddings, candidates: Embeddings, answers: Answers) -> Ranks:
    """Rank all candidates for each query; give the place of the first right one.

    Equal scores are ordered by position, as search orders them by id.

    Args:
        queries: (n, dim).
        candidates: (m, dim).
        answers: which candidates are right for which query; at least one for each.

    Raises:
        ValueError: a query has no right answer among the candidates.
    """
    if len(np.unique(answers[:, 0])) < len(queries):
        raise ValueError("each query needs a right answer among the candidates")
    answers = answers[np.lexsort((answers[:, 1], answers[:, 0]))]
    ranks = np.empty(len(queries), np.int64)
    rows = max(1, _CELLS // max(1, len(candidates)))
    for start in range(0, len(queries), rows):
        first, last = np.searchsorted(answers[:, 0], [start, start + rows])
        scores = queries[start : start + rows] @ candidates.T  # (rows, m)
        right = answers[first:last] - np.array([start, 0], np.int64)
        ranks[start : start + rows] = _places(scores, right)
    return ranks


def _places(scores: NDArray[np.float32], answers: Answers) -> Ranks:
    """Give for each row of scores the place of its best answer; answers are in order."""
    own = scores[answers[:, 0], answers[:, 1]]
    order = np.lexsort((answers[:, 1], -own, answers[:, 0]))  # the best of each row comes first
    _, first = np.unique(answers[:, 0], return_index=True)
    best = answers[order[first], 1][:, None]
    bar = np.take_along_axis(scores, best, axis=1)
    earlier = np.arange(scores.shape[1]) < best
    places: Ranks = 1 + ((scores > bar) | ((scores == bar) & earlier)).sum(axis=1)
    return places


def recall_at(ranks: ArrayLike, k: int) -> float:
    """Give the share of queries with a right answer among the first ``k``."""
    return float(np.mean(np.asarray(ranks) <= k))


def median_rank(ranks: ArrayLike) -> float:
    """Give the median place of the first right answer."""
    return float(np.median(np.asarray(ranks)))


def neighbours(embeddings: Embeddings, k: int) -> Ids:
    """Find the ``k`` nearest others of each row.

    Args:
        embeddings: (n, dim).
        k: from 1 to n - 1.

    Returns:
        (n, k) positions, the nearest first, equal scores by position.

    Raises:
        ValueError: there are not ``k`` others.
    """
    count = len(embeddings)
    if not 1 <= k < count:
        raise ValueError(f"{count} rows have no {k} others")
    found = np.empty((count, k), np.int64)
    rows = max(1, _CELLS // count)
    for start in range(0, count, rows):
        scores = embeddings[start : start + rows] @ embeddings.T
        own = np.arange(len(scores))
        scores[own, start + own] = -np.inf
        found[start : start + rows] = _first(scores, k)
    return found


def _first(scores: NDArray[np.float32], k: int) -> Ids:
    """Give the places of the ``k`` highest scores of each row, best first, equal ones by position."""
    chosen = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    best = np.take_along_axis(scores, chosen, axis=1)
    chosen = np.take_along_axis(chosen, np.argsort(-best, axis=1, kind="stable"), axis=1)
    # where more than k reach the last score, the partition kept some of the equal ones at random
    tied = (scores >= best.min(axis=1, keepdims=True)).sum(axis=1) > k
    chosen[tied] = np.argsort(-scores[tied], axis=1, kind="stable")[:, :k]
    return chosen


def vote(nearest: Ids, labels: Labels) -> Labels:
    """Give the label that most neighbours have; where several do, the one that comes first.

    Args:
        nearest: (n, k) positions, the nearest first.
        labels: (m,) of the rows that the positions mean.

    Returns:
        (n,) labels.
    """
    votes = labels[nearest]  # (n, k)
    agreeing = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    return np.take_along_axis(votes, agreeing.argmax(axis=1)[:, None], axis=1)[:, 0]


def knn_hits(embeddings: Embeddings, labels: Labels, *, k: int) -> NDArray[np.bool_]:
    """Say for each row whether its ``k`` nearest others vote for its own label (leave-one-out).

    A row whose label no other row has is counted, and wrong.

    Raises:
        ValueError: there are not ``k`` others.
    """
    hits: NDArray[np.bool_] = vote(neighbours(embeddings, k), labels) == labels
    return hits


def agreement(found: Ids, exact: Ids) -> NDArray[np.float64]:
    """Give for each query the share of the exact answers that were found.

    Args:
        found: (n, k) ids that an approximate index gave.
        exact: (n, k) ids that the exact index gave.
    """
    return np.array([np.isin(right, got).mean() for got, right in zip(found, exact, strict=True)])
