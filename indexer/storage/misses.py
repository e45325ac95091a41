"""The log of misses: what was sought and is not there. How often and when, but never by whom."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import numpy as np
from sqlalchemy import Connection, case, delete, func, select, update

from ..items import Embeddings
from .schema.dialects import insert_into
from .schema.tables import MISSES

MissVerdict = Literal["no match", "weak"]
MissKind = Literal["text", "image", "mixed"]

MOST_MISSES = 10_000
"""Different queries that are kept; of more, those go that have not been asked for the longest time."""

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unanswered:
    """A query that a collection could not answer.

    Attributes:
        text: as it was written; of a picture only that it was one.
        kind: what was asked with: ``text``, ``image`` or ``mixed``.
        verdict: ``no match`` or ``weak``.
        coverage: calibrated probability that something answers it all the same.
        embedding: (dim,) float32 of length 1.
        where: the filter as it was written; empty for none.

    Raises:
        ValueError: a value is not one of these, or out of its range.
    """

    text: str
    kind: MissKind
    verdict: MissVerdict
    coverage: float
    embedding: Embeddings
    where: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(MissKind) or self.verdict not in get_args(MissVerdict):
            raise ValueError(f"not a miss: kind {self.kind!r}, verdict {self.verdict!r}")
        if not 0 <= self.coverage <= 1:
            raise ValueError(f"a coverage is between 0 and 1, not {self.coverage}")
        if self.embedding.ndim != 1 or not np.isfinite(self.embedding).all():
            raise ValueError("an embedding is one row of finite numbers")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Miss(Unanswered):
    """A query as it stands in the log; verdict, coverage and embedding are those of the last time.

    Attributes:
        id: of the entry.
        times: how often it was asked.
        first_at, last_at: when it was asked for the first and for the last time, UTC.
    """

    id: int
    times: int
    first_at: datetime
    last_at: datetime


def record_miss(connection: Connection, miss: Unanswered, at: datetime) -> None:
    """Log a query, or count it once more."""
    vector = miss.embedding.astype("<f2").tobytes()
    values: dict[str, Any] = {
        "asked": _identity(miss, vector),
        "text": _storable(miss.text),
        "where": _storable(miss.where),
        "kind": miss.kind,
        "verdict": miss.verdict,
        "coverage": miss.coverage,
        "vector": vector,
        "times": 1,
        "first_at": at,
        "last_at": at,
    }
    statement = insert_into(connection.dialect.name, MISSES).values(values)
    newer: dict[str, Any] = {name: statement.excluded[name] for name in ("verdict", "coverage", "vector")}
    newer["times"] = MISSES.c.times + 1
    newer["first_at"] = case(
        (MISSES.c.first_at < at, MISSES.c.first_at), else_=at
    )  # clocks are set back now and then
    newer["last_at"] = case((MISSES.c.last_at > at, MISSES.c.last_at), else_=at)
    connection.execute(statement.on_conflict_do_update(index_elements=[MISSES.c.asked], set_=newer))
    _forget_oldest(connection)


def read_misses(connection: Connection) -> list[Miss]:
    """Read the log, the last asked first."""
    rows = connection.execute(select(MISSES).order_by(MISSES.c.last_at.desc(), MISSES.c.id.desc()))
    return [
        Miss(
            id=row.id,
            text=row.text,
            where=row.where,
            kind=row.kind,
            verdict=row.verdict,
            coverage=row.coverage,
            embedding=np.frombuffer(row.vector, "<f2").astype(np.float32),
            times=row.times,
            first_at=row.first_at.replace(tzinfo=UTC),
            last_at=row.last_at.replace(tzinfo=UTC),
        )
        for row in rows
    ]


def replace_vectors(connection: Connection, rows: Mapping[int, Embeddings]) -> None:
    """Give entries other embeddings, (dim,) float32 by id; what tells a query from another stays."""
    for miss_id, row in rows.items():
        vector = row.astype("<f2").tobytes()
        connection.execute(update(MISSES).where(MISSES.c.id == miss_id).values(vector=vector))


def delete_misses(connection: Connection, ids: Sequence[int] | None) -> int:
    """Delete entries by id, None for all of them; return how many there were."""
    if ids is None:
        return connection.execute(delete(MISSES)).rowcount
    chunks = (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
    return sum(connection.execute(delete(MISSES).where(MISSES.c.id.in_(chunk))).rowcount for chunk in chunks)


def _identity(miss: Unanswered, vector: bytes) -> str:
    """Tell one query from another: words by what they say, a picture by its embedding."""
    shown = b"" if miss.kind == "text" else vector
    parts = (miss.text.encode("utf-8", "replace"), miss.where.encode("utf-8", "replace"), shown)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _storable(text: str) -> str:
    """Replace what is no Unicode, as arguments of a shell may hold."""
    return text.encode("utf-8", "replace").decode()


def _forget_oldest(connection: Connection) -> None:
    spare = (connection.scalar(select(func.count()).select_from(MISSES)) or 0) - MOST_MISSES
    if spare > 0:
        oldest = select(MISSES.c.id).order_by(MISSES.c.last_at, MISSES.c.id).limit(spare)
        connection.execute(delete(MISSES).where(MISSES.c.id.in_(oldest)))
