"""What is known of an encoder beyond its scores: concepts it was taught, and how it sees unrelated pictures.

Words place a picture roughly, pictures of its kind better. So the bank of an encoder whose training is known
holds landmarks, concepts of which it has seen pictures, and a background, embeddings of pictures of all
domains that it has not seen. How far such evidence can be trusted depends on how near a query lies to a
landmark, which is a signal itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer import Embeddings

Values = NDArray[np.float32]

KNOWLEDGE_SIGNALS = (
    *("sibling_first", "sibling_three", "siblings"),
    *("above_first", "above_three", "above_share"),
    *(
        "learned_first",
        "learned_three",
        "posterior_first",
        "posterior_three",
        "both_first",
        "posterior_weight",
    ),
    *(f"{depth}_{name}" for depth in ("first", "three", "ten") for name in ("shared", "kindred", "named")),
    *("vague", "known"),
)
"""The entries of ``Knowledge.signals``."""

_DEPTH = 10  # hits that a verdict on the whole looks at
_SIBLINGS = 12  # phrases nearest in meaning, beside those that mean the same
_OTHER = 0.81  # cosine with the query above which a phrase means the same
_HIGH = 0.99  # quantile of the background that a hit should exceed
_KEENNESS = 60.0  # of the softmax over the names of landmarks; a name and its plural stay close together
_TRUST = 0.5  # in the logits of landmarks: other pictures are less alike than those they were fitted on
_NAMED = 3  # landmarks that a query may mean
_STRANGE, _FAMILIAR = 0.65, 0.88  # cosines of a query with the nearest landmark's name: none; its own
_LEAST = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmarks:
    """Concepts of which the encoder has seen pictures: what they are called, and how to tell them.

    A discriminant for each concept (Fisher 1936) says what a hit shows, and its name whether that is what the
    query means.

    Attributes:
        names: (k, dim) float32, unit rows: embeddings of what each concept is called.
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


class Part:
    """One part of the embeddings: scores within it, compared with the background's.

    Args:
        columns: of the embeddings.
        background: (b, dim) float32.
    """

    def __init__(self, columns: slice, background: Embeddings) -> None:
        self._columns = columns
        rows = background[:, columns].astype(np.float64)
        self._mean = rows.mean(axis=0).astype(np.float32)
        self._covariance = np.cov(rows.T).astype(np.float32)

    def standard(self, query: Embeddings, rows: Embeddings) -> Values:
        """Give scores (m,) of rows (m, dim) with a query (dim,), in deviations from the background's mean."""
        direction = query[self._columns]
        direction = direction / max(float(np.linalg.norm(direction)), _LEAST)
        spread = max(float(direction @ self._covariance @ direction), _LEAST) ** 0.5
        scores: Values = ((rows[:, self._columns] @ direction - direction @ self._mean) / spread).astype(
            np.float32
        )
        return scores


