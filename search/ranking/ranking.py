"""The one ranking of a query: nearest pictures, nearest texts and matching words, best first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from indexer import KINDS, Collection, Embeddings, Ids, Kind, Nearest

from ..query.embed import EmbeddedQuery
from ..query.query import Query, Words
from ..ranking_input import Best, Rows
from ..verdict.judge import Judge
from .eligibility import Counted
from .fusion import Found, WordHits, blend, is_decisive
from .keywords import WordMatches, find_words

_WORD_HITS = 100  # items that words bring in, the same ones however deep a page lies
_UNSEEN = np.float32(-np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One item of the ranking.

    Attributes:
        id: of the item.
        score: cosine of what matched.
        matched: the kind of embedding that matched.
        worded: it was also found by words.
    """

    id: int
    score: float
    matched: Kind
    worded: bool


class Ranking:
    """Ranks a collection for one query; deeper looks give longer prefixes of the same ranking.

    An item counts by the better of its picture and its text, both on one scale (``Judge.relevance``), to
    which the evidence of matching words is added. A query without words goes by the pictures of those items
    that have one: what a caption says is a poorer witness of what looks alike.

    Args:
        collection: what is ranked.
        query: what is sought.
        embedded: its embedding.
        judge: brings the kinds to one scale.
        allowed: (m,) int64 ascending, the only ids to consider; None for all.
        left_out: ids that are never ranked, such as the item that is asked about.
    """

    def __init__(
        self,
        collection: Collection,
        query: Query,
        embedded: EmbeddedQuery,
        judge: Judge,
        *,
        allowed: Ids | None = None,
        left_out: frozenset[int] = frozenset(),
    ) -> None:
        self._collection = collection
        self._direction = embedded.embedding
        self._judge = judge
        self._allowed = allowed
        self._apart = query.sees_apart
        self._left_out = left_out
        self._counted = Counted(collection, allowed)
        self._by_text = any(part.kind == "text" for part in embedded.parts)
        self._rows = {kind: Rows(collection, kind, self._direction, size=self._size(kind)) for kind in KINDS}
        self._words = _WordSearch(self._counted, query, allowed, left_out) if query.hybrid else None
        self._order = Found(scores=np.empty(0), ids=np.empty(0, np.int64))
        self._first: list[Ranked] = []  # of the order, as far as it was asked for
        self._matched: dict[int, Kind] = {}
        self._scores: dict[tuple[Kind, int], float] = {}  # known from the search: no need to fetch rows
        self._word_scores: dict[Kind, tuple[Ids, Embeddings]] = {}
        self._nearest: Mapping[Kind, Nearest] = {}
        self._is_whole = False

    def _size(self, kind: Kind) -> int:
        """Tell about how many embeddings of a kind are searched."""
        return self._counted.size(kind) if self._judge.is_calibrated else 0  # only verdicts ask

    @property
    def decisive(self) -> int:
        """Count the items that hold all words of the query, if that singles them out; else 0.

        What a model made does not count.
        """
        return self._words.decisive() if self._words is not None else 0

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are sought."""
        return tuple(self._words.text.split()) if self._words is not None else ()

    def first(self, count: int) -> Sequence[Ranked]:
        """Give the first ``count`` items or more; fewer only if there are no more."""
        if len(self._order.ids) < count and not self._is_whole:
            self._look(count)
        self._first += [self._ranked(i) for i in self._order.ids[len(self._first) : count].tolist()]
        return self._first

    def counted(self, count: int) -> list[int]:
        """Give the first ``count`` ids that count for the verdict; fewer only if there are no more."""
        if self._counted.is_empty():
            return []
        depth = count
        while True:
            ids = [entry.id for entry in self.first(depth)]
            counted = [i for i, counts in zip(ids, self._counted.holds(ids), strict=True) if counts]
            if len(counted) >= count or len(ids) < depth:
                return counted[:count]
            depth = 2 * len(ids)

    def made(self, ids: Sequence[int]) -> list[bool]:
        """Say of each item whether a model made it."""
        return [not counts for counts in self._counted.holds(ids)]

    def relevance(self, ids: Sequence[int]) -> Embeddings:
        """Give what ranked items are ordered by, (n,) float32."""
        known = dict(zip(self._order.ids.tolist(), self._order.scores.tolist(), strict=True))
        return np.array([known[item_id] for item_id in ids], np.float32)

    def best(self, ids: Sequence[int]) -> dict[Kind, Best]:
        """Give rows and scores of some items, by kind of embedding that the ranking looks at."""
        found = {kind: self._rows[kind].of(ids) for kind in self._kinds(ids)}
        return {kind: best for kind, best in found.items() if len(best.ids)}

    def _kinds(self, ids: Sequence[int]) -> Sequence[Kind]:
        """Name the kinds of embedding that count for some items; without words, pictures come first."""
        if self._by_text:
            return KINDS
        return ("image",) if len(self._rows["image"].of(ids).ids) else ("text",)

    def pictures(self, ids: Sequence[int]) -> Embeddings:
        """Give the pictures' embeddings of some items, (n, dim) float32; zeros where there is no picture."""
        best = self._rows["image"].of(ids)
        rows = np.zeros((len(ids), len(self._direction)), np.float32)
        place = {item_id: number for number, item_id in enumerate(ids)}
        rows[[place[item_id] for item_id in best.ids.tolist()]] = best.rows
        return rows

    def _look(self, count: int) -> None:
        """Search deep enough for ``count`` items that nothing deeper can come before."""
        depth = count + len(self._left_out)
        while True:
            self._look_at(depth)
            if len(self._order.ids) >= count or self._is_whole:
                return
            depth *= 2  # words have moved some; rare, since they only ever raise what is near

    def _look_at(self, depth: int) -> None:
        """Search so deep, and merge what is found."""
        words = self._words
        nearest = self._collection.search(
            self._direction, depth, allowed=self._allowed, captions=self._by_text, apart=self._apart
        )
        self._is_whole = all(len(found.ids) < depth for found in nearest.values())
        merged, matched = self._merged(nearest, depth)
        if words is not None and len(words.ids):
            merged, by_words = self._blended(nearest, merged, words)
            matched = by_words | matched
        self._order, self._matched, self._nearest, self._first = merged, matched, nearest, []
        known = [(kind, found.ids, found.scores) for kind, found in nearest.items()]
        known += [(kind, *found) for kind, found in self._word_scores.items()]
        self._scores = {
            (kind, item_id): score
            for kind, ids, scores in known
            for item_id, score in zip(ids.tolist(), scores.tolist(), strict=True)
        }

    def _ranked(self, item_id: int) -> Ranked:
        kind = self._matched.get(item_id) or self._better_kind(item_id)
        score = self._scores.get((kind, item_id))
        if score is None:
            score = float(self._rows[kind].of([item_id]).scores[0])
        worded = self._words is not None and item_id in self._words.known
        return Ranked(id=item_id, score=score, matched=kind, worded=worded)

    def _merged(self, nearest: Mapping[Kind, Nearest], depth: int) -> tuple[Found, dict[int, Kind]]:
        """Put both kinds into one order: the better counts, ties by smaller id."""
        best: dict[int, tuple[float, Kind]] = {}
        for kind, found in nearest.items():
            values = self._judge.relevance(kind, found, found.scores)
            for item_id, value in zip(found.ids.tolist(), values.tolist(), strict=True):
                if item_id not in self._left_out and (item_id not in best or value > best[item_id][0]):
                    best[item_id] = value, kind
        order = sorted(best, key=lambda item_id: (-best[item_id][0], item_id))
        if not self._is_whole:  # beyond this depth an item may hide that neither list reached
            order = order[:depth]
        scores = np.array([best[item_id][0] for item_id in order], np.float64)
        kinds = {item_id: best[item_id][1] for item_id in order}
        return Found(scores=scores, ids=np.array(order, np.int64)), kinds

    def _blended(
        self, nearest: Mapping[Kind, Nearest], merged: Found, words: _WordSearch
    ) -> tuple[Found, dict[int, Kind]]:
        """Add the evidence of words; tell also which embedding counts of each item that they found."""
        relevance = np.full(len(words.ids), _UNSEEN)
        ascending = np.argsort(words.ids)
        matched: dict[int, Kind] = {}
        if not self._word_scores:  # those of all looks
            kinds = self._kinds(words.ids.tolist())
            self._word_scores = {kind: self._rows[kind].scores(words.ids) for kind in kinds}
        for kind, (ids, scores) in self._word_scores.items():
            values = self._judge.relevance(kind, nearest[kind], scores)
            rows = ascending[np.searchsorted(words.ids, ids, sorter=ascending)]
            better = values > relevance[rows]
            relevance[rows[better]] = values[better]
            matched |= dict.fromkeys(ids[better].tolist(), kind)
        hits = WordHits(
            found=Found(scores=words.scores, ids=words.ids),
            relevance=relevance,
            total=self._counted.items,
            decisive=words.is_decisive,
        )
        return blend(merged, hits, exhausted=self._is_whole), matched

    def _better_kind(self, item_id: int) -> Kind:
        """Tell which embedding counts of an item whose words put it first although nothing else is known."""
        values = {
            kind: float(self._judge.relevance(kind, self._nearest[kind], best.scores)[0])
            for kind, best in self.best([item_id]).items()
        }
        return max(values, key=lambda kind: values[kind])


