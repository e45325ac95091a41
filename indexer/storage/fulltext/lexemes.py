"""Documents as PostgreSQL's full-text index holds them, broken into words as SQLite's FTS5 does.

PostgreSQL's own parser takes addresses, paths and numbers for single words, and its languages drop endings.
So documents are broken up here, and given to the server as finished vectors of words with their positions.
The columns of a document share one row of positions, each with the weight that stands for it in BM25, and
with a gap between one and the next that no neighbourhood spans.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from ..schema.postgres import LEXEMES
from ..schema.tables import META

_COLUMNS = {"title": "A", "tags": "B", "attributes": "C", "name": "C", "text": "D"}  # the longest last
_LAST_POSITION = 16_383  # of a tsvector; words behind it are there, but are nobody's neighbours
_MOST_POSITIONS = 255  # of one word
_LONGEST_WORD = 500  # characters; a tsvector holds words of up to 2 kB
_MOST_BYTES = 900_000  # a tsvector holds 1 MB
_WORD = re.compile(r"[^\W_]+")
_MARK = re.compile("[\u0300-\u036f]")
_TOTALS = "words"  # the fact that tells how much there is


class Totals(NamedTuple):
    """How much the full-text index holds.

    Attributes:
        documents: how many.
        tokens: words in all of them together.
    """

    documents: int
    tokens: int


def words_of(text: str) -> list[str]:
    """Break a text into words as FTS5's ``unicode61 remove_diacritics 2`` does: folded letters and digits."""
    text = text.lower()
    if not text.isascii():
        text = _MARK.sub("", "".join(map(_without_marks, unicodedata.normalize("NFC", text))))
    return [word[:_LONGEST_WORD] for word in _WORD.findall(text)]


def _without_marks(sign: str) -> str:
    """Take the marks from a Latin letter; in other scripts they tell letters apart."""
    if sign < "\u00c0":
        return sign
    base = unicodedata.normalize("NFD", sign)[0]
    return base if base < "\u0250" else sign


def replace_documents(
    connection: Connection, ids: Sequence[int], documents: Sequence[Mapping[str, Any]]
) -> None:
    """Write documents in place of all that there is for these ids.

    Args:
        connection: to write to.
        ids: (n,) of items; those without a document lose theirs.
        documents: with ``rowid`` and the columns.
    """
    gone = delete(LEXEMES).where(LEXEMES.c.rowid.in_(ids)).returning(LEXEMES.c.tokens)
    before = connection.scalars(gone).all()
    rows = [_row(document) for document in documents]
    if rows:
        connection.execute(insert(LEXEMES), rows)
    _count(connection, len(rows) - len(before), sum(row["tokens"] for row in rows) - sum(before))


def totals(connection: Connection) -> Totals:
    """Read how much there is."""
    found = connection.scalar(select(META.c.value).where(META.c.key == _TOTALS))
    return Totals(*found) if found else Totals(0, 0)


def words_add_up(connection: Connection) -> bool:
    """Say whether there is as much as is counted."""
    return totals(connection) == _summed(connection)


def count_words_again(connection: Connection) -> None:
    """Count anew how much there is."""
    before, there = totals(connection), _summed(connection)
    _count(connection, there.documents - before.documents, there.tokens - before.tokens)


def _summed(connection: Connection) -> Totals:
    summed = select(func.count(), func.coalesce(func.sum(LEXEMES.c.tokens), 0)).select_from(LEXEMES)
    return Totals(*(int(each) for each in connection.execute(summed).one()))


def _count(connection: Connection, documents: int, tokens: int) -> None:
    if not (documents or tokens):
        return
    before = totals(connection)
    value = [before.documents + documents, before.tokens + tokens]
    mine = update(META).where(META.c.key == _TOTALS).values(value=value)
    if not connection.execute(mine).rowcount:
        connection.execute(insert(META).values(key=_TOTALS, value=value))


def _row(document: Mapping[str, Any]) -> dict[str, Any]:
    positions: dict[str, list[str]] = {}
    place, size, tokens = 0, 0, 0
    for column, weight in _COLUMNS.items():
        for word in words_of(document[column]):
            place, tokens = place + 1, tokens + 1
            if word not in positions and size < _MOST_BYTES:
                positions[word] = []
                size += 8 + 4 * len(word)
            known = positions.get(word)
            if known is not None and len(known) < _MOST_POSITIONS and size < _MOST_BYTES:
                known.append(f"{min(place, _LAST_POSITION)}{weight}")
                size += 2
        place += 1
    vector = " ".join(f"'{word}':{','.join(places)}".rstrip(":") for word, places in positions.items())
    return {"rowid": document["rowid"], "lexemes": vector, "tokens": tokens}
