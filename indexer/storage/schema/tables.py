"""The tables of a collection, as SQLAlchemy's Core sees them: mapped classes would cost each start 80 ms."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    select,
)
from sqlalchemy import text as sql

from .dialects import BYTEWISE, CASE_BLIND, HALVES, ID

TABLES = MetaData()
"""All tables but those of full text."""


def _column(name: str, type_: Any, *more: Any, **options: Any) -> Column[Any]:
    """Make a column that is never NULL, unless it says so."""
    return Column(name, type_, *more, **{"nullable": False} | options)


def _of_item(**options: Any) -> Column[Any]:
    """Make the column that names an item, with which the row goes."""
    return _column("item_id", ID, ForeignKey("items.id", ondelete="CASCADE"), primary_key=True, **options)


META = Table(
    "meta",
    TABLES,
    _column("key", BYTEWISE, primary_key=True),
    _column("value", JSON),
)
"""Facts about the whole collection: schema version, encoder, canaries, number of the last change."""

ITEMS = Table(
    "items",
    TABLES,
    _column("id", ID, primary_key=True),
    _column("key", BYTEWISE, unique=True),
    _column("path", BYTEWISE, nullable=True),
    _column("fingerprint", BYTEWISE),
    _column("title", BYTEWISE),
    _column("text", BYTEWISE),
    _column("width", ID),
    _column("height", ID),
    _column("attributes", JSON),
    _column("image_sha256", BYTEWISE, nullable=True),  # of the encoded bytes
    _column("text_sha256", BYTEWISE, nullable=True),  # of the words that were embedded
    _column("origin", BYTEWISE),  # imported | generated
    _column("provenance", JSON),
    _column("added_at", DateTime),
    _column("apart", Boolean, server_default=false()),  # made here, and not promoted
    Index("items_by_image", "image_sha256"),
    Index("items_by_text", "text_sha256"),
    Index("items_apart", "apart", sqlite_where=sql("apart = 1"), postgresql_where=sql("apart")),
    sqlite_autoincrement=True,
)
"""Items. AUTOINCREMENT keeps an id from ever being used twice."""

APART = select(ITEMS.c.id).where(ITEMS.c.apart)
"""Ids of the items that stand apart; they are few, and an index of their own finds them."""

EMBEDDINGS = Table(
    "embeddings",
    TABLES,
    _of_item(),
    _column("kind", BYTEWISE, primary_key=True),  # image | text
    _column("vector", HALVES),
    _column("change", ID, index=True),
)
"""Embeddings: little-endian float16, and the change that wrote each."""

TOMBSTONES = Table(
    "tombstones",
    TABLES,
    _column("id", ID, primary_key=True),
    _column("item_id", ID),
    _column("kind", BYTEWISE),
    _column("change", ID, index=True),
)
"""Embeddings that are gone, so that an index can catch up without being rebuilt."""

THUMBNAILS = Table(
    "thumbnails",
    TABLES,
    _of_item(),
    _column("webp", LargeBinary),
)
"""Small WebP pictures, in a table of their own so that walking the items does not read them."""

TAGS = Table(
    "tags",
    TABLES,
    _of_item(),
    _column("tag", BYTEWISE, primary_key=True),
    _column("source", BYTEWISE, primary_key=True),  # user, or the name of a model
    _column("probability", Double, nullable=True),
    Index("tags_by_label", "tag", "item_id"),
    sqlite_with_rowid=False,
)
"""Labels on items, and who gave them."""

ROOTS = Table(
    "roots",
    TABLES,
    _column("path", BYTEWISE, primary_key=True),
    _column("indexed_at", DateTime),
)
"""Folders, tables and files that were given to ``index``."""

RUNS = Table(
    "runs",
    TABLES,
    _column("id", ID, primary_key=True),
    _column("finished_at", DateTime),
    _column("report", JSON),
)
"""Finished indexing runs and their reports."""

FIELDS = Table(
    "fields",
    TABLES,
    # NOCASE: "brand" finds what a table calls "Brand"; of two names that differ in case only, one counts
    _column("name", CASE_BLIND, primary_key=True),
    _of_item(index=True),
    _column("text", BYTEWISE),  # folded
    _column("number", Double, nullable=True),  # also of a text that reads like a price
    sqlite_with_rowid=False,  # clustered by name: a comparison reads one stretch of the file
)
"""Values of items in the form in which filters compare them; derived from the items' own rows."""

MISSES = Table(
    "misses",
    TABLES,
    _column("id", ID, primary_key=True),
    _column("asked", BYTEWISE, unique=True),  # tells one query from another
    _column("text", BYTEWISE),
    _column("where", BYTEWISE),
    _column("kind", BYTEWISE),  # text | image | mixed
    _column("verdict", BYTEWISE),  # no match | weak, the last time
    _column("coverage", Double),
    _column("vector", HALVES),
    _column("times", ID),
    _column("first_at", DateTime),
    _column("last_at", DateTime, index=True),
)
"""Queries that the catalogue could not answer, each once for all the times that it was asked."""

WORDS = Table(
    "words",
    MetaData(),  # of its own: create_all cannot make a virtual table
    Column("rowid", Integer, primary_key=True),
    *(Column(name, Text) for name in ("title", "text", "tags", "attributes", "name")),
)
"""The full-text index; derived from items and tags, its rowid is the item's id."""
