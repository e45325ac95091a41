"""Embeddings by another encoder: gathered beside those in use, then put in their place in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, case, delete, func, insert, select, tuple_, update

from ..items import Embeddings, Kind
from .database import Database
from .misses import Miss, delete_misses, read_misses, replace_vectors
from .schema.new_embeddings import EMBEDDED_SINCE, NEW_EMBEDDINGS
from .schema.tables import EMBEDDINGS, ITEMS, META
from .write import next_change

NEXT_ENCODER = "next_encoder"
"""The fact that tells whose embeddings are being gathered."""

EmbedMisses = Callable[[Sequence[Miss]], Sequence[Embeddings | None]]
"""Gives the queries of the log of misses their new embeddings, (dim,) float32; None for what is lost."""

_CHUNK = 500
_CONTENT = case(
    (EMBEDDINGS.c.kind == "image", func.coalesce(ITEMS.c.image_sha256, "")),
    else_=func.coalesce(ITEMS.c.text_sha256, ""),
)
_SAME = (
    (NEW_EMBEDDINGS.c.item_id == EMBEDDINGS.c.item_id)
    & (NEW_EMBEDDINGS.c.kind == EMBEDDINGS.c.kind)
    & (NEW_EMBEDDINGS.c.content == _CONTENT)
)
_WAITING = (
    select(EMBEDDINGS.c.item_id)
    .join(ITEMS, ITEMS.c.id == EMBEDDINGS.c.item_id)
    .outerjoin(NEW_EMBEDDINGS, _SAME)
    .where(NEW_EMBEDDINGS.c.item_id.is_(None))
)


class NewEmbeddings:
    """Gathers the embeddings of another encoder; every method is one transaction.

    A new embedding counts as long as the item has the content that it was made from.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def begin(self, spec: Mapping[str, Any]) -> None:
        """Make room for the embeddings of an encoder; what was gathered for it stays, for another one goes.

        Args:
            spec: of the encoder, as JSON has it.
        """
        with self._db.writing() as connection:
            told = connection.scalar(select(META.c.value).where(META.c.key == NEXT_ENCODER))
            NEW_EMBEDDINGS.create(connection, checkfirst=True)
            if told != dict(spec):
                connection.execute(delete(NEW_EMBEDDINGS))
                _set_facts(connection, {NEXT_ENCODER: dict(spec)})

    def under_way(self) -> tuple[dict[str, Any], int] | None:
        """Tell for which encoder embeddings are being gathered, and how many there are; None for none."""
        with self._db.reading() as connection:
            spec = connection.scalar(select(META.c.value).where(META.c.key == NEXT_ENCODER))
            if spec is None:
                return None
            gathered = select(func.count()).select_from(NEW_EMBEDDINGS)
            return dict(spec), int(connection.scalar(gathered) or 0)

    def count_waiting(self, kind: Kind) -> int:
        """Count the embeddings of one kind that have no new one yet, of what stands apart too."""
        waiting = _WAITING.where(EMBEDDINGS.c.kind == kind).subquery()
        with self._db.reading() as connection:
            return int(connection.scalar(select(func.count()).select_from(waiting)) or 0)

    def waiting(self, kind: Kind, *, after: int, limit: int) -> list[int]:
        """List the items above an id whose embedding of one kind has no new one yet, by ascending id."""
        wanted = _WAITING.where(EMBEDDINGS.c.kind == kind, EMBEDDINGS.c.item_id > after)
        with self._db.reading() as connection:
            return list(connection.scalars(wanted.order_by(EMBEDDINGS.c.item_id).limit(limit)))

    def keep(self, kind: Kind, contents: Mapping[int, str | None], rows: Embeddings) -> None:
        """Keep new embeddings of one kind.

        Args:
            kind: image or text.
            contents: SHA-256 of what was embedded, by the item's id; None if it is not known.
            rows: (n, dim) float32, in the order of ``contents``.
        """
        if not contents:
            return
        vectors = [row.tobytes() for row in rows.astype("<f2")]
        values = [
            {"item_id": item_id, "kind": kind, "content": content or "", "vector": vector}
            for (item_id, content), vector in zip(contents.items(), vectors, strict=True)
        ]
        stale = NEW_EMBEDDINGS.c.item_id.in_(list(contents)) & (NEW_EMBEDDINGS.c.kind == kind)
        with self._db.writing() as connection:
            connection.execute(delete(NEW_EMBEDDINGS).where(stale))
            connection.execute(insert(NEW_EMBEDDINGS), values)

    def pairs(self, kind: Kind, limit: int) -> tuple[Embeddings, Embeddings]:
        """Read embeddings of one kind, old (n, dim) and new (n, new dim) float32, of the same items."""
        both = select(EMBEDDINGS.c.vector, NEW_EMBEDDINGS.c.vector.label("new")).join(
            NEW_EMBEDDINGS,
            (NEW_EMBEDDINGS.c.item_id == EMBEDDINGS.c.item_id) & (NEW_EMBEDDINGS.c.kind == EMBEDDINGS.c.kind),
        )
        wanted = both.where(EMBEDDINGS.c.kind == kind).order_by(EMBEDDINGS.c.item_id).limit(limit)
        with self._db.reading() as connection:
            found = connection.execute(wanted).all()
        return _rows([row.vector for row in found]), _rows([row.new for row in found])

    def switch(self, facts: Mapping[str, Any], embed_misses: EmbedMisses) -> int:
        """Put the new embeddings in the place of the old ones: all of them, or nothing happens.

        An embedding without a new one goes; its item stays, and is read again by the next run that finds it.

        Args:
            facts: about the collection, true from then on: its encoder, and its canaries.
            embed_misses: gives the log of misses its new embeddings.

        Returns:
            How many embeddings had no new one.
        """
        with self._db.writing() as connection:
            change = next_change(connection)
            if connection.dialect.name == "postgresql":
                from .schema.postgres import drop_graphs

                drop_graphs(connection)
            connection.execute(
                update(EMBEDDINGS)
                .where(EMBEDDINGS.c.item_id == ITEMS.c.id, _SAME)
                .values(vector=NEW_EMBEDDINGS.c.vector, change=change)
            )
            lost = _drop_older(connection, change)
            misses = read_misses(connection)
            rows = list(zip(misses, embed_misses(misses), strict=True))
            replace_vectors(connection, {miss.id: row for miss, row in rows if row is not None})
            delete_misses(connection, [miss.id for miss, row in rows if row is None])
            _set_facts(connection, {**facts, EMBEDDED_SINCE: change})
            connection.execute(delete(META).where(META.c.key == NEXT_ENCODER))
            NEW_EMBEDDINGS.drop(connection)
            return lost


