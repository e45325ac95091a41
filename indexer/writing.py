"""How items and their embeddings go into the tables, inside a transaction of the store's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from .changes import Draft
from .derived import derive
from .dialects import WithSynthetic, insert_into
from .items import KINDS, Generated, Imported, Kind, Provenance, origin_of
from .provenance import provenance_to_json
from .tables import Base, EmbeddingRow, ItemRow, MetaRow, ThumbnailRow, TombstoneRow

# Built once: putting a statement together costs more than running it.
_EMBEDDINGS, _THUMBNAILS = (Base.metadata.tables[name] for name in ("embeddings", "thumbnails"))
_ADD_EMBEDDING = insert(_EMBEDDINGS)
_ADD_THUMBNAIL = insert(_THUMBNAILS)
_DROP_EMBEDDING = delete(_EMBEDDINGS).where(
    EmbeddingRow.item_id == bindparam("item"), EmbeddingRow.kind == bindparam("which")
)
_DROP_THUMBNAIL = delete(_THUMBNAILS).where(ThumbnailRow.item_id == bindparam("item"))


def write_draft(connection: Connection, draft: Draft, change: int) -> int:
    """Write one item with its embeddings; return its id."""
    values: dict[str, Any] = {
        name: getattr(draft, name)
        for name in ("key", "path", "fingerprint", "title", "text", "width", "height")
    }
    values |= {"image_sha256": draft.image_sha256, "text_sha256": draft.text_sha256}
    values["attributes"] = dict(draft.attributes)
    item_id = draft.id
    if item_id is None:
        origin, provenance = provenance_to_json(draft.provenance)
        values |= {"origin": origin, "provenance": provenance, "added_at": now()}
        values["apart"] = isinstance(draft.provenance, Generated)
        item_id = connection.scalar(_add_item(connection.dialect.name), values)
        if item_id is None:  # another process has indexed the same input meanwhile
            there = connection.scalar(select(ItemRow.id).where(ItemRow.key == draft.key))
            return write_draft(connection, replace(draft, id=there), change)
    else:
        values |= _mark(draft.provenance)
        connection.execute(update(ItemRow).where(ItemRow.id == item_id).values(**values))
    for kind in KINDS:
        if kind not in draft.kept:
            _write_embedding(connection, draft, item_id, kind, change)
    return item_id


@lru_cache
def _add_item(dialect: str) -> Any:
    added = insert_into(dialect, Base.metadata.tables["items"])
    return added.on_conflict_do_nothing(index_elements=["key"]).returning(ItemRow.id)


def _mark(provenance: Provenance) -> dict[str, Any]:
    """Take over whether the file says that a model made it; when it was first indexed stays."""
    if not isinstance(provenance, Imported):
        return {}
    marked = WithSynthetic(ItemRow.provenance, provenance.synthetic)
    return {"origin": origin_of(provenance), "provenance": marked}


def promote_rows(connection: Connection, ids: Sequence[int], change: int) -> int:
    """Put items that stand apart into the catalogue, as if they were written now; return how many did."""
    mine = ItemRow.id.in_(ids) & ItemRow.apart
    moved = connection.scalars(update(ItemRow).where(mine).values(apart=False).returning(ItemRow.id)).all()
    connection.execute(update(EmbeddingRow).where(EmbeddingRow.item_id.in_(moved)).values(change=change))
    derive(connection, moved)
    return len(moved)


def _write_embedding(connection: Connection, draft: Draft, item_id: int, kind: Kind, change: int) -> None:
    embedding = draft.embeddings.get(kind)
    mine = {"item": item_id, "which": kind}
    if draft.id is not None:
        if embedding is None:
            bury(connection, (EmbeddingRow.item_id == item_id) & (EmbeddingRow.kind == kind), change)
        connection.execute(_DROP_EMBEDDING, mine)
    if embedding is not None:
        vector = embedding.astype("<f2").tobytes()
        row = {"item_id": item_id, "kind": kind, "vector": vector, "change": change}
        connection.execute(_ADD_EMBEDDING, row)
    if kind == "image":
        if draft.id is not None:
            connection.execute(_DROP_THUMBNAIL, {"item": item_id})
        if draft.thumbnail is not None:
            connection.execute(_ADD_THUMBNAIL, {"item_id": item_id, "webp": draft.thumbnail})


def bury(connection: Connection, which: Any, change: int) -> None:
    """Leave a tombstone for each embedding that is about to go."""
    for row in connection.execute(select(EmbeddingRow.item_id, EmbeddingRow.kind).where(which)).all():
        connection.execute(insert(TombstoneRow).values(item_id=row.item_id, kind=row.kind, change=change))


def next_change(connection: Connection) -> int:
    """Count a change to items or embeddings; return its number."""
    return _count(connection, "change")


def count_tagging(connection: Connection) -> int:
    """Count a change to tags alone, which leaves the indexes as fresh as they were."""
    return _count(connection, "tagging")


def _count(connection: Connection, key: str) -> int:
    last = connection.scalar(select(MetaRow.value).where(MetaRow.key == key))
    if last is None:
        connection.execute(insert(MetaRow).values(key=key, value=1))
        return 1
    connection.execute(update(MetaRow).where(MetaRow.key == key).values(value=int(last) + 1))
    return int(last) + 1


def now() -> datetime:
    """Tell the time in UTC, without a zone: SQLite has none."""
    return datetime.now(UTC).replace(tzinfo=None)
