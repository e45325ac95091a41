"""Words sought by SQLite's FTS5: who holds them, and how well, by its own BM25.

Finding is cheap and scoring is not, so holders are found first and a chosen few are scored. That walks twice
through the index; where few will be left, one walk both finds and scores, and a mask passes over all others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, LargeBinary, bindparam, func, literal_column, select

from ...items import Ids, Scores
from ..schema.dialects import among, ids_of
from ..schema.tables import WORDS
from .bm25 import COMMON, idf, telling

_FIRST, _GROWTH = 2_000, 8  # holders of words that are read at once
_FAR, _CUTS = 100_000, 3  # ids: matching over so many takes as long as to ask once more
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
_ALL_SCORED = select(WORDS.c.rowid, _SCORE).where(_MATCH).limit(bindparam("most"))
_MARK = func.substr(bindparam("mask", type_=LargeBinary), WORDS.c.rowid + 1, 1)
_MARKED_SCORED = _ALL_SCORED.where(literal_column("x'01'") == _MARK)


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


class Fts5Matcher:
    """Some words, and the full-text index of SQLite that they are sought in; see ``match.Matcher``."""

    def __init__(self, connection: Connection, words: Sequence[str], *, every: bool, counts: Counts) -> None:
        self._connection = connection
        self._every = every
        self._counts = counts
        self._quoted = [f'"{word.replace(chr(34), chr(34) * 2)}"' for word in words]
        # The whole word beside its beginning counts twice, so that "shoe" stands before "shoebox".
        self._quoted[-1] = f"({self._quoted[-1]} OR {self._quoted[-1]}*)"
        self._whole = self._joined(self._quoted)

    def with_all(self, *, in_title: bool = False) -> Iterable[Ids]:
        """Find the items that hold all words, ascending, in pieces."""
        if in_title:
            return self._holders(f"{{title}} : ({self._whole})")
        known = dict(self._counts.holders)  # another thread may add to it at any moment
        common = [bits for word in self._quoted if (bits := known.get(word)) is not None]
        others = [word for word in self._quoted if word not in known]
        if not common or not others:
            return self._holders(self._whole)
        return (_marked(ids, common) for ids in self._holders(self._joined(others), _GROWTH * _FIRST))

    def with_any(self) -> Iterable[Iterable[Ids]]:
        """Find the items that hold a word, ascending, in pieces; the rarest word first."""
        rarest = sorted((count, word) for word, count in self._held().items() if count)
        return (self._holders(word) for _, word in rarest)

    def few_with_all(self, most: int, allowed: Ids | None) -> tuple[Ids, Scores] | None:
        """Find and score the items that hold all words, best first; None where there may be too many."""
        if self._counts.total <= COMMON:  # two walks through so few cost nothing
            return None
        kept, left = self._telling()
        known = dict(self._counts.holders)  # another thread may add to it at any moment
        marks = [known[word] for word in left if word in known]
        if len(marks) < len(left):
            return None
        held, told = self._held(), {"expression": self._joined(kept), "most": most + 1}
        likely, statement = float(min(held[word] for word in kept)), _ALL_SCORED
        if marks or allowed is not None:
            mask = _mask(marks, allowed)
            likely *= np.count_nonzero(mask.view(np.bool_)) / self._counts.total
            told, statement = {**told, "mask": mask}, _MARKED_SCORED
        if likely > most:
            return None
        rows = self._connection.execute(statement, told).all()
        return None if len(rows) > most else _best(rows, most, added=self._worth(left))

    def scored(self, ids: Ids, limit: int) -> tuple[Ids, Scores]:
        """Score items by BM25; best first, ties by id."""
        if not self._every:
            return _best([row for near in _neighbours(ids) for row in self._scores(self._whole, near)], limit)
        kept, left = self._telling()
        rows = self._scores(self._joined(kept), np.sort(ids)) if len(ids) else ()
        return _best(rows, limit, added=self._worth(left))

    def _telling(self) -> tuple[list[str], list[str]]:
        """Say what to score by where every word is held, and which words are left out."""
        if self._counts.total <= COMMON:
            return self._quoted, []
        held = self._held()
        kept = [word for word, tells in zip(held, telling(list(held.values())), strict=True) if tells]
        left = [word for word in held if word not in kept]
        self._remember(left)
        return kept, left

    def _worth(self, left: Sequence[str]) -> float:
        """Tell what the words left out add to each score."""
        held = self._held() if left else {}
        return sum(idf(held[word], self._counts.total) for word in left)

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

    def _holders(self, expression: str, most: int | None = None) -> Iterator[Ids]:
        after, most = -1, most or _FIRST
        while True:
            told = {"expression": expression, "after": after, "most": most}
            ids = ids_of(self._connection.scalar(_MATCHING, told))
            yield ids
            if len(ids) < most:
                return
            after, most = int(ids[-1]), _GROWTH * most


def _marked(ids: Ids, marks: Sequence[NDArray[np.uint8]]) -> Ids:
    """Keep those ids whose bit is set in each array."""
    for bits in marks:
        ids = ids[ids < 8 * len(bits)]
        ids = ids[(bits[ids >> 3] >> (ids & 7)) & 1 == 1]
    return ids


def _mask(marks: Sequence[NDArray[np.uint8]], allowed: Ids | None) -> NDArray[np.uint8]:
    """Write 1 for each id whose bit is set in each array, and that is allowed, else 0; (n,), by id."""
    ends = [8 * len(bits) for bits in marks]
    if allowed is not None:
        ends.append(int(allowed[-1]) + 1 if len(allowed) else 0)
    mask = np.ones(min(ends), np.uint8)
    for bits in marks:
        mask &= np.unpackbits(bits, count=len(mask), bitorder="little")
    if allowed is not None:
        inside = np.zeros_like(mask)
        inside[allowed[: np.searchsorted(allowed, len(mask))]] = 1
        mask &= inside
    return mask


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
