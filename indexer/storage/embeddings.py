"""Reading embeddings from the database: all, in chunks, since a change, or a few by id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import bindparam, select

from ..items import Embeddings, Ids, Kind
from .catalogue import Catalogue
from .schema.dialects import Joined, among, ids_of
from .schema.tables import APART, EMBEDDINGS, TOMBSTONES

_CHUNK = 50_000

# Built once: putting a statement together costs more than running it.
_FEW = select(EMBEDDINGS.c.item_id, EMBEDDINGS.c.vector).where(
    EMBEDDINGS.c.kind == bindparam("kind"),
    among(EMBEDDINGS.c.item_id),
)


class Embedded(Catalogue):
    """The part of the store that reads embeddings; all as rounded to float16."""

    def embeddings(self, kind: Kind, *, since: int = 0, apart: bool = False) -> tuple[Ids, Embeddings]:
        """Read the embeddings of one kind that were written after a change.

        Args:
            kind: image or text.
            since: number of a change; 0 for all.
            apart: of the items that stand apart, instead of all others.

        Returns:
            Ids (n,) int64 ascending, and (n, dim) float32.
        """
        with self._db.reading() as connection:
            return _rows(connection.execute(_wanted(kind, apart).where(EMBEDDINGS.c.change > since)).all())

    def embeddings_of(self, kind: Kind, ids: Ids) -> tuple[Ids, Embeddings]:
        """Read embeddings of a few items: ids (m,) of those that have one, and (m, dim) float32."""
        with self._db.reading() as connection:
            told = {"kind": kind, "ids": json.dumps(ids.tolist())}
            return _rows(connection.execute(_FEW, told).all())

    def embedded_ids(self, kind: Kind) -> Ids:
        """List the items of the catalogue that have an embedding of one kind, (n,) int64 ascending."""
        wanted = select(EMBEDDINGS.c.item_id).where(EMBEDDINGS.c.kind == kind)
        wanted = wanted.where(EMBEDDINGS.c.item_id.not_in(APART))
        with self._db.reading() as connection:
            return ids_of(connection.scalar(select(Joined(wanted.subquery().c.item_id))))

    def embeddings_in_chunks(self, kind: Kind) -> Iterator[tuple[Ids, Embeddings]]:
        """Read all embeddings of one kind of the catalogue, 50,000 at a time, by ascending id.

        Each chunk is a transaction of its own: what changes meanwhile may be in or not.
        """
        last = -1
        while True:
            with self._db.reading() as connection:
                statement = _wanted(kind, False).where(EMBEDDINGS.c.item_id > last).limit(_CHUNK)
                ids, rows = _rows(connection.execute(statement).all())
            if not len(ids):
                return
            yield ids, rows
            last = int(ids[-1])

    def removed(self, kind: Kind, *, since: int) -> Ids:
        """List the ids whose embedding of this kind was dropped after a change, (n,) int64."""
        statement = select(TOMBSTONES.c.item_id).where(TOMBSTONES.c.kind == kind, TOMBSTONES.c.change > since)
        with self._db.reading() as connection:
            return np.array(connection.scalars(statement).all(), np.int64)


def _wanted(kind: Kind, apart: bool) -> Any:
    return (
        select(EMBEDDINGS.c.item_id, EMBEDDINGS.c.vector)
        .where(EMBEDDINGS.c.kind == kind)
        .where(EMBEDDINGS.c.item_id.in_(APART) if apart else EMBEDDINGS.c.item_id.not_in(APART))
        .order_by(EMBEDDINGS.c.item_id)
    )


def _rows(found: Sequence[Any]) -> tuple[Ids, Embeddings]:
    ids = np.fromiter((row.item_id for row in found), np.int64, len(found))
    flat = np.frombuffer(b"".join(row.vector for row in found), "<f2")
    return ids, flat.reshape(len(found), -1 if found else 0).astype(np.float32)
