"""Full-text matching with SQLite's FTS5 and its BM25 (Robertson and Zaragoza 2009)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import ColumnElement, Connection, func, literal_column, select

from .items import Ids
from .tables import WORDS
from .vectors import Scores

# A word in the title says more than one in a long text; in the order of the columns.
_WEIGHTS = (4.0, 1.0, 3.0, 2.0, 2.0)


def match_words(
    connection: Connection, words: Sequence[str], *, every: bool, limit: int | None
) -> tuple[Ids, Scores]:
    """Find the items that hold words; the last word may be the beginning of one.

    Args:
        connection: to read from.
        words: any strings; signs within a word are kept as neighbourhood, so that ``AB-1234/X`` matches
            only these three parts side by side.
        every: all words must be there; otherwise any.
        limit: how many at most; None for all.

    Returns:
        Ids (m,) int64 and scores (m,) float32, higher is better; best first, ties by id.
    """
    if not words:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    table: ColumnElement[str] = literal_column(WORDS.name)
    score = (-func.bm25(table, *_WEIGHTS)).label("score")
    statement = (
        select(WORDS.c.rowid, score)
        .where(table.op("MATCH")(_expression(words, every=every)))
        .order_by(score.desc(), WORDS.c.rowid)
        .limit(limit)
    )
    rows = connection.execute(statement).all()
    ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    return ids, np.fromiter((row[1] for row in rows), np.float32, len(rows))


def _expression(words: Sequence[str], *, every: bool) -> str:
    quoted = [f'"{word.replace(chr(34), chr(34) * 2)}"' for word in words]
    # The whole word beside its beginning counts twice, so that "shoe" stands before "shoebox".
    quoted[-1] = f"({quoted[-1]} OR {quoted[-1]}*)"
    return (" AND " if every else " OR ").join(quoted)
