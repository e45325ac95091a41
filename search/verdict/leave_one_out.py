"""Leave-concept-out: the same query asked of a collection with and without its answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer import Embeddings, Ids, Kind

from .calibration import QueryKind
from .signals import Bank, Signals, whole_signals

_LOOKED_AT = 10  # best hits of an episode
_SMALLEST, _LARGEST = 40, 5_000  # items of an episode's collection
_FEWEST = 3  # answers that a collection with answers holds, if there are as many

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sought:
    """A query whose answers are known.

    Attributes:
        concept: what is sought, to keep concepts for fitting and for testing apart.
        domain: what kind of pictures it is sought among, to keep domains apart; empty where there is one.
        asked: what the query asks with.
        query: (dim,) float32 of length 1.
        answers: (n,) which rows answer it.
        unsure: (n,) rows that may answer it, or are the query itself: in no collection of its episodes.
    """

    concept: str
    asked: QueryKind
    query: Embeddings
    answers: Mask
    unsure: Mask | None = None
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """What was seen in one episode.

    Attributes:
        concept, asked, domain: of the query.
        kind: of the embeddings searched.
        present: whether answers were there.
        hits: (m, 8) signals of the best hits.
        answers: (m,) which of them answer the query.
        coverage: (21,) signals of the whole; (44,) of pictures where the bank has knowledge.
        first_score, mean_score: of the best hit and of all, for baselines.
    """

    concept: str
    asked: QueryKind
    kind: Kind
    present: bool
    hits: Signals
    answers: Mask
    coverage: Signals
    first_score: float
    mean_score: float
    domain: str = ""


def observe(
    bank: Bank, kind: Kind, rows: Embeddings, sought: Iterable[Sought], *, seed: int = 0, whole: bool = False
) -> Iterator[Observation]:
    """Ask each query twice: of a random collection with answers, and of another from which they were taken.

    The collections are of random sizes, so that a size says nothing about the answer.

    Args:
        bank: what signals compare with.
        kind: of the embeddings searched.
        rows: (n, dim) float32, all that there is.
        sought: the queries.
        seed: of the drawing.
        whole: take all rows, not a part of them.

    Yields:
        Two observations for each query; one or none where too little is left.
    """
    generator = np.random.default_rng(seed)
    for one in sought:
        usable = np.ones(len(rows), bool) if one.unsure is None else ~one.unsure
        if not (one.answers & usable).any():
            continue
        for present in (True, False):
            chosen = _draw(one, usable, present=present, whole=whole, generator=generator)
            if len(chosen):
                yield look(bank, kind, rows, one, chosen)


def _draw(sought: Sought, usable: Mask, *, present: bool, whole: bool, generator: np.random.Generator) -> Ids:
    """Choose the rows of one collection, (m,) int64."""
    answering = np.flatnonzero(sought.answers & usable)
    others = np.flatnonzero(~sought.answers & usable)
    if whole:
        return np.sort(np.concatenate([answering, others])) if present else others
    total = len(answering) + len(others)
    largest = min(_LARGEST, max(len(others), 1))  # both kinds of collection can be as large
    size = math.exp(generator.uniform(math.log(min(_SMALLEST, largest)), math.log(largest)))
    share = min(1.0, size / total)
    if not present:
        return generator.permutation(others)[: max(int(share * total), 1)]
    count = int(generator.binomial(len(answering), share))
    count = max(count, min(_FEWEST, len(answering), int(generator.integers(1, _FEWEST + 1))))
    filling = generator.permutation(others)[: max(int(share * total) - count, 0)]
    return np.concatenate([generator.permutation(answering)[:count], filling])


def look(bank: Bank, kind: Kind, rows: Embeddings, sought: Sought, chosen: Ids) -> Observation:
    """Ask a query of one collection.

    Args:
        bank: what signals compare with.
        kind: of the embeddings searched.
        rows: (n, dim) float32, all that there is.
        sought: the query.
        chosen: (m,) int64, the rows of the collection.
    """
    scores = rows[chosen] @ sought.query  # (m,)
    best = np.argsort(-scores, kind="stable")[:_LOOKED_AT]
    found = rows[chosen[best]]
    hits, whole = whole_signals(bank, kind, sought.query, found, scores[best], size=len(chosen))
    return Observation(
        concept=sought.concept,
        asked=sought.asked,
        kind=kind,
        present=bool(sought.answers[chosen].any()),
        hits=hits,
        answers=sought.answers[chosen[best]],
        coverage=whole,
        first_score=float(scores[best[0]]),
        mean_score=float(scores.mean()),
        domain=sought.domain,
    )
