"""What is derived from items and tags, to filter by and to find words in; kept in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, text

from ..conditions.ast import BUILT_IN
from ..conditions.values import comparable
from ..items import KINDS, Attribute
from .schema.dialects import Joined, insert_into
from .schema.tables import APART, EMBEDDINGS, FIELDS, ITEMS, TAGS, WORDS

_CHUNK = 500
# By name, so that a later column of the items does not disturb the migration of an old collection.
_SOURCE = (
    select(ITEMS.c.id, ITEMS.c.key, ITEMS.c.path, ITEMS.c.title, ITEMS.c.text, ITEMS.c.attributes)
    .add_columns(ITEMS.c.width, ITEMS.c.height, ITEMS.c.origin, ITEMS.c.added_at)
    .where(ITEMS.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(ITEMS.c.id)
)
_KINDS = (
    select(EMBEDDINGS.c.item_id, Joined(EMBEDDINGS.c.kind))
    .where(EMBEDDINGS.c.item_id.in_(bindparam("ids", expanding=True)))
    .group_by(EMBEDDINGS.c.item_id)
)
_TAGS = (
    select(TAGS.c.item_id, Joined(TAGS.c.tag.distinct()))
    .where(TAGS.c.item_id.in_(bindparam("ids", expanding=True)))
    .group_by(TAGS.c.item_id)
)


# PostgreSQL answers each row of a list by itself; as arrays they are one question. It takes no row twice.
_FIELDS_AT_ONCE = text("""
INSERT INTO fields (name, item_id, text, number)
SELECT DISTINCT ON (name, item_id) name, item_id, text, number
FROM unnest(CAST(:name AS citext[]), CAST(:item_id AS bigint[]), CAST(:text AS text[]),
            CAST(:number AS double precision[])) WITH ORDINALITY AS field (name, item_id, text, number, place)
ORDER BY name, item_id, place DESC
""")


def derive(connection: Connection, ids: Sequence[int]) -> None:
    """Bring what is derived from these items up to date; ids that are gone lose everything.

    What stands apart has fields to filter by, but no words: not even how rare a word is may change by it.
    """
    for chunk in _chunks(ids):
        _derive(connection, chunk, _apart(connection, chunk))


def _derive(connection: Connection, chunk: list[int], apart: frozenset[int]) -> None:
    connection.execute(delete(FIELDS).where(FIELDS.c.item_id.in_(chunk)))
    rows = connection.execute(_SOURCE, {"ids": chunk}).all()
    kinds = _by_item(connection, _KINDS, chunk)
    fields = [field for row in rows for field in _fields(row, kinds.get(row.id, ""))]
    if fields:
        _write_fields(connection, fields)
    _write_words(connection, chunk, [row for row in rows if row.id not in apart])


def derive_words(connection: Connection, ids: Sequence[int]) -> None:
    """Bring the full-text index of these items up to date, after a change to their tags alone."""
    for chunk in _chunks(ids):
        apart = _apart(connection, chunk)
        rows = connection.execute(_SOURCE, {"ids": chunk}).all()
        _write_words(connection, chunk, [row for row in rows if row.id not in apart])


def _apart(connection: Connection, ids: Sequence[int]) -> frozenset[int]:
    return frozenset(connection.scalars(APART.where(ITEMS.c.id.in_(ids))))


def derive_all(connection: Connection) -> None:
    """Derive everything, for a collection that had none of it, and nothing that stands apart."""
    last = 0
    while True:
        statement = select(ITEMS.c.id).where(ITEMS.c.id > last).order_by(ITEMS.c.id).limit(_CHUNK)
        ids = connection.scalars(statement).all()
        if not ids:
            return
        _derive(connection, list(ids), frozenset())
        last = ids[-1]


def _fields(row: Any, kinds: str) -> list[dict[str, Any]]:
    """Write the values of one item as they are compared; a built-in field hides an attribute of its name."""
    values: dict[str, Attribute] = {n: v for n, v in row.attributes.items() if n.lower() not in BUILT_IN}
    values |= {"title": row.title or None, "path": row.path, "origin": row.origin}
    values |= {"width": row.width or None, "height": row.height or None}
    values |= {"added": row.added_at.isoformat()}
    values |= {"modality": "+".join(kind for kind in KINDS if kind in kinds)}
    forms = ((name, comparable(value)) for name, value in values.items())
    return [
        {"name": name, "item_id": row.id, "text": form[0], "number": form[1]} for name, form in forms if form
    ]


def _write_fields(connection: Connection, fields: Sequence[dict[str, Any]]) -> None:
    """Write fields of items that have none; of two whose names differ by case alone, the last counts."""
    if connection.dialect.name == "postgresql":
        columns = {name: [field[name] for field in fields] for name in fields[0]}
        connection.execute(_FIELDS_AT_ONCE, columns)
        return
    statement = insert_into(connection.dialect.name, FIELDS)
    newer = {name: statement.excluded[name] for name in ("text", "number")}
    keys = [FIELDS.c.name, FIELDS.c.item_id]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=newer), fields)


def _write_words(connection: Connection, ids: Sequence[int], rows: Sequence[Any]) -> None:
    tags = _by_item(connection, _TAGS, ids)
    documents = [_document(row, tags.get(row.id, "")) for row in rows]
    if connection.dialect.name == "postgresql":
        from .fulltext.lexemes import replace_documents

        replace_documents(connection, ids, documents)
        return
    connection.execute(delete(WORDS).where(WORDS.c.rowid.in_(ids)))
    if documents:
        connection.execute(insert(WORDS), documents)


def _by_item(connection: Connection, statement: Select[int, Any], ids: Sequence[int]) -> dict[int, str]:
    return {row[0]: row[1] for row in connection.execute(statement, {"ids": ids})}


def _chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield list(ids[start : start + _CHUNK])


def _document(row: Any, tags: str) -> dict[str, Any]:
    values = (value for value in row.attributes.values() if isinstance(value, str | int))
    words = [str(value) for value in values if not isinstance(value, bool)]
    return {
        "rowid": row.id,
        "title": row.title,
        "text": row.text,
        "tags": tags,
        "attributes": "\n".join(words),
        "name": _name(row.key, row.path),
    }


def _name(key: str, path: str | None) -> str:
    """Name the file, and for a row of a table its key, which often is an article number."""
    row_key = key.rpartition("#")[2] if key != path else ""
    return f"{PurePath(path or '').name}\n{row_key}".strip()