class _WordSearch:
    """What the words of a query find in titles, texts, tags and names."""

    def __init__(self, counted: Counted, query: Query, allowed: Ids | None, left_out: frozenset[int]) -> None:
        self.text = " ".join(term.text for term in query.terms if isinstance(term, Words) and term.weight > 0)
        self._counted, self._left_out = counted, list(left_out)
        found = self._find(allowed)
        kept = ~np.isin(found.ids, self._left_out)
        self.ids, self.scores = found.ids[kept], found.scores[kept].astype(np.float64)
        self.known = frozenset(self.ids.tolist())
        # Beside a picture words are one witness of two: "red" does not put whatever is called so first.
        self._alone = all(isinstance(term, Words) for term in query.terms)
        self.is_decisive = self._alone and found.every and is_decisive(len(found.ids), counted.items)

    def decisive(self) -> int:
        """Count the items with all words among those that count, if that singles them out; else 0."""
        narrowed = self._counted.narrowed()
        if narrowed is None:  # words find nothing else
            return len(self.ids) if self.is_decisive else 0
        found = self._find(narrowed)
        if not (self._alone and found.every and is_decisive(len(found.ids), self._counted.total)):
            return 0
        return int((~np.isin(found.ids, self._left_out)).sum())

    def _find(self, allowed: Ids | None) -> WordMatches:
        most = max(_WORD_HITS, math.isqrt(self._counted.items) + 1)  # enough to see whether they are few
        return find_words(self._counted.collection, self.text, most, allowed=allowed)
