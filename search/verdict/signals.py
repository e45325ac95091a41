"""What tells an answer from a near miss: signals of a query and its best hits.

A score means little by itself: it depends on the model, on the kind of query and on the query. So each hit is
also seen against *this query's* scores over unrelated embeddings (its null distribution), and by the reverse
check: whether the query describes the hit better than a bank of other phrases does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer import Embeddings, Kind

from .knowledge import KNOWLEDGE_SIGNALS, Knowledge, Rivalry, log_sum

Signals = NDArray[np.float32]

HIT_SIGNALS = ("score", "null", "reverse", "margin", "related", "query_mean", "query_spread", "nearest")
"""The columns of ``hit_signals``."""

HIT_CONTEXT, COVERAGE_CONTEXT, INFORMED_CONTEXT = 3, 4, 1
"""How many of the signals, the last ones, tell of the query and of the collection."""

_OWN = 5  # the first signals differ from hit to hit, the others belong to the query
_DEPTH = 10  # hits that a verdict on the whole looks at

COVERAGE_SIGNALS = (
    *(f"first_{name}" for name in HIT_SIGNALS[:_OWN]),
    *(f"three_{name}" for name in HIT_SIGNALS[:_OWN]),
    *(f"ten_{name}" for name in HIT_SIGNALS[:_OWN]),
    "fall",
    "coherence",
    *HIT_SIGNALS[_OWN:],
    "size",
)
"""The entries of ``coverage_signals``."""

INFORMED_SIGNALS = (*KNOWLEDGE_SIGNALS[:-1], *COVERAGE_SIGNALS, KNOWLEDGE_SIGNALS[-1])
"""``COVERAGE_SIGNALS`` between those of ``Knowledge``, whose last one belongs to the query."""

_SHARPNESS = 2.0  # of the softmax over standardised phrase scores
_SAME = (0.6, 0.9)  # a phrase this near to the query counts less and less as an alternative to it
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Null:
    """The spread of unrelated embeddings of one kind.

    Attributes:
        mean: (dim,) float32.
        covariance: (dim, dim) float32.
    """

    mean: Embeddings
    covariance: Embeddings

    @classmethod
    def of(cls, embeddings: Embeddings) -> Null:
        """Measure (n, dim) embeddings, n at least 2."""
        rows = embeddings.astype(np.float64)
        return cls(mean=rows.mean(0).astype(np.float32), covariance=np.cov(rows.T).astype(np.float32))

    def spread(self, directions: Embeddings) -> tuple[Embeddings, Embeddings]:
        """Tell how scores with directions (n, dim) are spread: means (n,) and deviations (n,)."""
        variance = np.einsum("nd,nd->n", directions @ self.covariance, directions)
        deviation = np.sqrt(np.maximum(variance, _LEAST_SPREAD**2))
        return directions @ self.mean, deviation.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bank:
    """What queries and hits are compared with.

    Attributes:
        phrases: (p, dim) float32, unit rows: descriptions of all kinds of things.
        nulls: unrelated embeddings by kind.
        levels: mean (p,) and deviation (p,) of each phrase's scores, by kind; worked out from the others.
        knowledge: what else is known of the encoder; None where its training is not known.
    """

    phrases: Embeddings
    nulls: Mapping[Kind, Null]
    levels: Mapping[Kind, tuple[Embeddings, Embeddings]]
    knowledge: Knowledge | None = None

    @classmethod
    def of(cls, phrases: Embeddings, nulls: Mapping[Kind, Null], knowledge: Knowledge | None = None) -> Bank:
        """Put a bank together."""
        levels = {kind: null.spread(phrases) for kind, null in nulls.items()}
        return cls(phrases=phrases, nulls=nulls, levels=levels, knowledge=knowledge)


def hit_signals(bank: Bank, kind: Kind, query: Embeddings, rows: Embeddings, scores: Embeddings) -> Signals:
    """Measure each hit of a query.

    - ``score``: cosine; ``null``: the same in deviations from the query's mean over unrelated embeddings.
    - ``reverse``: logarithm of the query's share in a softmax over itself and the bank's phrases, as
      descriptions of the hit; ``margin``: by how much it beats the best phrase. Scores are standardised by
      phrase, so that a phrase that is near to everything counts no more than others, and phrases that mean
      the same as the query are left out by degrees.
    - ``related``: how near to the query are the phrases that describe the hit.
    - ``query_mean``, ``query_spread``: of the null distribution; ``nearest``: the query's best other phrase.

    Args:
        bank: of the encoder.
        kind: of the hits' embeddings.
        query: (dim,) float32 of length 1.
        rows: (m, dim) float32, the hits' embeddings.
        scores: (m,) float32, their cosines with the query.

    Returns:
        (m, 8) float32, columns as in ``HIT_SIGNALS``.
    """
    means, spreads = bank.nulls[kind].spread(query[None])
    mean, spread = float(means[0]), float(spreads[0])
    null = (scores - mean) / spread  # (m,)
    alike = bank.phrases @ query  # (p,)
    other = _other(alike)
    level, deviation = bank.levels[kind]
    described = (rows @ bank.phrases.T - level) / deviation  # (m, p)
    rivals = _SHARPNESS * described + np.log(other)
    share = _SHARPNESS * null - np.logaddexp(log_sum(rivals), _SHARPNESS * null)
    best_rival = np.where(other > 0.5, described, -np.inf).max(axis=1, initial=-10.0)
    weights = np.exp(_SHARPNESS * described - log_sum(_SHARPNESS * described)[:, None])
    nearest = float(np.where(other > 0.5, alike, -1.0).max(initial=-1.0))
    columns = [scores, null, share, null - best_rival, weights @ alike]
    columns += [np.full(len(scores), value) for value in (mean, spread, nearest)]
    return np.stack(columns, axis=1).astype(np.float32)


def rivals(bank: Bank, kind: Kind, query: Embeddings, rows: Embeddings, count: int) -> list[int]:
    """Name the phrase of the bank that describes each hit best, of those that mean something else.

    Args:
        bank: of the encoder.
        kind: of the hits' embeddings.
        query: (dim,) float32 of length 1.
        rows: (m, dim) float32, the hits' embeddings.
        count: how many phrases, the first ones, can be named.

    Returns:
        (m) numbers of phrases; nothing if all phrases mean what the query does.
    """
    phrases, (level, deviation) = bank.phrases[:count], bank.levels[kind]
    other = _other(phrases @ query) > 0.5
    if not other.any():
        return []
    described = np.where(other, (rows @ phrases.T - level[:count]) / deviation[:count], -np.inf)  # (m, p)
    return [int(number) for number in described.argmax(axis=1)]


def _other(alike: Embeddings) -> Embeddings:
    """Tell of each phrase, (p,), by its cosine with the query: 1 for another meaning, 0 for the same."""
    low, high = _SAME
    other: Embeddings = np.clip((high - alike) / (high - low), 1e-6, 1.0)
    return other


def coverage_signals(hits: Signals, rows: Embeddings, *, size: int) -> Signals:
    """Sum up the best hits of a query.

    Args:
        hits: (m, 8) signals of at least one hit, best first.
        rows: (m, dim) float32, their embeddings.
        size: how many embeddings were searched; among more, a high score is more likely by chance.

    Returns:
        (21,) float32, entries as in ``COVERAGE_SIGNALS``: means over the first one, three and ten hits; how
        far the scores fall over the ten; how alike the ten are to each other; what belongs to the query; the
        logarithm of the size.
    """
    top, rows = hits[:_DEPTH], rows[:_DEPTH]
    own = [top[:depth, :_OWN].mean(axis=0) for depth in (1, 3, _DEPTH)]
    fall = top[0, 0] - top[-1, 0]
    centre = rows.mean(axis=0)
    shape, total = [fall, centre @ centre], [np.log(max(size, 1))]
    return np.concatenate([*own, shape, top[0, _OWN:], total]).astype(np.float32)


def whole_signals(
    bank: Bank, kind: Kind, query: Embeddings, rows: Embeddings, scores: Embeddings, *, size: int
) -> tuple[Signals, Signals]:
    """Measure the best hits of a query one by one and as a whole.

    Args:
        bank: of the encoder.
        kind: of the hits' embeddings.
        query: (dim,) float32 of length 1.
        rows: (m, dim) float32, the hits' embeddings, best first; at least one.
        scores: (m,) float32, their cosines with the query.
        size: how many embeddings were searched.

    Returns:
        ``hit_signals``, (m, 8), and ``coverage_signals``, (21,); where hits are pictures and the bank has
        knowledge, entries as in ``INFORMED_SIGNALS``, (44,).
    """
    hits = hit_signals(bank, kind, query, rows, scores)
    whole = coverage_signals(hits, rows, size=size)
    if bank.knowledge is not None and kind == "image":
        level, deviation = bank.levels[kind]
        rivalry = Rivalry(
            own=hits[:, HIT_SIGNALS.index("null")],
            described=(rows @ bank.phrases.T - level) / deviation,
            alike=bank.phrases @ query,
        )
        *more, known = bank.knowledge.signals(query, rows, scores, rivalry)
        whole = np.concatenate([more, whole, [known]]).astype(
            np.float32
        )  # models multiply all by the last ones
    return hits, whole
