"""Full-text matching: which items hold words, and how well, by BM25 (Robertson and Zaragoza 2009)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select

from .dialects import among
from .items import Ids
from .tables import WORDS
from .vectors import Scores

_SCORED = 1_000  # items, about a millisecond
_TABLE: ColumnElement[str] = literal_column(WORDS.name)
# A word in the title says more than one in a long text; in the order of the columns.
_WEIGHTS = (4.0, 1.0, 3.0, 2.0, 2.0)

# Built once: putting a statement together costs more than running it.
_MATCH = _TABLE.op("MATCH")(bindparam("expression"))
_MATCHING = select(func.group_concat(select(WORDS.c.rowid).where(_MATCH).subquery().c.rowid))
_SCORE = (-func.bm25(_TABLE, *_WEIGHTS)).label("score")
_RANKED = (
    select(WORDS.c.rowid, _SCORE)
    # "+ 0": else SQLite would look up each id by matching the whole expression again.
    .where(_MATCH, among(WORDS.c.rowid + 0))
    .order_by(_SCORE.desc(), WORDS.c.rowid)
    .limit(bindparam("most"))
)


class Matcher(Protocol):
    """Some words, and the full-text index that they are sought in."""

    def with_all(self, *, in_title: bool = False) -> Ids:
        """Find the items that hold all words, ascending."""
        ...

    def with_any(self) -> Iterable[Ids]:
        """Find the items that hold a word, ascending; the rarest word first, words of no item left out."""
        ...

    def scored(self, ids: Ids, limit: int) -> tuple[Ids, Scores]:
        """Score items by BM25; best first, ties by id."""
        ...


def match_words(
    connection: Connection, words: Sequence[str], limit: int, *, every: bool, allowed: Ids | None
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

    Returns:
        Ids (j,) int64 and scores (j,) float32, higher is better; best first, ties by id.
    """
    if not words or limit == 0:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    matcher = _matcher(connection, words, every=every)
    most = max(_SCORED, limit)
    if every:
        chosen = _permitted(matcher.with_all(), allowed)
        if len(chosen) > most:
            chosen = _united([_permitted(matcher.with_all(in_title=True), allowed), chosen], most)
    else:
        chosen = _united((_permitted(ids, allowed) for ids in matcher.with_any()), most)
    return matcher.scored(chosen, limit)


def _matcher(connection: Connection, words: Sequence[str], *, every: bool) -> Matcher:
    if connection.dialect.name == "postgresql":
        from .lexeme_matching import LexemeMatcher

        return LexemeMatcher(connection, words)
    return _Fts5(connection, words, every=every)


def _united(sets: Iterable[Ids], most: int) -> Ids:
    """Take from one set after another until there are enough."""
    chosen = np.empty(0, np.int64)
    for ids in sets:
        chosen = np.concatenate([chosen, np.setdiff1d(ids, chosen, assume_unique=True)])[:most]
        if len(chosen) == most:
            break
    return chosen


def _permitted(ids: Ids, allowed: Ids | None) -> Ids:
    if allowed is None or not len(ids):
        return ids
    if not len(allowed):
        return ids[:0]
    # Few match where many are allowed: looking each up beats NumPy's hashing of all (100,000: 6 ms a word).
    places = np.minimum(np.searchsorted(allowed, ids), len(allowed) - 1)
    kept: Ids = ids[allowed[places] == ids]
    return kept


class _Fts5:
    """Words sought by SQLite's FTS5."""

    def __init__(self, connection: Connection, words: Sequence[str], *, every: bool) -> None:
        self._connection = connection
        self._quoted = [f'"{word.replace(chr(34), chr(34) * 2)}"' for word in words]
        # The whole word beside its beginning counts twice, so that "shoe" stands before "shoebox".
        self._quoted[-1] = f"({self._quoted[-1]} OR {self._quoted[-1]}*)"
        self._whole = (" AND " if every else " OR ").join(self._quoted)

    def with_all(self, *, in_title: bool = False) -> Ids:
        return self._holders(f"{{title}} : ({self._whole})" if in_title else self._whole)

    def with_any(self) -> Iterable[Ids]:
        counts = [
            select(func.count()).select_from(WORDS).where(_TABLE.op("MATCH")(word)).scalar_subquery()
            for word in self._quoted
        ]
        found = self._connection.execute(select(*counts)).one()
        rarest = [word for count, word in sorted(zip(found, self._quoted, strict=True)) if count]
        return (self._holders(word) for word in rarest)

    def scored(self, ids: Ids, limit: int) -> tuple[Ids, Scores]:
        values = {"expression": self._whole, "ids": json.dumps(ids.tolist()), "most": limit}
        rows = self._connection.execute(_RANKED, values).all()
        found = np.fromiter((row[0] for row in rows), np.int64, len(rows))
        return found, np.fromiter((row[1] for row in rows), np.float32, len(rows))

    def _holders(self, expression: str) -> Ids:
        joined = self._connection.scalar(_MATCHING, {"expression": expression})
        return np.fromstring(joined, np.int64, sep=",") if joined else np.empty(0, np.int64)
