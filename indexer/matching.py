"""Full-text matching: which items hold words, and how well, by BM25 (Robertson and Zaragoza 2009)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select

from .bm25 import COMMON, idf, telling
from .dialects import among, ids_of
from .items import Ids
from .tables import WORDS
from .vectors import Scores, isin_sorted

_SCORED = 1_000  # items, about a millisecond
_FIRST, _GROWTH = 2 * _SCORED, 8  # holders of words that are read at once
_FAR, _CUTS = 100_000, 3  # ids: matching over so many takes as long as to ask once more
_COUNTED = 50_000  # words whose counts are remembered
_REMEMBERED = 100_000_000  # bits of holders that are remembered
_TABLE: ColumnElement[str] = literal_column(WORDS.name)
# A word in the title says more than one in a long text; in the order of the columns.
_WEIGHTS = (4.0, 1.0, 3.0, 2.0, 2.0)

# Built once: putting a statement together costs more than running it.
_MATCH = _TABLE.op("MATCH")(bindparam("expression"))
_MATCHING = select(
    func.group_concat(
        select(WORDS.c.rowid)
        .where(_MATCH, WORDS.c.rowid > bindparam("after"))
        .order_by(WORDS.c.rowid)
        .limit(bindparam("most"))
        .subquery()
        .c.rowid
    )
)
_SCORE = (-func.bm25(_TABLE, *_WEIGHTS)).label("score")
_SCORED_ROWS = (
    select(WORDS.c.rowid, _SCORE)
    # "+ 0": else SQLite would look up each id by matching the whole expression again.
    .where(_MATCH, WORDS.c.rowid.between(bindparam("low"), bindparam("high")), among(WORDS.c.rowid + 0))
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """What is known of the full-text index, as long as nothing changes.

    Attributes:
        total: how many items have words: those that do not stand apart.
        held: how many hold a word, by whatever a matcher calls it; added to.
        asked: common words that were asked for; added to.
        holders: of those that were asked for again, one bit for each id; added to.
    """

    total: int
    held: dict[Any, int]
    asked: set[str] = field(default_factory=set)
    holders: dict[str, NDArray[np.uint8]] = field(default_factory=dict)


Pieces = Iterable[Ids]
"""Ids, ascending, in pieces that are read when they are asked for."""


class Matcher(Protocol):
    """Some words, and the full-text index that they are sought in."""

    def with_all(self, *, in_title: bool = False) -> Pieces:
        """Find the items that hold all words."""
        ...

    def with_any(self) -> Iterable[Pieces]:
        """Find the items that hold a word; the rarest word first, words of no item left out."""
        ...

    def scored(self, ids: Ids, limit: int) -> tuple[Ids, Scores]:
        """Score items by BM25; best first, ties by id."""
        ...


def match_words(
    connection: Connection,
    words: Sequence[str],
    limit: int,
    *,
    every: bool,
    allowed: Ids | None,
    counts: Counts,
) -> tuple[Ids, Scores]:
    """Find the items that hold words; the last word may be the beginning of one.

    Finding is cheap and scoring is not, so at most a thousand items are scored: with ``every``, those with
    the words in their title first; else those with the rarest words.

    Args:
        connection: to read from.
        words: any strings; signs within a word are kept as neighbourhood, so that ``AB-1234/X`` matches
            only these three parts side by side.
        limit: how many at most.
        every: all words must be there; otherwise any.
        allowed: (m,) int64 ascending, the only ids to consider; None for all.
        counts: what is known already, and is added to; the caller forgets it when anything changes.

    Returns:
        Ids (j,) int64 and scores (j,) float32, higher is better; best first, ties by id.
    """
    if not words or limit == 0:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    if len(counts.held) > _COUNTED:
        counts.held.clear()
    matcher = _matcher(connection, words, every=every, counts=counts)
    most = max(_SCORED, limit)
    if every:
        chosen = _first(matcher.with_all(), most + 1, allowed)
        if len(chosen) > most:
            chosen = _united([_first(matcher.with_all(in_title=True), most, allowed), chosen], most)
    else:
        chosen = _united((_first(pieces, most, allowed) for pieces in matcher.with_any()), most)
    return matcher.scored(chosen, limit)


def _matcher(connection: Connection, words: Sequence[str], *, every: bool, counts: Counts) -> Matcher:
    if connection.dialect.name == "postgresql":
        from .lexeme_matching import LexemeMatcher

        return LexemeMatcher(connection, words, every=every, counts=counts.held)
    return _Fts5(connection, words, every=every, counts=counts)


def _first(pieces: Pieces, most: int, allowed: Ids | None) -> Ids:
    """Take the first ids that are permitted, and read no more than that takes."""
    found, total = [np.empty(0, np.int64)], 0
    for ids in pieces:
        found.append(_permitted(ids, allowed))
        total += len(found[-1])
        if total >= most:
            break
    return np.concatenate(found)[:most]


def _united(sets: Iterable[Ids], most: int) -> Ids:
    """Take from one set after another until there are enough."""
    chosen = np.empty(0, np.int64)
    for ids in sets:
        chosen = np.concatenate([chosen, np.setdiff1d(ids, chosen, assume_unique=True)])[:most]
        if len(chosen) == most:
            break
    return chosen


def _permitted(ids: Ids, allowed: Ids | None) -> Ids:
    return ids if allowed is None else ids[isin_sorted(ids, allowed)]


def _marked(ids: Ids, marks: Sequence[NDArray[np.uint8]]) -> Ids:
    """Keep those ids whose bit is set in each array."""
    for bits in marks:
        ids = ids[ids < 8 * len(bits)]
        ids = ids[(bits[ids >> 3] >> (ids & 7)) & 1 == 1]
    return ids


def _neighbours(ids: Ids) -> list[Ids]:
    """Part ids where they lie far apart; ascending."""
    ids = np.sort(ids)
    gaps = np.diff(ids)
    widest = np.sort(np.argsort(-gaps, kind="stable")[:_CUTS])
    return [part for part in np.split(ids, widest[gaps[widest] > _FAR] + 1) if len(part)]


def _best(rows: Sequence[Any], limit: int, *, added: float = 0.0) -> tuple[Ids, Scores]:
    """Sort rows of an id and a score; best first, ties by id."""
    found = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    scores = np.fromiter((row[1] for row in rows), np.float64, len(rows)) + added
    best = np.lexsort((found, -scores))[:limit]
    return found[best], scores[best].astype(np.float32)


class _Fts5:
    """Words sought by SQLite's FTS5."""

    def __init__(self, connection: Connection, words: Sequence[str], *, every: bool, counts: Counts) -> None:
        self._connection = connection
        self._every = every
        self._counts = counts
        self._quoted = [f'"{word.replace(chr(34), chr(34) * 2)}"' for word in words]
        # The whole word beside its beginning counts twice, so that "shoe" stands before "shoebox".
        self._quoted[-1] = f"({self._quoted[-1]} OR {self._quoted[-1]}*)"
        self._whole = self._joined(self._quoted)

    def with_all(self, *, in_title: bool = False) -> Pieces:
        if in_title:
            return self._holders(f"{{title}} : ({self._whole})")
        known = dict(self._counts.holders)  # another thread may add to it at any moment
        common = [bits for word in self._quoted if (bits := known.get(word)) is not None]
        others = [word for word in self._quoted if word not in known]
        if not common or not others:
            return self._holders(self._whole)
        return (_marked(ids, common) for ids in self._holders(self._joined(others), _GROWTH * _FIRST))

    def with_any(self) -> Iterable[Pieces]:
        rarest = sorted((count, word) for word, count in self._held().items() if count)
        return (self._holders(word) for _, word in rarest)

    def scored(self, ids: Ids, limit: int) -> tuple[Ids, Scores]:
        if not self._every:
            return _best([row for near in _neighbours(ids) for row in self._scores(self._whole, near)], limit)
        expression, common = self._telling()
        return _best(self._scores(expression, np.sort(ids)) if len(ids) else (), limit, added=common)

    def _telling(self) -> tuple[str, float]:
        """Say what to score by where every word is held, and what the words left out add to each score."""
        if self._counts.total <= COMMON:
            return self._whole, 0.0
        held = self._held()
        kept = [word for word, tells in zip(held, telling(list(held.values())), strict=True) if tells]
        left = [word for word in held if word not in kept]
        self._remember(left)
        return self._joined(kept), sum(idf(held[word], self._counts.total) for word in left)

    def _remember(self, common: Sequence[str]) -> None:
        """Remember who holds common words, the second time that they are asked for."""
        known, asked = self._counts.holders, self._counts.asked
        for word in common:
            if word in asked and word not in known and len(known) * self._counts.total < _REMEMBERED:
                ids = np.concatenate(list(self._holders(word)))
                mask = np.zeros(int(ids.max()) + 1, np.bool_)
                mask[ids] = True
                known[word] = np.packbits(mask, bitorder="little")
        asked.update(common)

    def _held(self) -> dict[str, int]:
        """Count how many items hold each word."""
        # Another thread may empty what is remembered at any moment.
        found = {word: count for word in self._quoted if (count := self._counts.held.get(word)) is not None}
        new = [word for word in self._quoted if word not in found]
        if new:
            counts = [
                select(func.count()).select_from(WORDS).where(_TABLE.op("MATCH")(word)).scalar_subquery()
                for word in new
            ]
            fresh = dict(zip(new, self._connection.execute(select(*counts)).one(), strict=True))
            self._counts.held.update(fresh)
            found |= fresh
        return {word: found[word] for word in self._quoted}  # the order of a sum shows in its last digit

    def _joined(self, quoted: Sequence[str]) -> str:
        return (" AND " if self._every else " OR ").join(quoted)

    def _scores(self, expression: str, ids: Ids) -> Sequence[Any]:
        """Score ids (n,) ascending; the expression is matched again, from the first to the last of them."""
        told = {"expression": expression, "low": int(ids[0]), "high": int(ids[-1])}
        return self._connection.execute(_SCORED_ROWS, {**told, "ids": json.dumps(ids.tolist())}).all()

    def _holders(self, expression: str, most: int = _FIRST) -> Iterator[Ids]:
        after = -1
        while True:
            told = {"expression": expression, "after": after, "most": most}
            ids = ids_of(self._connection.scalar(_MATCHING, told))
            yield ids
            if len(ids) < most:
                return
            after, most = int(ids[-1]), _GROWTH * most
