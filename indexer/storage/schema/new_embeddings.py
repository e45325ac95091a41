"""The table of embeddings by another encoder; it is there only while a collection changes its encoder."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, MetaData, Table

from .dialects import BYTEWISE, HALVES, ID
from .tables import ITEMS

EMBEDDED_SINCE = "embedded_since"
"""The fact that tells the change at which all embeddings were replaced; an index made before is of no use."""

NEW_EMBEDDINGS = Table(
    "new_embeddings",
    MetaData(),  # of its own: it is no part of the schema that every collection has
    Column("item_id", ID, ForeignKey(ITEMS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("kind", BYTEWISE, primary_key=True),
    Column("content", BYTEWISE, nullable=False),  # SHA-256 of what was embedded; empty if that is not known
    Column("vector", HALVES, nullable=False),
)