def _drop_older(connection: Connection, change: int) -> int:
    """Drop the embeddings of earlier changes, and forget of what content they were."""
    older = select(EMBEDDINGS.c.item_id, EMBEDDINGS.c.kind).where(EMBEDDINGS.c.change != change)
    left = [tuple(row) for row in connection.execute(older).all()]
    for start in range(0, len(left), _CHUNK):
        some = left[start : start + _CHUNK]
        connection.execute(
            delete(EMBEDDINGS).where(tuple_(EMBEDDINGS.c.item_id, EMBEDDINGS.c.kind).in_(some))
        )
        for kind, column in (("image", "image_sha256"), ("text", "text_sha256")):
            ids = [item_id for item_id, which in some if which == kind]
            forgotten = {"fingerprint": "", column: None}
            connection.execute(update(ITEMS).where(ITEMS.c.id.in_(ids)).values(**forgotten))
    return len(left)


def _set_facts(connection: Connection, facts: Mapping[str, Any]) -> None:
    for key, value in facts.items():
        connection.execute(delete(META).where(META.c.key == key))
        connection.execute(insert(META).values(key=key, value=value))


def _rows(vectors: Sequence[bytes]) -> Embeddings:
    flat = np.frombuffer(b"".join(vectors), "<f2")
    return flat.reshape(len(vectors), -1 if vectors else 0).astype(np.float32)
