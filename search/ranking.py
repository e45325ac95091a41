"""Putting scores of pictures and of texts on one scale, and merging them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from indexer import Embeddings, Ids, Kind

_ENOUGH = 4  # of fewer scores, mean and deviation say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How the scores of one query are spread over the embeddings of one kind.

    Attributes:
        mean, deviation: of the scores.
        count: how many were looked at.
    """

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, scores: Embeddings) -> Spread:
        """Measure scores (n,) float32."""
        if not len(scores):
            return cls(mean=0.0, deviation=0.0, count=0)
        return cls(mean=float(scores.mean()), deviation=float(scores.std()), count=len(scores))


def level(scores: Embeddings, own: Spread, other: Spread) -> Embeddings:
    """Bring scores of one kind of embedding to the scale of another kind.

    A query in words is nearer to any text than to any picture (the modality gap: Liang et al. 2022), so raw
    scores would put every text before every picture. A score is therefore moved to where it would stand
    among the others: as many standard deviations from the mean of *this query's* scores.

    Args:
        scores: (n,) float32 cosine.
        own: spread of this query over the kind that the scores belong to.
        other: spread of this query over the kind whose scale is wanted.

    Returns:
        (n,) float32, at most 1; the scores as they are where either spread is too small to tell.
    """
    if min(own.count, other.count) < _ENOUGH or own.deviation < 1e-4:
        return scores
    levelled = other.mean + (scores - own.mean) * (other.deviation / own.deviation)
    return np.asarray(np.minimum(levelled, 1.0), np.float32)


def merge(found: Mapping[Kind, tuple[Embeddings, Ids]]) -> list[tuple[int, float, Kind]]:
    """Merge what was found by kind; an item counts by its better score.

    Args:
        found: scores (n,) and ids (n,) by kind.

    Returns:
        (id, score, kind) of each item, best first, equal scores by smaller id.
    """
    best: dict[int, tuple[float, Kind]] = {}
    for kind, (scores, ids) in found.items():
        for score, item_id in zip(scores.tolist(), ids.tolist(), strict=True):
            if item_id not in best or score > best[item_id][0]:
                best[item_id] = score, kind
    ranked = sorted(best.items(), key=lambda entry: (-entry[1][0], entry[0]))
    return [(item_id, score, kind) for item_id, (score, kind) in ranked]
