"""One ranking out of several: of vectors, and of words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer import Ids

Values = NDArray[np.floating]
"""(n,) scores of any kind, higher is better."""

# Standard deviations that the best evidence of words is worth (docs/ranking.md); less where the words are in
# embedded texts too, and would count twice.
WORD_WEIGHT = 2.0
EMBEDDED_WORD_WEIGHT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What one way of searching found.

    Attributes:
        scores: (n,) floats, best first; of words, BM25; of vectors, any relevance.
        ids: (n,) int64 in the same order, none twice.
    """

    scores: Values
    ids: Ids

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or self.scores.shape != self.ids.shape:
            raise ValueError(f"{self.scores.size} scores and {self.ids.size} ids do not match")
        if not np.isfinite(self.scores).all() or (self.scores[1:] > self.scores[:-1]).any():
            raise ValueError("the scores must be finite and best first")
        if np.unique(self.ids).size != self.ids.size:
            raise ValueError("a ranking names an item twice")


def fuse(
    rankings: Sequence[Found], weights: Sequence[float | Values] | None = None, *, k: float = 60
) -> Found:
    """Fuse rankings by reciprocal rank (Cormack, Clarke & Büttcher 2009).

    An item scores the sum, over the rankings that hold it, of weight / (k + place), places counted from 1.
    Equal scores share the mean of their places: among a hundred items that the words fit equally well, none
    gains by its id.

    Args:
        rankings: what was found, each in its own way.
        weights: for each ranking, a number of at least 0 or (n,) for each entry its own; None for 1.
        k: how little the first places stand out, at least 0.

    Returns:
        All items, best first, ties by smaller id; scores float64.

    Raises:
        ValueError: there are not as many weights as rankings, a weight is negative, or k is.
    """
    chosen = [1.0] * len(rankings) if weights is None else list(weights)
    if len(chosen) != len(rankings) or k < 0 or any(np.any(np.asarray(w) < 0) for w in chosen):
        raise ValueError("each ranking needs one weight, and weights and k must be at least 0")
    if not rankings:
        return Found(scores=np.empty(0), ids=np.empty(0, np.int64))
    parts = [weight / (k + _places(found.scores)) for found, weight in zip(rankings, chosen, strict=True)]
    ids, which = np.unique(np.concatenate([found.ids for found in rankings]), return_inverse=True)
    scores = np.zeros(len(ids))
    np.add.at(scores, which, np.concatenate(parts))
    order = np.lexsort((ids, -scores))
    return Found(scores=scores[order], ids=ids[order])


def is_decisive(matching: int, total: int) -> bool:
    """Say whether holding all words of a query singles items out, as an article number does.

    Args:
        matching: how many items hold all words.
        total: how many items there are.
    """
    return 0 < matching <= math.isqrt(total)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordHits:
    """What words found, and how near those items are to the query's embedding.

    Attributes:
        found: ids with their BM25, best first; the same ones however deep a page lies.
        relevance: (n,) of the items in the same order, as vectors see them; -inf where those know nothing.
        total: how many items the collection holds.
        decisive: they hold all words and are few (``is_decisive``): they come first.
    """

    found: Found
    relevance: Values
    total: int
    decisive: bool = False

    def __post_init__(self) -> None:
        if self.relevance.shape != self.found.ids.shape:
            raise ValueError(f"{self.found.ids.size} ids and {self.relevance.size} relevances do not match")
        if np.isnan(self.relevance).any() or (self.relevance == np.inf).any():
            raise ValueError("a relevance is a number, or -inf where it is unknown")
        if self.total < self.found.ids.size:
            raise ValueError(f"{self.found.ids.size} hits in a collection of {self.total}")

    def evidence(self) -> NDArray[np.float64]:
        """Give (n,) from 0 to 1: how much the words say for each hit.

        BM25 adds up the information of the words; one that a single item holds tells about ln(total). Up to
        that much evidence is absolute, so that a ranking by "of" and "the" has next to none; beyond it is
        relative to the best hit.
        """
        scores = np.maximum(np.asarray(self.found.scores, np.float64), 0)
        return scores / max(float(scores.max(initial=0)), math.log(max(self.total, 3)))


def blend(nearest: Found, words: WordHits, *, weight: float = WORD_WEIGHT, exhausted: bool) -> Found:
    """Add the evidence of words to the relevance that vectors see.

    The score of an item is its relevance plus ``weight`` times its evidence, a sum of scores rather than of
    ranks (Bruch, Gai & Ingber 2023). Hits of decisive words come first, in the order of the words. The result
    is a prefix of the one full ranking: an item that vectors have not reached yet can only come later. It
    holds at least as many items as are nearest, but for rounding, since words only raise them; or all.

    Args:
        nearest: what vectors found, best first, ties by smaller id: relevance in standard deviations above
            the mean of this query's scores, or anything else on about that scale.
        words: what words found.
        weight: what the best evidence of words is worth in relevance, at least 0.
        exhausted: vectors have nothing more.

    Returns:
        Items, best first, ties by smaller id. Decisive ones score at least as much as what follows them;
        others of unknown relevance are left out.

    Raises:
        ValueError: the weight is negative.
    """
    if not weight >= 0:
        raise ValueError(f"the weight of words must be at least 0, not {weight}")
    known = np.isfinite(words.relevance)
    worded = known | words.decisive
    lowest = float(nearest.scores[-1]) if len(nearest.scores) else 0.0
    relevance = np.where(known, words.relevance, lowest) + weight * words.evidence()
    alone = ~np.isin(nearest.ids, words.found.ids)
    ids = np.concatenate([words.found.ids[worded], nearest.ids[alone]])
    scores = np.concatenate([relevance[worded], nearest.scores[alone]])
    ahead = len(words.found.ids) if words.decisive else 0
    place = np.minimum(np.arange(len(ids)), ahead)  # those that words put first, then all others alike
    order = np.lexsort((ids, -scores, place))
    if not exhausted:
        order = order[((place < ahead) | _certain(ids, scores, nearest))[order]]
    falling = np.maximum.accumulate(scores[order][::-1])[::-1]  # changes the scores of the first ones alone
    return Found(scores=falling, ids=ids[order])


def _certain(ids: Ids, scores: Values, nearest: Found) -> NDArray[np.bool_]:
    """Mark (n,) what no item that vectors have not reached yet can come before."""
    if not len(nearest.ids):
        return np.zeros(len(ids), bool)
    last, last_id = nearest.scores[-1], nearest.ids[-1]
    return np.asarray((scores > last) | ((scores == last) & (ids <= last_id)), bool)


def _places(scores: Values) -> NDArray[np.float64]:
    """Count places from 1; equal scores share their mean."""
    falling = -np.asarray(scores, np.float64)
    low, high = np.searchsorted(falling, falling, "left"), np.searchsorted(falling, falling, "right")
    return np.asarray((low + high + 1) / 2, np.float64)
