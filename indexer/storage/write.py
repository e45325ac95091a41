"""How items and their embeddings go into the tables, inside a transaction of the store's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ..items import KINDS, Generated, Imported, Provenance, origin_of
from .derived_fields import derive
from .drafts import Draft
from .schema.dialects import WithSynthetic
from .schema.tables import EMBEDDINGS, ITEMS, META, THUMBNAILS, TOMBSTONES

# Built once: putting a statement together costs more than running it.
_ADD_ITEMS = insert(ITEMS).returning(ITEMS.c.id, sort_by_parameter_order=True)
_ADD_EMBEDDINGS = insert(EMBEDDINGS)
_ADD_THUMBNAILS = insert(THUMBNAILS)
_DROP_EMBEDDING = delete(EMBEDDINGS).where(
    EMBEDDINGS.c.item_id == bindparam("item"), EMBEDDINGS.c.kind == bindparam("which")
)
_DROP_THUMBNAIL = delete(THUMBNAILS).where(THUMBNAILS.c.item_id == bindparam("item"))


def write_drafts(connection: Connection, drafts: Sequence[Draft], change: int) -> list[int]:
    """Write items with their embeddings; return their ids, in order."""
    drafts = _recognised(connection, drafts)
    new = [draft for draft in drafts if draft.id is None]
    added = iter(connection.scalars(_ADD_ITEMS, [_new(draft) for draft in new]).all() if new else ())
    ids = [next(added) if draft.id is None else draft.id for draft in drafts]
    for draft in drafts:
        if draft.id is not None:
            _update(connection, draft, draft.id, change)
    pairs = list(zip(ids, drafts, strict=True))
    embeddings = [row for item_id, draft in pairs for row in _embeddings(item_id, draft, change)]
    if embeddings:
        connection.execute(_ADD_EMBEDDINGS, embeddings)
    thumbnails = [
        {"item_id": item_id, "webp": draft.thumbnail}
        for item_id, draft in pairs
        if draft.thumbnail is not None and "image" not in draft.kept
    ]
    if thumbnails:
        connection.execute(_ADD_THUMBNAILS, thumbnails)
    return ids


def _recognised(connection: Connection, drafts: Sequence[Draft]) -> list[Draft]:
    """Give drafts of new items the ids that another process has given to the same inputs meanwhile."""
    keys = [draft.key for draft in drafts if draft.id is None]
    there = select(ITEMS.c.key, ITEMS.c.id).where(ITEMS.c.key.in_(keys))
    known = {row.key: row.id for row in connection.execute(there)} if keys else {}
    return [
        replace(draft, id=known[draft.key]) if draft.id is None and draft.key in known else draft
        for draft in drafts
    ]


def _new(draft: Draft) -> dict[str, Any]:
    origin, provenance = provenance_to_json(draft.provenance)
    values = {"origin": origin, "provenance": provenance, "added_at": now()}
    return _values(draft) | values | {"apart": isinstance(draft.provenance, Generated)}


def _values(draft: Draft) -> dict[str, Any]:
    names = ("key", "path", "fingerprint", "title", "text", "width", "height", "image_sha256", "text_sha256")
    return {name: getattr(draft, name) for name in names} | {"attributes": dict(draft.attributes)}


def _update(connection: Connection, draft: Draft, item_id: int, change: int) -> None:
    """Write an item's new values, and drop the embeddings that others take the place of."""
    values = _values(draft) | _mark(draft.provenance)
    connection.execute(update(ITEMS).where(ITEMS.c.id == item_id).values(**values))
    for kind in KINDS:
        if kind in draft.kept:
            continue
        if kind not in draft.embeddings:
            bury(connection, (EMBEDDINGS.c.item_id == item_id) & (EMBEDDINGS.c.kind == kind), change)
        connection.execute(_DROP_EMBEDDING, {"item": item_id, "which": kind})
        if kind == "image":
            connection.execute(_DROP_THUMBNAIL, {"item": item_id})


def _embeddings(item_id: int, draft: Draft, change: int) -> Iterator[dict[str, Any]]:
    for kind, embedding in draft.embeddings.items():
        if kind not in draft.kept:
            vector = embedding.astype("<f2").tobytes()
            yield {"item_id": item_id, "kind": kind, "vector": vector, "change": change}


def _mark(provenance: Provenance) -> dict[str, Any]:
    """Take over whether the file says that a model made it; when it was first indexed stays."""
    if not isinstance(provenance, Imported):
        return {}
    marked = WithSynthetic(ITEMS.c.provenance, provenance.synthetic)
    return {"origin": origin_of(provenance), "provenance": marked}


def promote_rows(connection: Connection, ids: Sequence[int], change: int) -> int:
    """Put items that stand apart into the catalogue, as if they were written now; return how many did."""
    mine = ITEMS.c.id.in_(ids) & ITEMS.c.apart
    moved = connection.scalars(update(ITEMS).where(mine).values(apart=False).returning(ITEMS.c.id)).all()
    connection.execute(update(EMBEDDINGS).where(EMBEDDINGS.c.item_id.in_(moved)).values(change=change))
    derive(connection, moved)
    return len(moved)


def bury(connection: Connection, which: Any, change: int) -> None:
    """Leave a tombstone for each embedding that is about to go."""
    for row in connection.execute(select(EMBEDDINGS.c.item_id, EMBEDDINGS.c.kind).where(which)).all():
        connection.execute(insert(TOMBSTONES).values(item_id=row.item_id, kind=row.kind, change=change))


def next_change(connection: Connection) -> int:
    """Count a change to items or embeddings; return its number."""
    return _count(connection, "change")


def count_tagging(connection: Connection) -> int:
    """Count a change to tags alone, which leaves the indexes as fresh as they were."""
    return _count(connection, "tagging")


def _count(connection: Connection, key: str) -> int:
    last = connection.scalar(select(META.c.value).where(META.c.key == key))
    if last is None:
        connection.execute(insert(META).values(key=key, value=1))
        return 1
    connection.execute(update(META).where(META.c.key == key).values(value=int(last) + 1))
    return int(last) + 1


def now() -> datetime:
    """Tell the time in UTC, without a zone: SQLite has none."""
    return datetime.now(UTC).replace(tzinfo=None)


def provenance_to_json(provenance: Provenance) -> tuple[str, dict[str, Any]]:
    """Split provenance into the origin (``imported`` or ``generated``) and a JSON object."""
    if isinstance(provenance, Generated):
        provenance = replace(provenance, extras=dict(provenance.extras))  # asdict cannot copy any mapping
    values = asdict(provenance) | {"at": provenance.at.isoformat()}
    return origin_of(provenance), values


def provenance_from_json(values: dict[str, Any]) -> Provenance:
    """Put provenance together again; what an older findmake did not know yet has its default."""
    values = values | {"at": datetime.fromisoformat(values["at"])}
    if "source" in values:  # not by the origin: a file that says a model made it is imported all the same
        return Imported(**values)
    return Generated(**values | {"parents": tuple(values["parents"])})
