"""The answer to one query: candidates folded, reordered and judged, page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from indexer import BUILT_IN, Collection, Item, Kind, fields_of

from ..encoder_thresholds import near_duplicate_threshold
from ..query.embed import EmbeddedQuery
from ..query.field_hints import field_warnings
from ..query.query import RELEVANCE, Like, Query, Words
from ..query.scripts import script_warning
from ..ranking_input import Best
from ..results import Hit
from ..verdict.calibration import Calibration, Judgement
from ..verdict.judge import Judge, WordMatch
from .group_duplicates import Group, fold
from .ranking import Ranked, Ranking
from .reorder import diversify, order_by

_JUDGED = 10  # best hits that the verdict looks at
_SPARE = 14  # candidates beyond the page that usually make up for folded ones
_RELEVANT = 200  # candidates that are reordered, or held against a threshold
_BUILT_IN_ORDERS = ("title", "path", "id", "width", "height")  # beside attributes
_COPY = 0.99  # probability that a copy of the picture that was asked with answers it
_THE_SAME = "The picture that was asked with is here, or a copy of it."
_ONLY_MADE = "All that was searched was made by a model, and what can be made never counts as an answer."
Candidate = TypeVar("Candidate")
Entry = TypeVar("Entry")


class Answer:
    """One query being answered, within one snapshot of the collection.

    Args:
        collection: what is searched.
        query: what is asked.
        embedded: the query's embedding.
        calibration: turns scores into probabilities and a verdict; None for scores alone.

    Attributes:
        considered: how many items are searched: those that satisfy the query's condition.
    """

    def __init__(
        self, collection: Collection, query: Query, embedded: EmbeddedQuery, calibration: Calibration | None
    ) -> None:
        self._query = query
        self._collection = collection
        self._model = collection.spec
        self._asked = embedded.kind
        self._judge = Judge(calibration, embedded)
        allowed = None
        if query.condition is not None:
            allowed = self._collection.select(query.condition, apart=query.sees_apart)
        self.considered = self._count() if allowed is None else len(allowed)
        likes = frozenset(term.item_id for term in query.terms if isinstance(term, Like))
        self._ranking = Ranking(
            self._collection, query, embedded, self._judge, allowed=allowed, left_out=likes
        )
        self._first = 0.0  # relevance of the first hit that is eligible
        self._copied: frozenset[int] = frozenset()

    def _count(self) -> int:
        tally = self._collection.store.tally()
        return tally.items + (tally.apart if self._query.sees_apart else 0)

    def hits(self) -> tuple[Hit, ...]:
        """Give the page that was asked for."""
        query = self._query
        groups = self._groups(query.offset + query.k)
        known = {entry.id: entry for entry in self._ranking.first(0)}
        shown = page(self._reordered(groups), query.offset, query.k)
        probabilities = self._probabilities([group.id for group in shown])
        items = {item.id: item for item in self._collection.store.items([group.id for group in shown])}
        return tuple(
            Hit(
                rank=query.offset + place,
                item=items[group.id],
                score=known[group.id].score,
                matched=known[group.id].matched,
                probability=probabilities.get(group.id),
                worded=known[group.id].worded,
                folded=group.folded,
            )
            for place, group in enumerate(shown, 1)
            if group.id in items  # removed by another process this very moment
        )

    @cached_property
    def judgement(self) -> Judgement | None:
        """Judge the whole by its best hits, but those that a model made."""
        if not self._judge.is_calibrated:
            return None
        ids = self._ranking.counted(_JUDGED)
        best = self._ranking.best(ids)
        self._first = float(self._ranking.relevance(ids[:1])[0]) if ids else 0.0
        judgement = self._judge.judgement(best, words=self._word_match())
        if judgement is None or (not ids and self._ranking.first(1)):
            return judgement and replace(judgement, reason=_ONLY_MADE)
        self._copied = self._copies(best)
        if self._copied and judgement.coverage < _COPY:
            return replace(judgement, verdict="match", coverage=_COPY, reason=_THE_SAME)
        return judgement

    def _word_match(self) -> WordMatch | None:
        """Tell what words say, where few items hold all of them; else nothing."""
        count = self._ranking.decisive
        return WordMatch(items=count, words=self._ranking.words) if count else None

    def _copies(self, best: Mapping[Kind, Best]) -> frozenset[int]:
        """Name the hits that are the picture that was asked with, or copies of it."""
        if self._asked != "image" or "image" not in best:
            return frozenset()
        pictures = best["image"]
        return frozenset(pictures.ids[pictures.scores >= near_duplicate_threshold(self._model)].tolist())

    def warnings(self) -> tuple[str, ...]:
        """Tell what the model cannot read, and which fields are not there."""
        texts = " ".join(term.text for term in self._query.terms if isinstance(term, Words))
        warning = script_warning(texts, self._model.name)
        asked = set[str]()
        if self._query.condition is not None and not self.considered:
            asked |= {name for name in fields_of(self._query.condition) if name.lower() not in BUILT_IN}
        if self._query.order != RELEVANCE:
            asked |= {self._query.order.removeprefix("-")} - set(_BUILT_IN_ORDERS)
        missing = field_warnings(asked, self._collection.store.fields()) if asked else ()
        return (*((warning,) if warning else ()), *missing)

    # -- from candidates to groups --------------------------------------------------------------------

    def _groups(self, needed: int) -> Sequence[Group]:
        """Fold candidates until there are enough, or no more."""
        query = self._query
        if query.threshold is not None or query.diversity or query.order != RELEVANCE:
            return self._folded(self._ranking.first(max(_RELEVANT, needed)))
        return deepen(self._ranking.first, self._folded, needed=needed, first=needed + _SPARE)

    def _folded(self, ranked: Sequence[Ranked]) -> Sequence[Group]:
        ids = [entry.id for entry in ranked]
        if not self._query.fold:
            return [Group(id=item_id) for item_id in ids]
        contents = self._collection.store.contents(ids)
        return fold(
            np.array(ids, np.int64),
            self._ranking.pictures(ids),
            hashes=[contents.get(item_id) for item_id in ids],
            threshold=near_duplicate_threshold(self._model),
            made=self._ranking.made(ids),
        )

    def _reordered(self, groups: Sequence[Group]) -> Sequence[Group]:
        """Drop what is too unlikely, then diversify or sort what is left, as the query says."""
        query = self._query
        ids = [group.id for group in groups]
        # Asked for now: judging may look deeper, into another moment's index.
        relevance = dict(zip(ids, self._ranking.relevance(ids), strict=True)) if query.diversity else {}
        if query.threshold is not None:
            probabilities = self._probabilities(ids)
            groups = [group for group in groups if probabilities.get(group.id, 0.0) >= query.threshold]
        if query.diversity and len(groups) > 1:
            ids = [group.id for group in groups]
            values = np.array([relevance[item_id] for item_id in ids], np.float32)
            order = diversify(values, self._ranking.pictures(ids), weight=query.diversity)
            groups = [groups[place] for place in order.tolist()]
        if query.order != RELEVANCE:
            groups = self._sorted(groups)
        return groups

    def _sorted(self, groups: Sequence[Group]) -> list[Group]:
        """Sort hits by an attribute; by what is relevant only, where that is known."""
        field, descending = self._query.order.removeprefix("-"), self._query.order.startswith("-")
        items = {item.id: item for item in self._collection.store.items([group.id for group in groups])}
        there = [group for group in groups if group.id in items]
        values = [_value(items[group.id], field) for group in there]
        return [there[place] for place in order_by(values, descending=descending)]

    # -- probabilities --------------------------------------------------------------------------------

    def _probabilities(self, ids: Sequence[int]) -> dict[int, float]:
        """Give each item's calibrated probability; none where nothing is calibrated.

        It never exceeds the coverage, nor rises from one hit of the ranking to the next.
        """
        if self.judgement is None:
            return {}
        coverage = self.judgement.coverage
        shares = self._judge.shares(self._first - self._ranking.relevance(ids), coverage)
        return {
            item_id: round(coverage if item_id in self._copied else coverage * share, 4)
            for item_id, share in zip(ids, shares.tolist(), strict=True)
        }


def _value(item: Item, field: str) -> str | int | float | bool | None:
    if field in _BUILT_IN_ORDERS:
        value: str | int | None = getattr(item, field)
        return value
    return next((value for name, value in item.attributes.items() if name.lower() == field.lower()), None)


def page(entries: Sequence[Entry], offset: int, k: int) -> Sequence[Entry]:
    """Cut one page out of a ranking; pages laid end to end are the whole, without repeats or holes.

    Args:
        entries: best first.
        offset: how many come before the page.
        k: how many the page holds, at most.

    Raises:
        ValueError: offset or k is negative.
    """
    if offset < 0 or k < 0:
        raise ValueError(f"offset and k must be at least 0, not {offset} and {k}")
    return entries[offset : offset + k]


def deepen(
    fetch: Callable[[int], Sequence[Candidate]],
    fold: Callable[[Sequence[Candidate]], Sequence[Entry]],
    *,
    needed: int,
    first: int = 64,
) -> Sequence[Entry]:
    """Look deeper and deeper until enough entries are left after folding, or nothing more is there.

    The depth doubles, so that all looks together cost at most about four times the last one needed. The first
    ``needed`` entries are those of the full ranking if ``fetch`` gives prefixes of one ranking and ``fold``
    never changes its entries' order or representatives when more candidates follow.

    Args:
        fetch: gives the first n candidates of the ranking or more; fewer only if there are no more.
        fold: gives the entries that some candidates make, in order: folding, conditions, or nothing at all.
        needed: how many entries are wanted: offset + k.
        first: how many candidates to begin with, at least; ``needed`` if that is more.

    Returns:
        The entries, at least ``needed`` if there are as many; the last ones may have more folded under them.

    Raises:
        ValueError: needed is negative or first is below 1.
    """
    if needed < 0 or first < 1:
        raise ValueError(f"needed must be at least 0 and first at least 1, not {needed} and {first}")
    depth = max(first, needed)
    while True:
        candidates = fetch(depth)
        entries = fold(candidates[:depth])
        if len(entries) >= needed or len(candidates) < depth:
            return entries
        depth *= 2