class Knowledge:
    """Evidence for an encoder whose training is known.

    Args:
        landmarks: concepts that it was taught.
        background: (b, dim) float32, unit rows: pictures of all domains that it was not trained on.
        learned: how many dimensions, the first ones, were learned; the others are a classifier's posterior.
    """

    def __init__(self, *, landmarks: Landmarks, background: Embeddings, learned: int) -> None:
        if not 0 < learned < background.shape[1] or len(background) < 2:
            raise ValueError(f"{learned} learned dimensions do not fit a background of {background.shape}")
        self.landmarks, self.background, self.learned = landmarks, background, learned
        self._learned = Part(slice(0, learned), background)
        self._posterior = Part(slice(learned, None), background)

    def signals(self, query: Embeddings, rows: Embeddings, scores: Embeddings, rivalry: Rivalry) -> Values:
        """Measure the best hits of a query, which are pictures.

        - ``sibling``: by how much a hit fits the query better than the phrases nearest to it in meaning;
          ``siblings``: how near those are.
        - ``above``: by how much a hit exceeds nearly all of the background, in its deviations;
          ``above_share``: logarithm of the share of the background that scores as high as the first hit.
        - ``learned``, ``posterior``: scores within either part, in deviations; ``both``: the lower of them;
          ``posterior_weight``: how much of the query lies in the second.
        - ``shared``: logarithm of the chance that a hit and the query are of the same landmark; ``kindred``:
          mean cosine of the query with the names of what a hit may show; ``named``: logarithm of the highest
          chance that a hit shows one of the three landmarks nearest to the query.
        - ``vague``: entropy of the query over all names; ``known``: its cosine with the nearest one.

        Args:
            query: (dim,) float32 of length 1.
            rows: (m, dim) float32, embeddings of the best hits, at least one, best first.
            scores: (m,) float32, their cosines with the query.
            rivalry: how well other phrases fit those hits.

        Returns:
            (23,) float32, entries as in ``KNOWLEDGE_SIGNALS``.
        """
        top, scores = rows[:_DEPTH], scores[:_DEPTH]
        margins, nearness = rivalry.siblings()
        background = self.background @ query
        high, spread = np.quantile(background, _HIGH), float(background.std()) + _LEAST
        share = np.log(np.mean(background >= scores[0]) + 1 / len(background))
        learned, posterior = self._learned.standard(query, top), self._posterior.standard(query, top)
        parts = [
            *(margins[0], margins[:3].mean(), nearness),
            *((scores[0] - high) / spread, (scores[:3].mean() - high) / spread, share),
            *(
                learned[0],
                learned[:3].mean(),
                posterior[0],
                posterior[:3].mean(),
                min(learned[0], posterior[0]),
            ),
            float(np.linalg.norm(query[self.learned :])),
        ]
        return np.concatenate([parts, self._familiar(query, top)]).astype(np.float32)

    def _familiar(self, query: Embeddings, rows: Embeddings) -> Values:
        """Compare what hits (m, dim) show with what the query means, by landmarks: the last 11 signals."""
        alike = self.landmarks.names @ query  # (k,)
        logits = _TRUST * (rows @ self.landmarks.weights.T + self.landmarks.bias)  # (m, k)
        shown, meant = log_shares(logits), log_shares(_KEENNESS * alike)
        nearest = np.argsort(-alike, kind="stable")[:_NAMED]
        own = np.stack([log_sum(shown + meant), np.exp(shown) @ alike, shown[:, nearest].max(axis=1)], axis=1)
        means = [own[:depth].mean(axis=0) for depth in (1, 3, _DEPTH)]
        return np.concatenate([*means, [-(np.exp(meant) * meant).sum(), alike.max()]]).astype(np.float32)

    def familiarity(self, query: Embeddings) -> float:
        """Say how far landmarks know what a query (dim,) asks for, from 0 to 1."""
        known = float((self.landmarks.names @ query).max(initial=-1.0))
        return float(np.clip((known - _STRANGE) / (_FAMILIAR - _STRANGE), 0, 1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rivalry:
    """How well the bank's phrases fit hits, beside the query.

    Attributes:
        own: (m,) standardised scores of the hits with the query.
        described: (m, p) the same with each phrase.
        alike: (p,) cosines of the phrases with the query.
    """

    own: Embeddings
    described: Embeddings
    alike: Embeddings

    def siblings(self) -> tuple[Values, float]:
        """Give margins (m,) over the phrases nearest in meaning, and how near those are."""
        nearest = np.argsort(-np.where(self.alike < _OTHER, self.alike, -1.0), kind="stable")[:_SIBLINGS]
        margins: Values = (self.own - self.described[:, nearest].max(axis=1)).astype(np.float32)
        return margins, float(self.alike[nearest].mean())


def log_shares(logits: Embeddings) -> Embeddings:
    """Give the logarithms of a softmax over the last axis."""
    level = logits - logits.max(axis=-1, keepdims=True)
    shares: Embeddings = level - log_sum(level)[..., None]
    return shares


def log_sum(values: Embeddings) -> Embeddings:
    """Give log(sum(exp(values))) over the last axis, safely."""
    high = values.max(axis=-1, initial=-30.0)
    summed: Embeddings = high + np.log(np.exp(values - high[..., None]).sum(axis=-1) + 1e-12)
    return summed
