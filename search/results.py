"""The answer to a query, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from indexer import Embeddings, Item, Kind, MissKind

from .query.query import Query
from .verdict.calibration import Judgement, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One item that was found.

    Attributes:
        rank: 1 for the best.
        item: the item.
        score: cosine similarity of what matched, higher is better; not comparable between pictures and texts.
        matched: which of the item's embeddings matched.
        probability: calibrated probability that the item answers the query; None if not calibrated.
        worded: the item was also found by the words of the query.
        folded: ids of near-duplicates that are folded under this hit.
    """

    rank: int
    item: Item
    score: float
    matched: Kind
    probability: float | None = None
    worded: bool = False
    folded: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The answer to a query.

    Attributes:
        query: what was asked.
        hits: best first; the nearest misses if nothing matches.
        considered: how many items were searched: those that satisfy the query's condition.
        took_ms: milliseconds, of which ``encoding_ms`` in the model.
        encoding_ms: milliseconds spent in the model.
        judgement: the verdict; None if not calibrated.
        warnings: what the person should know, in sentences.
        embedding: (dim,) float32 of length 1, the query's; None where nobody kept it.
        kind: what was asked with: ``text``, ``image`` or ``mixed``.
    """

    query: Query
    hits: tuple[Hit, ...]
    considered: int
    took_ms: float
    encoding_ms: float
    judgement: Judgement | None = None
    warnings: tuple[str, ...] = ()
    embedding: Embeddings | None = field(default=None, compare=False, repr=False)
    kind: MissKind = "text"

    @property
    def verdict(self) -> Verdict | None:
        """``match``, ``weak`` or ``no match``; None if not calibrated."""
        return self.judgement.verdict if self.judgement else None

    @property
    def coverage(self) -> float | None:
        """Calibrated probability that anything here answers the query; None if not calibrated."""
        return self.judgement.coverage if self.judgement else None
