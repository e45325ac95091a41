"""The tables of a collection."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    Column,
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
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .dialects import BYTEWISE, CASE_BLIND, HALVES, ID


class Base(DeclarativeBase):
    """Common base of the mapped classes."""

    type_annotation_map: ClassVar = {int: ID, str: BYTEWISE}


class MetaRow(Base):
    """Facts about the whole collection: schema version, encoder, canaries, number of the last change."""

    __tablename__ = "meta"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class ItemRow(Base):
    """One item. AUTOINCREMENT keeps an id from ever being used twice."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str | None] = mapped_column()
    fingerprint: Mapped[str] = mapped_column()
    title: Mapped[str] = mapped_column()
    text: Mapped[str] = mapped_column()
    width: Mapped[int] = mapped_column()
    height: Mapped[int] = mapped_column()
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON)
    image_sha256: Mapped[str | None] = mapped_column()  # of the encoded bytes
    text_sha256: Mapped[str | None] = mapped_column()  # of the words that were embedded
    origin: Mapped[str] = mapped_column()  # imported | generated
    provenance: Mapped[dict[str, Any]] = mapped_column(JSON)
    added_at: Mapped[datetime] = mapped_column()
    apart: Mapped[bool] = mapped_column(server_default=false())  # made here, and not promoted

    __table_args__ = (
        Index("items_by_image", "image_sha256"),
        Index("items_by_text", "text_sha256"),
        Index("items_apart", "apart", sqlite_where=sql("apart = 1"), postgresql_where=sql("apart")),
        {"sqlite_autoincrement": True},
    )


APART = select(ItemRow.id).where(ItemRow.apart)
"""Ids of the items that stand apart; they are few, and an index of their own finds them."""


class EmbeddingRow(Base):
    """One embedding: little-endian float16, and the change that wrote it."""

    __tablename__ = "embeddings"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)  # image | text
    vector: Mapped[bytes] = mapped_column(HALVES)
    change: Mapped[int] = mapped_column(index=True)


class TombstoneRow(Base):
    """An embedding that is gone, so that an index can catch up without being rebuilt."""

    __tablename__ = "tombstones"

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column()
    kind: Mapped[str] = mapped_column()
    change: Mapped[int] = mapped_column(index=True)


class ThumbnailRow(Base):
    """A small WebP picture, in a table of its own so that walking the items does not read it."""

    __tablename__ = "thumbnails"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    webp: Mapped[bytes] = mapped_column(LargeBinary)


class TagRow(Base):
    """A label on an item, and who gave it."""

    __tablename__ = "tags"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)  # user, or the name of a model
    probability: Mapped[float | None] = mapped_column()

    __table_args__ = (Index("tags_by_label", "tag", "item_id"), {"sqlite_with_rowid": False})


class RootRow(Base):
    """A folder, table or file that was given to ``index``."""

    __tablename__ = "roots"

    path: Mapped[str] = mapped_column(primary_key=True)
    indexed_at: Mapped[datetime] = mapped_column()


class RunRow(Base):
    """One finished indexing run and its report."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    finished_at: Mapped[datetime] = mapped_column()
    report: Mapped[dict[str, Any]] = mapped_column(JSON)


class FieldRow(Base):
    """One value of an item in the form in which filters compare it; derived from the item's own row."""

    __tablename__ = "fields"

    # NOCASE: "brand" finds what a table calls "Brand"; of two names that differ in case only, one counts
    name: Mapped[str] = mapped_column(CASE_BLIND, primary_key=True)
    item_id: Mapped[int] = mapped_column(
        ForeignKey("items.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    text: Mapped[str] = mapped_column()  # folded
    number: Mapped[float | None] = mapped_column()  # also of a text that reads like a price

    # Clustered by name: a comparison reads one stretch of the file.
    __table_args__ = ({"sqlite_with_rowid": False},)


class MissRow(Base):
    """A query that the catalogue could not answer, once for all the times that it was asked."""

    __tablename__ = "misses"

    id: Mapped[int] = mapped_column(primary_key=True)
    asked: Mapped[str] = mapped_column(unique=True)  # tells one query from another
    text: Mapped[str] = mapped_column()
    where: Mapped[str] = mapped_column()
    kind: Mapped[str] = mapped_column()  # text | image | mixed
    verdict: Mapped[str] = mapped_column()  # no match | weak, the last time
    coverage: Mapped[float] = mapped_column()
    vector: Mapped[bytes] = mapped_column(HALVES)
    times: Mapped[int] = mapped_column()
    first_at: Mapped[datetime] = mapped_column()
    last_at: Mapped[datetime] = mapped_column(index=True)


WORDS = Table(
    "words",
    MetaData(),  # of its own: create_all cannot make a virtual table
    Column("rowid", Integer, primary_key=True),
    *(Column(name, Text) for name in ("title", "text", "tags", "attributes", "name")),
)
"""The full-text index; derived from items and tags, its rowid is the item's id."""
