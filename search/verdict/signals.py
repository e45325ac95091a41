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

Signals = NDArray[np.float32]

HIT_SIGNALS = ("score", "null", "reverse", "margin", "related", "query_mean", "query_spread", "nearest")
"""The columns of ``hit_signals``."""

HIT_CONTEXT, COVERAGE_CONTEXT = 3, 4
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

FAMILIAR_SIGNALS = (
    *(f"{depth}_{name}" for depth in ("first", "three", "ten") for name in ("shared", "kindred", "named")),
    "known",
    "vague",
)
"""What follows ``COVERAGE_SIGNALS`` where the bank has landmarks: the entries of ``familiar_signals``."""

_SHARPNESS = 2.0  # of the softmax over standardised phrase scores
_SAME = (0.6, 0.9)  # a phrase this near to the query counts less and less as an alternative to it
_LEAST_SPREAD = 1e-3
_KEENNESS = 60.0  # of the softmax over the names of landmarks; a name and its plural stay close together
_TRUST = 0.5  # in the logits of landmarks: pictures of a shop are less alike than those they were fitted on
_NAMED = 3  # landmarks that a query may mean
_STRANGE, _FAMILIAR = 0.65, 0.88  # cosines of a query with the nearest landmark's name: none; its own


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
class Landmarks:
    """Kinds of things of which the encoder has seen pictures: what they are called, and how to tell them.

    Words place a picture roughly, pictures of its kind better: a discriminant for each kind (Fisher 1936)
    says what a hit shows, and its name whether that is what the query means.

    Attributes:
        names: (k, dim) float32, unit rows: embeddings of what each kind is called.
        weights: (k, dim) float32 and
        bias: (k,) float32, of the logits of a picture's embedding.
    """

    names: Embeddings
    weights: Embeddings
    bias: Embeddings

    def __post_init__(self) -> None:
        if self.names.shape != self.weights.shape or self.bias.shape != self.names.shape[:1]:
            shapes = f"{self.names.shape}, {self.weights.shape} and {self.bias.shape}"
            raise ValueError(f"names, weights and biases of landmarks do not fit together: {shapes}")

    def without(self, left_out: NDArray[np.bool_]) -> Landmarks:
        """Leave out some, marked (k,)."""
        kept = ~left_out
        return Landmarks(names=self.names[kept], weights=self.weights[kept], bias=self.bias[kept])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bank:
    """What queries and hits are compared with.

    Attributes:
        phrases: (p, dim) float32, unit rows: descriptions of all kinds of things.
        nulls: unrelated embeddings by kind.
        levels: mean (p,) and deviation (p,) of each phrase's scores, by kind; worked out from the others.
        landmarks: kinds of things that pictures are known of; None if none are.
    """

    phrases: Embeddings
    nulls: Mapping[Kind, Null]
    levels: Mapping[Kind, tuple[Embeddings, Embeddings]]
    landmarks: Landmarks | None = None

    @classmethod
    def of(cls, phrases: Embeddings, nulls: Mapping[Kind, Null], landmarks: Landmarks | None = None) -> Bank:
        """Put a bank together."""
        levels = {kind: null.spread(phrases) for kind, null in nulls.items()}
        return cls(phrases=phrases, nulls=nulls, levels=levels, landmarks=landmarks)


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
    share = _SHARPNESS * null - np.logaddexp(_log_sum(rivals), _SHARPNESS * null)
    best_rival = np.where(other > 0.5, described, -np.inf).max(axis=1, initial=-10.0)
    weights = np.exp(_SHARPNESS * described - _log_sum(_SHARPNESS * described)[:, None])
    nearest = float(np.where(other > 0.5, alike, -1.0).max(initial=-1.0))
    columns = [scores, null, share, null - best_rival, weights @ alike]
    columns += [np.full(len(scores), value) for value in (mean, spread, nearest)]
    return np.stack(columns, axis=1).astype(np.float32)


def rivals(bank: Bank, kind: Kind, query: Embeddings, rows: Embeddings) -> list[int]:
    """Name the phrase of the bank that describes each hit best, of those that mean something else.

    Args:
        bank: of the encoder.
        kind: of the hits' embeddings.
        query: (dim,) float32 of length 1.
        rows: (m, dim) float32, the hits' embeddings.

    Returns:
        (m) numbers of phrases; nothing if all phrases mean what the query does.
    """
    other = _other(bank.phrases @ query) > 0.5
    if not other.any():
        return []
    level, deviation = bank.levels[kind]
    described = np.where(other, (rows @ bank.phrases.T - level) / deviation, -np.inf)  # (m, p)
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


def familiar_signals(landmarks: Landmarks, query: Embeddings, rows: Embeddings) -> Signals:
    """Compare what the best hits show with what the query means, by kinds that pictures are known of.

    - ``shared``: logarithm of the chance that a hit and the query are of the same kind; ``kindred``: mean
      cosine of the query with the names of what a hit may show; ``named``: logarithm of the highest chance
      that a hit shows one of the three kinds nearest to the query. Means over the first hit, three and ten.
    - ``known``: cosine of the query with the nearest kind's name; ``vague``: entropy over all names.

    Args:
        landmarks: of the encoder.
        query: (dim,) float32 of length 1.
        rows: (m, dim) float32, embeddings of the best hits, which are pictures; at least one.

    Returns:
        (11,) float32, entries as in ``FAMILIAR_SIGNALS``.
    """
    alike = landmarks.names @ query  # (k,)
    logits = _TRUST * (rows[:_DEPTH] @ landmarks.weights.T + landmarks.bias)  # (m, k)
    shown, meant = _shares(logits), _shares(_KEENNESS * alike)
    nearest = np.argsort(-alike, kind="stable")[:_NAMED]
    own = np.stack([_log_sum(shown + meant), np.exp(shown) @ alike, shown[:, nearest].max(axis=1)], axis=1)
    means = [own[:depth].mean(axis=0) for depth in (1, 3, _DEPTH)]
    return np.concatenate([*means, [alike.max(), -(np.exp(meant) * meant).sum()]]).astype(np.float32)


def familiarity(signals: Signals) -> Embeddings:
    """Say how far landmarks know what is asked for, (...,) from 0 to 1, by signals (..., 32) or (..., 21)."""
    if signals.shape[-1] == len(COVERAGE_SIGNALS):
        return np.zeros(signals.shape[:-1], np.float32)
    known = signals[..., len(COVERAGE_SIGNALS) + FAMILIAR_SIGNALS.index("known")]
    gate: Embeddings = np.clip((known - _STRANGE) / (_FAMILIAR - _STRANGE), 0, 1).astype(np.float32)
    return gate


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
        ``hit_signals``, (m, 8), and ``coverage_signals``, (21,), followed by ``familiar_signals`` where hits
        are pictures and the bank has landmarks, (32,).
    """
    hits = hit_signals(bank, kind, query, rows, scores)
    whole = coverage_signals(hits, rows, size=size)
    if bank.landmarks is not None and kind == "image":
        whole = np.concatenate([whole, familiar_signals(bank.landmarks, query, rows)])
    return hits, whole


def _shares(logits: Embeddings) -> Embeddings:
    """Give the logarithms of a softmax over the last axis."""
    level = logits - logits.max(axis=-1, keepdims=True)
    shares: Embeddings = level - _log_sum(level)[..., None]
    return shares


def _log_sum(values: Embeddings) -> Embeddings:
    """Give log(sum(exp(values))) over the last axis, safely."""
    high = values.max(axis=-1, initial=-30.0)
    summed: Embeddings = high + np.log(np.exp(values - high[..., None]).sum(axis=-1) + 1e-12)
    return summed
