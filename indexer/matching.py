"""Full-text matching with SQLite's FTS5 and its BM25 (Robertson and Zaragoza 2009)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select

from .items import Ids
from .tables import LISTED, WORDS
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
    .where(_MATCH, (WORDS.c.rowid + 0).in_(LISTED))
    .order_by(_SCORE.desc(), WORDS.c.rowid)
    .limit(bindparam("most"))
)


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
    quoted = _quoted(words)
    whole = (" AND " if every else " OR ").join(quoted)
    most = max(_SCORED, limit)
    if every:
        chosen = _holders(connection, whole, allowed)
        if len(chosen) > most:
            chosen = _united([_holders(connection, f"{{title}} : ({whole})", allowed), chosen], most)
    else:
        rarest = _rarest_first(connection, quoted)
        chosen = _united((_holders(connection, word, allowed) for word in rarest), most)
    return _scored(connection, whole, chosen, limit)


def _united(sets: Iterable[Ids], most: int) -> Ids:
    """Take from one set after another until there are enough."""
    chosen = np.empty(0, np.int64)
    for ids in sets:
        chosen = np.concatenate([chosen, np.setdiff1d(ids, chosen, assume_unique=True)])[:most]
        if len(chosen) == most:
            break
    return chosen


def _scored(connection: Connection, expression: str, ids: Ids, limit: int) -> tuple[Ids, Scores]:
    values = {"expression": expression, "ids": json.dumps(ids.tolist()), "most": limit}
    rows = connection.execute(_RANKED, values).all()
    found = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    return found, np.fromiter((row[1] for row in rows), np.float32, len(rows))


def _holders(connection: Connection, expression: str, allowed: Ids | None) -> Ids:
    """Find the allowed items that match, ascending."""
    joined = connection.scalar(_MATCHING, {"expression": expression})
    ids = np.fromstring(joined, np.int64, sep=",") if joined else np.empty(0, np.int64)
    if allowed is None or not len(ids):
        return ids
    if not len(allowed):
        return ids[:0]
    # Few match where many are allowed: looking each up beats NumPy's hashing of all (100,000: 6 ms a word).
    places = np.minimum(np.searchsorted(allowed, ids), len(allowed) - 1)
    kept: Ids = ids[allowed[places] == ids]
    return kept


def _rarest_first(connection: Connection, quoted: Sequence[str]) -> list[str]:
    counts = [
        select(func.count()).select_from(WORDS).where(_TABLE.op("MATCH")(word)).scalar_subquery()
        for word in quoted
    ]
    found = connection.execute(select(*counts)).one()
    return [word for count, word in sorted(zip(found, quoted, strict=True)) if count]


def _quoted(words: Sequence[str]) -> list[str]:
    quoted = [f'"{word.replace(chr(34), chr(34) * 2)}"' for word in words]
    # The whole word beside its beginning counts twice, so that "shoe" stands before "shoebox".
    quoted[-1] = f"({quoted[-1]} OR {quoted[-1]}*)"
    return quoted
